//! How many events a second the tools make and read, with a real Kafka beside them. `cargo xtask bench
//! tools` runs it on the release build; `$BENCH_ROUNDS` says how often each is measured.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement fails by panicking")]

use local_stack::{Kafka, KafkaPorts, Registry, Server, free_port};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
};
use serde_json::Value;
use std::{
    env,
    process::{Command, Stdio},
    time::Instant,
};

/// About 3 million events.
const SESSIONS: &str = "350000";

/// What is measured, and how many events a second it is to reach on two cores with Kafka beside it.
const WORK: [(&str, &[&str], f64); 3] = [
    ("generate", &["generate", "--json", "--since", "1d", "--sessions", SESSIONS], 300_000.0),
    ("audit", &["audit", "--json"], 500_000.0),
    ("tail --json", &["tail", "--json", "--from-beginning", "--to-end"], 500_000.0),
];

fn main() {
    let rounds = env::var("BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let folder = tempfile::tempdir().unwrap();
    let downloads = local_stack::download().unwrap();
    let ports = KafkaPorts::free().unwrap();
    let path = |name| folder.path().join(name);
    let kafka = Kafka::new(&downloads, &path("kafka"), ports, &path("certificates"));
    let registry = Registry::new(&downloads, &path("registry"), free_port().unwrap());
    let kafka = Server::start(kafka).unwrap();
    let registry = Server::start(registry).unwrap();
    let connection =
        [("KAFKA_SERVICE_URI", kafka.bootstrap()), ("SCHEMA_REGISTRY_URI", registry.url())];

    let mut rates = [const { Vec::new() }; 3];
    for round in 1..=rounds {
        let topic = format!("bench_{round}");
        create_topic(&kafka.bootstrap(), &topic);
        let mut events = 0;
        for ((name, arguments, _), rates) in WORK.iter().zip(&mut rates) {
            let started = Instant::now();
            // What tail prints is thrown away; the others say how much it was.
            let is_told = *name != "tail --json";
            let mut button = Command::new(e2e::button());
            button.args(*arguments).args(["--topic", &topic]).envs(connection.clone());
            button.env_remove("RELAY_GEO_DATABASE").stderr(Stdio::inherit());
            button.stdout(if is_told { Stdio::piped() } else { Stdio::null() });
            let output = button.output().unwrap();
            let seconds = started.elapsed().as_secs_f64();
            assert!(output.status.success(), "{name}: {}", output.status);
            if is_told {
                let said: Value = serde_json::from_slice(&output.stdout).unwrap();
                events = said["sent"].as_u64().or(said["messages"].as_u64()).unwrap();
            }
            rates.push(events as f64 / seconds);
            println!("round {round}: {name:<12} {events} events in {seconds:.2} s");
        }
    }
    println!("\n{:<12} {:>12} {:>12}", "events/s", "median", "goal");
    for ((name, _, goal), mut rates) in WORK.into_iter().zip(rates) {
        rates.sort_by(f64::total_cmp);
        let median = rates[rates.len() / 2];
        let verdict = if median < goal { "  missed" } else { "" };
        println!("{name:<12} {median:>12.0} {goal:>12.0}{verdict}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn create_topic(bootstrap: &str, name: &str) {
    let mut client = ClientConfig::new();
    let admin: AdminClient<_> = client.set("bootstrap.servers", bootstrap).create().unwrap();
    let topic = NewTopic::new(name, 3, TopicReplication::Fixed(1));
    let created = admin.create_topics(&[topic], &AdminOptions::new()).await.unwrap();
    assert!(created[0].is_ok(), "{created:?}");
}
