//! Presses per second as a small area. Pure.

use crate::numbers::tenths;
use std::fmt::Write;

/// Less than this does not fill the height: one press is no mountain.
const LEAST: u32 = 4;

/// An SVG path in a box of this size; empty for nothing.
pub fn path(per_second: &[u32], width: f64, height: f64) -> String {
    let Some(last) = per_second.len().checked_sub(1).filter(|last| *last > 0) else {
        return String::new();
    };
    let most = f64::from(per_second.iter().copied().max().unwrap_or(0).max(LEAST));
    let mut path = format!("M0 {}", height.round() as i64);
    for (index, presses) in per_second.iter().enumerate() {
        let x = width * index as f64 / last as f64;
        let y = height * (1.0 - f64::from(*presses) / most);
        // Writing to a string cannot fail.
        let _ = write!(path, "L{} {}", tenths(x), tenths(y));
    }
    let _ = write!(path, "L{} {}Z", width.round() as i64, height.round() as i64);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_left_to_the_right_and_no_higher_than_the_box() {
        assert_eq!(path(&[0, 8, 4], 20.0, 10.0), "M0 10L0.0 10.0L10.0 0.0L20.0 5.0L20 10Z");
        assert_eq!(path(&[0, 1], 20.0, 10.0), "M0 10L0.0 10.0L20.0 7.5L20 10Z");
        assert_eq!(path(&[], 20.0, 10.0), "");
        assert_eq!(path(&[1], 20.0, 10.0), "");
    }
}
