//! `cargo xtask lighthouse`: the page as a slow phone meets it, judged by Lighthouse.

use super::page;
use crate::{
    process,
    served::{Build, Served},
    toolchain::{browser, lighthouse, system},
};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::{fs, path::Path, process::Command, time::Duration};

/// What each category has to reach, of 100.
const GOALS: [(&str, u32); 3] =
    [("performance", 98), ("accessibility", 100), ("best-practices", 100)];

/// For one round.
const LIMIT: Duration = Duration::from_secs(180);

const CHROME: &str = "--headless=new --no-sandbox --disable-gpu --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync";

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
    browser::ensure()?;
    let (program, chromium) = (lighthouse::ensure()?, browser::chromium()?);
    page::run()?;
    let page = Served::start(Build::Release, &[])?;
    let folder = tempfile::tempdir()?;
    let mut reports = Vec::new();
    for round in 1..=options.rounds {
        let report = folder.path().join(format!("{round}.json"));
        let heading = format!("Lighthouse, round {round} of {}", options.rounds);
        process::run_within(
            LIMIT,
            &heading,
            Command::new(&program)
                .arg(page.url())
                .args(["--quiet", "--output=json"])
                .arg(format!("--output-path={}", report.display()))
                .arg(format!("--only-categories={}", GOALS.map(|(name, _)| name).join(",")))
                .arg(format!("--chrome-flags={CHROME}"))
                .env("CHROME_PATH", &chromium),
        )?;
        reports.push(read(&report)?);
    }
    println!("\n{:<16} {:>6} {:>6}", "of 100", "median", "goal");
    let mut missed = Vec::new();
    for (category, goal) in GOALS {
        let median = median(reports.iter().map(|report| score(report, category)).collect())?;
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

fn read(report: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(report).context("Lighthouse left no report")?;
    Ok(serde_json::from_str(&text)?)
}

/// A category's score, of 100.
fn score(report: &Value, category: &str) -> Option<u32> {
    let score = report["categories"][category]["score"].as_f64()?;
    // Scores have two digits.
    Some((score * 100.0).round() as u32)
}

fn median(scores: Vec<Option<u32>>) -> anyhow::Result<u32> {
    let mut scores: Vec<u32> =
        scores.into_iter().collect::<Option<_>>().context("Lighthouse gave no score")?;
    scores.sort_unstable();
    Ok(scores[scores.len() / 2])
}

/// The times behind the score, and everything that is not perfect.
fn print_details(report: &Value) {
    println!("\nThe last round:");
    let times = ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time"];
    for name in times.iter().chain(&["interactive", "total-byte-weight"]) {
        let shown = report["audits"][name]["displayValue"].as_str().unwrap_or("?");
        println!("  {name:<26} {shown}");
    }
    let audits = report["audits"].as_object().into_iter().flatten();
    let weak = audits.filter(|(_, audit)| audit["score"].as_f64().is_some_and(|score| score < 0.9));
    for (_, audit) in weak {
        println!("  not perfect: {}", audit["title"].as_str().unwrap_or("?"));
    }
}

#[cfg(test)]
mod tests {
    use super::{median, score};
    use serde_json::json;

    #[test]
    fn the_median_round_counts() {
        assert!(median(vec![Some(90), Some(100), Some(98)]).is_ok_and(|median| median == 98));
        assert!(median(vec![Some(90), None]).is_err());
    }

    #[test]
    fn scores_are_of_100() {
        let report = json!({"categories": {"performance": {"score": 0.98}, "x": {"score": null}}});
        assert_eq!(score(&report, "performance"), Some(98));
        assert_eq!(score(&report, "x"), None);
    }
}
