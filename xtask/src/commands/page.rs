//! `cargo xtask page`: builds the page, ready to be served from anywhere.

use super::live_page;
use crate::{paths, process, squeeze, toolchain::Page};
use anyhow::{Context, bail};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Endings of files that compress well.
const COMPRESSIBLE: [&str; 7] = ["html", "css", "js", "wasm", "svg", "txt", "webmanifest"];

/// Builds `dist/`.
pub fn run() -> anyhow::Result<()> {
    let page = Page::ensure()?;
    let mut trunk = page.trunk();
    trunk.args(["build", "--release", "--offline", "--skip-version-check"]);
    process::run("Building the page", &mut trunk)?;
    if let Some(tools) = page.squeezers() {
        squeeze::button_page(&paths::dist(), tools)?;
    }
    check_strict(&fs::read_to_string(paths::dist().join("index.html"))?)?;
    live_page::build(&page)?;
    for file in files(&paths::dist())? {
        compress(&file)?;
    }
    Ok(())
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
