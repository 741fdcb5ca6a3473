//! Chromium, through chromedriver.

use super::{Driver, Setup};
use crate::{program::Program, until};
use serde_json::json;
use std::path::Path;
use thirtyfour::{ChromeCapabilities, ChromiumLikeCapabilities, DesiredCapabilities};

pub(super) async fn start(folder: &Path, setup: &Setup<'_>) -> Driver {
    let start = || Program::start(folder, "chromedriver", &["--port=0"], &[]);
    let mut driver = start();
    let port = until("chromedriver to listen", async || {
        // It looks for a port that is free for IPv6 and wants the same for IPv4; if another has that one,
        // it ends.
        if driver.has_ended() {
            driver = start();
        }
        port(driver.said())
    })
    .await;
    Driver {
        programs: vec![driver],
        url: format!("http://127.0.0.1:{port}"),
        capabilities: capabilities(folder, setup).into(),
    }
}

fn capabilities(folder: &Path, setup: &Setup<'_>) -> ChromeCapabilities {
    let profile = setup.profile.map_or_else(|| folder.join("profile"), Path::to_owned);
    let mut capabilities = DesiredCapabilities::chrome();
    for argument in [
        "--headless",
        // As root, which is usual in containers, it does not start otherwise.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // By a pipe, Chromium notices when chromedriver is gone, and ends: it is not in the
        // driver's process group.
        "--remote-debugging-pipe",
        &format!("--user-data-dir={}", profile.display()),
    ] {
        capabilities.add_arg(argument).unwrap();
    }
    if setup.without_webassembly {
        capabilities.add_arg("--js-flags=--jitless").unwrap();
    }
    let mut preferences = serde_json::Map::new();
    if setup.refuses_storage {
        let blocked = json!({ "default_content_setting_values": { "cookies": 2 } });
        preferences.insert("profile".to_owned(), blocked);
    }
    if let Some(language) = setup.language {
        let languages = json!({ "accept_languages": language, "selected_languages": language });
        preferences.insert("intl".to_owned(), languages);
    }
    capabilities.add_experimental_option("prefs", preferences).unwrap();
    capabilities
}

/// The port that it chose, from what it prints.
fn port(said: String) -> Result<u16, String> {
    said.split_once("successfully on port ")
        .and_then(|(_, rest)| rest.split('.').next()?.trim().parse().ok())
        .ok_or(said)
}
