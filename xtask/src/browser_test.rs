//! The tests of the page that run in a browser (`frontend/tests/browser/`).

use crate::{page_cache::CachedBuild, paths, process, toolchain::Page};
use anyhow::Context;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Builds the tests, unless they were built from the same sources before, and runs them in the browser that
/// `chromedriver` starts.
pub fn run(page: &Page, chromedriver: &Path) -> anyhow::Result<()> {
    let cached = CachedBuild::browser_test()?;
    let folder = paths::root().join("target/browser-test");
    let test = folder.join("browser.wasm");
    if !cached.restore(&folder)? {
        let built = build(page)?;
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        fs::copy(&built, &test).with_context(|| format!("cannot copy {}", built.display()))?;
        cached.store(&folder)?;
    }
    let mut runner = page.browser_test_runner();
    runner.arg(&test).env("CHROMEDRIVER", chromedriver);
    process::run("wasm-bindgen-test-runner browser.wasm", &mut runner)
}

/// Returns the built test program.
fn build(page: &Page) -> anyhow::Result<PathBuf> {
    let mut cargo = page.cargo_test();
    cargo.args(["--package", "frontend", "--test", "browser", "--no-run"]);
    println!("── cargo test --package frontend --test browser --no-run");
    cargo.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = output(&mut cargo)?;
    let messages = output.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .context("cargo has built no test for the browser")
}

fn output(cargo: &mut Command) -> anyhow::Result<String> {
    let output = cargo.output().context("cannot start cargo")?;
    anyhow::ensure!(output.status.success(), "cargo test ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
