//! `cargo xtask lighthouse`: the page as a slow phone meets it, judged by Lighthouse.

use super::page;
use crate::{
    served::{Build, Served},
    slow_phone::{Report, SlowPhone},
    toolchain::system,
};
use anyhow::{Context, ensure};

/// What each category has to reach, of 100.
const GOALS: [(&str, u32); 3] =
    [("performance", 98), ("accessibility", 100), ("best-practices", 100)];

/// What can be said about it.
#[derive(clap::Args)]
pub struct Options {
    /// How often it is measured; the median counts, as a busy machine makes a page look slow
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
}

/// Measures and prints a table; an error if a goal is missed.
pub fn run(options: &Options) -> anyhow::Result<()> {
    system::ensure()?;
    let phone = SlowPhone::ensure()?;
    page::run(&page::Options::default())?;
    let page = Served::start(Build::Release, &[])?;
    let reports = phone.visit(&page, &GOALS.map(|(category, _)| category), options.rounds)?;
    println!("\n{:<16} {:>6} {:>6}", "of 100", "median", "goal");
    let mut missed = Vec::new();
    for (category, goal) in GOALS {
        let median = median(reports.iter().map(|report| report.score(category)).collect())?;
        println!("{category:<16} {median:>6} {goal:>6}");
        if median < goal {
            missed.push(category);
        }
    }
    if let Some(report) = reports.last() {
        print_details(report);
    }
    ensure!(missed.is_empty(), "{} missed", missed.join(" and "));
    Ok(())
}

fn median(scores: Vec<Option<u32>>) -> anyhow::Result<u32> {
    let mut scores: Vec<u32> =
        scores.into_iter().collect::<Option<_>>().context("Lighthouse gave no score")?;
    scores.sort_unstable();
    Ok(scores[scores.len() / 2])
}

/// The times behind the score, and everything that is not perfect.
fn print_details(report: &Report) {
    println!("\nThe last round:");
    let times = ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time"];
    for name in times.iter().chain(&["interactive", "total-byte-weight"]) {
        println!("  {name:<26} {}", report.shown(name));
    }
    for title in report.weak() {
        println!("  not perfect: {title}");
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_round_counts() {
        assert!(median(vec![Some(90), Some(100), Some(98)]).is_ok_and(|median| median == 98));
        assert!(median(vec![Some(90), None]).is_err());
    }
}
