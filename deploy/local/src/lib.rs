//! A real Apache Kafka and a real schema registry on this machine, without Docker.
//!
//! ```text
//!  pom.xml ── Maven ──► cache folder ── java ──► Kafka     127.0.0.1:…  one node, tiered storage on
//!                                       └──────► registry  127.0.0.1:…  Confluent's API, FULL
//! ```
//!
//! For development and for tests. What is needed: Java 17 or newer and Maven; the first start
//! downloads about 150 MB. Everything listens on the loopback interface only, and keeps its data
//! and its logs in the folder that it is given, so that the same folder continues where it was.
//!
//! A [`Stack`], for tests: its processes end when it is dropped, on panics too; not when the program
//! that started them is killed outright. A [`Background`] stack, for people: it goes on until it is
//! told to end. The program `local-stack` (`cargo xtask stack`) is the latter's command line.

mod background;
mod error;
mod fetch;
mod kafka;
mod ports;
mod process;
mod record;
mod registry;
mod stack;
mod topic;

pub use background::{Background, Part, State, Status, WantedPorts};
pub use error::Error;
pub use fetch::{Downloads, download, download_into};
pub use kafka::{Kafka, KafkaPorts};
pub use ports::free_port;
pub use registry::Registry;
pub use stack::{Ports, Stack};
pub use topic::Topic;
