//! The first event of a (`session_id`, `count`) counts, before and after merges.

use crate::{
    TOPIC,
    engine::{Engine, statements},
    wait_for,
};
use e2e::{PATIENCE, Servers};
use rdkafka::producer::{FutureProducer, FutureRecord};
use schemas::{Action, ButtonPress, Event, Place, Timestamp, Uuid, avro, frame, sql};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

const SESSION: &str = "7b0d5a3e-3c1e-4a53-9d53-6b6b5d1c7d10";

/// The table as versions before made it.
const EARLIER_TABLE: &str = "CREATE TABLE button_presses
    (session_id UUID, timestamp DateTime64(6, 'UTC'), action LowCardinality(String), count UInt64,
     country_name LowCardinality(String), country_code LowCardinality(String),
     received_at DateTime64(3, 'UTC'),
     earliness UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Milli(received_at))))
    ENGINE = ReplacingMergeTree(earliness) ORDER BY (session_id, count)";

/// By the text of the table alone, without a Kafka; also in a table of an earlier version.
#[test]
fn first_row_stays_also_in_a_table_of_an_earlier_version() {
    for is_earlier in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut engine) = Engine::start(&folder.path().join("clickhouse")) else {
            println!("left out: E2E_CLICKHOUSE names no Python with the library chdb");
            return;
        };
        if is_earlier {
            engine.rows(EARLIER_TABLE);
            insert(&mut engine, &[(0, "first", 0, None)]);
        }
        // Twice: it is harmless.
        for statement in statements(sql::CLICKHOUSE).chain(statements(sql::CLICKHOUSE)) {
            // The earlier table of this test has not all columns of the view.
            let is_left_out = statement.contains("FROM button_presses_kafka")
                || (is_earlier && statement.contains("CREATE VIEW session_completeness"));
            if !is_left_out {
                engine.rows(statement);
            }
        }
        engine.rows("SYSTEM STOP MERGES button_presses");
        if !is_earlier {
            insert(&mut engine, &[(0, "first", 0, Some(7))]);
        }
        // At once with the same timestamp, or with a later offset and an earlier timestamp.
        insert(&mut engine, &[(1, "first", 5, Some(10)), (1, "second", 5, Some(11))]);
        insert(&mut engine, &[(2, "second", 5, Some(21)), (2, "first", 6, Some(20))]);
        // Later, with an earlier timestamp, and in a topic that was made again.
        next_second(&mut engine);
        insert(&mut engine, &[0, 1, 2].map(|count| (count, "third", 1, Some(count))));
        first_is_kept(&mut engine, "count < 3", &["first"; 3]);
    }
}

/// Messages of the topic, by ClickHouse's own Kafka engine.
pub async fn event_stays_when_another_has_its_name(
    engine: &mut Engine,
    servers: &Servers,
    producer: &FutureProducer,
) {
    let latest = format!("{}/subjects/{TOPIC}-value/versions/latest", servers.registry().url());
    let latest: Value = reqwest::get(latest).await.unwrap().json().await.unwrap();
    let schema = latest["id"].as_u64().unwrap().try_into().unwrap();
    let encoder = avro::Encoder::new().unwrap();
    engine.rows("SYSTEM STOP MERGES button_presses");
    // The second is read together with the first or after it. The third is written in another second, and
    // claims to be older than both.
    for (name, received_at, own_count) in [("first", 2, 100), ("second", 2, 101), ("third", 1, 102)]
    {
        if name == "third" {
            next_second(engine);
        }
        // The last has a count of its own: when it is there, the others are.
        for count in (0..20).chain([own_count]) {
            let place = Place { country_name: name.to_owned(), ..Place::localhost() };
            let press = ButtonPress {
                session_id: Uuid::try_parse(SESSION).unwrap(),
                event: Event { timestamp: Timestamp::EPOCH, action: Action::PressButton, count },
                place: Arc::new(place),
                cohort: None,
            };
            let mut messages = frame::Messages::new(&encoder, schema);
            let record = FutureRecord::to(TOPIC)
                .key(SESSION)
                .payload(messages.of(&press).unwrap())
                .timestamp(recent_millis() + received_at);
            producer.send(record, PATIENCE).await.unwrap();
        }
        let arrived = format!(
            "SELECT count() FROM button_presses WHERE session_id = '{SESSION}' AND count = {own_count}"
        );
        wait_for(engine, &arrived, 1);
    }
    first_is_kept(engine, &format!("session_id = '{SESSION}' AND count < 20"), &["first"; 20]);
}

/// A time of receipt that the table still keeps, in milliseconds since 1970: the beginning of yesterday's day.
fn recent_millis() -> i64 {
    const DAY_MILLIS: i64 = 24 * 3600 * 1000;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    now / DAY_MILLIS * DAY_MILLIS - DAY_MILLIS
}

/// Inserts a row for each count, name, time of receipt after [`recent_millis`], and offset; an earlier table has no
/// offset.
fn insert(engine: &mut Engine, rows: &[(u64, &str, i64, Option<u64>)]) {
    let column = if rows.iter().all(|row| row.3.is_some()) { ", offset" } else { "" };
    let values = rows.iter().map(|(count, name, received_at, offset)| {
        let offset = offset.map(|offset| format!(", {offset}")).unwrap_or_default();
        let received_at = (recent_millis() + received_at) as f64 / 1000.0;
        format!("('{SESSION}', 0, 'PressButton', {count}, '{name}', '--', {received_at}{offset})")
    });
    let values = values.collect::<Vec<_>>().join(", ");
    engine.rows(&format!(
        "INSERT INTO button_presses (session_id, timestamp, action, count, country_name, \
         country_code, received_at{column}) VALUES {values}"
    ));
}

/// Checks the names of these rows by count: with and without FINAL, before and after a merge.
fn first_is_kept(engine: &mut Engine, condition: &str, names: &[&str]) {
    let expected: Vec<_> = names.iter().map(|name| json!([name])).collect();
    let queries = [
        "country_name FROM button_presses FINAL",
        "argMax(country_name, earliness) FROM button_presses",
    ];
    for is_merged in [false, true] {
        if is_merged {
            engine.rows("SYSTEM START MERGES button_presses");
            engine.rows("OPTIMIZE TABLE button_presses FINAL");
        }
        let rows = engine.number(&format!("SELECT count() FROM button_presses WHERE {condition}"));
        assert_eq!(rows == names.len() as u64, is_merged, "{rows} rows");
        for (query, group) in queries.into_iter().zip(["", "GROUP BY count"]) {
            let query = format!("SELECT {query} WHERE {condition} {group} ORDER BY count");
            assert_eq!(engine.rows(&query), expected, "{query}, merged: {is_merged}");
        }
    }
}

/// Waits until the engine's clock shows another second.
fn next_second(engine: &mut Engine) {
    let now = "SELECT toUInt64(toUnixTimestamp(now()))";
    let next = engine.number(now) + 1;
    wait_for(engine, now, next);
}
