//! Made-up places for local visitors, for demonstrations.

use super::database::Database;
use schemas::{Place, Uuid};
use std::net::Ipv4Addr;

/// Most of the public address space has a place; this many tries practically always find one.
const TRIES: u64 = 200;

/// A place that the database really has, the same for the same session.
pub(super) fn place(database: &Database, session: Uuid) -> Option<Place> {
    let (high, low) = session.as_u64_pair();
    (0..TRIES).find_map(|attempt| {
        let address = Ipv4Addr::from(mix(high ^ low.rotate_left(17) ^ mix(attempt)) as u32);
        database.place(address.into()).filter(|place| place.city_name.is_some())
    })
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): spreads every bit over all others.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
