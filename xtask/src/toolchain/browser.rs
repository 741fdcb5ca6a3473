//! Browsers of the three engines and their drivers, for the tests.

use super::{cargo_tools, system};
use crate::process;
use anyhow::{Context, bail};
use std::{env, path::PathBuf, process::Command};

/// A browser for the tests.
struct Engine {
    /// As in `E2E_BROWSERS`.
    name: &'static str,
    /// Programs that must be there, and the Debian packages that bring them.
    programs: &'static [(&'static str, &'static str)],
    /// What to do where nothing can be installed.
    advice: &'static str,
}

const ENGINES: [Engine; 3] = [
    Engine {
        name: "chromium",
        programs: &[("chromium", "chromium"), ("chromedriver", "chromium-driver")],
        advice: "install it with `sudo apt-get install chromium chromium-driver`",
    },
    Engine {
        name: "firefox",
        programs: &[("firefox-esr", "firefox-esr")],
        advice: "install it with `sudo apt-get install firefox-esr`, or Firefox from mozilla.org",
    },
    Engine {
        name: "webkit",
        programs: &[("WebKitWebDriver", "webkit2gtk-driver"), ("Xvfb", "xvfb")],
        advice: "install it with `sudo apt-get install webkit2gtk-driver xvfb` (Linux only)",
    },
];

/// The browsers that are there.
pub struct Browsers {
    names: Vec<&'static str>,
    folders: Vec<PathBuf>,
}

/// Installs them where that is possible, and says which are missing where it is not. There must be
/// one; `E2E_BROWSERS` leaves out those that it does not name.
pub fn ensure() -> anyhow::Result<Browsers> {
    let wanted = env::var("E2E_BROWSERS").unwrap_or_default();
    let is_wanted = |engine: &&Engine| {
        wanted.is_empty() || wanted.split(',').any(|name| name.trim() == engine.name)
    };
    let wanted: Vec<_> = ENGINES.iter().filter(is_wanted).collect();
    let missing: Vec<_> = wanted.iter().flat_map(|engine| engine.missing()).collect();
    if !missing.is_empty() && system::can_install() {
        system::install(&missing)?;
    }
    let mut browsers = Browsers { names: Vec::new(), folders: Vec::new() };
    for engine in wanted {
        if engine.missing().is_empty() {
            browsers.names.push(engine.name);
        } else {
            println!("── The tests leave {} out: {}", engine.name, engine.advice);
        }
    }
    if browsers.names.is_empty() {
        bail!("the tests need a browser: {}", ENGINES[0].advice);
    }
    if browsers.names.contains(&"firefox") {
        browsers.folders.push(cargo_tools::ensure(&cargo_tools::GECKODRIVER)?);
    }
    Ok(browsers)
}

impl Engine {
    /// Packages of programs that are not there.
    fn missing(&self) -> Vec<&'static str> {
        let is_there = |program: &str| {
            // Elsewhere than on Debian, it has its own name.
            exists(program) || (program == "firefox-esr" && exists("firefox"))
        };
        let missing = self.programs.iter().filter(|(program, _)| !is_there(program));
        missing.map(|(_, package)| *package).collect()
    }
}

/// Whether a program is in the path. It is not started: some of these would stay.
fn exists(program: &str) -> bool {
    process::find(program).is_some()
}

impl Browsers {
    /// Lets a command find them, and know which are there.
    pub fn apply(&self, command: &mut Command) {
        command.env("E2E_BROWSERS", self.names.join(","));
        process::add_to_path(command, &self.folders);
    }
}

/// Chromium's program, for tools that want to know where it is.
pub fn chromium() -> anyhow::Result<PathBuf> {
    process::find("chromium").context("there is no chromium in the PATH")
}

/// Chromium's driver, if it is there.
pub fn chromedriver() -> Option<PathBuf> {
    process::find("chromedriver")
}
