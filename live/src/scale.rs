//! Shades for numbers: a few classes in equal steps of the logarithm, with bounds that are easy to
//! read. Pure.

/// The strongest shade; 1 is the faintest, 0 is none.
pub const SHADES: usize = 6;

/// The classes for what there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// The least of each class, ascending.
    bounds: Vec<u64>,
}

impl Scale {
    /// Classes up to this number.
    pub fn up_to(most: u64) -> Self {
        let mut bounds: Vec<u64> = Vec::new();
        for class in 0..SHADES {
            let exact = (most.max(1) as f64).powf(class as f64 / SHADES as f64);
            let bound = one_digit(exact);
            if bound <= most && bounds.last().is_none_or(|last| bound > *last) {
                bounds.push(bound);
            }
        }
        Self { bounds }
    }

    /// The shade of a number.
    pub fn shade(&self, number: u64) -> usize {
        let class = self.bounds.iter().filter(|bound| **bound <= number).count();
        self.shade_of_class(class)
    }

    /// Few classes are spread over all shades, so that they can be told apart.
    fn shade_of_class(&self, class: usize) -> usize {
        let classes = self.bounds.len().max(1);
        (class * SHADES).div_ceil(classes).min(SHADES)
    }

    /// Each shade with the numbers it stands for, faintest first; the last has no end. `short` writes numbers.
    pub fn legend(&self, short: impl Fn(u64) -> String) -> Vec<(usize, String)> {
        let class = |(index, from): (usize, &u64)| {
            let text = match self.bounds.get(index + 1) {
                Some(next) if next - from == 1 => short(*from),
                Some(next) if *next <= 1000 => format!("{from}–{}", next - 1),
                _ => format!("{}+", short(*from)),
            };
            (self.shade_of_class(index + 1), text)
        };
        self.bounds.iter().enumerate().map(class).collect()
    }
}

/// Rounded to its first digit.
fn one_digit(number: f64) -> u64 {
    let unit = 10_f64.powf(number.log10().floor());
    ((number / unit).round() * unit) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(number: u64) -> String {
        if number >= 1000 { format!("{}k", number / 1000) } else { number.to_string() }
    }

    #[test]
    fn bounds_have_one_digit_and_grow_evenly() {
        assert_eq!(Scale::up_to(1_000_000).bounds, [1, 10, 100, 1000, 10_000, 100_000]);
        assert_eq!(Scale::up_to(1000).bounds, [1, 3, 10, 30, 100, 300]);
        assert_eq!(Scale::up_to(5).bounds, [1, 2, 3, 4]);
        assert_eq!(Scale::up_to(1).bounds, [1]);
        assert!(Scale::up_to(0).bounds.is_empty());
        assert_eq!(Scale::up_to(u64::MAX).bounds.len(), SHADES);
    }

    #[test]
    fn shades_go_from_none_to_the_strongest() {
        for most in [1, 2, 5, 17, 1000, 123_456] {
            let scale = Scale::up_to(most);
            assert_eq!(scale.shade(0), 0);
            assert_eq!(scale.shade(most), SHADES);
            let shades: Vec<_> = (0..=most).map(|number| scale.shade(number)).collect();
            assert!(shades.is_sorted());
        }
    }

    #[test]
    fn the_legend_says_what_is_shown() {
        let legend = |most| Scale::up_to(most).legend(short).into_iter().map(|(_, text)| text);
        assert_eq!(legend(5).collect::<Vec<_>>(), ["1", "2", "3", "4+"]);
        assert_eq!(
            legend(1000).collect::<Vec<_>>(),
            ["1–2", "3–9", "10–29", "30–99", "100–299", "300+"]
        );
        assert_eq!(legend(1_000_000).next_back().as_deref(), Some("100k+"));
        assert_eq!(Scale::up_to(2).legend(short).last().map(|(shade, _)| *shade), Some(SHADES));
    }
}
