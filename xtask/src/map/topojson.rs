//! Reading TopoJSON: shapes made of arcs that neighbours share, with their points as steps on a grid.

use anyhow::Context;
use serde_json::Value;

/// Degrees east and north.
pub type Point = (f64, f64);

/// Outlines: the outer one first, then its holes.
pub type Polygon = Vec<Vec<Point>>;

/// One country.
pub struct Feature {
    /// Its number in ISO 3166-1, if it has one.
    pub number: Option<String>,
    /// Its name.
    pub name: String,
    /// Its parts.
    pub polygons: Vec<Polygon>,
}

/// The features of one of the file's objects.
pub fn features(topology: &Value, object: &str) -> anyhow::Result<Vec<Feature>> {
    let arcs = arcs(topology).context("the arcs cannot be read")?;
    let geometries = topology["objects"][object]["geometries"].as_array();
    let geometries = geometries.with_context(|| format!("there is no object {object}"))?;
    geometries.iter().map(|geometry| feature(geometry, &arcs)).collect()
}

fn feature(geometry: &Value, arcs: &[Vec<Point>]) -> anyhow::Result<Feature> {
    let name = geometry["properties"]["name"].as_str().unwrap_or_default().to_owned();
    let polygons = match geometry["type"].as_str() {
        Some("Polygon") => polygon(&geometry["arcs"], arcs).map(|polygon| vec![polygon]),
        Some("MultiPolygon") => geometry["arcs"]
            .as_array()
            .and_then(|polygons| polygons.iter().map(|each| polygon(each, arcs)).collect()),
        _ => None,
    };
    let polygons = polygons.with_context(|| format!("{name} has no outline"))?;
    let number = geometry["id"].as_str().map(str::to_owned);
    Ok(Feature { number, name, polygons })
}

fn polygon(rings: &Value, arcs: &[Vec<Point>]) -> Option<Polygon> {
    rings.as_array()?.iter().map(|indices| ring(indices, arcs)).collect()
}

/// Arcs in a row, each of which begins where the last one ended. A negative index is the same arc
/// backwards: its one's complement.
fn ring(indices: &Value, arcs: &[Vec<Point>]) -> Option<Vec<Point>> {
    let mut ring: Vec<Point> = Vec::new();
    for index in indices.as_array()? {
        let index = index.as_i64()?;
        let forwards = index >= 0;
        let index = if forwards { index } else { !index };
        let arc = arcs.get(usize::try_from(index).ok()?)?;
        ring.pop();
        if forwards {
            ring.extend(arc);
        } else {
            ring.extend(arc.iter().rev());
        }
    }
    // The last point is the first one again.
    ring.pop();
    Some(ring)
}

fn arcs(topology: &Value) -> Option<Vec<Vec<Point>>> {
    let pair = |value: &Value| Some((value.get(0)?.as_f64()?, value.get(1)?.as_f64()?));
    let scale = pair(&topology["transform"]["scale"])?;
    let origin = pair(&topology["transform"]["translate"])?;
    let arc = |arc: &Value| {
        let mut at = (0.0, 0.0);
        let step = |step: &Value| {
            let (x, y) = pair(step)?;
            at = (at.0 + x, at.1 + y);
            Some((at.0 * scale.0 + origin.0, at.1 * scale.1 + origin.1))
        };
        arc.as_array()?.iter().map(step).collect()
    };
    topology["arcs"].as_array()?.iter().map(arc).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    /// Two squares that share a side.
    #[test]
    fn neighbours_share_an_arc() {
        let topology = json!({
            "transform": {"scale": [2.0, 1.0], "translate": [10.0, 20.0]},
            "arcs": [[[1, 0], [0, 1]], [[1, 1], [-1, 0], [0, -1], [1, 0]], [[1, 0], [1, 0], [0, 1], [-1, 0]]],
            "objects": {"x": {"geometries": [
                {"type": "Polygon", "arcs": [[0, 1]], "id": "001", "properties": {"name": "left"}},
                {"type": "MultiPolygon", "arcs": [[[2, -1]]], "properties": {"name": "right"}},
            ]}}
        });
        let features = features(&topology, "x").unwrap();
        assert_eq!(features[0].number.as_deref(), Some("001"));
        let left = [(12.0, 20.0), (12.0, 21.0), (10.0, 21.0), (10.0, 20.0)];
        assert_eq!(features[0].polygons, [vec![left.to_vec()]]);
        let right = [(12.0, 20.0), (14.0, 20.0), (14.0, 21.0), (12.0, 21.0)];
        assert_eq!(features[1].polygons, [vec![right.to_vec()]]);
        assert_eq!(features[1].number, None);
    }
}
