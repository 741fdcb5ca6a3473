//! ClickHouse reads the topic by its own Kafka engine, and answers the questions of
//! `schemas/clickhouse-queries.sql` with the right numbers: a real Kafka, a real registry, the real
//! engine, and an independent count of every message by this test.
//!
//! Without `E2E_CLICKHOUSE`, a Python that has the library chdb, it is left out, and says so.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod completeness;
mod dashboard;
mod engine;
mod first;

use e2e::{
    PATIENCE, Servers,
    truth::{Sums, Truth},
};
use engine::{Engine, statements};
use local_stack::Topic;
use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};
use schemas::sql;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// A topic of its own, as other tests write to the product's.
const TOPIC: &str = "clickhouse_button_presses";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clickhouse_counts_each_identity_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut engine) = Engine::start(&folder.path().join("clickhouse")) else {
        println!("left out: E2E_CLICKHOUSE names no Python with the library chdb");
        return;
    };
    let servers = Servers::start();
    // What is made here is from a day in the past: it stays, in the topic and in the table.
    let topic = Topic {
        name: TOPIC.to_owned(),
        retention: Duration::from_secs(50 * 365 * 24 * 60 * 60),
        ..Topic::button_presses()
    };
    let definitions = sql::CLICKHOUSE.replace("INTERVAL 90 DAY", "INTERVAL 50 YEAR");
    servers.kafka().create_topic(&topic).unwrap();
    let version = engine.rows("SELECT version()");
    println!("ClickHouse {}", version[0][0]);

    // The relay's own schema is in the registry before anybody reads.
    let button = |arguments: &[&str]| -> Vec<Value> {
        let output = Command::new(e2e::button())
            .args(arguments)
            .args(["--json", "--kafka-service-uri", &servers.kafka().bootstrap()])
            .args(["--schema-registry-uri", &servers.registry().url(), "--topic", TOPIC])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let seeds = [("11", "7", "0.05"), ("12", "-3", "0")];
    let visits = |(seed, cohort, lose): (&str, &str, &str)| -> u64 {
        let until = ["--since", "2026-03-01T22:00:00Z", "--until", "2026-03-02T00:00:00Z"];
        let make = ["generate", "--sessions", "150", "--seed", seed, "--cohort", cohort];
        let mischief = ["--lose", lose, "--repeat", "0.1", "--reorder", "0.05"];
        let made = button(&[&make[..], &until, &mischief].concat());
        made[0]["sent"].as_u64().unwrap()
    };
    let mut sent: u64 = seeds.map(visits).iter().sum();

    let source = sql::CLICKHOUSE_KAFKA
        .replace("{{kafka}}", &servers.kafka().bootstrap())
        .replace("{{registry}}", &servers.registry().url())
        .replace("kafka_topic_list = 'button_presses'", &format!("kafka_topic_list = '{TOPIC}'"));
    engine.make(&source);
    engine.make(&definitions);
    // So that repeats are there for certain while the questions are asked.
    engine.rows("SYSTEM STOP MERGES button_presses");
    // Consumed and written are two things: the latter is what the table says.
    let truth = Truth::of(&button(&["tail", "--from-beginning", "--to-end"]));
    assert_eq!(truth.messages, sent);
    wait_for(&mut engine, "SELECT count() FROM button_presses FINAL", truth.events());

    // What is no event, and then the same events again, in messages of their own.
    let producer: FutureProducer =
        ClientConfig::new().set("bootstrap.servers", servers.kafka().bootstrap()).create().unwrap();
    let junk: [&[u8]; 3] = [b"hello", b"\0\0\0\0", b"\0\0\x3d\x09\0 no such schema"];
    for payload in junk {
        let record = FutureRecord::<str, _>::to(TOPIC).payload(payload);
        producer.send(record, PATIENCE).await.unwrap();
    }
    sent += seeds.map(visits).iter().sum::<u64>();
    let truth = Truth::of(&button(&["tail", "--from-beginning", "--to-end"]));
    assert_eq!(truth.messages, sent);
    assert!(truth.late > 0, "no repeat came later than the event itself");
    wait_for(
        &mut engine,
        "SELECT toUInt64(sum(num_messages_read)) FROM system.kafka_consumers",
        sent + junk.len() as u64,
    );
    wait_for(&mut engine, "SELECT count() FROM button_presses_unreadable", junk.len() as u64);
    // Within what is written at once repeats are left out; the two rounds were written apart.
    wait_for(&mut engine, "SELECT intDiv(count(), 2) FROM button_presses", truth.events());
    assert_eq!(engine.number("SELECT count() FROM button_presses FINAL"), truth.events());
    let errors = engine.rows("SELECT error FROM button_presses_unreadable ORDER BY error");
    let errors = errors.iter().map(ToString::to_string).collect::<String>();
    for expected in ["magic byte", "schema id = 4000000"] {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }

    answers_are_right(&mut engine, &truth);
    dashboard::every_panel_is_right(&mut engine, &truth, WINDOW);
    engine.rows("SYSTEM START MERGES button_presses");
    engine.rows("OPTIMIZE TABLE button_presses FINAL");
    assert_eq!(engine.number("SELECT count() FROM button_presses"), truth.events());
    answers_are_right(&mut engine, &truth);

    // What the table lacks comes back when the topic is read again, and nothing else changes.
    engine.rows("ALTER TABLE button_presses DELETE WHERE count = 1 SETTINGS mutations_sync = 1");
    assert!(engine.number("SELECT count() FROM button_presses") < truth.events());
    engine.rows("DROP VIEW button_presses_arriving SYNC");
    engine.rows("DROP VIEW button_presses_refused SYNC");
    engine.rows("DROP TABLE button_presses_kafka SYNC");
    engine.make(&source.replace("'clickhouse-button-presses'", "'once-more'"));
    engine.make(&definitions);
    wait_for(&mut engine, "SELECT count() FROM button_presses FINAL", truth.events());
    wait_for(
        &mut engine,
        "SELECT intDiv(count(), 2) FROM button_presses_unreadable",
        junk.len() as u64,
    );
    engine.rows("OPTIMIZE TABLE button_presses FINAL");
    answers_are_right(&mut engine, &truth);

    first::event_stays_when_another_has_its_name(&mut engine, &servers, &producer).await;
    events_are_kept_for_their_time(&mut engine);
}

/// By the time of their receipt; the setting takes effect when the text with it is run again. And one session can be
/// deleted by the statement that `button forget` prints.
fn events_are_kept_for_their_time(engine: &mut Engine) {
    engine.rows("TRUNCATE TABLE button_presses");
    for (session, days) in [(1, 91), (1, 89), (2, 1)] {
        engine.rows(&format!(
            "INSERT INTO button_presses SELECT toUUID('00000000-0000-4000-8000-00000000000{session}'),
             toDateTime64('2020-01-01 00:00:00', 6), 'PressButton', {days}, 'Germany', 'DE', NULL, NULL,
             NULL, NULL, NULL, NULL, now64(3) - INTERVAL {days} DAY, 0"
        ));
    }
    engine.rows("OPTIMIZE TABLE button_presses FINAL");
    assert_eq!(engine.number("SELECT count() FROM button_presses"), 3);
    engine.make(sql::CLICKHOUSE);
    engine.rows("OPTIMIZE TABLE button_presses FINAL");
    wait_for(engine, "SELECT count() = 2 FROM button_presses", 1);
    assert_eq!(engine.number("SELECT toUInt64(max(count)) FROM button_presses"), 89);

    engine.rows(
        "ALTER TABLE button_presses DELETE WHERE session_id = '00000000-0000-4000-8000-000000000001'",
    );
    wait_for(engine, "SELECT count() = 1 FROM button_presses", 1);
    assert_eq!(engine.number("SELECT toUInt64(max(count)) FROM button_presses"), 1);
}

/// A time of day in which some of the sessions began.
const WINDOW: [&str; 2] = ["2026-03-01T22:30:00.000000", "2026-03-02T00:00:00.000000"];

/// Each question of `schemas/clickhouse-queries.sql`.
fn answers_are_right(engine: &mut Engine, truth: &Truth) {
    engine.rows(&format!("SET param_from = '{}'", WINDOW[0].replace('T', " ")));
    engine.rows(&format!("SET param_to = '{}'", WINDOW[1].replace('T', " ")));
    let mut answers: HashMap<&str, Vec<Value>> = HashMap::new();
    for statement in statements(sql::CLICKHOUSE_QUERIES) {
        let is_name = |word: &&str| word.chars().all(|it| it.is_ascii_lowercase() || it == '_');
        let comments = statement.lines().filter_map(|line| line.strip_prefix("-- "));
        let name = comments.filter_map(|line| Some(line.split_once(": ")?.0)).find(is_name);
        answers.insert(name.unwrap_or_else(|| panic!("{statement}")), engine.rows(statement));
    }
    let mut expect = |name: &str, mut expected: Vec<Value>| {
        assert!(!expected.is_empty(), "{name} has nothing to compare");
        let mut answer = answers.remove(name).unwrap_or_else(|| panic!("no question {name}"));
        if name == "lost_events" {
            // ClickHouse has an order of its own for UUIDs.
            answer.sort_by_key(Value::to_string);
            expected.sort_by_key(Value::to_string);
        }
        assert_eq!(answer, expected, "{name}");
    };
    let minutes = truth.presses_by_time(WINDOW, 60).into_iter().map(|(minute, presses)| {
        let minute = schemas::Timestamp::from_micros(minute * 1_000_000).unwrap().to_string();
        json!([minute[..19].replace('T', " "), presses])
    });
    expect("presses_over_time", minutes.collect());
    let countries = truth.presses_by_country(WINDOW);
    let without = |row: &Value| json!([row[0], row[1], row[2]]);
    expect("presses_by_country_without_final", countries.iter().map(without).collect());
    expect("presses_by_country", countries);

    let sessions = truth.sessions(WINDOW);
    let sums = Sums::of(&sessions);
    let Sums { sessions: number, complete, with_gaps, unfinished, events, lost, .. } = sums;
    expect("completeness", vec![json!([number, complete, with_gaps, unfinished, events, lost])]);
    let lost = sessions.iter().flat_map(|session| {
        let gaps = session.lost.chunk_by(|one, next| one + 1 == *next);
        gaps.map(|gap| json!([session.id, gap[0], gap[gap.len() - 1]]))
    });
    expect("lost_events", lost.collect());
    let mut cohorts: BTreeMap<i64, Sums> = BTreeMap::new();
    for session in &sessions {
        cohorts.entry(session.cohort.unwrap()).or_default().add(session);
    }
    let cohorts = cohorts.into_iter().map(|(cohort, Sums { sessions, presses, complete, .. })| {
        json!([cohort, sessions, presses, complete])
    });
    expect("cohorts", cohorts.collect());
    let took = truth.latencies(WINDOW);
    let seconds = |index: usize| took[index] as f64 / 1e6;
    let quantile = |level: f64| seconds((level * took.len() as f64) as usize);
    expect("latency", vec![json!([quantile(0.5), quantile(0.95), seconds(took.len() - 1)])]);
    assert!(answers.is_empty(), "asked and not compared: {answers:?}");
}

/// Until the statement gives at least this number.
fn wait_for(engine: &mut Engine, sql: &str, expected: u64) {
    let begun = Instant::now();
    loop {
        let found = engine.number(sql);
        if found >= expected {
            return;
        }
        assert!(begun.elapsed() < 2 * PATIENCE, "{sql}: {found} of {expected}");
        thread::sleep(Duration::from_millis(200));
    }
}
