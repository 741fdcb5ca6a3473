//! The world map of the big screen, made from Natural Earth.

mod country;
mod edge;
mod iso;
mod outline;
mod places;
mod topojson;

use serde_json::Value;
use std::collections::BTreeMap;

/// What stands above the outlines.
const HEADER: &str = "\
# The world for the big screen. Made by `cargo xtask map` from Natural Earth (public domain), by way
# of npm's world-atlas 2.0.2; do not edit. Equal Earth, in the units of live/equal-earth.
# A line for each code of ISO 3166-1: an SVG path, or a point where there is no room for one.
";

/// The file's text. `coarse` has the outlines; `fine` knows of small countries too.
pub fn make(coarse: &Value, fine: &Value) -> anyhow::Result<String> {
    let mut lines = BTreeMap::new();
    for (code, polygons) in country::countries(topojson::features(coarse, "countries")?) {
        let path = outline::path(&polygons);
        if !path.is_empty() {
            lines.insert(code, path);
        }
    }
    for (code, polygons) in country::countries(topojson::features(fine, "countries")?) {
        if let Some(point) = outline::middle(&polygons) {
            lines.entry(code).or_insert_with(|| shown(point));
        }
    }
    for (code, latitude, longitude) in places::PLACES {
        let point = equal_earth::project(latitude, longitude);
        lines.entry(code).or_insert_with(|| shown(point));
    }
    let lines = lines.into_iter().map(|(code, shape)| format!("{code} {shape}\n"));
    Ok(HEADER.to_owned() + &lines.collect::<String>())
}

fn shown((x, y): (f64, f64)) -> String {
    format!("{x:.0} {y:.0}")
}
