//! A geo database whose file is damaged, or was made to do damage.

use relay::geo::Database;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

/// No look-up panics, and what is found can be written in every place that it goes to.
pub fn run(file: &[u8]) {
    let path = Path::new("a.mmdb");
    let Ok(database) = Database::from_bytes(file.to_vec(), path) else { return };
    let _ = (database.name().len(), database.built(), database.verify(path));
    let mut networks = 0;
    let _ = database.networks(|_, country| {
        assert_eq!(country.len(), 2);
        networks += 1;
    });
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

/// Those that the example knows, and some of every kind.
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
