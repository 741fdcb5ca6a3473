//! Geolocation: the client IP of a request, and its approximate place by a MaxMind database.
//!
//! Files in the order of a request: [`client_ip`] determines the address from the peer and forwarding
//! headers, `languages` the client's languages, [`Geo`] selects the look-up by the address's scope and reloads
//! the database, `database` looks the address up, and `record` reduces the database's record to a [`Place`].
//!
//! The database is read into memory: the process would crash if a mapped file were overwritten in place.

pub mod client_ip;
mod database;
mod languages;
mod record;

pub use database::{Database, DatabaseError};
pub use languages::Languages;

use crate::client_ip::{AddressScope, TrustedProxies};
use arc_swap::ArcSwapOption;
use axum::http::HeaderMap;
use schemas::{Place, Uuid, stats::PlaceSource};
use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
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

/// Age of a database from which it is old: the GeoLite2 End User License Agreement asks for updates within 30 days.
const MAX_AGE_DAYS: u64 = 30;

/// Random addresses that are looked up for a demo place. Most public addresses have a place, so one of these
/// practically always has.
const MAX_DEMO_LOOKUPS: u64 = 200;

/// Modification time and length.
type FileVersion = (SystemTime, u64);

/// Options of the look-up.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct GeoOptions {
    /// MaxMind city database (.mmdb): GeoLite2, GeoIP2, DB-IP or ip-location-db. The relay reloads
    /// it when the file changes. Without a database, places are unknown.
    #[arg(long, env = "RELAY_GEO_DATABASE", value_name = "FILE")]
    pub geo_database: Option<PathBuf>,

    /// Give clients on this machine or in private networks a made-up place, the same for a whole
    /// session. For demonstrations: pages say so, but the events cannot be distinguished from real
    /// ones.
    #[arg(long, env = "RELAY_PRETEND_LOCAL")]
    pub pretend_local: bool,

    /// How the address of a client is determined.
    #[command(flatten)]
    pub proxies: TrustedProxies,
}

/// Logs the database, with a warning if it is old.
fn log_database(database: &Database, event: &str) {
    tracing::info!(name = database.name(), "{event} the geo database");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if let Some(days) = age_in_days(database.built(), now).filter(|days| *days > MAX_AGE_DAYS) {
        tracing::warn!(
            "the geo database is {days} days old: addresses move, and GeoLite2's licence asks for one of the \
             last {MAX_AGE_DAYS} days"
        );
    }
}

/// Whole days since the build, in seconds since 1970; `None` if it has no time, or one to come.
fn age_in_days(built: u64, now: Duration) -> Option<u64> {
    let age = now.as_secs().checked_sub(built).filter(|_| built > 0)?;
    Some(age / (24 * 60 * 60))
}

/// A client's place.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// The place, with English names.
    pub place: Place,
    /// The city's name in the client's language, if the database has one that differs from the place's.
    pub place_name: Option<String>,
    /// Whether the place is made up.
    pub pretended: bool,
}

impl From<Place> for Located {
    fn from(place: Place) -> Self {
        Self { place, place_name: None, pretended: false }
    }
}

/// The look-up that handlers share; cheap to clone. Without a database every place is `Unknown`.
#[derive(Clone)]
pub struct Geo {
    database: Arc<ArcSwapOption<Database>>,
    path: Option<PathBuf>,
    /// The file's version when it was opened.
    version: Option<FileVersion>,
    proxies: Arc<TrustedProxies>,
    pretend_local: bool,
}

impl Geo {
    /// Opens the database, if the options have one.
    ///
    /// # Errors
    /// If the database cannot be read or is not valid.
    pub fn open(options: GeoOptions) -> Result<Self, DatabaseError> {
        let GeoOptions { geo_database: path, pretend_local, proxies } = options;
        // Before the file is read, so that a replacement in between counts as a change.
        let version = path.as_deref().and_then(file_version);
        let database = path.as_deref().map(Database::open).transpose()?;
        if let Some(database) = &database {
            log_database(database, "loaded");
        }
        let database = Arc::new(ArcSwapOption::from_pointee(database));
        let geo = Self { database, path, version, proxies: Arc::new(proxies), pretend_local };
        if geo.pretends() {
            tracing::warn!(
                "places of clients in local networks are made up, and recorded: --pretend-local is set"
            );
        }
        Ok(geo)
    }

    /// Whether clients on the relay's own machine or in private networks get a demo place.
    pub fn pretends(&self) -> bool {
        self.pretend_local && self.database.load().is_some()
    }

    /// The origin of places whenever it is called: the database is reloaded while the relay runs.
    pub fn places(&self) -> impl Fn() -> PlaceSource + Send + Sync + use<> {
        let geo = self.clone();
        move || PlaceSource { geo_database: geo.database_name(), pretended: geo.pretends() }
    }

    /// The name of the loaded database by its metadata, such as `GeoLite2-City`.
    pub fn database_name(&self) -> Option<String> {
        self.database.load().as_ref().map(|database| database.name().to_owned())
    }

    /// The build time of the loaded database, in seconds since 1970.
    pub fn built(&self) -> Option<u64> {
        self.database.load().as_ref().map(|database| database.built())
    }

    /// The place of a request's client. The session only selects the demo place of a local client, which has
    /// none without a session.
    pub fn locate(&self, peer: IpAddr, headers: &HeaderMap, session: Option<Uuid>) -> Located {
        let (database, languages) = (self.database.load(), Languages::accepted(headers));
        let find = |address, pretended| {
            let (place, place_name) = database.as_ref()?.localized_place(address, &languages)?;
            Some(Located { place, place_name, pretended })
        };
        let local = match self.proxies.client(peer, headers).scope() {
            AddressScope::Public(address) => {
                return find(address, false).unwrap_or_else(|| Place::unknown().into());
            }
            AddressScope::Unknown => return Place::unknown().into(),
            AddressScope::Localhost => Place::localhost(),
            AddressScope::PrivateNetwork => Place::private_network(),
        };
        let demo = session.filter(|_| self.pretend_local).and_then(|session| {
            demo_addresses(session)
                .filter_map(|address| find(address.into(), true))
                .find(|located| located.place.city_name.is_some())
        });
        demo.unwrap_or_else(|| local.into())
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
                log_database(&database, "reloaded");
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

/// Random addresses, always the same ones for a session.
fn demo_addresses(session: Uuid) -> impl Iterator<Item = Ipv4Addr> {
    let (high, low) = session.as_u64_pair();
    (0..MAX_DEMO_LOOKUPS).map(move |attempt| {
        let seed = high ^ low.rotate_left(17) ^ splitmix64(attempt);
        Ipv4Addr::from_bits(splitmix64(seed) as u32)
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
    use crate::database::tests::{FLAT, STANDARD};
    use axum::http::{HeaderValue, header::ACCEPT_LANGUAGE};

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
        let geo_database = Some(file.path().to_owned());
        let options = GeoOptions { geo_database, pretend_local, ..GeoOptions::default() };
        Fixture { file, geo: Geo::open(options).unwrap() }
    }

    fn locate(geo: &Geo, address: &str, session: Option<Uuid>, language: &str) -> Located {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_str(language).unwrap());
        geo.locate(address.parse().unwrap(), &headers, session)
    }

    fn place(geo: &Geo, address: &str, session: Option<Uuid>) -> Place {
        let located = geo.locate(address.parse().unwrap(), &HeaderMap::new(), session);
        assert_eq!(located.place_name, None);
        located.place
    }

    fn has_ipv6(geo: &Geo) -> bool {
        place(geo, "2001:4d8::77", None) != Place::unknown()
    }

    #[test]
    fn age_counts_whole_days_since_the_build() {
        let day = 24 * 60 * 60;
        let now = Duration::from_secs(1_800_000_000);
        assert_eq!(age_in_days(now.as_secs() - 31 * day, now), Some(31));
        assert_eq!(age_in_days(now.as_secs() - 31 * day + 1, now), Some(30));
        assert_eq!(age_in_days(now.as_secs() + 1, now), None, "a clock that is behind");
        assert_eq!(age_in_days(0, now), None, "a database without a time");
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
        let without =
            Geo::open(GeoOptions { pretend_local: true, ..GeoOptions::default() }).unwrap();
        assert!(!without.pretends(), "there are no places to choose from");
        assert_eq!(place(&without, "203.0.114.77", session), Place::unknown());
        assert_eq!(place(&without, "127.0.0.1", session), Place::localhost());
    }

    #[test]
    fn place_is_pretended_only_if_it_is_made_up() {
        let session = Some(Uuid::from_u128(7));
        for (pretends, session, address, pretended) in [
            (true, session, "127.0.0.1", true),
            (true, session, "::1", true),
            (true, session, "10.1.2.3", true),
            (true, session, "100.64.0.1", true),
            (true, session, "fd00::1", true),
            (true, None, "10.1.2.3", false),
            (true, session, "203.0.114.77", false),
            (true, session, "198.18.5.5", false),
            (true, session, "0.0.0.0", false),
            (false, session, "127.0.0.1", false),
            (false, session, "203.0.114.77", false),
        ] {
            let geo = open(LARGE, pretends).geo;
            assert_eq!(geo.pretends(), pretends);
            let located = locate(&geo, address, session, "");
            assert_eq!(located.pretended, pretended, "{address} {pretends}");
            assert_eq!(located.place_name, None);
        }
    }

    #[test]
    fn city_has_name_in_clients_language_and_place_stays_english() {
        let geo = open(STANDARD, false).geo;
        let (known, english) = ("203.0.114.77", place(&geo, "203.0.114.77", None));
        for (language, name) in [
            ("de", Some("Säffle (de)")),
            ("de-AT,de;q=0.9,en;q=0.8", Some("Säffle (de)")),
            ("pt", Some("Säffle (pt-BR)")),
            // The database has no French name, and the Spanish one is the English one.
            ("fr, ja;q=0.5", Some("Säffle (ja)")),
            ("fr", None),
            ("es, ja;q=0.5", None),
            ("en, de;q=0.5", None),
            ("sv", None),
        ] {
            let located = locate(&geo, known, None, language);
            assert_eq!(located.place_name.as_deref(), name, "{language}");
            assert_eq!((located.place, located.pretended), (english.clone(), false), "{language}");
        }
        assert_eq!(locate(&geo, "198.18.5.5", None, "de").place_name, None);
        assert_eq!(locate(&open(FLAT, false).geo, known, None, "de").place_name, None);
        let demo = locate(&open(LARGE, true).geo, "10.1.2.3", Some(Uuid::from_u128(7)), "de");
        assert_eq!((demo.place_name.as_deref(), demo.pretended), (Some("Säffle (de)"), true));
    }
}
