//! What was made.

use super::mischief::Account;
use crate::progress::thousands;
use serde::Serialize;
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// What `generate` says.
#[derive(Serialize)]
pub struct Report {
    /// With it, the same visits can be made again.
    pub seed: u64,
    /// Visits that began.
    pub visits: u64,
    /// What happened in them.
    #[serde(flatten)]
    pub account: Account,
    /// How long it took.
    pub seconds: f64,
    /// How the messages fared.
    pub journey: Journey,
}

/// How the messages fared.
#[derive(Serialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Journey {
    /// To Kafka.
    Kafka {
        /// The topic.
        topic: String,
        /// Messages that Kafka has acknowledged.
        delivered: u64,
    },
    /// Into a store.
    Store {
        /// The file.
        file: PathBuf,
        /// Events that were committed, repeats included.
        stored: u64,
    },
    /// Through a relay.
    Relay(Requests),
}

/// What a relay said.
#[derive(Default, Serialize)]
pub struct Requests {
    /// Requests that were answered.
    pub requests: u64,
    /// Events that it acknowledged, repeats included.
    pub acknowledged: u64,
    /// Requests that were made again: the relay was busy, or did not answer.
    pub tried_again: u64,
    /// Time until a request's answer, in milliseconds: half of them took no longer.
    pub p50_millis: f64,
    /// 99 of 100 took no longer.
    pub p99_millis: f64,
    /// The slowest.
    pub max_millis: f64,
}

impl Report {
    /// One JSON object.
    pub fn print_json(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer(&mut out, self)?;
        writeln!(out)
    }

    /// For people.
    pub fn print(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let Account { happened, sent, lost, unseen_sessions, audit } = &self.account;
        let rate = (*sent as f64 / self.seconds.max(1e-9)) as u64;
        writeln!(
            out,
            "{} visits, {} events, {} messages in {:.1} s ({} a second), seed {}",
            thousands(self.visits),
            thousands(*happened),
            thousands(*sent),
            self.seconds,
            thousands(rate),
            self.seed,
        )?;
        match &self.journey {
            Journey::Kafka { topic, delivered } => {
                writeln!(out, "Kafka has {} in the topic {topic}", thousands(*delivered))?;
            }
            Journey::Store { file, stored } => {
                writeln!(out, "{} are in {}", thousands(*stored), file.display())?;
            }
            Journey::Relay(requests) => {
                let Requests { requests, acknowledged, tried_again, .. } = requests;
                writeln!(
                    out,
                    "The relay acknowledged {} in {} requests; {} were made again",
                    thousands(*acknowledged),
                    thousands(*requests),
                    thousands(*tried_again),
                )?;
            }
        }
        if let Journey::Relay(Requests { p50_millis, p99_millis, max_millis, .. }) = &self.journey {
            writeln!(
                out,
                "A request took {p50_millis:.1} ms in the middle, {p99_millis:.1} ms at the 99th \
                 percentile, {max_millis:.1} ms at most"
            )?;
        }
        if lost + audit.repeats + audit.out_of_order > 0 {
            writeln!(
                out,
                "\nOn purpose {} events were left out. An audit of this alone finds",
                thousands(*lost)
            )?;
            for (number, what) in [
                (audit.missing, "missing events"),
                (audit.repeats, "repeats"),
                (audit.out_of_order, "out of order"),
                (audit.sessions.with_gaps, "sessions with gaps"),
                (audit.sessions.unfinished, "sessions that seem unfinished, having lost their end"),
                (audit.sessions.complete, "complete sessions"),
            ] {
                writeln!(out, "{:>14}  {what}", thousands(number))?;
            }
            if *unseen_sessions > 0 {
                writeln!(
                    out,
                    "and nothing of {} sessions that lost everything",
                    thousands(*unseen_sessions)
                )?;
            }
        }
        Ok(())
    }
}
