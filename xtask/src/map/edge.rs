//! Outlines that cross the map's edge are cut there, and each side gets its part.

use super::topojson::Point;
use equal_earth::from_middle;

/// The parts of a ring, with longitudes relative to the map's middle. Mostly one.
pub fn cut(ring: &[Point]) -> Vec<Vec<Point>> {
    let unrolled = unroll(ring);
    // Nothing goes around the earth more than once.
    [-360.0, 0.0, 360.0]
        .into_iter()
        .map(|turn| {
            let moved: Vec<_> = unrolled.iter().map(|(x, y)| (x + turn, *y)).collect();
            keep(&keep(&moved, |x| x + 180.0), |x| 180.0 - x)
        })
        .filter(|part| part.len() > 2)
        .collect()
}

/// The ring without jumps from one side of the map to the other: beyond the edge it goes on.
fn unroll(ring: &[Point]) -> Vec<Point> {
    let mut turn = 0.0;
    let mut last = None;
    let unrolled = ring.iter().map(|(longitude, latitude)| {
        let x = from_middle(*longitude);
        if let Some(last) = last {
            let step: f64 = x - last;
            // The shorter way round.
            turn -= (step / 360.0).round() * 360.0;
        }
        last = Some(x);
        (x + turn, *latitude)
    });
    unrolled.collect()
}

/// The part of a ring where `inside` is not negative (Sutherland and Hodgman, 1974). `inside` has to
/// be linear in x.
fn keep(ring: &[Point], inside: impl Fn(f64) -> f64) -> Vec<Point> {
    let mut kept = Vec::with_capacity(ring.len());
    let previous = ring.iter().cycle().skip(ring.len().saturating_sub(1));
    for (a, b) in previous.zip(ring) {
        let (from, to) = (inside(a.0), inside(b.0));
        if (from < 0.0) != (to < 0.0) {
            let share = from / (from - to);
            kept.push((a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share));
        }
        if to >= 0.0 {
            kept.push(*b);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use equal_earth::MIDDLE;

    #[test]
    fn a_square_across_the_edge_becomes_two() {
        let edge = MIDDLE - 180.0;
        let west = edge + 350.0;
        let square = [(west, 0.0), (edge + 20.0, 0.0), (edge + 20.0, 5.0), (west, 5.0)];
        let parts = cut(&square);
        assert_eq!(parts.len(), 2, "{parts:?}");
        let span = |part: &[Point]| {
            let xs = part.iter().map(|(x, _)| *x);
            (xs.clone().fold(f64::MAX, f64::min).round(), xs.fold(f64::MIN, f64::max).round())
        };
        let mut spans: Vec<_> = parts.iter().map(|part| span(part)).collect();
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert_eq!(spans, [(-180.0, -160.0), (170.0, 180.0)]);
    }

    #[test]
    fn other_rings_stay_as_they_are() {
        // Across 180 degrees, which is not the map's edge.
        let square = [(179.0, 0.0), (-179.0, 0.0), (-179.0, 5.0), (179.0, 5.0)];
        let parts = cut(&square);
        assert_eq!(parts.len(), 1);
        let xs: Vec<f64> = parts.concat().iter().map(|(x, _)| x + MIDDLE).collect();
        assert_eq!(xs, [179.0, 181.0, 181.0, 179.0]);
    }
}
