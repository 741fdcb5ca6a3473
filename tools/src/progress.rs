//! Progress of long work, on standard error, where somebody watches.

use indicatif::{ProgressBar, ProgressStyle};
use std::{borrow::Cow, time::Duration};

/// A bar up to `total`, or, where that is not known, a counter.
pub fn bar(total: Option<u64>, of: impl Into<Cow<'static, str>>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let template = if total.is_some() {
        "{bar:30} {human_pos} of {human_len} {msg}, {per_sec}, {eta} to go"
    } else {
        "{spinner} {human_pos} {msg}, {per_sec}"
    };
    // A template that cannot be read leaves the usual bar.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.with_message(of)
}

/// Counts towards a bar, which is told only now and then: telling it takes longer than an event.
pub struct Ticks<'a> {
    bar: &'a ProgressBar,
    untold: u64,
}

impl<'a> Ticks<'a> {
    /// None yet.
    pub fn new(bar: &'a ProgressBar) -> Self {
        Self { bar, untold: 0 }
    }

    /// One more.
    pub fn tick(&mut self) {
        self.untold += 1;
        if self.untold == 4096 {
            self.bar.inc(self.untold);
            self.untold = 0;
        }
    }
}

impl Drop for Ticks<'_> {
    fn drop(&mut self) {
        self.bar.inc(self.untold);
    }
}

/// A number with its thousands apart: `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let texts = [0, 12, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "12", "999", "1,000", "1,234,567"]);
    }
}
