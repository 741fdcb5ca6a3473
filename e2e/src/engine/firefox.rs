//! Firefox, through geckodriver.

use super::{Driver, Setup};
use crate::{program::Program, until};
use std::{fs, path::Path};
use thirtyfour::{
    DesiredCapabilities, FirefoxCapabilities, common::capabilities::firefox::FirefoxPreferences,
};

/// Listens on ports that are free, each of its three, and may reach Firefox itself besides pages.
const ARGUMENTS: [&str; 6] = [
    "--port=0",
    "--websocket-port=0",
    "--marionette-port=0",
    "--allow-system-access",
    "--log",
    "info",
];

pub(super) async fn start(folder: &Path, setup: &Setup<'_>) -> Driver {
    let mut driver = Program::start(folder, "geckodriver", &ARGUMENTS, &[]);
    let port = until("geckodriver to listen", async || port(driver.said())).await;
    Driver {
        programs: vec![driver],
        url: format!("http://127.0.0.1:{port}"),
        capabilities: capabilities(setup).into(),
    }
}

fn capabilities(setup: &Setup<'_>) -> FirefoxCapabilities {
    let mut capabilities = DesiredCapabilities::firefox();
    capabilities.set_headless().unwrap();
    if let Some(profile) = setup.profile {
        fs::create_dir_all(profile).unwrap();
        capabilities.add_arg("-profile").unwrap();
        capabilities.add_arg(&profile.to_string_lossy()).unwrap();
    }
    let mut preferences = FirefoxPreferences::new();
    if setup.without_webassembly {
        preferences.set("javascript.options.wasm", false).unwrap();
    }
    if setup.refuses_storage {
        // All cookies are blocked, and what counts as cookies.
        preferences.set("network.cookie.cookieBehavior", 2).unwrap();
    }
    if let Some(language) = setup.language {
        preferences.set("intl.accept_languages", language).unwrap();
    }
    capabilities.set_preferences(preferences).unwrap();
    capabilities
}

/// The port that it chose, from what it prints.
fn port(said: String) -> Result<u16, String> {
    said.split_once("Listening on 127.0.0.1:")
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok())
        .ok_or(said)
}
