//! A geo database whose file is damaged or malicious.

use axum::http::{HeaderMap, HeaderValue, header::ACCEPT_LANGUAGE};
use geo_ip::{Database, Languages};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// No look-up panics, and every sink can store the places.
pub fn run(file: &[u8]) {
    let Ok(database) = Database::from_bytes(file.to_vec()) else { return };
    let _ = (database.name().len(), database.built());
    // This is what `Database::verify` does.
    let _ = database.networks(|_, country| assert_eq!(country.len(), 2));
    let german =
        HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static("de, ja;q=0.5"))]);
    let german = Languages::accepted(&german);
    for address in addresses() {
        let Some((place, name)) = database.localized_place(address, &german) else { continue };
        assert_eq!(database.place(address).as_ref(), Some(&place));
        if let Some(name) = name {
            assert!(
                !name.is_empty()
                    && place.city_name.is_some()
                    && place.city_name.as_ref() != Some(&name)
            );
        }
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
