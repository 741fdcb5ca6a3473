//! What a relay may take, however long it runs.

use e2e::Relay;
use std::{fs, path::Path};

/// More memory than while it warmed up, which had every fault's first time: what an allocator takes for its
/// own good.
const MORE_MEMORY: u64 = 24 << 20;

/// What a session that is counted takes: README says 100 MB for a million.
const SESSION: u64 = 100;

/// What the log may have at its start, for each fault, and in all besides: a line is a quarter of a kB,
/// and a fault has some.
const LOG: u64 = 64 << 10;
const LOG_PER_FAULT: u64 = 16 << 10;

/// What an event takes in the store, with its place in the index; those that Kafka has by now stay.
const STORED_EVENT: u64 = 400;

/// SQLite's log is written back after 1000 pages (4 MB), when nobody reads; some more may come meanwhile.
const WRITE_AHEAD_LOG: u64 = 16 << 20;

/// The most memory that a relay had, while it warmed up and later.
#[derive(Default)]
pub struct Footprint {
    warm: u64,
    late: u64,
}

impl Footprint {
    /// Notes how much it is now.
    pub fn note(&mut self, warming_up: bool, relay: &Relay) {
        let most = if warming_up { &mut self.warm } else { &mut self.late };
        *most = relay.resident_bytes().max(*most);
    }

    /// It is about as much as at first; with so many events there are not more sessions.
    pub fn assert_bounded(&self, relay: &Relay, events: usize) {
        let Self { warm, late } = *self;
        let now = relay.resident_bytes();
        println!(
            "      memory: {} MB at most, later {} MB, now {} MB",
            warm >> 20,
            late >> 20,
            now >> 20
        );
        let most = warm + MORE_MEMORY + SESSION * events as u64;
        assert!(late.max(now) <= most, "{late} or {now} bytes, and {warm} before");
    }
}

/// Checks all files of a relay's folder; there are no others than these.
pub fn assert_files_bounded(relay: &Relay, faults: usize, events: usize) {
    let log = relay.log_file();
    let folder = log.parent().unwrap();
    let (faults, events) = (faults as u64, events as u64);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let size = size(&path);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let most = match name.as_str() {
            "relay.log" => LOG + faults * LOG_PER_FAULT,
            "relay.out" => 4 << 10,
            "button_presses.sqlite" => (1 << 20) + events * STORED_EVENT,
            "button_presses.sqlite-wal" => WRITE_AHEAD_LOG,
            // An index of the log before it, of as many pages.
            "button_presses.sqlite-shm" => 1 << 20,
            _ => panic!("{} is none of a relay's files", path.display()),
        };
        println!("      {name}: {} kB", size >> 10);
        assert!(size <= most, "{name} has {size} bytes, and may have {most}");
    }
}

fn size(path: &Path) -> u64 {
    // SQLite removes its log when the last one closes the store.
    path.metadata().map_or(0, |metadata| metadata.len())
}
