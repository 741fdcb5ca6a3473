//! The world map: outlines and points by ISO 3166-1 code, made by `cargo xtask map`. Pure.

const WORLD: &str = include_str!("world.txt");

/// What stands for a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An SVG path.
    Outline(&'static str),
    /// A point, where there is no room for more.
    Point(u32, u32),
}

/// All of them, by their codes.
pub fn world() -> impl Iterator<Item = (&'static str, Shape)> {
    WORLD.lines().filter_map(|line| {
        let (code, shape) = line.split_once(' ')?;
        if code == "#" {
            return None;
        }
        if shape.starts_with('M') {
            return Some((code, Shape::Outline(shape)));
        }
        let (x, y) = shape.split_once(' ')?;
        Some((code, Shape::Point(x.parse().ok()?, y.parse().ok()?)))
    })
}

#[cfg(test)]
mod tests;
