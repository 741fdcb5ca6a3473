//! One MaxMind database file, read and checked.

use super::record::{Flat, Standard};
use ipnet::IpNet;
use maxminddb::{MaxMindDbError, PathElement, Reader};
use schemas::Place;
use std::{
    collections::{HashMap, HashSet},
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// Why a file cannot serve as the geo database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be read.
    #[error("the geo database {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not a MaxMind database, or a damaged one.
    #[error("{path} is not a sound MaxMind database (.mmdb)")]
    Unsound {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: MaxMindDbError,
    },
}

/// The two layouts in which city databases are published.
enum Layout {
    /// MaxMind's own, of GeoLite2, GeoIP2 and DB-IP: nested, names by language.
    Standard,
    /// That of the ip-location-db collection: one level, codes and one language.
    Flat,
}

/// A database in memory.
pub struct Database {
    reader: Reader<Vec<u8>>,
    layout: Layout,
}

impl Database {
    /// Reads a file and checks its structure.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let bytes = fs::read(path)
            .map_err(|source| DatabaseError::Unreadable { path: path.to_owned(), source })?;
        Self::from_bytes(bytes, path)
    }

    /// Checks the structure of a file that has been read; `path` is for errors alone.
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, DatabaseError> {
        let unsound = |source| DatabaseError::Unsound { path: path.to_owned(), source };
        let reader = Reader::from_source(bytes).map_err(unsound)?;
        let layout = layout(&reader).map_err(unsound)?;
        Ok(Self { reader, layout })
    }

    /// Reads every record once, which takes seconds for a large database. For files that are to
    /// replace one that is known to be good.
    ///
    /// `Reader::verify` is stricter than readers need to be: it refuses the databases of
    /// ip-location-db, since they have no description.
    pub fn verify(&self, path: &Path) -> Result<(), DatabaseError> {
        let unsound = |source| DatabaseError::Unsound { path: path.to_owned(), source };
        // Networks share records; each is read once.
        let mut seen = HashSet::new();
        for network in self.reader.networks(Default::default()).map_err(unsound)? {
            let network = network.map_err(unsound)?;
            if network.offset().is_some_and(|offset| seen.insert(offset)) {
                match self.layout {
                    Layout::Standard => network.decode::<Standard<'_>>().map(drop),
                    Layout::Flat => network.decode::<Flat<'_>>().map(drop),
                }
                .map_err(unsound)?;
            }
        }
        Ok(())
    }

    /// Every network that has a country, with its ISO code. For a large database that is millions of
    /// networks, and takes a second or two.
    pub fn networks(&self, mut take: impl FnMut(IpNet, &str)) -> Result<(), MaxMindDbError> {
        // Networks share records.
        let mut countries: HashMap<usize, Option<[u8; 2]>> = HashMap::new();
        for found in self.reader.networks(Default::default())? {
            let found = found?;
            let Some(offset) = found.offset() else { continue };
            let country = match countries.get(&offset) {
                Some(country) => *country,
                None => {
                    let code: Option<&str> = match self.layout {
                        Layout::Standard => found.decode_path(&[
                            PathElement::Key("country"),
                            PathElement::Key("iso_code"),
                        ])?,
                        Layout::Flat => found.decode_path(&[PathElement::Key("country_code")])?,
                    };
                    let country = code.and_then(|code| code.as_bytes().try_into().ok());
                    countries.insert(offset, country);
                    country
                }
            };
            let network = found.network()?;
            let network = IpNet::new(network.ip(), network.prefix());
            if let (Some(country), Ok(network)) = (&country, network)
                && let Ok(country) = std::str::from_utf8(country)
            {
                take(network, country);
            }
        }
        Ok(())
    }

    /// The type that the database's own metadata gives, such as `GeoLite2-City`.
    pub fn name(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// When it was built, by its own metadata, in seconds since 1970.
    pub fn built(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    /// The place of a public address, or `None` where the database knows none.
    pub fn place(&self, address: IpAddr) -> Option<Place> {
        // An IPv4 database answers an IPv6 address with an error: it knows nothing of it.
        let found = self.reader.lookup(address).ok()?;
        match self.layout {
            Layout::Standard => found.decode::<Standard<'_>>().ok()??.into_place(),
            Layout::Flat => found.decode::<Flat<'_>>().ok()??.into_place(),
        }
    }
}

/// The layout of the first record that has a country in either of them.
fn layout(reader: &Reader<Vec<u8>>) -> Result<Layout, MaxMindDbError> {
    // Some records are empty; a city database has no such long run of them.
    const ENOUGH: usize = 10_000;
    for network in reader.networks(Default::default())?.take(ENOUGH) {
        let network = network?;
        if network.decode::<Flat<'_>>().is_ok_and(|flat| flat.is_some_and(|flat| flat.is_telling()))
        {
            return Ok(Layout::Flat);
        }
        let standard = network.decode::<Standard<'_>>();
        if standard.is_ok_and(|standard| standard.is_some_and(|standard| standard.is_telling())) {
            return Ok(Layout::Standard);
        }
    }
    Ok(Layout::Standard)
}
