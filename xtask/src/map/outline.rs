//! Outlines as short SVG paths, rounded to whole units of the map: half a thousandth of its width.

use super::{
    edge,
    topojson::{Point, Polygon},
};
use equal_earth::project_from_middle;
use std::fmt::Write;

/// Islands smaller than this many square units are left out, unless they are all there is.
const SPECK: i64 = 6;

/// A country with less than this is a point: nobody would see its shade.
const LEAST: i64 = 16;

/// The country as a path; empty if there is no room for one.
pub fn path(polygons: &[Polygon]) -> String {
    let rings: Vec<_> = polygons.iter().flatten().flat_map(|ring| rounded(ring)).collect();
    let whole: i64 = rings.iter().map(|ring| area(ring)).sum();
    let mut path = String::new();
    if whole >= LEAST {
        for ring in rings.iter().filter(|ring| area(ring) >= SPECK) {
            write_ring(&mut path, ring);
        }
    }
    path
}

/// The middle of the country's largest part, for a point.
pub fn middle(polygons: &[Polygon]) -> Option<Point> {
    let parts = polygons.iter().filter_map(|polygon| polygon.first());
    let parts: Vec<_> = parts.flat_map(|ring| projected(ring)).collect();
    let largest = parts.iter().max_by(|a, b| exact_area(a).total_cmp(&exact_area(b)))?;
    let count = largest.len() as f64;
    let sum = largest.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    Some((sum.0 / count, sum.1 / count))
}

fn projected(ring: &[Point]) -> Vec<Vec<Point>> {
    let parts = edge::cut(ring).into_iter();
    parts.map(|part| part.iter().map(|(x, y)| project_from_middle(*y, *x)).collect()).collect()
}

/// The ring's parts in whole units, without points that say nothing.
fn rounded(ring: &[Point]) -> Vec<Vec<(i64, i64)>> {
    let parts = projected(ring).into_iter();
    parts
        .map(|part| {
            let mut points: Vec<_> =
                part.iter().map(|(x, y)| (x.round() as i64, y.round() as i64)).collect();
            points.dedup();
            while points.len() > 1 && points.first() == points.last() {
                points.pop();
            }
            straightened(&points)
        })
        .filter(|part| part.len() > 2)
        .collect()
}

/// Without points in the middle of straight lines. Neighbours still fit, as no line moves.
fn straightened(points: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let count = points.len();
    let needed = |index: usize| {
        let (a, b, c) =
            (points[(index + count - 1) % count], points[index], points[(index + 1) % count]);
        let (ab, bc) = ((b.0 - a.0, b.1 - a.1), (c.0 - b.0, c.1 - b.1));
        let straight = ab.0 * bc.1 == ab.1 * bc.0 && ab.0 * bc.0 + ab.1 * bc.1 > 0;
        !straight
    };
    (0..count).filter(|index| needed(*index)).map(|index| points[index]).collect()
}

/// The area, always positive.
fn area(ring: &[(i64, i64)]) -> i64 {
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<i64>().abs() / 2
}

fn exact_area(ring: &[Point]) -> f64 {
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>().abs() / 2.0
}

/// In steps, which are shorter than positions.
fn write_ring(path: &mut String, ring: &[(i64, i64)]) {
    let mut last = (0, 0);
    for (index, (x, y)) in ring.iter().enumerate() {
        let command = match index {
            0 => "M",
            1 => "l",
            _ => "",
        };
        let (dx, dy) = (x - last.0, y - last.1);
        // A minus separates by itself.
        let before = if command.is_empty() && dx >= 0 { " " } else { "" };
        let between = if dy >= 0 { " " } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(path, "{command}{before}{dx}{between}{dy}");
        last = (*x, *y);
    }
    path.push('z');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_short() {
        let mut path = String::new();
        write_ring(&mut path, &[(10, 20), (15, 18), (15, 30)]);
        assert_eq!(path, "M10 20l5-2 0 12z");
    }

    #[test]
    fn points_on_straight_lines_go() {
        let ring = [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (0, 2)];
        assert_eq!(straightened(&ring), [(0, 0), (2, 0), (2, 2), (0, 2)]);
        assert_eq!(area(&ring), 4);
        let there_and_back = [(0, 0), (2, 0), (1, 0), (1, 2)];
        assert_eq!(straightened(&there_and_back).len(), 4);
    }

    #[test]
    fn small_countries_have_no_path_but_a_middle() {
        let at = |x: f64, y: f64, size: f64| {
            vec![vec![(x, y), (x + size, y), (x + size, y + size), (x, y + size)]]
        };
        assert_eq!(path(&[at(103.8, 1.3, 0.2)]), "");
        let middle = middle(&[at(50.0, 50.0, 0.1), at(103.8, 1.3, 0.2)]);
        let expected = equal_earth::project(1.4, 103.9);
        let distance = |a: Point, b: Point| (a.0 - b.0).hypot(a.1 - b.1);
        assert!(middle.is_some_and(|middle| distance(middle, expected) < 0.1), "{middle:?}");
        assert!(path(&[at(10.0, 10.0, 5.0)]).starts_with('M'));
    }
}
