//! What the tests of the whole are made of.
//!
//! ```text
//!  engine, browser ──► network ──► relay (program) ──► local_stack: Kafka, registry, Connect, PostgreSQL
//!   three of them      slow, cut,      │                    │
//!                      somebody else's  └── store ──────────┴──► account, truth: what must be there
//! ```
//!
//! The tests themselves are in `tests/`:
//!
//! - `button/`: real browsers of three engines, the real page, the real relay; networks that come
//!   and go.
//! - `relay.rs`: the relay alone, as a program.
//! - `hostile/`: the relay among people who mean no good.
//! - `live/`: its live numbers, for one viewer and for a thousand.
//! - `live_page/`: the big screen that shows them, in real browsers.
//! - `latency.rs`: how long a press takes from one browser to the screen of another, with `--long`.
//! - `days.rs`: a big screen that stays open; endurance with `--long`.
//! - `pipeline/`: from the relay through Kafka into PostgreSQL, on real servers that die and hang;
//!   through a cluster of three brokers with `--long`.
//! - `tools/`: the command line `button`, with files and with real servers.
//! - `hosting.rs`: the files in `deploy/` for proxies, static hosts, containers and services.
//! - `dashboards/`: every panel of the dashboards, on real PostgreSQL and a real relay.
//! - `clickhouse/`: the topic in a real ClickHouse, and what it answers.
//! - `operations/`: what an operator relies on: logs that programs can read, and quiet ones.
//! - `privacy/`: no address of a visitor in anything that the relay writes.
//!
//! They need what `cargo xtask test` builds: the relay's program and the page. Where those are can
//! be said by `E2E_RELAY`, `E2E_BUTTON` and `E2E_DIST`; `E2E_BROWSERS=chromium,firefox` leaves engines
//! out. Everything here fails by panicking, as tests do, and says what it waited for; a relay shows the
//! end of its log then.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod accessibility;
mod account;
pub mod addresses;
mod artifacts;
mod browser;
pub mod completeness;
mod engine;
pub mod figures;
mod finger;
mod frames;
mod host_rules;
mod latency;
mod main_thread;
mod network;
mod program;
pub mod record;
mod relay;
mod scenarios;
mod servers;
pub mod small_geo;
mod static_host;
mod store;
mod timeouts;
pub mod translation;
pub mod truth;
pub mod usage;
mod wait;
mod web_server;

pub use accessibility::assert_accessible;
pub use account::{assert_whole_visit, press};
pub use artifacts::{axe, button, dist, geo_database, is_long, relay, repository};
pub use browser::{Browser, Footprint};
pub use engine::{Engine, Setup};
pub use finger::Spot;
pub use frames::Frames;
pub use host_rules::{HostRules, Missing, Slashless};
pub use latency::{PRESSES, measure_presses};
pub use main_thread::MainThread;
pub use network::{Network, Seen, Weather, lan_address};
pub use program::Program;
pub use relay::Relay;
pub use servers::Servers;
pub use static_host::{Hosting, StaticHost, with_script};
pub use store::{Stored, assert_sound, read_store};
pub use timeouts::SHORT_TIMEOUTS;
pub use wait::{PATIENCE, until};
pub use web_server::WebServer;

pub use thirtyfour::Key;
