//! The dashboards in `deploy/grafana/`, without a Grafana:
//!
//! - `structure.rs`: ids, places, data sources, variables.
//! - `postgresql.rs`: every SQL statement on a real PostgreSQL, its numbers against an independent
//!   count; `macros.rs` expands what Grafana expands.
//! - `relay.rs`: every PromQL expression against the metrics of a real relay.
//! - `types.rs`: the files against the types of `@grafana/schema`.
//!
//! The statements of the dashboard for ClickHouse are run in `../clickhouse/`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod macros;
mod postgresql;
mod relay;
mod structure;
mod types;

use serde_json::Value;
use std::fs;

/// The names of all dashboards, which are their files' names.
const ALL: [&str; 3] = ["button", "clickhouse", "relay"];

/// A dashboard as it is in its file.
fn dashboard(name: &str) -> Value {
    let file = format!("deploy/grafana/dashboards/{name}.json");
    let text = fs::read_to_string(e2e::repository().join(&file)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().unwrap()
}

/// Each panel's title, and each of its targets.
fn targets(dashboard: &Value) -> Vec<(&str, &Value)> {
    let of = |panel: &Value| panel["targets"].as_array().unwrap().len();
    let panels = panels(dashboard).iter();
    panels
        .flat_map(|panel| {
            (0..of(panel)).map(|at| (panel["title"].as_str().unwrap(), &panel["targets"][at]))
        })
        .collect()
}
