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

/// A point within the country, for what has no place but the country; `None` for a code that is not on the map.
pub fn middle(code: &str) -> Option<(f64, f64)> {
    match world().find(|(known, _)| *known == code)?.1 {
        Shape::Outline(path) => widest_row(&rings(path)),
        Shape::Point(x, y) => Some((x.into(), y.into())),
    }
}

/// Points in order.
type Ring = Vec<(f64, f64)>;

/// The rings of a path, each of which is a start and steps.
fn rings(path: &str) -> Vec<Ring> {
    let ring = |text: &str| {
        let mut at = (0.0, 0.0);
        let numbers = numbers(text);
        let steps = numbers.as_chunks::<2>().0.iter().map(|[x, y]| {
            at = (at.0 + f64::from(*x), at.1 + f64::from(*y));
            at
        });
        steps.collect()
    };
    path.split(['M', 'z']).filter(|text| !text.is_empty()).map(ring).collect()
}

/// Whole numbers, which a minus separates too.
fn numbers(text: &str) -> Vec<i32> {
    let mut numbers = Vec::new();
    let mut number: Option<(i32, i32)> = None;
    for character in text.chars().chain([' ']) {
        if let Some(digit) = character.to_digit(10) {
            let (sign, digits) = number.unwrap_or((1, 0));
            number = Some((sign, digits * 10 + digit as i32));
            continue;
        }
        numbers.extend(number.take().map(|(sign, digits)| sign * digits));
        if character == '-' {
            number = Some((-1, 0));
        }
    }
    numbers
}

/// Rows that are looked at for the widest part.
const ROWS: i32 = 15;

/// The middle of the widest part in a row, by the even-odd rule: always within the rings, and mostly where a name
/// would be written.
fn widest_row(rings: &[Ring]) -> Option<(f64, f64)> {
    let ys = || rings.iter().flatten().map(|(_, y)| *y);
    let (top, bottom) = (ys().reduce(f64::min)?, ys().reduce(f64::max)?);
    let mut widest: Option<(f64, (f64, f64))> = None;
    for row in 0..ROWS {
        let y = top + (bottom - top) * (f64::from(row) + 0.5) / f64::from(ROWS);
        let mut crossings = Vec::new();
        for ring in rings {
            for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                if (a.1 > y) != (b.1 > y) {
                    crossings.push(a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0));
                }
            }
        }
        crossings.sort_by(f64::total_cmp);
        for [from, to] in crossings.as_chunks::<2>().0 {
            if widest.is_none_or(|(width, _)| to - from > width) {
                widest = Some((to - from, ((from + to) / 2.0, y)));
            }
        }
    }
    widest.map(|(_, point)| point)
}

#[cfg(test)]
mod tests;
