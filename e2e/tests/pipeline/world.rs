//! The servers, and the ledger of every event that was acknowledged.

use crate::{client, topic};
pub use e2e::is_long;
use e2e::{PATIENCE, Relay, geo_database, small_geo};
use local_stack::{Ports, Stack};
use schemas::{Action, Event, Uuid};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::task::block_in_place;

/// The topic whose events go on to PostgreSQL.
pub const TOPIC: &str = "button_presses";

/// How often something is done that has to be survived: 20 times, or a few in the short form.
pub fn rounds(short: usize) -> usize {
    if is_long() { 20 } else { short }
}

/// Events by identity.
pub type Ledger = BTreeMap<(Uuid, u64), Event>;

/// Real servers, and what must be in them.
pub struct World {
    pub stack: Stack,
    pub folder: Folder,
    geo: PathBuf,
    ledger: Ledger,
}

impl World {
    pub fn start() -> Self {
        let folder = Folder::new();
        let stack = Stack::start(&folder.path().join("stack"), Ports::free().unwrap())
            .unwrap_or_else(|error| panic!("{error}"));
        let geo = geo_database().unwrap_or_else(|| {
            let small = folder.path().join("small.mmdb");
            small_geo::write(&small, small_geo::Layout::Standard, "Säffle");
            small
        });
        Self { stack, geo, folder, ledger: Ledger::new() }
    }

    /// The relay's options beside those for Kafka.
    pub fn common_options(&self) -> Vec<String> {
        let geo = self.geo.to_string_lossy();
        let options =
            ["--trusted-proxies", "127.0.0.1/32", "--geo-database", &geo, "--log", "trace"];
        // A crowd repeats what was refused fifty times a second, which no page does, and its visits are short.
        [&options[..], &["--session-requests", "0", "--events", "0", "--new-sessions", "0"]]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    /// The relay's options, with Kafka.
    pub fn options(&self) -> Vec<String> {
        let kafka = ["--kafka-service-uri".to_owned(), self.stack.kafka.bootstrap()];
        let registry = ["--schema-registry-uri".to_owned(), self.stack.registry.url()];
        [kafka.to_vec(), registry.to_vec(), self.common_options()].concat()
    }

    /// A relay of its own for one part of the test.
    pub async fn relay(&self, name: &str) -> Relay {
        self.relay_with(name, &self.options()).await
    }

    /// As [`World::relay`], with other options.
    pub async fn relay_with(&self, name: &str, options: &[String]) -> Relay {
        Relay::start(&self.relay_folder(name), &words(options)).await
    }

    pub fn relay_folder(&self, name: &str) -> PathBuf {
        self.folder.path().join("relays").join(name)
    }

    /// Every message of the product's topic.
    pub fn messages(&self) -> Vec<topic::Message> {
        block_in_place(|| topic::read(&self.stack.kafka.bootstrap(), TOPIC))
    }

    /// Asks the registry.
    pub async fn registry(&self, path: &str) -> Value {
        let url = format!("{}/{path}", self.stack.registry.url());
        reqwest::get(url).await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// Notes events that were acknowledged, to be accounted for.
    pub fn acknowledged(&mut self, session: Uuid, events: &[Event]) {
        self.ledger.extend(events.iter().map(|event| ((session, event.count), *event)));
    }

    /// Every event that was acknowledged so far, and that PostgreSQL has to have.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The final account: waits until PostgreSQL has as many events as were acknowledged since the
    /// beginning, then compares all of them. PostgreSQL's primary key is what makes each be there
    /// once at most.
    pub async fn settle(&mut self, relay: &Relay, acknowledged: Ledger) {
        let newly = acknowledged.len();
        self.ledger.extend(acknowledged);
        // What is in the relay's store has to leave it first.
        client::wait_until_delivering(relay).await;
        let waiting = relay.stored().iter().filter(|row| row.delivered_at.is_none()).count();
        assert_eq!(waiting, 0, "the relay delivers, with events in its store");
        self.settle_in_postgresql().await;
        println!("      {newly} events acknowledged; {} in PostgreSQL, exactly", self.ledger.len());
    }

    /// The final account alone, without a look at a relay.
    pub async fn settle_in_postgresql(&self) {
        let mut last = (0, Instant::now());
        loop {
            let found: usize = self.query("SELECT count(*) FROM button_presses").parse().unwrap();
            if found >= self.ledger.len() {
                break;
            }
            // However many there are, they have to come steadily.
            if found != last.0 {
                last = (found, Instant::now());
            }
            self.mend_sink();
            let state = block_in_place(|| self.stack.connect.sink_state());
            let due = self.ledger.len();
            assert!(
                last.1.elapsed() < 2 * PATIENCE,
                "{found} of {due} in PostgreSQL; sink: {state:?}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let found = self.in_postgresql();
        let missing: Vec<_> =
            self.ledger.iter().filter(|(identity, _)| !found.contains_key(*identity)).collect();
        let strange: Vec<_> =
            found.iter().filter(|(identity, _)| !self.ledger.contains_key(*identity)).collect();
        assert!(missing.is_empty(), "acknowledged, and not in PostgreSQL: {missing:?}");
        assert!(strange.is_empty(), "in PostgreSQL, and never acknowledged: {strange:?}");
        for (identity, event) in &self.ledger {
            assert_eq!(&found[identity], event);
        }
    }

    /// Starts the sink afresh if it has failed, as `stack up` does: Connect leaves that to others.
    pub fn mend_sink(&self) {
        // While Connect itself is away there is nothing to mend.
        if block_in_place(|| self.stack.connect.mend()).is_ok_and(|failed| failed) {
            println!("      the sink had failed, and is started afresh");
        }
    }

    fn in_postgresql(&self) -> Ledger {
        let rows =
            self.query(r#"SELECT session_id, count, "timestamp", action FROM button_presses"#);
        let row = |line: &str| {
            let mut columns = line.split('|');
            let mut next = || columns.next().unwrap();
            let (session, count) = (Uuid::try_parse(next()).unwrap(), next().parse().unwrap());
            let timestamp = schemas::Timestamp::from_micros(next().parse().unwrap()).unwrap();
            let action = Action::parse(next()).unwrap();
            ((session, count), Event { timestamp, action, count })
        };
        rows.lines().map(row).collect()
    }

    /// How many messages the sink has put aside because it could not read them.
    pub fn dead_letters(&self) -> i64 {
        let bootstrap = self.stack.kafka.bootstrap();
        block_in_place(|| topic::size(&bootstrap, "button_presses-dead-letters"))
    }

    /// Asks PostgreSQL.
    pub fn query(&self, sql: &str) -> String {
        let answer = block_in_place(|| self.stack.postgresql.query(sql));
        answer.unwrap_or_else(|error| panic!("{sql}: {error}")).trim().to_owned()
    }
}

/// A temporary folder that is kept if the test fails.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.disable_cleanup(true);
            eprintln!("all data and logs are kept in {}", self.path().display());
        }
    }
}

/// As arguments of a command.
pub fn words(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}
