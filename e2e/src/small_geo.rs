//! A geo database of our own, of a few networks, in the layouts that are published.

use maxminddb_writer::{Database, metadata::IpVersion, paths::IpAddrWithMask};
use serde_json::{Map, Value, json};
use std::{fs::File, path::Path};

/// The layout of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// That of GeoLite2 and GeoIP2.
    Standard,
    /// That of DB-IP's City Lite: the standard one, where subdivisions have no code and cities no other names.
    DbIp,
    /// That of the ip-location-db collection.
    Flat,
}

/// An address that is in the database, of the network 203.0.114.0/24.
pub const KNOWN_V4: &str = "203.0.114.77";
/// Another one, IPv6.
pub const KNOWN_V6: &str = "2001:4d8:1:2::77";
/// One that is not.
pub const UNKNOWN_V4: &str = "198.18.5.5";

/// Languages in which the standard layout has names of the city, besides English. Spanish is missing.
const LANGUAGES: [&str; 4] = ["de", "fr", "ja", "pt-BR"];

/// The name of a city in another language.
pub fn localized(city: &str, language: &str) -> String {
    format!("{city} ({language})")
}

/// Writes the database, with `city` as the name of the known city.
pub fn write(path: &Path, layout: Layout, city: &str) {
    let mut database = Database::default();
    database.metadata.ip_version = IpVersion::V6;
    database.metadata.binary_format_major_version = 2;
    database.metadata.database_type = match layout {
        Layout::Standard => "Test-City".to_owned(),
        Layout::DbIp => "DBIP-City-Lite".to_owned(),
        Layout::Flat => "test-flat-city".to_owned(),
    };
    let record = database.insert_value(record(layout, city)).unwrap();
    // IPv4 lies in ::/96 (MaxMind DB specification, "IPv4 addresses in an IPv6 tree").
    for network in ["::203.0.114.0/120", "2001:4d8::/32"] {
        database.insert_node(network.parse::<IpAddrWithMask>().unwrap(), record);
    }
    // A rename, so that a reader never sees half a file.
    let half = path.with_extension("half");
    database.write_to(File::create(&half).unwrap()).unwrap();
    std::fs::rename(half, path).unwrap();
}

fn record(layout: Layout, city: &str) -> Value {
    let names = LANGUAGES.map(|language| (language.to_owned(), localized(city, language).into()));
    let mut names = Map::from_iter(names);
    names.insert("en".to_owned(), city.into());
    match layout {
        Layout::Standard => json!({
            "country": {"iso_code": "SE", "names": {"en": "Sweden", "de": "Schweden"}},
            "subdivisions": [{"iso_code": "S", "names": {"en": "Värmland County"}}],
            "city": {"names": names},
            "location": {"latitude": 59.1402, "longitude": 12.9373, "time_zone": "Europe/Stockholm"},
        }),
        Layout::DbIp => json!({
            "continent": {"code": "EU", "geoname_id": 6_255_148, "names": {"en": "Europe"}},
            "country": {
                "geoname_id": 2_661_886, "is_in_european_union": true, "iso_code": "SE",
                "names": {"en": "Sweden", "de": "Schweden", "fa": "سوئد"},
            },
            "subdivisions": [{"names": {"en": "Värmland County"}}],
            "city": {"names": {"en": city}},
            "location": {"latitude": 59.1402, "longitude": 12.9373},
        }),
        Layout::Flat => json!({
            "country_code": "SE", "state1": "Värmland County", "city": city,
            "latitude": 59.1402, "longitude": 12.9373, "timezone": "Europe/Stockholm",
        }),
    }
}
