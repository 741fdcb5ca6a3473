//! The findings, for people and for scripts.

use super::{Gap, Verdict};
use crate::progress::thousands;
use schemas::MAX_COUNT;
use serde::Serialize;
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// Where it was looked.
#[derive(Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Source {
    /// Kafka.
    Topic {
        /// Its name.
        topic: String,
        /// How many partitions it has.
        partitions: usize,
        /// Messages that were read.
        messages: u64,
        /// Messages that are no events.
        unreadable: u64,
    },
    /// A relay's store.
    Store {
        /// Its file.
        file: PathBuf,
        /// Rows that are no events.
        unreadable: u64,
    },
    /// The sink's table.
    Postgresql {
        /// Rows that were read.
        rows: u64,
        /// Rows that are no events.
        unreadable: u64,
    },
}

/// What `audit` says.
#[derive(Serialize)]
pub struct Report {
    /// Where it was looked.
    #[serde(flatten)]
    pub source: Source,
    /// What was found.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Report {
    /// One JSON object.
    pub fn print_json(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, self)?;
        writeln!(out)
    }

    /// A table.
    pub fn print(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}\n", self.source.line())?;
        let Verdict { tally, sessions, missing, gaps } = &self.verdict;
        for (name, number, meaning) in [
            ("events", Some(tally.events), ""),
            ("repeats", Some(tally.repeats), "the same event again: harmless"),
            ("out of order", tally.out_of_order, "after one of their session with a higher count"),
            ("sessions", Some(sessions.total), ""),
            ("  complete", Some(sessions.complete), ""),
            ("  unfinished", Some(sessions.unfinished), "no ExitPage yet"),
            ("  with gaps", Some(sessions.with_gaps), ""),
            ("missing events", Some(*missing), ""),
        ] {
            let Some(number) = number else { continue };
            writeln!(
                out,
                "{}",
                format!("{name:<16} {:>14}  {meaning}", thousands(number)).trim_end()
            )?;
        }
        if tally.beyond_belief > 0 {
            let number = thousands(tally.beyond_belief);
            let most = thousands(MAX_COUNT);
            writeln!(out, "beyond belief    {number:>14}  counts above {most}; left out")?;
        }
        let clocks = [
            (Some(tally.clocks.set_back), "a second or more before the event before them"),
            (tally.clocks.ahead, "over a minute after they arrived"),
            (tally.clocks.late, "over an hour before they arrived"),
        ];
        writeln!(out, "\nBy the visitors' clocks, there happened")?;
        for (number, what) in clocks {
            if let Some(number) = number {
                writeln!(out, "{:>31}  {what}", thousands(number))?;
            }
        }
        if !gaps.is_empty() {
            let shown = thousands(gaps.len() as u64);
            writeln!(out, "\nSessions with gaps ({shown} of {}):", thousands(sessions.with_gaps))?;
            for gap in gaps {
                writeln!(out, "  {}", line(gap))?;
            }
        }
        Ok(())
    }
}

impl Source {
    fn line(&self) -> String {
        let passed_over = |unreadable: u64| match unreadable {
            0 => String::new(),
            number => format!(", {} of which are no events", thousands(number)),
        };
        match self {
            Self::Topic { topic, partitions, messages, unreadable } => format!(
                "Topic {topic}, {partitions} partitions: {} messages{}",
                thousands(*messages),
                passed_over(*unreadable)
            ),
            Self::Store { file, unreadable: 0 } => format!("Store {}", file.display()),
            Self::Store { file, unreadable } => {
                format!("Store {}: {} rows are no events", file.display(), thousands(*unreadable))
            }
            Self::Postgresql { rows, unreadable } => {
                format!("PostgreSQL: {} rows{}", thousands(*rows), passed_over(*unreadable))
            }
        }
    }
}

fn line(gap: &Gap) -> String {
    let Gap { session_id, expected, missing, finished } = gap;
    let gone: u64 = missing.iter().map(|(first, last)| u64::from(last - first + 1)).sum();
    let ranges: Vec<String> = missing
        .iter()
        .map(|(first, last)| match last - first {
            0 => format!("{first}"),
            _ => format!("{first}–{last}"),
        })
        .collect();
    let end = if *finished { "" } else { ", unfinished" };
    format!("{session_id}  {} of {expected}, missing {}{end}", expected - gone, ranges.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::Uuid;

    #[test]
    fn gaps_are_told_as_ranges() {
        let gap = Gap {
            session_id: Uuid::nil(),
            expected: 15,
            missing: vec![(3, 5), (9, 9)],
            finished: false,
        };
        let expected = "00000000-0000-0000-0000-000000000000  11 of 15, missing 3–5, 9, unfinished";
        assert_eq!(line(&gap), expected);
    }
}
