//! That places lie in their countries.

#![allow(clippy::unwrap_used)]

use super::*;
use equal_earth::{HEIGHT, WIDTH, project};
use std::collections::BTreeMap;

/// By the even-odd rule, as it is drawn.
fn contains(path: &str, (x, y): (f64, f64)) -> bool {
    let mut inside = false;
    for ring in rings(path) {
        for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            if (a.1 > y) != (b.1 > y) && x < a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0) {
                inside = !inside;
            }
        }
    }
    inside
}

/// The countries that a place lies in.
fn at(latitude: f64, longitude: f64) -> Vec<&'static str> {
    let point = project(latitude, longitude);
    let found = world().filter(|(_, shape)| match shape {
        Shape::Outline(path) => contains(path, point),
        Shape::Point(..) => false,
    });
    found.map(|(code, _)| code).collect()
}

#[test]
fn cities_lie_in_their_countries() {
    for (code, latitude, longitude) in [
        ("PT", 38.8, -9.1),   // Lisbon
        ("NO", 60.1, 10.7),   // Oslo
        ("FR", 48.9, 2.3),    // Paris
        ("GF", 4.5, -52.7),   // south of Cayenne
        ("XK", 42.6, 21.0),   // Pristina
        ("GB", 51.6, -0.4),   // London
        ("US", 39.7, -105.0), // Denver
        ("US", 64.8, -147.7), // Fairbanks
        ("RU", 55.8, 37.6),   // Moscow
        ("RU", 66.3, 179.5),  // Chukotka, before 180 degrees
        ("RU", 66.3, -175.0), // and beyond
        ("NZ", -38.5, 176.0),
        ("AU", -33.5, 149.5),
        ("JP", 36.2, 138.3),
        ("IN", 28.6, 77.2),
        ("BR", -15.8, -47.9),
        ("AR", -34.7, -59.0),
        ("ZA", -28.8, 25.0),
        ("KE", -0.5, 36.9),
        ("GL", 72.0, -40.0),
        ("TW", 23.9, 121.0),
        ("SJ", 78.5, 16.0),
    ] {
        assert_eq!(at(latitude, longitude), [code], "{latitude} {longitude}");
    }
}

#[test]
fn holes_are_holes() {
    assert_eq!(at(-29.6, 28.3), ["LS"], "not South Africa");
}

#[test]
fn what_has_no_code_is_not_there() {
    assert_eq!(at(9.6, 44.1), Vec::<&str>::new(), "Somaliland");
    assert_eq!(at(-80.0, 0.0), Vec::<&str>::new(), "Antarctica");
}

#[test]
fn every_code_is_there_once_but_antarctica() {
    let shapes: BTreeMap<_, _> = world().collect();
    assert_eq!(shapes.len(), world().count());
    // The 249 of ISO and Kosovo, without Antarctica.
    assert_eq!(shapes.len(), 249, "{:?}", shapes.keys());
    let small =
        ["SG", "MT", "HK", "MO", "BH", "MV", "MU", "LI", "MC", "SM", "VA", "AD", "BB", "LU"];
    for code in small.iter().chain(&["CW", "RE", "GI", "TV"]) {
        assert!(shapes.contains_key(code), "{code}");
    }
    for shape in shapes.values() {
        if let Shape::Point(x, y) = shape {
            assert!(f64::from(*x) <= WIDTH && f64::from(*y) <= HEIGHT);
        }
    }
}

#[test]
fn middle_of_a_country_lies_within_it() {
    for (code, shape) in world() {
        let (x, y) = middle(code).unwrap();
        match shape {
            Shape::Outline(path) => assert!(contains(path, (x, y)), "{code}: {x} {y}"),
            Shape::Point(px, py) => assert_eq!((x, y), (px.into(), py.into()), "{code}"),
        }
    }
    assert_eq!(middle("--"), None);
    // Not in Alaska, on the other side of the edge, or in a part of the country far away.
    for (code, latitude, longitude) in [("US", 40.0, -98.0), ("RU", 63.0, 95.0), ("FR", 47.0, 2.5)]
    {
        let (x, y) = middle(code).unwrap();
        let (px, py) = project(latitude, longitude);
        assert!((x - px).hypot(y - py) < 60.0, "{code}: {x} {y}, not {px} {py}");
    }
}

#[test]
fn small_countries_are_at_their_place() {
    for (code, latitude, longitude) in
        [("SG", 1.35, 103.82), ("VA", 41.9, 12.45), ("MT", 35.9, 14.4), ("BB", 13.2, -59.5)]
    {
        let Some((_, Shape::Point(x, y))) = world().find(|(known, _)| *known == code) else {
            panic!("{code} is no point");
        };
        let (px, py) = project(latitude, longitude);
        assert!((f64::from(x) - px).hypot(f64::from(y) - py) < 3.0, "{code}");
    }
}

/// No outline jumps from one side of the map to the other.
#[test]
fn nothing_crosses_the_edge() {
    for (code, shape) in world() {
        let Shape::Outline(path) = shape else { continue };
        for (a, b) in rings(path).iter().flat_map(|ring| ring.iter().zip(ring.iter().skip(1))) {
            assert!((a.0 - b.0).abs() < 200.0, "{code}: {a:?} {b:?}");
            assert!((0.0..=WIDTH).contains(&a.0) && (0.0..=HEIGHT).contains(&a.1), "{code}");
        }
    }
}
