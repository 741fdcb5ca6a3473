//! Writes the examples of geo databases anew: `cargo run -p fuzz --example databases`. Small, so that
//! most changes of them hit something.

use maxminddb_writer::{Database, metadata::IpVersion, paths::IpAddrWithMask};
use serde_json::{Value, json};
use std::{error::Error, fs::File, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    write("standard.mmdb", IpVersion::V6, &["::203.0.114.0/120", "2001:4d8::/32"], standard())?;
    write("flat.mmdb", IpVersion::V6, &["::203.0.114.0/120"], flat())?;
    write("ipv4.mmdb", IpVersion::V4, &["203.0.114.0/24", "0.0.0.0/2"], standard())?;
    Ok(())
}

/// In MaxMind's layout.
fn standard() -> Value {
    json!({
        "country": {"iso_code": "SE", "names": {"en": "Sweden", "de": "Schweden"}},
        "subdivisions": [{"iso_code": "S", "names": {"en": "Värmland County"}}],
        "city": {"names": {
            "de": "Säffle (de)", "en": "Säffle", "es": "Säffle", "ja": "Säffle (ja)", "pt-BR": "Säffle (pt-BR)",
        }},
        "location": {"latitude": 59.1402, "longitude": 12.9373},
    })
}

/// In that of the ip-location-db collection.
fn flat() -> Value {
    json!({
        "country_code": "SE", "state1": "Värmland County", "city": "Säffle",
        "latitude": 59.1402, "longitude": 12.9373,
    })
}

fn write(
    name: &str,
    version: IpVersion,
    networks: &[&str],
    record: Value,
) -> Result<(), Box<dyn Error>> {
    let mut database = Database::default();
    database.metadata.ip_version = version;
    database.metadata.binary_format_major_version = 2;
    database.metadata.database_type = "Test-City".to_owned();
    // The same bytes each time.
    database.metadata.build_epoch = 1_700_000_000;
    let record = database.insert_value(record)?;
    for network in networks {
        let network: IpAddrWithMask = network.parse().map_err(|_| format!("{network} is none"))?;
        database.insert_node(network, record);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/mmdb");
    database.write_to(File::create(folder.join(name))?)?;
    Ok(())
}
