//! The panels of `deploy/grafana/dashboards/clickhouse.json`, with the macros of Grafana's plugin for
//! ClickHouse expanded as it documents them.

use crate::engine::Engine;
use e2e::truth::{Sums, Truth, span};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};

/// Seconds of a point of a diagram.
const SPAN: i64 = 60;

pub fn every_panel_is_right(engine: &mut Engine, truth: &Truth, window: [&str; 2]) {
    let file = e2e::repository().join("deploy/grafana/dashboards/clickhouse.json");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert_eq!(panels.len(), 6);
    for panel in panels {
        let (title, target) = (panel["title"].as_str().unwrap(), &panel["targets"][0]);
        let rows = engine.rows(&expand(target["rawSql"].as_str().unwrap(), window));
        assert_eq!(rows, expected(title, truth, window), "{title}");
        assert!(!rows.is_empty(), "{title} has nothing to compare");
    }
}

fn expected(title: &str, truth: &Truth, window: [&str; 2]) -> Vec<Value> {
    match title {
        "Presses" => vec![json!([truth.presses(window).len()])],
        "Lost events" => vec![json!([Sums::of(&truth.sessions(window)).lost])],
        "From the press to the relay" => vec![json!([quantile(0.5, &truth.latencies(window))])],
        "Presses over time" => {
            let spans = truth.presses_by_time(window, SPAN).into_iter();
            spans.map(|(at, presses)| json!([shown(at), presses])).collect()
        }
        "From the press to the relay, over time" => {
            let mut spans: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
            for event in truth.each(window) {
                spans.entry(span(&event.0, SPAN)).or_default().push(event.1);
            }
            let spans = spans.into_iter().map(|(at, mut took)| {
                took.sort_unstable();
                json!([shown(at), quantile(0.5, &took), quantile(0.95, &took)])
            });
            spans.collect()
        }
        "Presses by country" => {
            let countries = truth.presses_by_country(window).into_iter();
            let known = countries.filter(|row| row[0] != "--");
            known.map(|row| json!([row[0], row[1], row[2]])).collect()
        }
        other => panic!("nothing to compare {other} with"),
    }
}

/// As ClickHouse's quantileExact picks it, in seconds.
fn quantile(level: f64, took: &[i64]) -> f64 {
    took[(level * took.len() as f64) as usize] as f64 / 1e6
}

fn shown(seconds: i64) -> String {
    let time = schemas::Timestamp::from_micros(seconds * 1_000_000).unwrap().to_string();
    time[..19].replace('T', " ")
}

/// `$__timeFilter` has whole seconds only.
fn expand(sql: &str, [from, to]: [&str; 2]) -> String {
    let seconds = |time: &str| span(time, 1);
    let mut sql = sql.to_owned();
    for column in ["timestamp", "started_at"] {
        let filter = format!(
            "{column} >= toDateTime({}) AND {column} <= toDateTime({})",
            seconds(from),
            seconds(to)
        );
        sql = sql.replace(&format!("$__timeFilter({column})"), &filter);
        let group = format!("toStartOfInterval(toDateTime({column}), INTERVAL {SPAN} second)");
        sql = sql.replace(&format!("$__timeInterval({column})"), &group);
    }
    assert!(!sql.contains('$'), "an unknown macro: {sql}");
    sql
}
