//! Makes the built page small, in place: from what trunk wrote to `dist/`.
//!
//! - The WebAssembly loses what never runs (`cut.mjs`) and goes through wasm-opt.
//! - Scripts and the style go through esbuild.
//! - What the WebAssembly and its script exchange gets short names, by both (`short_names`).
//! - Every file gets its content's hash into its name (`file_names`), so that it may be kept for ever; the
//!   service worker learns which files there are.

mod file_names;
mod short_names;

pub use file_names::add_hashes;

use crate::{paths, process, toolchain::Optimizers};
use anyhow::{Context, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const CUT: &str = include_str!("cut.mjs");

/// What browsers with this page's WebAssembly can do (all since 2021).
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Found by trying: each of them takes something off.
const PASSES: [&str; 9] = [
    "--strip-debug",
    "--strip-producers",
    "--strip-target-features",
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
    "--one-caller-inline-max-function-size=50",
    short_names::PASS,
];

/// The oldest JavaScript that is written: older browsers do not have the WebAssembly.
const JAVASCRIPT: &str = "--target=es2020";

/// Optimises the button page.
pub fn button_page(dist: &Path, tools: &Optimizers) -> anyhow::Result<()> {
    let work = tempfile::tempdir()?;
    let names = work.path().join("names.json");
    let report = optimize_binary(&only(dist, "frontend", "_bg.wasm")?, tools)?;
    fs::write(&names, short_names::cache(&report)?)?;
    let script = only(dist, "frontend", ".js")?;
    // What boot.js uses of it is the default export; the rest falls away.
    let entry = work.path().join("entry.js");
    fs::write(&entry, format!("export {{ default }} from {:?};\n", script.to_string_lossy()))?;
    let [given, quoted, names] = short_names::options(&names);
    esbuild(tools, &entry, &script, &["--bundle", "--format=esm", &given, &quoted, &names])?;
    for file in [only(dist, "boot", ".js")?, dist.join("sw.js"), only(dist, "style", ".css")?] {
        esbuild(tools, &file, &file, &[])?;
    }
    Ok(())
}

/// Optimises the big screen's WebAssembly, and no more: it is opened over a stand's own network.
pub fn big_screen(dist: &Path, tools: &Optimizers) -> anyhow::Result<()> {
    let file = only(dist, "live-page", "_bg.wasm")?;
    let mut optimize = tools.wasm_opt();
    optimize.args(FEATURES).args(["--strip-debug", "-Oz"]).arg(&file).arg("-o").arg(&file);
    process::run("Optimising the big screen's WebAssembly", &mut optimize)
}

/// The one file in a folder whose name begins and ends like this.
fn only(folder: &Path, begins: &str, ends: &str) -> anyhow::Result<PathBuf> {
    let names = fs::read_dir(folder)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut found = names.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(begins) && name.ends_with(ends)
    });
    let path = found.next().with_context(|| format!("the build made no {begins}…{ends}"))?;
    ensure!(found.next().is_none(), "the build made more than one {begins}…{ends}");
    Ok(path)
}

/// Returns wasm-opt's report of the short names.
fn optimize_binary(file: &Path, tools: &Optimizers) -> anyhow::Result<String> {
    let work = tempfile::tempdir()?;
    let (script, cut) = (work.path().join("cut.mjs"), work.path().join("cut.wasm"));
    fs::write(&script, CUT)?;
    process::run(
        "Cutting what never runs",
        Command::new("node").arg(&script).arg(tools.binaryen()).arg(file).arg(&cut),
    )?;
    let mut optimize = tools.wasm_opt();
    let report = work.path().join("report.json");
    optimize.args(FEATURES).args(PASSES).arg(&cut).arg("-o").arg(file);
    optimize.stdout(fs::File::create(&report)?);
    process::run("Optimising the WebAssembly", &mut optimize)?;
    Ok(fs::read_to_string(report)?)
}

fn esbuild(tools: &Optimizers, from: &Path, to: &Path, more: &[&str]) -> anyhow::Result<()> {
    let mut esbuild = tools.esbuild();
    esbuild.arg(from).arg(format!("--outfile={}", to.display())).args(more);
    esbuild.args([
        "--minify",
        JAVASCRIPT,
        "--allow-overwrite",
        "--legal-comments=none",
        "--log-level=warning",
    ]);
    let name = to.strip_prefix(paths::dist()).unwrap_or(to).display();
    process::run(&format!("Minifying {name}"), &mut esbuild)
}
