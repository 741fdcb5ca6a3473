//! The program `local-stack`: what it starts goes on without it, is recognised, repaired, continued
//! and deleted. Needs Java and Maven.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use local_stack::{Ports, download};
use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

/// A stack in a temporary folder. Dropping it ends it, also when the test failed.
struct Stack {
    folder: tempfile::TempDir,
    ports: Ports,
}

impl Stack {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), ports: Ports::free().unwrap() }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_local-stack"))
            .arg("--folder")
            .arg(self.folder.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What the program prints; it has to succeed.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = text(&output);
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    }

    /// What the program prints; it has to fail.
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = text(&output);
        assert!(!output.status.success(), "{arguments:?}: {text}");
        text
    }

    fn up(&self) -> String {
        let options = self.port_options();
        let options: Vec<_> = options.iter().map(String::as_str).collect();
        self.ok(&[&["up"], &options[..]].concat())
    }

    fn port_options(&self) -> Vec<String> {
        let Ports { kafka, registry, postgresql, connect } = self.ports;
        vec![
            format!("--kafka-port={}", kafka.plaintext),
            format!("--kafka-tls-port={}", kafka.tls),
            format!("--kafka-sasl-port={}", kafka.sasl),
            format!("--registry-port={registry}"),
            format!("--postgresql-port={postgresql}"),
            format!("--connect-port={connect}"),
        ]
    }

    fn pid(&self, part: &str) -> String {
        let record = fs::read_to_string(self.folder.path().join(format!("{part}.pid"))).unwrap();
        record.trim().to_owned()
    }

    fn registry_url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.ports.registry)
    }

    /// The topics, by Kafka's own tool.
    fn topics(&self) -> String {
        let output = Command::new("java")
            .arg("-XX:TieredStopAtLevel=1")
            .arg("-cp")
            .arg(download().unwrap().kafka_class_path())
            .args(["org.apache.kafka.tools.TopicCommand", "--bootstrap-server"])
            .arg(format!("127.0.0.1:{}", self.ports.kafka.plaintext))
            .arg("--list")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.run(&["reset"]);
    }
}

/// All parts, in the order in which they are told of.
const PARTS: [&str; 4] = ["kafka", "registry", "postgresql", "connect"];

fn text(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

/// Registers a record of this name and gives the answer, which holds its id.
fn register(url: &str, name: &str) -> String {
    let schema = format!(r#"{{\"type\":\"record\",\"name\":\"{name}\",\"fields\":[]}}"#);
    let answer = ureq::post(format!("{url}/subjects/{name}-value/versions"))
        .header("content-type", "application/vnd.schemaregistry.v1+json")
        .send(format!(r#"{{"schema":"{schema}"}}"#))
        .unwrap();
    answer.into_body().read_to_string().unwrap()
}

fn get(url: &str) -> String {
    ureq::get(url).call().unwrap().into_body().read_to_string().unwrap()
}

fn signal(name: &str, pid: &str) {
    assert!(Command::new("kill").args([name, pid]).status().unwrap().success());
}

fn line<'a>(text: &'a str, beginning: &str) -> &'a str {
    text.lines().find(|line| line.starts_with(beginning)).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn the_stack_goes_on_by_itself_until_it_is_told_to_end() {
    let stack = Stack::new();
    let before = stack.fails(&["status"]);
    assert_eq!(before.matches("stopped").count(), 4, "{before}");

    let up = stack.up();
    let env = fs::read_to_string(stack.folder.path().join("env")).unwrap();
    assert!(up.ends_with(&env), "{up}");
    assert!(
        env.contains(&format!("KAFKA_SERVICE_URI=127.0.0.1:{}\n", stack.ports.kafka.plaintext)),
        "{env}"
    );
    let url = stack.registry_url();
    assert!(env.contains(&format!("SCHEMA_REGISTRY_URI={url}\n")), "{env}");
    assert_eq!(stack.ok(&["status"]).matches(" ready ").count(), 4);
    assert!(stack.topics().lines().any(|topic| topic == "button_presses"));
    assert!(get(&format!("{url}/config")).contains("FULL"));
    register(&url, "first");
    let second = register(&url, "second");

    // Up again: nothing changes.
    let pids = PARTS.map(|part| stack.pid(part));
    assert!(stack.up().contains("It was up already."));
    assert_eq!(PARTS.map(|part| stack.pid(part)), pids);
    let other = stack.fails(&["up", "--kafka-port", "1"]);
    assert!(other.contains("runs already at port"), "{other}");

    // A process that hangs is not ready, though the system still accepts connections for it.
    signal("-STOP", &pids[0]);
    let hangs = stack.fails(&["status"]);
    signal("-CONT", &pids[0]);
    assert!(line(&hangs, "Kafka ").contains(" running "), "{hangs}");
    assert!(line(&hangs, "The registry").contains(" ready "), "{hangs}");

    // Killed: it is told, and repaired on the same port.
    signal("-KILL", &pids[0]);
    let deadline = Instant::now() + Duration::from_secs(10);
    let killed = loop {
        let status = stack.run(&["status"]);
        if text(&status).contains("stopped") {
            break status;
        }
        assert!(Instant::now() < deadline, "{}", text(&status));
    };
    assert!(!killed.status.success());
    assert!(line(&text(&killed), "Kafka ").contains("stopped"));
    stack.ok(&["up"]);
    assert_ne!(stack.pid("kafka"), pids[0]);
    for (part, pid) in PARTS.iter().zip(&pids).skip(1) {
        assert_eq!(stack.pid(part), *pid, "what runs is left alone");
    }
    assert_eq!(stack.ok(&["status"]).matches(" ready ").count(), 4);

    // Down and up: topics and ids are kept.
    stack.ok(&["down"]);
    let log = fs::read_to_string(stack.folder.path().join("kafka/kafka.log")).unwrap();
    assert!(log.contains("shut down completed"), "the broker ended in order");
    assert_eq!(stack.fails(&["status"]).matches("stopped").count(), 4);
    assert!(!stack.folder.path().join("env").exists());
    assert!(stack.ok(&["down"]).contains("Nothing was running."));
    stack.up();
    assert!(stack.topics().lines().any(|topic| topic == "button_presses"));
    assert_eq!(register(&url, "second"), second);

    // Reset: all is new.
    stack.ok(&["reset"]);
    for part in PARTS.iter().chain(&["certificates"]) {
        assert!(!stack.folder.path().join(part).exists());
    }
    stack.up();
    assert_eq!(get(&format!("{url}/subjects")), "[]");
    assert_ne!(register(&url, "second"), second, "ids begin again");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let mut stack = Stack::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    stack.ports.connect = taken.local_addr().unwrap().port();
    let options = stack.port_options();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let error = stack.fails(&[&["up"], &options[..]].concat());
    assert!(error.contains(&format!("port {}", stack.ports.connect)), "{error}");
    assert!(error.contains("--connect-port"), "{error}");
    assert!(!stack.folder.path().join("kafka").exists(), "nothing is started then");
}

#[test]
fn an_old_process_id_is_not_believed() {
    let stack = Stack::new();
    // The test itself: another program that has got the id since.
    write_record(stack.folder.path(), std::process::id());
    let status = stack.fails(&["status"]);
    assert!(line(&status, "Kafka ").contains("stopped"), "{status}");
    assert!(stack.ok(&["down"]).contains("Nothing was running."), "and it was not ended");
}

fn write_record(folder: &Path, pid: u32) {
    fs::write(folder.join("kafka.pid"), format!("{pid}\n")).unwrap();
}
