//! npm packages at the versions of the lock file `xtask/npm/package-lock.json`.

use super::install::{move_into_place, short_hash, staging};
use crate::{paths, process};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// Enough for the 31 MB of the geo database over a slow line.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// A workspace of `xtask/npm`: packages that are installed together.
///
/// A command installs only the groups that it needs.
#[derive(Clone, Copy, Debug)]
pub enum Group {
    Audit,
    Geo,
    Page,
    Pictures,
    Test,
}

impl Group {
    const ALL: [Self; 5] = [Self::Audit, Self::Geo, Self::Page, Self::Pictures, Self::Test];

    fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Geo => "geo",
            Self::Page => "page",
            Self::Pictures => "pictures",
            Self::Test => "test",
        }
    }

    /// The version of one of its packages, as pinned in its `package.json`.
    pub fn version(self, package: &str) -> anyhow::Result<String> {
        let file = manifests().join(self.name()).join("package.json");
        let manifest = read_json(&file)?;
        let version = manifest["dependencies"][package].as_str();
        Ok(version.with_context(|| format!("{}: no {package}", file.display()))?.to_owned())
    }

    /// The folder of its `node_modules` in the cache, installed on first use.
    ///
    /// The folder's name has the lock file's hash, so that a changed lock file is installed again.
    pub fn ensure(self) -> anyhow::Result<PathBuf> {
        let lock = fs::read(manifests().join("package-lock.json"))
            .context("cannot read xtask/npm/package-lock.json")?;
        let folder = paths::tool(&format!("npm-{}", self.name()), &short_hash(&lock))?;
        if !folder.is_dir() {
            let staging = staging()?;
            self.install(staging.path())?;
            move_into_place(staging, &folder)?;
        }
        Ok(folder)
    }

    /// A file or folder in its `node_modules`, installed on first use.
    pub fn file(self, path: &str) -> anyhow::Result<PathBuf> {
        let folder = self.ensure()?;
        let file = folder.join("node_modules").join(path);
        ensure!(
            file.exists(),
            "{} is missing: remove {} and run the command again",
            file.display(),
            folder.display()
        );
        Ok(file)
    }

    /// Installs it into `folder/node_modules`. An interrupted installation stays incomplete, so
    /// the folder must be a temporary one.
    pub fn install(self, folder: &Path) -> anyhow::Result<()> {
        ensure!(exists(), "npm is missing: install Node.js with npm from https://nodejs.org");
        copy_manifests(folder).context("cannot copy the files of xtask/npm")?;
        process::run_within(
            INSTALL_TIMEOUT,
            &format!("Installing npm packages: {}", self.name()),
            Command::new("npm")
                .args(["ci", "--ignore-scripts", "--include=optional", "--no-audit", "--no-fund"])
                .args(["--loglevel=error", "--workspace", self.name()])
                .current_dir(folder)
                .stdout(Stdio::null()),
        )
        .context(
            "cannot install npm packages: check the network and `npm config list`, then run the \
             command again",
        )
    }
}

/// Installs one package in a version that no lock file has into `folder/node_modules`, without its scripts.
pub fn install_unlocked(folder: &Path, package: &str) -> anyhow::Result<()> {
    process::run_within(
        INSTALL_TIMEOUT,
        &format!("Installing {package} (npm)"),
        Command::new("npm")
            .args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"])
            .args(["--omit=peer", "--fetch-retries=0", "--loglevel=error", "--prefix"])
            .arg(folder)
            .arg(package)
            .current_dir(folder)
            .stdout(Stdio::null()),
    )
}

/// Whether npm and Node.js are installed.
pub fn exists() -> bool {
    process::exists("npm") && process::exists("node")
}

/// The folder of `package.json`, the lock file and the workspaces.
fn manifests() -> PathBuf {
    paths::root().join("xtask/npm")
}

/// Copies what `npm ci` reads: it compares all workspaces with the lock file, not only the one
/// that it installs.
fn copy_manifests(folder: &Path) -> anyhow::Result<()> {
    let copy = |file: &Path| -> anyhow::Result<()> {
        fs::copy(manifests().join(file), folder.join(file))
            .with_context(|| file.display().to_string())?;
        Ok(())
    };
    for file in [".npmrc", "package.json", "package-lock.json"] {
        copy(Path::new(file))?;
    }
    for group in Group::ALL {
        fs::create_dir(folder.join(group.name()))?;
        copy(&Path::new(group.name()).join("package.json"))?;
    }
    Ok(())
}

fn read_json(file: &Path) -> anyhow::Result<Value> {
    let read = || -> anyhow::Result<Value> { Ok(serde_json::from_slice(&fs::read(file)?)?) };
    read().with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn manifest(group: Group) -> Value {
        read_json(&manifests().join(group.name()).join("package.json")).unwrap()
    }

    fn lock() -> Value {
        read_json(&manifests().join("package-lock.json")).unwrap()
    }

    /// Whether it is three numbers: no range, tag, address or path.
    fn is_exact(version: &str) -> bool {
        let parts = version.split('.').collect::<Vec<_>>();
        let is_number =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        parts.len() == 3 && parts.iter().all(is_number)
    }

    #[test]
    fn workspaces_are_the_groups() {
        let root = read_json(&manifests().join("package.json")).unwrap();
        let names = Group::ALL.map(Group::name);
        assert_eq!(root["workspaces"], serde_json::json!(names));
        for dependencies in ["dependencies", "devDependencies", "optionalDependencies"] {
            assert!(root[dependencies].is_null(), "{dependencies} outside the groups");
        }
    }

    #[test]
    fn package_versions_are_exact() {
        for version in
            ["^1.2.3", "~1.2.3", "1.2", "1.2.x", "*", "latest", "", "1.2.3-rc.1", ">1.2.3"]
        {
            assert!(!is_exact(version), "{version}");
        }
        for group in Group::ALL {
            let manifest = manifest(group);
            let packages = manifest["dependencies"].as_object().unwrap();
            assert!(!packages.is_empty(), "{} has no package", group.name());
            for (package, version) in packages {
                assert!(is_exact(version.as_str().unwrap()), "{package}: {version} is not exact");
            }
        }
    }

    #[test]
    fn lock_file_agrees_with_package_json() {
        let lock = lock();
        for group in Group::ALL {
            let (locked, manifest) = (&lock["packages"][group.name()], manifest(group));
            assert_eq!(
                locked["dependencies"], manifest["dependencies"],
                "run `npm install --package-lock-only` in xtask/npm"
            );
            for (package, version) in manifest["dependencies"].as_object().unwrap() {
                let nested = format!("{}/node_modules/{package}", group.name());
                let hoisted = format!("node_modules/{package}");
                let packages = &lock["packages"];
                let installed = packages.get(&nested).or_else(|| packages.get(&hoisted)).unwrap();
                assert_eq!(&installed["version"], version, "{package}");
            }
        }
    }

    /// Without addresses the packages come from whichever registry npm is configured for, and must
    /// have the same hashes.
    #[test]
    fn locked_packages_have_hashes_and_no_address() {
        let lock = lock();
        let mut packages = 0;
        for (path, package) in lock["packages"].as_object().unwrap() {
            // The others are the root, the workspaces, and links to these.
            if !path.contains("node_modules/") || package["link"] == true {
                continue;
            }
            packages += 1;
            let hash = package["integrity"].as_str().unwrap_or_default();
            assert!(hash.starts_with("sha512-"), "{path} has no SHA-512: {hash:?}");
            assert!(package["resolved"].is_null(), "{path} has an address");
        }
        assert!(packages > 100, "{packages} packages");
    }

    /// esbuild's program is an optional package for each platform.
    #[test]
    fn lock_file_has_esbuild_for_all_platforms() {
        let lock = lock();
        for platform in ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64", "win32-x64"] {
            let package = &lock["packages"][format!("node_modules/@esbuild/{platform}")];
            assert_eq!(package["optional"], true, "{platform}");
        }
    }
}
