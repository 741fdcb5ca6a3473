//! The steps of a long command: a heading when one starts, and a table of their times at the end, on
//! failure too.
//!
//! Steps run one after the other, in the foreground. Beside them a program can run in the background:
//! its output goes into a file and is printed when it is waited for, so that two outputs never mix.

use crate::process::Background;
use anyhow::Context;
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// The steps so far.
pub struct Steps {
    start: Instant,
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    took: Duration,
    failed: bool,
    /// What it could not check.
    not_checked: Option<String>,
    /// It ran beside others, so that the times add up to more than the whole.
    beside: bool,
}

/// Result of a check that needs something that is not available everywhere.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Checked, and nothing found.
    Checked,
    /// Not checked: what, and why.
    NotChecked(String),
}

/// A program that runs beside the steps; dropping it ends it.
pub struct Beside {
    name: &'static str,
    start: Instant,
    program: Background,
}

impl Steps {
    /// No steps yet; the time of the whole starts here.
    pub fn new() -> Self {
        Self { start: Instant::now(), rows: Vec::new() }
    }

    /// Runs a step in the foreground.
    pub fn run<T>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        println!("\n━━ {name}");
        let start = Instant::now();
        let outcome = step();
        self.add(name, start, outcome.is_err());
        outcome.with_context(|| format!("step “{name}”"))
    }

    /// Runs a step in the foreground that may be unable to check something, which the table shows.
    pub fn run_check(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> anyhow::Result<Outcome>,
    ) -> anyhow::Result<()> {
        let outcome = self.run(name, step)?;
        if let (Outcome::NotChecked(what), Some(row)) = (outcome, self.rows.last_mut()) {
            row.not_checked = Some(what);
        }
        Ok(())
    }

    /// Starts a program beside the steps that follow.
    pub fn start(&self, name: &'static str, command: &mut Command) -> anyhow::Result<Beside> {
        println!("\n━━ {name}: started beside what follows");
        Ok(Beside { name, start: Instant::now(), program: Background::start(command)? })
    }

    /// Waits for such a program, and prints what it printed.
    pub fn wait(&mut self, beside: Beside) -> anyhow::Result<()> {
        let Beside { name, start, program } = beside;
        println!("\n━━ {name}: output");
        let outcome = program.wait(true);
        let ended = outcome.as_ref().map_or_else(|_| Instant::now(), |ended| *ended);
        let (took, failed) = (ended - start, outcome.is_err());
        self.rows.push(Row { name, took, failed, not_checked: None, beside: true });
        outcome.map(drop).with_context(|| format!("step “{name}”"))
    }

    /// The table: seconds and name of each step, which of them failed, the whole, and what is not checked.
    pub fn summary(&self) -> String {
        let not_checked: Vec<_> =
            self.rows.iter().filter_map(|row| row.not_checked.as_deref()).collect();
        let title = match (self.rows.iter().any(|row| row.failed), not_checked.is_empty()) {
            (true, _) => "Failed",
            (false, true) => "All passed",
            (false, false) => "Passed, and not everything is checked",
        };
        let mut text = format!("\n━━ {title}\n");
        for Row { name, took, failed, not_checked, beside } in &self.rows {
            let note = match (failed, not_checked, beside) {
                (true, ..) => "  ← failed",
                (false, Some(_), _) => "  ← not checked",
                (false, None, true) => "  (beside the others)",
                (false, None, false) => "",
            };
            text += &format!("{:>6} s  {name}{note}\n", took.as_secs());
        }
        text += &format!("{:>6} s  in all", self.start.elapsed().as_secs());
        not_checked.iter().for_each(|what| text += &format!("\n━━ Not checked: {what}"));
        text
    }

    fn add(&mut self, name: &'static str, start: Instant, failed: bool) {
        let took = start.elapsed();
        self.rows.push(Row { name, took, failed, not_checked: None, beside: false });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn summary_of_passed_steps_does_not_claim_what_is_not_checked() {
        let mut steps = Steps::new();
        steps.run("Quick", || Ok(())).unwrap();
        assert!(steps.summary().contains("━━ All passed\n"));
        steps.run_check("Unavailable", || Ok(Outcome::NotChecked("this".to_owned()))).unwrap();
        assert!(!steps.summary().contains("All passed"));
    }

    #[test]
    fn summary_has_every_step_and_names_those_that_failed() {
        let mut steps = Steps::new();
        steps.run("Quick", || Ok(())).unwrap();
        let beside = steps.start("Beside", &mut Command::new("true")).unwrap();
        let failed: anyhow::Result<()> = steps.run("Wrong", || anyhow::bail!("no"));
        assert!(failed.is_err_and(|error| format!("{error:#}") == "step “Wrong”: no"));
        assert!(!steps.summary().contains("Beside"));
        steps.wait(beside).unwrap();
        let summary = steps.summary();
        let lines: Vec<_> = summary.lines().map(str::trim).collect();
        assert_eq!(
            lines[1..5],
            ["━━ Failed", "0 s  Quick", "0 s  Wrong  ← failed", "0 s  Beside  (beside the others)",]
        );
        let unavailable = || Ok(Outcome::NotChecked("this, as there is no network".to_owned()));
        steps.run_check("Unavailable", unavailable).unwrap();
        steps.run_check("Available", || Ok(Outcome::Checked)).unwrap();
        let summary = steps.summary();
        assert!(summary.contains("Unavailable  ← not checked\n"), "{summary}");
        assert!(summary.contains("Available\n"), "{summary}");
        assert!(summary.ends_with("\n━━ Not checked: this, as there is no network"), "{summary}");
        assert!(steps.wait(steps.start("Fails", &mut Command::new("false")).unwrap()).is_err());
        assert!(steps.summary().contains("Fails  ← failed"));
    }
}
