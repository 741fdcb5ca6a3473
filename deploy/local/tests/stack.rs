//! The real stack: starts, dies, continues where it was, and moves closed segments to the remote
//! tier. Needs Java and Maven; the first run downloads the stack.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use local_stack::{Error, Kafka, Ports, Registry, Stack, Topic, download};
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

#[test]
fn the_stack_continues_where_it_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let ports = Ports::free().unwrap();
    let mut stack = Stack::start(folder.path(), ports).unwrap_or_else(|error| panic!("{error}"));
    let kafka_log = stack.kafka.log_file();
    let registry_url = stack.registry.url();

    register(&registry_url, "first");
    let second = register(&registry_url, "second");
    let tiered = Topic {
        name: "tiered".to_owned(),
        partitions: 1,
        local_retention: Duration::from_millis(1000),
        segment_age: Duration::from_millis(500),
    };
    stack.kafka.create_topic(&tiered).unwrap();
    stack.kafka.create_topic(&tiered).expect("making it again is harmless");

    stack.kafka.kill().unwrap();
    stack.registry.kill().unwrap();
    stack.kafka.restart().unwrap();
    stack.registry.restart().unwrap();

    let known = register(&registry_url, "second");
    assert_eq!(known, second, "the registry still knows its schemas by the same ids");
    let level = ureq::get(format!("{registry_url}/config")).call().unwrap();
    assert!(level.into_body().read_to_string().unwrap().contains("FULL"));

    // A segment is closed by a message that comes after its time.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !has_segment(&stack.kafka.remote_folder()) {
        assert!(Instant::now() < deadline, "no segment moved; see {}", kafka_log.display());
        produce(&stack.kafka.bootstrap(), &tiered.name);
    }

    let taken = Kafka::start(&download().unwrap(), folder.path().join("other"), ports.kafka);
    match taken.err() {
        Some(Error::Ended { tail, .. }) => assert!(tail.contains("in use"), "{tail}"),
        other => panic!("two brokers cannot have one port: {other:?}"),
    }
    let taken = Registry::start(&download().unwrap(), folder.path().join("third"), ports.registry);
    assert!(matches!(taken.err(), Some(Error::Ended { .. })), "nor can two registries");

    stack.stop().unwrap();
    let log = fs::read_to_string(kafka_log).unwrap();
    assert!(log.contains("shut down completed"), "the broker ended in order");
}

/// Registers a record of this name and gives its id.
fn register(url: &str, name: &str) -> String {
    let schema = format!(r#"{{\"type\":\"record\",\"name\":\"{name}\",\"fields\":[]}}"#);
    let answer = ureq::post(format!("{url}/subjects/{name}-value/versions"))
        .header("content-type", "application/vnd.schemaregistry.v1+json")
        .send(format!(r#"{{"schema":"{schema}"}}"#))
        .unwrap();
    answer.into_body().read_to_string().unwrap()
}

/// One message a second for some seconds, by Kafka's own producer.
fn produce(bootstrap: &str, topic: &str) {
    let mut producer = Command::new("java")
        .arg("-XX:TieredStopAtLevel=1")
        .arg("-cp")
        .arg(download().unwrap().kafka_class_path())
        .args(["org.apache.kafka.tools.ConsoleProducer"])
        .args(["--bootstrap-server", bootstrap, "--topic", topic])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = producer.stdin.take().unwrap();
    for message in 0..4 {
        writeln!(input, "{message}").unwrap();
        thread::sleep(Duration::from_secs(1));
    }
    drop(input);
    assert!(producer.wait().unwrap().success());
}

fn has_segment(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            has_segment(&path)
        } else {
            path.extension().is_some_and(|e| e == "log")
        }
    })
}
