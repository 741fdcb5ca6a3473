//! A geo database whose file is damaged or malicious.

use geo_ip::Database;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// No look-up panics, and every sink can store the places.
pub fn run(file: &[u8]) {
    let Ok(database) = Database::from_bytes(file.to_vec()) else { return };
    let _ = (database.name().len(), database.built());
    // This is what `Database::verify` does.
    let _ = database.networks(|_, country| assert_eq!(country.len(), 2));
    for address in addresses() {
        let Some(place) = database.place(address) else { continue };
        assert!(!place.country_name.is_empty());
        for degrees in [place.latitude, place.longitude].into_iter().flatten() {
            assert!(degrees.abs() <= 180.0, "{degrees}");
            assert_eq!((degrees * 10.0).round() / 10.0, degrees);
        }
        assert!(serde_json::to_string(&place).is_ok());
    }
}

/// Addresses that the examples have a place for, and some of every scope.
fn addresses() -> [IpAddr; 8] {
    [
        Ipv4Addr::new(203, 0, 114, 77).into(),
        Ipv4Addr::UNSPECIFIED.into(),
        Ipv4Addr::BROADCAST.into(),
        Ipv4Addr::new(91, 187, 96, 1).into(),
        Ipv6Addr::new(0x2001, 0x4d8, 1, 2, 0, 0, 0, 0x77).into(),
        Ipv6Addr::UNSPECIFIED.into(),
        Ipv6Addr::LOCALHOST.into(),
        Ipv6Addr::from_bits(u128::MAX).into(),
    ]
}
