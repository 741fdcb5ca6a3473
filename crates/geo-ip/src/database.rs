//! A MaxMind database file, read into memory and checked.

use super::{
    languages::Languages,
    record::{Record, StandardRecord, is_storable},
};
use ipnet::IpNet;
use maxminddb::{LookupResult, MaxMindDbError, Reader, path};
use schemas::Place;
use std::{
    collections::{HashMap, hash_map::Entry},
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// Why a file cannot be used as the geo database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Reading the file failed.
    #[error("cannot read the geo database {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is not a MaxMind database, or it is damaged.
    #[error("{path} is not a valid MaxMind database (.mmdb)")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The reader's error.
        source: MaxMindDbError,
    },
}

/// The layouts in which city databases are published.
#[derive(Clone, Copy)]
enum Layout {
    /// GeoLite2, GeoIP2 and DB-IP: nested, with names by language.
    Standard,
    /// ip-location-db: one level, with codes and one language.
    Flat,
}

impl Layout {
    /// The layout of the first record that has a country in either layout.
    fn detect(reader: &Reader<Vec<u8>>) -> Result<Self, MaxMindDbError> {
        // Some records are empty, but no city database begins with this many.
        const MAX_RECORDS: usize = 10_000;
        for result in reader.networks(Default::default())?.take(MAX_RECORDS) {
            let result = result?;
            for layout in [Self::Flat, Self::Standard] {
                if let Ok(Some(Record { country_code: Some(_), .. })) = layout.decode(&result) {
                    return Ok(layout);
                }
            }
        }
        Ok(Self::Standard)
    }

    fn decode<'a>(
        self,
        result: &LookupResult<'a, Vec<u8>>,
    ) -> Result<Option<Record<'a>>, MaxMindDbError> {
        match self {
            Self::Standard => Ok(result.decode::<StandardRecord<'_>>()?.map(Record::from)),
            Self::Flat => result.decode(),
        }
    }

    /// The name of the record's city in the first of these languages that has one. Nothing else of the record
    /// is decoded.
    fn city_name<'a>(
        self,
        result: &LookupResult<'a, Vec<u8>>,
        languages: &Languages,
    ) -> Option<&'a str> {
        let name = |language: &&str| {
            let name: Option<&str> = result.decode_path(&path!["city", "names", *language]).ok()?;
            name.filter(|name| is_storable(name))
        };
        match self {
            Self::Standard => languages.0.iter().find_map(name),
            Self::Flat => None,
        }
    }
}

/// A geo database in memory.
pub struct Database {
    reader: Reader<Vec<u8>>,
    layout: Layout,
}

impl Database {
    /// Reads a file and checks its structure.
    ///
    /// # Errors
    /// If the file cannot be read or has no valid structure.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let bytes = fs::read(path)
            .map_err(|source| DatabaseError::Read { path: path.to_owned(), source })?;
        Self::from_bytes(bytes)
            .map_err(|source| DatabaseError::Invalid { path: path.to_owned(), source })
    }

    /// [Opens](Self::open) and [verifies](Self::verify) a file that is to replace a working database.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if a record is damaged.
    pub fn open_verified(path: &Path) -> Result<Self, DatabaseError> {
        let database = Self::open(path)?;
        match database.verify() {
            Ok(()) => Ok(database),
            Err(source) => Err(DatabaseError::Invalid { path: path.to_owned(), source }),
        }
    }

    /// Checks the structure of a file's content.
    ///
    /// # Errors
    /// If the structure is not valid.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, MaxMindDbError> {
        let reader = Reader::from_source(bytes)?;
        let layout = Layout::detect(&reader)?;
        Ok(Self { reader, layout })
    }

    /// Decodes every record once, which takes seconds for a large database.
    ///
    /// `Reader::verify` is stricter than look-ups need: it rejects the databases of ip-location-db, which
    /// have no description.
    ///
    /// # Errors
    /// If a network or record cannot be decoded.
    pub fn verify(&self) -> Result<(), MaxMindDbError> {
        self.networks(|_, _| ())
    }

    /// Visits every network that has a country, with its ISO code. A large database has millions of
    /// networks, which takes 1 to 2 s.
    ///
    /// # Errors
    /// If a network or record cannot be decoded.
    pub fn networks(&self, mut visit: impl FnMut(IpNet, &str)) -> Result<(), MaxMindDbError> {
        // Networks share records; each record is decoded once.
        let mut countries = HashMap::new();
        for result in self.reader.networks(Default::default())? {
            let result = result?;
            let Some(offset) = result.offset() else { continue };
            let country = match countries.entry(offset) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    let record = self.layout.decode(&result)?.unwrap_or_default();
                    *entry.insert(record.country_code.filter(|code| code.len() == 2))
                }
            };
            let network = result.network()?;
            if let (Some(country), Ok(network)) =
                (country, IpNet::new(network.ip(), network.prefix()))
            {
                visit(network, country);
            }
        }
        Ok(())
    }

    /// The database type by its metadata, such as `GeoLite2-City`.
    pub fn name(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// The build time by its metadata, in seconds since 1970.
    pub fn built(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    /// The place of a public address, or `None` if the database has none.
    pub fn place(&self, address: IpAddr) -> Option<Place> {
        Some(self.localized_place(address, &Languages::default())?.0)
    }

    /// The place of a public address, and its city's name in the first of these languages that has one, unless
    /// that is the place's own.
    pub fn localized_place(
        &self,
        address: IpAddr,
        languages: &Languages,
    ) -> Option<(Place, Option<String>)> {
        // An IPv4 database returns an error for an IPv6 address, which it has no place for.
        let result = self.reader.lookup(address).ok()?;
        let place = self.layout.decode(&result).ok()??.into_place()?;
        let name = place.city_name.as_deref().and_then(|city| {
            self.layout.city_name(&result, languages).filter(|name| *name != city)
        });
        let name = name.map(str::to_owned);
        Some((place, name))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// With a place for IPv6 addresses.
    pub(crate) const STANDARD: &[u8] = include_bytes!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fuzz/corpus/mmdb/standard.mmdb"
    ));
    /// Without a place for IPv6 addresses.
    pub(crate) const FLAT: &[u8] =
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/mmdb/flat.mmdb"));
    const ADDRESS: &str = "203.0.114.77";

    fn open(bytes: &[u8]) -> Database {
        Database::from_bytes(bytes.to_vec()).unwrap()
    }

    #[test]
    fn layouts_with_same_record_return_same_place() {
        for database in [STANDARD, FLAT].map(open) {
            let place = database.place(ADDRESS.parse().unwrap()).unwrap();
            assert_eq!((&*place.country_name, &*place.country_code), ("Sweden", "SE"));
            assert_eq!(place.subdivision_name.as_deref(), Some("Värmland County"));
            assert_eq!(place.city_name.as_deref(), Some("Säffle"));
            assert_eq!((place.latitude, place.longitude), (Some(59.1), Some(12.9)));
        }
    }

    #[test]
    fn networks_returns_country_of_each_record() {
        let mut networks = Vec::new();
        open(STANDARD)
            .networks(|network, country| networks.push(format!("{network} {country}")))
            .unwrap();
        assert_eq!(networks, ["203.0.114.0/24 SE", "2001:4d8::/32 SE"]);
    }

    #[test]
    fn place_of_address_without_record_is_none() {
        assert_eq!(open(STANDARD).place("198.18.5.5".parse().unwrap()), None);
    }

    /// A field of a wrong type makes its record unusable, and the file invalid as a replacement.
    #[test]
    fn record_with_field_of_wrong_type_has_no_place() {
        // The latitude, a double, becomes bytes of the same length.
        let field = b"\x48latitude\x68";
        let at = STANDARD.windows(field.len()).position(|window| window == field).unwrap();
        let mut bytes = STANDARD.to_vec();
        bytes[at + field.len() - 1] = 0x88;
        let database = open(&bytes);
        assert!(database.verify().is_err());
        assert_eq!(database.place(ADDRESS.parse().unwrap()), None);
    }

    #[test]
    fn truncated_file_is_rejected() {
        assert!(Database::from_bytes(STANDARD[..STANDARD.len() / 2].to_vec()).is_err());
    }
}
