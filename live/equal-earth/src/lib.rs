//! From places on the earth to points of the map: the Equal Earth projection of Šavrič, Patterson and
//! Jenny (2018), in which areas keep their proportions. Pure.
//!
//! The big screen puts presses on the map with it, and `cargo xtask map` draws the outlines.

/// The map's middle, in degrees east: with it the map's edge runs through the Bering Strait and cuts
/// no country.
pub const MIDDLE: f64 = 11.0;

/// The map's width, in its own units.
pub const WIDTH: f64 = 2000.0;

/// The map's height, down to somewhat south of Cape Horn: Antarctica is left out.
pub const HEIGHT: f64 = 880.0;

/// The north end of the map: a little is free above Greenland.
const NORTH: f64 = 84.5;

/// The polynomial's coefficients.
const A: [f64; 4] = [1.340264, -0.081106, 0.000893, 0.003796];

/// Half the width of the whole earth at the equator, before scaling.
const HALF_WIDTH: f64 = 2.706_629_983_696_074;

/// Longitude relative to the map's middle, within ±180 degrees.
pub fn from_middle(longitude: f64) -> f64 {
    (longitude - MIDDLE + 180.0).rem_euclid(360.0) - 180.0
}

/// The point of a place, in the map's units.
pub fn project(latitude: f64, longitude: f64) -> (f64, f64) {
    project_from_middle(latitude, from_middle(longitude))
}

/// The same, with the longitude as [`from_middle`] gives it: the edge has two sides.
pub fn project_from_middle(latitude: f64, from_middle: f64) -> (f64, f64) {
    let scale = WIDTH / 2.0 / HALF_WIDTH;
    let (x, y) = raw(latitude.clamp(-90.0, 90.0), from_middle);
    let (_, top) = raw(NORTH, 0.0);
    (WIDTH / 2.0 + x * scale, (top - y) * scale)
}

/// On a sphere with radius 1, y upwards.
fn raw(latitude: f64, longitude: f64) -> (f64, f64) {
    let root_3 = 3.0_f64.sqrt();
    let theta = (root_3 / 2.0 * latitude.to_radians().sin()).asin();
    let t2 = theta * theta;
    let t6 = t2 * t2 * t2;
    let slope = 9.0 * A[3] * t6 * t2 + 7.0 * A[2] * t6 + 3.0 * A[1] * t2 + A[0];
    let x = 2.0 * root_3 * longitude.to_radians() * theta.cos() / (3.0 * slope);
    let y = theta * (A[3] * t6 * t2 + A[2] * t6 + A[1] * t2 + A[0]);
    (x, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: (f64, f64), b: (f64, f64), distance: f64) -> bool {
        (a.0 - b.0).hypot(a.1 - b.1) <= distance
    }

    /// The paper's own figures: a pole is 0.59247 of the equator, and the map 0.48672 as high as wide.
    #[test]
    fn the_proportions_are_those_of_the_paper() {
        let (equator, _) = raw(0.0, 180.0);
        let (pole, top) = raw(90.0, 180.0);
        assert!((equator - HALF_WIDTH).abs() < 1e-9);
        assert!((pole / equator - 0.59247).abs() < 1e-5, "{pole}");
        assert!((top / equator - 0.48672).abs() < 1e-5, "{top}");
        assert!(near(raw(0.0, 0.0), (0.0, 0.0), 1e-12));
        let (x, y) = raw(-38.7, -9.1);
        assert!(x < 0.0 && y < 0.0, "west is left, and south is down");
    }

    #[test]
    fn the_map_is_as_wide_as_the_earth() {
        assert!(near(project_from_middle(0.0, -180.0), (0.0, project(0.0, 0.0).1), 1e-9));
        assert!(near(project_from_middle(0.0, 180.0), (WIDTH, project(0.0, 0.0).1), 1e-9));
        let (_, y) = project(-56.0, -67.0);
        assert!((HEIGHT - 60.0..HEIGHT).contains(&y), "Cape Horn is at {y}");
    }

    #[test]
    fn longitudes_wrap_at_the_edge() {
        assert!((from_middle(-168.0) - -179.0).abs() < 1e-9);
        assert!((from_middle(-170.0) - 179.0).abs() < 1e-9);
        assert!((from_middle(371.0)).abs() < 1e-9);
    }

    /// Equal areas: a small square has the same area in the map wherever it is.
    #[test]
    fn areas_keep_their_proportions() {
        let area = |latitude: f64, longitude: f64| {
            let step = 0.01;
            let (x0, y0) = project(latitude, longitude);
            let (x1, y1) = project(latitude + step, longitude);
            let (x2, y2) = project(latitude, longitude + step);
            let cross = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
            cross.abs() / latitude.to_radians().cos()
        };
        let equator = area(0.0, 11.0);
        for (latitude, longitude) in [(38.7, -9.1), (60.0, 120.0), (-33.9, 18.4), (75.0, -40.0)] {
            assert!((area(latitude, longitude) / equator - 1.0).abs() < 2e-3, "{latitude}");
        }
    }
}
