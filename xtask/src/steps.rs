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
    /// It ran beside others, so that the times add up to more than the whole.
    beside: bool,
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
        self.add(name, start, outcome.is_err(), false);
        outcome.with_context(|| format!("step “{name}”"))
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
        self.rows.push(Row { name, took: ended - start, failed: outcome.is_err(), beside: true });
        outcome.map(drop).with_context(|| format!("step “{name}”"))
    }

    /// The table: seconds and name of each step, which of them failed, and the whole.
    pub fn summary(&self) -> String {
        let failed = self.rows.iter().any(|row| row.failed);
        let mut text = format!("\n━━ {}\n", if failed { "Failed" } else { "All passed" });
        for Row { name, took, failed, beside } in &self.rows {
            let note = match (failed, beside) {
                (true, _) => "  ← failed",
                (false, true) => "  (beside the others)",
                (false, false) => "",
            };
            text += &format!("{:>6} s  {name}{note}\n", took.as_secs());
        }
        text + &format!("{:>6} s  in all", self.start.elapsed().as_secs())
    }

    fn add(&mut self, name: &'static str, start: Instant, failed: bool, beside: bool) {
        self.rows.push(Row { name, took: start.elapsed(), failed, beside });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
        assert!(steps.wait(steps.start("Fails", &mut Command::new("false")).unwrap()).is_err());
        assert!(steps.summary().contains("Fails  ← failed"));
    }
}
