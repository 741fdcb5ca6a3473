//! Packages of the operating system.

use crate::process;
use anyhow::bail;
use std::{process::Command, time::Duration};

/// For one call of the package manager.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// A program or library that building the relay needs: how to find out, and its package.
const NEEDED: [(&str, &[&str], &str); 5] = [
    ("cc", &["--version"], "gcc"),
    ("c++", &["--version"], "g++"),
    ("make", &["--version"], "make"),
    ("pkg-config", &["--version"], "pkg-config"),
    ("pkg-config", &["--exists", "openssl"], "libssl-dev"),
];

/// What the relay's libraries in C are built with.
pub fn ensure() -> anyhow::Result<()> {
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(program, arguments, _)| {
            process::output(Command::new(program).args(*arguments)).is_none()
        })
        .map(|(_, _, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !can_install() {
        bail!(
            "building the relay needs {}: install it with `sudo apt-get install gcc g++ make pkg-config \
             libssl-dev`, `sudo dnf install gcc gcc-c++ make pkgconf openssl-devel`, or \
             `brew install pkg-config openssl`",
            missing.join(", ")
        );
    }
    install(&missing)
}

/// Whether packages can be installed without asking anybody: Debian or Ubuntu, as root.
pub fn can_install() -> bool {
    process::exists("apt-get")
        && process::output(Command::new("id").arg("-u")).as_deref() == Some("0")
}

/// Asks Debian's servers which packages there are.
pub fn update() -> anyhow::Result<()> {
    process::run_within(LIMIT, "Updating the list of packages", apt().arg("update"))
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-y"]);
    apt
}

/// Installs Debian packages.
pub fn install(packages: &[&str]) -> anyhow::Result<()> {
    update()?;
    process::run_within(
        LIMIT,
        &format!("Installing {}", packages.join(", ")),
        apt().args(["install", "--no-install-recommends"]).args(packages),
    )
}

/// The package of this name with the highest version in its name, as in `lld-22`.
pub fn newest(name: &str) -> Option<String> {
    let found = process::output(Command::new("apt-cache").args(["pkgnames", &format!("{name}-")]))?;
    let versions = found.lines().filter_map(|package| {
        let version: u32 = package.strip_prefix(name)?.strip_prefix('-')?.parse().ok()?;
        Some((version, package.to_owned()))
    });
    versions.max().map(|(_, package)| package)
}
