//! `cargo xtask page`: builds the page, ready to be served from anywhere.

use super::live_page;
use crate::{
    document::{self, Origin},
    optimize,
    page_cache::CachedBuild,
    paths, process,
    toolchain::Page,
};
use anyhow::Context;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Endings of files that compress well.
const COMPRESSIBLE: [&str; 7] = ["html", "css", "js", "wasm", "svg", "txt", "webmanifest"];

/// What can be said about it.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Where the relay is, if the page is to sit on another host: like https://relay.example.org
    #[arg(long, value_name = "ORIGIN")]
    relay: Option<Origin>,
}

/// Builds `dist/`, unless the same sources have been built already.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let dist = paths::dist();
    // Without npm the page is a larger one.
    let npm = if process::find("npm").is_some() { "small" } else { "large" };
    let relay = options.relay.as_ref().map(ToString::to_string).unwrap_or_default();
    let cached = CachedBuild::page(&[npm, &relay])?;
    if cached.restore(&dist)? {
        println!("── The page is built already");
        return Ok(());
    }
    let page = Page::ensure()?;
    build(&page, options)?;
    if page.optimizers().is_some() == (npm == "small") {
        cached.store(&dist)?;
    }
    Ok(())
}

fn build(page: &Page, options: &Options) -> anyhow::Result<()> {
    let mut trunk = page.trunk();
    trunk.args(["build", "--release", "--offline", "--skip-version-check"]);
    process::run("Building the page", &mut trunk)?;
    let dist = paths::dist();
    if let Some(tools) = page.optimizers() {
        optimize::button_page(&dist, tools)?;
    }
    document::inline(&dist)?;
    optimize::add_hashes(&dist)?;
    live_page::build(page)?;
    for folder in [dist.clone(), dist.join(live_page::FOLDER)] {
        document::inject_csp(&folder.join("index.html"), options.relay.as_ref())?;
    }
    for file in files(&dist)? {
        compress(&file)?;
    }
    Ok(())
}

/// The files of the page that are worth compressing, in the order of their names.
pub fn files(dist: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(dist).with_context(|| {
        format!("{} is not there; build it with cargo xtask page", dist.display())
    })?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else if path.extension().is_some_and(|ending| COMPRESSIBLE.iter().any(|c| ending == *c)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Writes `file.br` and `file.gz` beside the file: compressing as hard as possible takes too long
/// to be done for each request.
fn compress(file: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(file)?;
    fs::write(with_ending(file, "br"), brotli(&bytes)?)?;
    fs::write(with_ending(file, "gz"), gzip(&bytes)?)?;
    Ok(())
}

/// The name of the file's compressed copy.
pub fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Brotli at its best quality.
fn brotli(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut out, 1 << 16, 11, 24);
    writer.write_all(bytes)?;
    drop(writer);
    Ok(out)
}

/// Gzip at its best level.
fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}
