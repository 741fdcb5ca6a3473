//! `cargo xtask page`: builds the page, ready to be served from anywhere.

use super::live_page;
use crate::{paths, process, toolchain::Page};
use anyhow::{Context, bail};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Endings of files that compress well.
const COMPRESSIBLE: [&str; 6] = ["html", "css", "js", "wasm", "svg", "webmanifest"];

/// Builds `dist/`.
pub fn run() -> anyhow::Result<()> {
    let page = Page::ensure()?;
    let mut trunk = page.trunk();
    trunk.args(["build", "--release", "--offline", "--skip-version-check"]);
    let mut unoptimised = None;
    if !page.has_wasm_opt() {
        let html = unoptimised.insert(write_unoptimised(&paths::root())?);
        trunk.arg(html.path()).args(["--html-output", "index.html"]);
    }
    process::run("Building the page", &mut trunk)?;
    check_strict(&fs::read_to_string(paths::dist().join("index.html"))?)?;
    live_page::build(&page)?;
    for file in files(&paths::dist())? {
        compress(&file)?;
    }
    Ok(())
}

/// Writes the page's HTML for a build without wasm-opt. It is beside `index.html`, since trunk looks
/// for the files that it names there, and is gone with what this gives.
pub(super) fn write_unoptimised(folder: &Path) -> anyhow::Result<tempfile::NamedTempFile> {
    let html = fs::read_to_string(folder.join("index.html"))?;
    let html = without_wasm_opt(&html).context("index.html has no data-wasm-opt")?;
    let mut file = tempfile::Builder::new()
        .prefix("index-unoptimised-")
        .suffix(".html")
        .tempfile_in(folder)?;
    file.write_all(html.as_bytes())?;
    Ok(file)
}

/// The HTML with trunk's wasm-opt turned off, which is level 0.
fn without_wasm_opt(html: &str) -> Option<String> {
    let (before, rest) = html.split_once("data-wasm-opt=\"")?;
    let (_, after) = rest.split_once('"')?;
    Some(format!("{before}data-wasm-opt=\"0\"{after}"))
}

/// The page has to work under a content security policy without `unsafe-inline`, so no script and
/// no style may stand in the HTML itself.
pub(super) fn check_strict(html: &str) -> anyhow::Result<()> {
    let inline_script = html
        .split("<script")
        .skip(1)
        .any(|rest| !rest.split('>').next().unwrap_or_default().contains("src="));
    if inline_script || html.contains("<style") || html.contains(" style=") {
        bail!(
            "the built index.html has a script or a style of its own; put it into a file (see Trunk.toml)"
        );
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

fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Brotli at its best quality.
pub fn brotli(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut out, 1 << 16, 11, 24);
    writer.write_all(bytes)?;
    drop(writer);
    Ok(out)
}

/// Gzip at its best level.
pub fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes)?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wasm_opt_can_be_turned_off() {
        assert_eq!(
            without_wasm_opt(r#"<link data-wasm-opt="z" data-wasm-opt-params="-x">"#).as_deref(),
            Some(r#"<link data-wasm-opt="0" data-wasm-opt-params="-x">"#)
        );
        assert_eq!(without_wasm_opt("<link>"), None);
    }

    #[test]
    fn scripts_and_styles_must_be_files() {
        assert!(check_strict(r#"<script src="a.js"></script><link href="a.css">"#).is_ok());
        for html in [
            "<script>1</script>",
            "<script type=module>1</script>",
            "<style>a{}</style>",
            "<p style=\"\">",
        ] {
            assert!(check_strict(html).is_err(), "{html}");
        }
    }
}
