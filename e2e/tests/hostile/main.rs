//! The relay among people who mean no good, or whose programs are broken: floods, slow and nonsensical
//! requests, and pages of other sites. It answers each rightly, stays small, and nobody else notices.
//!
//! - `flood.rs`: one session that sends too much, too many sessions, too much of all together.
//! - `resting.rs`: a flood of every kind, and visitors who press now and then; for a minute in
//!   `cargo xtask test --long`.
//! - `idle.rs`: 500 who do nothing; ten thousand in `cargo xtask test --long`.
//! - `unnoticed.rs`: what well-behaved visitors see of attacks: nothing. How long their answers take is
//!   measured in `cargo xtask test --long`.
//! - `downloads.rs`: clients that read the page slowly.
//! - `heads.rs`, `framing.rs`, `methods.rs`: HTTP as nobody should speak it.
//! - `bodies.rs`: JSON as nobody should write it.
//! - `mutated.rs`: requests that are nearly right.
//! - `sites.rs`: what pages of other sites can do, and the headers of every answer.
//!
//! All of it is on the loopback interface, so attackers and visitors share one address.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bodies;
mod downloads;
mod flood;
mod framing;
mod heads;
mod idle;
mod methods;
mod mutated;
mod raw;
mod resting;
mod sites;
mod unnoticed;
mod visitors;

use e2e::Relay;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files to this many, or as far as the system allows, for this program and the
/// relays that it starts; returns the limit.
fn allow_open_files(files: u64) -> u64 {
    let (now, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let limit = files.min(most).max(now);
    setrlimit(Resource::RLIMIT_NOFILE, limit, most).unwrap();
    limit
}

/// The value of a line of the relay's metrics; 0 if there is none yet.
async fn metric(relay: &Relay, name: &str) -> u64 {
    let answer = reqwest::get(format!("{}/metrics", relay.management_url())).await.unwrap();
    let text = answer.text().await.unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0)
}
