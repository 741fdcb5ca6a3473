//! Firefox, through geckodriver.
//!
//! Each browser begins with a copy of a profile that Firefox has been started with once. With a fresh one it
//! makes its caches first, which is half of its start: 3.1 s of processor time instead of 1.6 s.

use super::{Driver, Setup};
use crate::{artifacts::repository, program::Program, until};
use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    time::SystemTime,
};
use thirtyfour::{
    DesiredCapabilities, FirefoxCapabilities, WebDriver,
    common::capabilities::firefox::FirefoxPreferences,
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
    let profile = setup.profile.map_or_else(|| folder.join("profile"), Path::to_owned);
    if !profile.exists() {
        copy(&used_profile().await, &profile);
    }
    start_with(folder, &profile, setup).await
}

async fn start_with(folder: &Path, profile: &Path, setup: &Setup<'_>) -> Driver {
    let mut driver = Program::start(folder, "geckodriver", &ARGUMENTS, &[]);
    let port = until("geckodriver to listen", async || port(driver.said())).await;
    Driver {
        programs: vec![driver],
        url: format!("http://127.0.0.1:{port}"),
        capabilities: capabilities(profile, setup).into(),
    }
}

/// The profile that all are copies of. The first test that needs it makes it, and others wait meanwhile.
async fn used_profile() -> PathBuf {
    let profiles = repository().join("target/firefox");
    fs::create_dir_all(&profiles).unwrap();
    // Another version of Firefox gets another one.
    let profile = profiles.join(installed().to_string());
    let lock = File::create(profiles.join("lock")).unwrap();
    tokio::task::block_in_place(|| lock.lock()).unwrap();
    if !profile.exists() {
        let folder = tempfile::tempdir_in(&profiles).unwrap();
        let used = folder.path().join("profile");
        fs::create_dir(&used).unwrap();
        let driver = start_with(folder.path(), &used, &Setup::default()).await;
        let browser = WebDriver::new(&driver.url, driver.capabilities.clone()).await;
        browser.expect("Firefox starts").quit().await.unwrap();
        fs::rename(used, &profile).unwrap();
    }
    profile
}

/// When Firefox was installed, in seconds.
fn installed() -> u64 {
    let path = env::var_os("PATH").unwrap_or_default();
    let programs = env::split_paths(&path)
        .flat_map(|folder| ["firefox-esr", "firefox"].map(|name| folder.join(name)));
    let found = programs.filter_map(|program| program.metadata().ok()?.modified().ok()).next();
    let since = found.unwrap_or(SystemTime::UNIX_EPOCH).duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// Copies files and folders, and no links: one says which process uses the profile.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn capabilities(profile: &Path, setup: &Setup<'_>) -> FirefoxCapabilities {
    let mut capabilities = DesiredCapabilities::firefox();
    capabilities.set_headless().unwrap();
    capabilities.add_arg("-profile").unwrap();
    capabilities.add_arg(&profile.to_string_lossy()).unwrap();
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
