//! Geolocation: the client IP of a request, and its approximate place by a MaxMind database.
//!
//! Files in the order of a request: [`client_ip`] determines the address from the peer and forwarding
//! headers, [`Geo`] selects the look-up by the address's scope and reloads the database, `database` looks the
//! address up, and `record` reduces the database's record to a [`Place`].
//!
//! The database is read into memory: the process would crash if a mapped file were overwritten in place.

pub mod client_ip;
mod database;
mod record;

pub use database::{Database, DatabaseError};

use crate::client_ip::{AddressScope, ClientIp};
use arc_swap::ArcSwapOption;
use schemas::{Place, Uuid};
use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::spawn_blocking,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Interval of checks whether the file has changed. Databases are published about once a week.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// Random addresses that are looked up for a demo place. Most public addresses have a place, so one of these
/// practically always has.
const MAX_DEMO_LOOKUPS: u64 = 200;

/// Modification time and length.
type FileVersion = (SystemTime, u64);

/// The look-up that handlers share; cheap to clone. Without a database every place is `Unknown`.
#[derive(Clone)]
pub struct Geo {
    database: Arc<ArcSwapOption<Database>>,
    path: Option<PathBuf>,
    /// The file's version when it was opened.
    version: Option<FileVersion>,
    pretend_local: bool,
}

impl Geo {
    /// Opens the database at `path`, if any.
    ///
    /// With `pretend_local`, clients on the relay's own machine or network get a demo place.
    ///
    /// # Errors
    /// If the database cannot be read or is not valid.
    pub fn open(path: Option<PathBuf>, pretend_local: bool) -> Result<Self, DatabaseError> {
        // Before the file is read, so that a replacement in between counts as a change.
        let version = path.as_deref().and_then(file_version);
        let database = path.as_deref().map(Database::open).transpose()?;
        if let Some(database) = &database {
            tracing::info!(name = database.name(), "loaded the geo database");
        }
        let database = Arc::new(ArcSwapOption::from_pointee(database));
        Ok(Self { database, path, version, pretend_local })
    }

    /// The name of the loaded database by its metadata, such as `GeoLite2-City`.
    pub fn database_name(&self) -> Option<String> {
        self.database.load().as_ref().map(|database| database.name().to_owned())
    }

    /// The build time of the loaded database, in seconds since 1970.
    pub fn built(&self) -> Option<u64> {
        self.database.load().as_ref().map(|database| database.built())
    }

    /// The place of a client. The session only selects the demo place of a local client, which has none
    /// without a session.
    pub fn place(&self, client: ClientIp, session: Option<Uuid>) -> Place {
        let database = self.database.load();
        let local = match client.scope() {
            AddressScope::Public(address) => {
                let place = database.as_ref().and_then(|database| database.place(address));
                return place.unwrap_or_else(Place::unknown);
            }
            AddressScope::Unknown => return Place::unknown(),
            AddressScope::Localhost => Place::localhost(),
            AddressScope::PrivateNetwork => Place::private_network(),
        };
        match (database.as_deref(), session) {
            (Some(database), Some(session)) if self.pretend_local => {
                demo_place(database, session).unwrap_or(local)
            }
            _ => local,
        }
    }

    /// Reloads the database when its file changes, and at each SIGHUP, until `shutdown`. An invalid file
    /// is logged, and the loaded database stays in use.
    pub async fn reload_on_change(self, shutdown: CancellationToken) {
        if self.path.is_none() {
            return;
        }
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => return tracing::warn!("cannot install the SIGHUP handler: {error}"),
        };
        let mut version = self.version;
        loop {
            let requested = tokio::select! {
                () = shutdown.cancelled() => return,
                _ = hangup.recv() => true,
                () = sleep(POLL_INTERVAL) => false,
            };
            let geo = self.clone();
            // A join error is a panic, which is logged; the next check retries.
            let checked = spawn_blocking(move || geo.reload(version, requested)).await;
            version = checked.unwrap_or(version);
        }
    }

    /// Reloads the file if it is no longer of the last `version`, or if `requested`. Returns the version to
    /// compare with next: that of an invalid file, too, which is logged once and not at each check.
    fn reload(&self, version: Option<FileVersion>, requested: bool) -> Option<FileVersion> {
        let path = self.path.as_deref()?;
        let current = file_version(path);
        if !requested && (current.is_none() || current == version) {
            return version;
        }
        match Database::open_verified(path) {
            Ok(database) => {
                tracing::info!(name = database.name(), "reloaded the geo database");
                self.database.store(Some(Arc::new(database)));
            }
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::error!(
                    "cannot reload the geo database, the loaded database stays in use: {error:#}"
                );
            }
        }
        current
    }
}

/// `None` if the file is missing or its metadata cannot be read.
fn file_version(path: &Path) -> Option<FileVersion> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// A random place of the database, always the same one for a session.
fn demo_place(database: &Database, session: Uuid) -> Option<Place> {
    let (high, low) = session.as_u64_pair();
    (0..MAX_DEMO_LOOKUPS).find_map(|attempt| {
        let seed = high ^ low.rotate_left(17) ^ splitmix64(attempt);
        let address = Ipv4Addr::from_bits(splitmix64(seed) as u32);
        database.place(address.into()).filter(|place| place.city_name.is_some())
    })
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014).
fn splitmix64(state: u64) -> u64 {
    let value = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        client_ip::TrustedProxies,
        database::tests::{FLAT, STANDARD},
    };
    use axum::http::HeaderMap;

    /// With a place for a quarter of all addresses.
    const LARGE: &[u8] =
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/mmdb/ipv4.mmdb"));

    struct Fixture {
        file: tempfile::NamedTempFile,
        geo: Geo,
    }

    fn open(content: &[u8], pretend_local: bool) -> Fixture {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, content).unwrap();
        let geo = Geo::open(Some(file.path().to_owned()), pretend_local).unwrap();
        Fixture { file, geo }
    }

    fn place(geo: &Geo, address: &str, session: Option<Uuid>) -> Place {
        let client = TrustedProxies::default().client(address.parse().unwrap(), &HeaderMap::new());
        geo.place(client, session)
    }

    fn has_ipv6(geo: &Geo) -> bool {
        place(geo, "2001:4d8::77", None) != Place::unknown()
    }

    #[test]
    fn reload_replaces_database_with_changed_file() {
        let Fixture { file, geo } = open(STANDARD, false);
        let shared = geo.clone();
        fs::write(&file, FLAT).unwrap();
        assert!(has_ipv6(&shared));
        assert_eq!(geo.reload(geo.version, false), file_version(file.path()));
        assert!(!has_ipv6(&shared));
    }

    #[test]
    fn reload_keeps_database_if_file_is_invalid_or_missing() {
        let Fixture { file, geo } = open(STANDARD, false);
        fs::write(&file, &FLAT[..FLAT.len() / 2]).unwrap();
        let version = geo.reload(geo.version, false);
        assert_ne!(version, geo.version, "an invalid file is read once");
        file.close().unwrap();
        assert_eq!(geo.reload(version, false), version);
        assert_eq!(geo.reload(version, true), None);
        assert!(has_ipv6(&geo));
    }

    #[test]
    fn reload_reads_unchanged_file_only_on_request() {
        let Fixture { file: _file, geo } = open(STANDARD, false);
        let before = geo.database.load_full();
        let is_same = || Arc::ptr_eq(&before.clone().unwrap(), &geo.database.load_full().unwrap());
        assert_eq!(geo.reload(geo.version, false), geo.version);
        assert!(is_same());
        assert_eq!(geo.reload(geo.version, true), geo.version);
        assert!(!is_same());
    }

    #[test]
    fn local_client_has_demo_place_for_its_session_if_enabled() {
        let session = Some(Uuid::from_u128(7));
        let enabled = open(LARGE, true).geo;
        for address in ["127.0.0.1", "10.1.2.3"] {
            assert_eq!(place(&enabled, address, session).country_code, "SE");
        }
        assert_eq!(place(&enabled, "127.0.0.1", None), Place::localhost());
        assert_eq!(place(&enabled, "10.1.2.3", None), Place::private_network());
        let disabled = open(LARGE, false).geo;
        assert_eq!(place(&disabled, "127.0.0.1", session), Place::localhost());
    }

    #[test]
    fn public_client_without_record_or_database_is_unknown() {
        let session = Some(Uuid::from_u128(7));
        let geo = open(STANDARD, true).geo;
        assert_eq!(place(&geo, "198.18.5.5", session), Place::unknown());
        let without = Geo::open(None, true).unwrap();
        assert_eq!(place(&without, "203.0.114.77", session), Place::unknown());
        assert_eq!(place(&without, "127.0.0.1", session), Place::localhost());
    }
}
