//! Makes the built page as small as it can be had, in place: from what trunk wrote to `dist/`.
//!
//! - The WebAssembly loses its panics' messages (`cut.mjs`) and goes through wasm-opt, which also
//!   gives short names to what it shares with its JavaScript.
//! - Scripts and the style go through esbuild.
//! - Every file gets its content's hash into its name, so that it may be kept for ever; the service
//!   worker learns which files there are.

mod names;

pub use names::give_hashes;

use crate::{paths, process, toolchain::Squeezers};
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
const PASSES: [&str; 7] = [
    "--strip-debug",
    "--strip-producers",
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
    "--one-caller-inline-max-function-size=50",
];

/// The oldest JavaScript that is written: older browsers do not have the WebAssembly.
const JAVASCRIPT: &str = "--target=es2020";

/// Makes the files small.
pub fn button_page(dist: &Path, tools: &Squeezers) -> anyhow::Result<()> {
    let work = tempfile::tempdir()?;
    let script = only(dist, "frontend", ".js")?;
    let binary = only(dist, "frontend", "_bg.wasm")?;
    let short = squeeze_binary(&binary, tools, work.path())?;
    squeeze_application(&script, &short, tools, work.path())?;
    for file in [only(dist, "boot", ".js")?, dist.join("sw.js"), only(dist, "style", ".css")?] {
        esbuild(tools, &file, &file, &[])?;
    }
    remove(&dist.join("snippets"))
}

/// Optimises the big screen's WebAssembly, and no more: it is opened over a stand's own network.
pub fn big_screen(dist: &Path, tools: &Squeezers) -> anyhow::Result<()> {
    let file = only(dist, "live-page", "_bg.wasm")?;
    let mut optimise = tools.wasm_opt();
    optimise.args(FEATURES).args(["--strip-debug", "-Oz"]).arg(&file).arg("-o").arg(&file);
    process::run("Optimising the big screen's WebAssembly", &mut optimise)?;
    // What the button page's build left for it; it has none of its own.
    remove(&dist.join("snippets"))
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
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

/// Gives the short names, as wasm-opt's JSON.
fn squeeze_binary(file: &Path, tools: &Squeezers, work: &Path) -> anyhow::Result<String> {
    let (script, cut, out) = (work.join("cut.mjs"), work.join("cut.wasm"), work.join("out.wasm"));
    fs::write(&script, CUT)?;
    process::run(
        "Cutting the panics' messages",
        Command::new("node").arg(&script).arg(tools.binaryen()).arg(file).arg(&cut),
    )?;
    println!("── Optimising the WebAssembly");
    // First the passes, then the names, so that names of what went are not given.
    let optimised = work.join("optimised.wasm");
    let mut optimise = tools.wasm_opt();
    optimise.args(FEATURES).args(PASSES).arg(&cut).arg("-o").arg(&optimised);
    process::output(&mut optimise).context("wasm-opt failed")?;
    let mut rename = tools.wasm_opt();
    rename
        .args(FEATURES)
        .args(["--minify-imports-and-exports-and-modules", "--strip-target-features"]);
    rename.arg(&optimised).arg("-o").arg(&out);
    let names = process::output(&mut rename).context("wasm-opt failed")?;
    fs::copy(out, file)?;
    Ok(names)
}

fn squeeze_application(
    script: &Path,
    short: &str,
    tools: &Squeezers,
    work: &Path,
) -> anyhow::Result<()> {
    let text = names::shorten(&fs::read_to_string(script)?, short)?;
    fs::write(script, text)?;
    // What boot.js uses of it is the default export; the rest falls away.
    let entry = work.join("entry.js");
    fs::write(&entry, format!("export {{ default }} from {:?};\n", script.to_string_lossy()))?;
    esbuild(tools, &entry, script, &["--bundle", "--format=esm"])
}

fn esbuild(tools: &Squeezers, from: &Path, to: &Path, more: &[&str]) -> anyhow::Result<()> {
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
