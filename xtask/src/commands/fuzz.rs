//! `cargo xtask fuzz`: nonsense for whatever reads what strangers wrote, for as long as one likes.
//!
//! libFuzzer does it, which is a part of LLVM: it keeps inputs that reach new code, and changes those
//! further. rustc can put in the counters for this on its stable channel too, by the flags of the
//! pass that cargo-fuzz uses; only the address sanitizer needs a nightly one, and there is no unsafe code
//! of our own for it to look at.

use crate::{
    paths, process,
    toolchain::{rustc, system},
};
use anyhow::{Context, bail};
use std::{fs, path::Path, process::Command};

/// LLVM's pass that counts which edges an input passes (level 3 and 4: edges, and indirect calls), and
/// what numbers are compared with.
const INSTRUMENTED: [&str; 9] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    // What would wrap in silence is a fault here too.
    "-Cdebug-assertions=yes",
    "-Coverflow-checks=yes",
    "-Ccodegen-units=1",
];

/// What can be said about it.
#[derive(clap::Args)]
pub struct Options {
    /// For so long for each target
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only this one: a folder in fuzz/corpus
    #[arg(long)]
    target: Option<String>,
}

/// Runs each target until its time is over or it has found something.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let corpus = paths::root().join("fuzz/corpus");
    let mut targets = Vec::new();
    for folder in fs::read_dir(&corpus).context("fuzz/corpus cannot be read")? {
        targets.push(folder?.file_name().to_string_lossy().into_owned());
    }
    targets.sort();
    if let Some(wanted) = &options.target {
        if !targets.contains(wanted) {
            bail!("there is no target {wanted}; there are {}", targets.join(", "));
        }
        targets.retain(|target| target == wanted);
    }
    system::ensure()?;
    let folder = paths::root().join("target/fuzz");
    let program = build(&folder)?;
    for target in &targets {
        // New inputs that reach new code are kept beside the build, for the next time.
        let (found, faults) = (folder.join("corpus").join(target), folder.join("faults"));
        fs::create_dir_all(&found)?;
        fs::create_dir_all(&faults)?;
        let mut fuzzer = Command::new(&program);
        fuzzer
            .arg(&found)
            .arg(corpus.join(target))
            .arg(format!("-max_total_time={}", options.seconds))
            .arg(format!("-artifact_prefix={}/{target}-", faults.display()))
            .args(["-max_len=8192", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"])
            .env("FUZZ_TARGET", target)
            .current_dir(&folder);
        process::run(&format!("Fuzzing {target} for {} s", options.seconds), &mut fuzzer)
            .with_context(|| {
                let kept = faults.display();
                format!("{target} has found something: the input is in {kept}; put it into fuzz/corpus/{target}")
            })?;
    }
    Ok(())
}

/// Builds the fuzzer, with a target folder of its own.
fn build(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    let host = rustc::host()?;
    let mut cargo = Command::new("cargo");
    cargo
        // With a target named, programs that run while building are not instrumented.
        .args(["build", "--release", "--package", "fuzz", "--bin", "guided", "--target", &host])
        .env("CARGO_TARGET_DIR", folder)
        .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTED.join("\u{1f}"))
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .current_dir(paths::root());
    process::run("Building the fuzzer, with instrumentation", &mut cargo)?;
    Ok(folder.join(host).join("release/guided"))
}
