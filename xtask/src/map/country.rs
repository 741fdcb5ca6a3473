//! Which parts belong to which code.

use super::{
    iso,
    topojson::{Feature, Polygon},
};

/// Antarctica: nobody lives there, and it would take a fifth of the map.
const LEFT_OUT: &str = "AQ";

/// The atlas goes by sovereign states. ISO has codes of their own for some parts far away, and geo
/// databases use them: these boxes (west, south, east, north) belong to the second code.
const FAR_AWAY: [(&str, &str, [f64; 4]); 6] = [
    ("FR", "GF", [-55.0, 2.0, -51.0, 6.0]),
    ("FR", "GP", [-62.0, 15.8, -60.9, 16.6]),
    ("FR", "MQ", [-61.3, 14.3, -60.7, 15.0]),
    ("FR", "RE", [55.0, -21.5, 56.0, -20.8]),
    ("FR", "YT", [44.9, -13.1, 45.4, -12.6]),
    ("NO", "SJ", [-10.0, 70.5, 35.0, 82.0]),
];

/// The countries that have a code, and their polygons.
pub fn countries(features: Vec<Feature>) -> Vec<(&'static str, Vec<Polygon>)> {
    let mut countries: Vec<(&'static str, Vec<Polygon>)> = Vec::new();
    for feature in features {
        let Some(state) = iso::alpha_2(feature.number.as_deref(), &feature.name) else { continue };
        for polygon in feature.polygons {
            let code = part_of(state, &polygon);
            if code == LEFT_OUT {
                continue;
            }
            match countries.iter_mut().find(|(known, _)| *known == code) {
                Some((_, polygons)) => polygons.push(polygon),
                None => countries.push((code, vec![polygon])),
            }
        }
    }
    countries
}

fn part_of(state: &'static str, polygon: &Polygon) -> &'static str {
    let inside = |[west, south, east, north]: [f64; 4]| {
        let mut points = polygon.iter().flatten();
        points.all(|(x, y)| (west..=east).contains(x) && (south..=north).contains(y))
    };
    let part = FAR_AWAY.iter().find(|(of, _, area)| *of == state && inside(*area));
    part.map_or(state, |(_, code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(west: f64, south: f64) -> Polygon {
        let (east, north) = (west + 1.0, south + 1.0);
        vec![vec![(west, south), (east, south), (east, north), (west, north)]]
    }

    fn feature(number: Option<&str>, name: &str, polygons: Vec<Polygon>) -> Feature {
        Feature { number: number.map(str::to_owned), name: name.to_owned(), polygons }
    }

    #[test]
    fn far_parts_get_their_own_code() {
        let found = countries(vec![
            feature(Some("250"), "France", vec![square(2.0, 46.0), square(-54.0, 3.0)]),
            feature(Some("578"), "Norway", vec![square(10.0, 60.0), square(16.0, 78.0)]),
            feature(Some("010"), "Antarctica", vec![square(0.0, -80.0)]),
            feature(None, "Somaliland", vec![square(45.0, 9.0)]),
        ]);
        let codes: Vec<_> = found.iter().map(|(code, polygons)| (*code, polygons.len())).collect();
        assert_eq!(codes, [("FR", 1), ("GF", 1), ("NO", 1), ("SJ", 1)]);
    }
}
