//! nginx and Caddy, for the tests of their configurations.

use super::system;
use crate::{paths, process};
use anyhow::Context;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Programs, Debian's packages, and where the program is in them.
const SERVERS: [(&str, &str, &str); 2] =
    [("nginx", "nginx", "usr/sbin"), ("caddy", "caddy", "usr/bin")];

/// Gives the folders that they are in, which may be those of the system. Where one cannot be had, the
/// tests leave it out, and that is said.
///
/// Debian's packages are unpacked, not installed: an installed nginx would listen on port 80 at once.
pub fn ensure() -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for (program, package, inside) in SERVERS {
        // Not started: nginx would stay.
        if process::find(program).is_some() {
            continue;
        }
        let folder = paths::tool(package, "debian")?;
        let bin = folder.join(inside);
        if !bin.join(program).is_file()
            && let Err(error) = unpack(package, &folder)
        {
            println!("── The tests leave {program} out: install it ({error:#})");
            continue;
        }
        folders.push(bin);
    }
    Ok(folders)
}

fn unpack(package: &str, folder: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(process::exists("apt-get"), "there is no apt-get to fetch it with");
    let parent = folder.parent().context("a folder in the cache has a parent")?;
    fs::create_dir_all(parent)?;
    let half = tempfile::tempdir_in(parent)?;
    let fetch = || {
        let mut apt = Command::new("apt-get");
        apt.args(["-q", "download", package]).current_dir(half.path());
        process::run_within(LIMIT, &format!("Fetching {package} (apt)"), &mut apt)
    };
    // A fresh machine has no list of packages yet.
    fetch().or_else(|error| match system::can_install() {
        true => system::update().and_then(|()| fetch()),
        false => Err(error),
    })?;
    let names = fs::read_dir(half.path())?.map(|entry| Ok(entry?.path()));
    let packages = names.collect::<anyhow::Result<Vec<PathBuf>>>()?;
    for file in packages {
        let mut dpkg = Command::new("dpkg-deb");
        process::run("Unpacking it", dpkg.arg("-x").arg(&file).arg(half.path()))?;
        fs::remove_file(file)?;
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::rename(half.keep(), folder)?;
    Ok(())
}
