//! The live numbers, as options of a command line.

use clap::Args;

/// What the live numbers show.
#[derive(Args, Clone, Copy, Debug)]
pub struct LiveOptions {
    /// Visits with a press, from 1 to 100, from which on the live numbers and the map name a place.
    /// The presses from other places are in the numbers of their country alone. 1 names every place,
    /// also that of a single visitor.
    #[arg(
        id = "live_min_visits",
        long = "live-min-visits",
        env = "RELAY_LIVE_MIN_VISITS",
        value_name = "NUMBER",
        default_value_t = LiveOptions::default().min_visits,
        value_parser = clap::value_parser!(u32).range(1..=100)
    )]
    pub min_visits: u32,
}

/// The defaults of the options.
impl Default for LiveOptions {
    fn default() -> Self {
        Self { min_visits: 3 }
    }
}
