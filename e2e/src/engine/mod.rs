//! The engines that pages run in: nearly every phone and laptop has one of these three.
//!
//! What differs between them, and between their drivers, is in here; `browser.rs` is the same for
//! all.

mod chromium;
mod firefox;
mod webkit;

use crate::program::Program;
use std::{env, io::Write, path::Path};
use thirtyfour::Capabilities;

/// A browser's engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Chrome, Edge, Opera, Samsung Internet.
    Chromium,
    /// Firefox, except on iPhones.
    Firefox,
    /// Safari, and every browser on an iPhone. Here it is WebKitGTK's MiniBrowser.
    WebKit,
}

/// How a browser is started.
#[derive(Default)]
pub struct Setup<'a> {
    /// The folder with all that the browser remembers; a fresh one otherwise. Not in WebKit, whose
    /// MiniBrowser remembers nothing while it is driven.
    pub profile: Option<&'a Path>,
    /// The visitor forbids pages to store anything. Not in WebKit, whose MiniBrowser has no such
    /// setting.
    pub refuses_storage: bool,
    /// WebAssembly is switched off.
    pub without_webassembly: bool,
    /// The language that the visitor prefers, as in `de`. Not in WebKit, which takes the system's.
    pub language: Option<&'a str>,
}

/// What is needed to drive a browser. Dropping it ends it.
pub(crate) struct Driver {
    /// The driver first, so that it ends before the screen does.
    pub programs: Vec<Program>,
    /// Where the driver listens.
    pub url: String,
    /// What it is told to start.
    pub capabilities: Capabilities,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];

    /// As it is written in `$E2E_BROWSERS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::WebKit => "webkit",
        }
    }

    /// Whether it is to be tested: all are, unless `$E2E_BROWSERS` names some, as in
    /// `chromium,firefox`. Says so where it is not, past the test harness, which would swallow it.
    pub fn is_wanted(self, scenario: &str) -> bool {
        let Some(wanted) = env::var("E2E_BROWSERS").ok().filter(|wanted| !wanted.is_empty()) else {
            return true;
        };
        let known = |name: &&str| Self::ALL.iter().any(|engine| engine.name() == *name);
        let names: Vec<_> = wanted.split(',').map(str::trim).collect();
        assert!(
            names.iter().all(known),
            "E2E_BROWSERS={wanted}: there are chromium, firefox, webkit"
        );
        let is_wanted = names.contains(&self.name());
        if !is_wanted {
            let name = self.name();
            let _ = writeln!(
                std::io::stderr(),
                "not run: {scenario}::{name}, as {name} is not in E2E_BROWSERS={wanted}"
            );
        }
        is_wanted
    }

    /// Whether a page that another one is opened in front of is hidden. WebKit's driver cannot
    /// bring a tab to the front, so there windows stand beside each other.
    pub fn opens_in_front(self) -> bool {
        self != Self::WebKit
    }

    /// Starts its driver, which starts the browser when it is asked for a session.
    pub(crate) async fn start(self, folder: &Path, setup: &Setup<'_>) -> Driver {
        match self {
            Self::Chromium => chromium::start(folder, setup).await,
            Self::Firefox => firefox::start(folder, setup).await,
            Self::WebKit => webkit::start(folder, setup).await,
        }
    }
}
