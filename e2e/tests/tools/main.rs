//! `button`, the command line, as a program: what it makes, what it reads, what it finds, and what it
//! says when something is wrong.
//!
//! - `alone.rs`: with files, and with a relay.
//! - `servers.rs`: with a real Kafka, registry, PostgreSQL and Connect, started once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod alone;
mod servers;

use serde_json::Value;
use std::process::{Command, Output};

/// Runs it to its end, with nothing of this environment that it could read.
fn button(arguments: &[&str]) -> Output {
    let mut button = Command::new(e2e::button());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["KAFKA_", "SCHEMA_", "RELAY_", "POSTGRESQL_"].iter().any(|part| name.starts_with(part))
        {
            button.env_remove(&*name);
        }
    }
    button.args(arguments).current_dir(std::env::temp_dir()).output().unwrap()
}

/// Runs it, expects this exit status, and reads what it prints as JSON.
fn json(status: i32, arguments: &[&str]) -> Value {
    let output = button(arguments);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"))
}

/// Runs it, expects it to fail with this status, and gives what it says.
fn failure(status: i32, arguments: &[&str]) -> String {
    let output = button(arguments);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// What an audit found, reduced to what `generate` tells that it must find.
fn found(audit: &Value) -> Value {
    let names = ["events", "repeats", "out_of_order", "sessions", "missing"];
    names.iter().map(|name| ((*name).to_owned(), audit[name].clone())).collect()
}
