//! The page as a slow phone meets it, by Lighthouse: a phone of the middle range on a slow 4G network
//! (150 ms to a server and back, 1.6 Mbit/s), simulated from what a browser here really did.

use crate::{
    process,
    served::Served,
    toolchain::{browser, lighthouse},
};
use anyhow::Context;
use serde_json::Value;
use std::{fs, path::PathBuf, process::Command, time::Duration};

/// For one round.
const LIMIT: Duration = Duration::from_secs(180);

const CHROME: &str = "--headless=new --no-sandbox --disable-gpu --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync";

/// Lighthouse, and the browser that it uses.
pub struct SlowPhone {
    program: PathBuf,
    chromium: PathBuf,
}

/// What Lighthouse says after one round.
pub struct Report(Value);

impl SlowPhone {
    /// Installs what is missing.
    pub fn ensure() -> anyhow::Result<Self> {
        browser::ensure()?;
        Ok(Self { program: lighthouse::ensure()?, chromium: browser::chromium()? })
    }

    /// Loads the page so many times, each time in a fresh browser, and judges it by these categories.
    pub fn visit(
        &self,
        page: &Served,
        categories: &[&str],
        rounds: u8,
    ) -> anyhow::Result<Vec<Report>> {
        let folder = tempfile::tempdir()?;
        let report = folder.path().join("report.json");
        let round = |round| {
            process::run_within(
                LIMIT,
                &format!("Lighthouse, round {round} of {rounds}"),
                Command::new(&self.program)
                    .arg(page.url())
                    .args(["--quiet", "--output=json"])
                    .arg(format!("--output-path={}", report.display()))
                    .arg(format!("--only-categories={}", categories.join(",")))
                    .arg(format!("--chrome-flags={CHROME}"))
                    .env("CHROME_PATH", &self.chromium),
            )?;
            let text = fs::read_to_string(&report).context("Lighthouse left no report")?;
            // The next round is not to find this one.
            fs::remove_file(&report)?;
            Ok(Report(serde_json::from_str(&text)?))
        };
        (1..=rounds).map(round).collect()
    }
}

impl Report {
    /// A category's score, of 100.
    pub fn score(&self, category: &str) -> Option<u32> {
        let score = self.0["categories"][category]["score"].as_f64()?;
        // Scores have two digits.
        Some((score * 100.0).round() as u32)
    }

    /// What an audit measured, times in milliseconds.
    pub fn measured(&self, audit: &str) -> Option<f64> {
        self.0["audits"][audit]["numericValue"].as_f64()
    }

    /// The same as Lighthouse writes it.
    pub fn shown(&self, audit: &str) -> &str {
        self.0["audits"][audit]["displayValue"].as_str().unwrap_or("?")
    }

    /// The titles of the audits that are not perfect.
    pub fn weak(&self) -> impl Iterator<Item = &str> {
        let audits = self.0["audits"].as_object().into_iter().flat_map(|audits| audits.values());
        audits
            .filter(|audit| audit["score"].as_f64().is_some_and(|score| score < 0.9))
            .map(|audit| audit["title"].as_str().unwrap_or("?"))
    }
}

#[cfg(test)]
mod tests {
    use super::Report;
    use serde_json::json;

    fn report() -> Report {
        Report(json!({
            "categories": {"performance": {"score": 0.98}, "seo": {"score": null}},
            "audits": {
                "first-contentful-paint": {
                    "title": "First Contentful Paint", "score": 1, "scoreDisplayMode": "numeric",
                    "numericValue": 912.5, "numericUnit": "millisecond", "displayValue": "0.9 s"
                },
                "interactive": {"title": "Time to Interactive", "score": 0.7, "numericValue": 4000},
                "speed-index": {"title": "Speed Index", "score": null, "errorMessage": "NO_FCP"}
            }
        }))
    }

    #[test]
    fn scores_are_of_100() {
        assert_eq!(report().score("performance"), Some(98));
        assert_eq!(report().score("seo"), None);
    }

    #[test]
    fn an_audit_that_failed_measured_nothing() {
        let report = report();
        assert_eq!(report.measured("first-contentful-paint"), Some(912.5));
        assert_eq!(report.shown("first-contentful-paint"), "0.9 s");
        assert_eq!(report.measured("speed-index"), None);
        assert_eq!(report.measured("total-blocking-time"), None);
        assert_eq!(report.shown("total-blocking-time"), "?");
        assert_eq!(report.weak().collect::<Vec<_>>(), ["Time to Interactive"]);
    }
}
