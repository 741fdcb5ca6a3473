//! A real Kafka and what is behind it on this machine, without Docker.
//!
//! ```text
//!  pom.xml ── Maven ──► cache folder ── java ──► Kafka       one node, tiered storage, TLS
//!                                       ├──────► registry    Confluent's API, FULL
//!                                       └──────► Connect     the JDBC sink
//!  the system's package ──────────────────────► PostgreSQL  the table button_presses
//! ```
//!
//! For development and for tests. What is needed: Java 17 or newer, Maven, PostgreSQL 15 or newer;
//! the first start downloads about 200 MB. Everything listens on the loopback interface only, and
//! keeps its data and its logs in the folder that it is given, so that the same folder continues
//! where it was.
//!
//! A [`Stack`], for tests: its processes end when it is dropped, on panics too; not when the program
//! that started them is killed outright. A [`Background`] stack, for people: it goes on until it is
//! told to end. The program `local-stack` (`cargo xtask stack`) is the latter's command line. A
//! [`Cluster`], for tests: three brokers that replicate to each other, and nothing behind them.
//!
//! What makes each server the one that it is says a file of its own (`kafka.rs`, `registry.rs`,
//! `postgresql.rs`, `connect.rs`), as a [`Service`]; what is the same for all is in `server.rs` and
//! `background.rs`.

mod background;
mod certificates;
mod cluster;
mod connect;
mod error;
mod fetch;
mod kafka;
mod password;
mod ports;
mod postgresql;
mod process;
mod record;
mod registry;
mod server;
mod service;
mod stack;
mod topic;

pub use background::{Background, State, Status};
pub use certificates::Authority;
pub use cluster::{Cluster, Node};
pub use connect::{CONNECTOR, Connect};
pub use error::Error;
pub use fetch::{Downloads, download, download_into};
pub use kafka::{Kafka, KafkaPorts, SASL_USER};
pub use ports::{Ports, free_port};
pub use postgresql::PostgreSql;
pub use registry::Registry;
pub use server::Server;
pub use service::Service;
pub use stack::{Part, Services, Stack};
pub use topic::Topic;
