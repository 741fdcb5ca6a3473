//! Reading what the relay sends. Pure.

pub use schemas::stats::{Country, Latest, MapPoint, Presses, Progress, Stats, You};

/// Reads the numbers or the viewer's part; `None` for what is something else.
pub fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_else_is_nothing() {
        assert_eq!(parse::<Stats>("<html>"), None);
    }
}
