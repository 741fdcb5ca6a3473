//! Where the relay's processor time goes while it is busy, as `perf` sees it: for those who want to make
//! it faster. Gives no figures.

use crate::{world::World, wrk::Load};
use e2e::Relay;
use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
};

/// What is looked at, and how many events a request has there.
const LOADS: [(&str, usize); 3] = [("kafka-1", 1), ("kafka-100", 100), ("store-1", 1)];
const SECONDS: u64 = 6;

/// Prints the threads and the functions that take most, and says where the whole record is.
pub async fn print(world: &World, results: &Path) {
    for (name, events) in LOADS {
        let options = match name.starts_with("kafka") {
            true => world.kafka_options(&format!("profile-{name}"), 3).await,
            false => world.options(),
        };
        let relay = world.relay(&format!("profile-{name}"), &options).await;
        Load::run(&relay.url(), 64, 1, events);
        let record = results.join(format!("{name}.perf"));
        thread::scope(|scope| {
            let recording = scope.spawn(|| record_of(&relay, &record));
            Load::run(&relay.url(), 64, SECONDS + 2, events);
            recording.join().unwrap();
        });
        println!("\n{name}: {}", record.display());
        for (sort, lines) in [("comm", 12), ("symbol", 45)] {
            let report = Command::new("perf")
                .args(["report", "--stdio", "--no-children", "-g", "none", "--sort", sort, "-i"])
                .arg(&record)
                .stderr(Stdio::null())
                .output()
                .unwrap();
            let report = String::from_utf8_lossy(&report.stdout);
            let is_told = |line: &&str| !line.is_empty() && !line.starts_with('#');
            report.lines().filter(is_told).take(lines).for_each(|line| println!("{line}"));
        }
    }
}

fn record_of(relay: &Relay, file: &Path) {
    let recorded = Command::new("perf")
        .args(["record", "--quiet", "--freq", "999", "--call-graph", "fp", "--pid"])
        .arg(relay.pid().to_string())
        .arg("--output")
        .arg(file)
        .args(["--", "sleep", &SECONDS.to_string()])
        .status()
        .expect("perf runs; on Debian it is in the package linux-perf");
    assert!(recorded.success(), "perf: {recorded}");
}
