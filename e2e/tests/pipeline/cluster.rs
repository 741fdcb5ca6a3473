//! Three brokers, of which one or two are away: Kafka acknowledges what two of them have (`acks=all`,
//! `min.insync.replicas=2`).
//!
//! Whatever happens, the relay stays ready and takes events; in the end the topic has exactly those that
//! were acknowledged, each at least once, and those of a session in their order.

use crate::{
    client::{readiness, wait_for_state, wait_until_delivering},
    crowd::Crowd,
    kafka_dies::PAGES_PATIENCE,
    live, topic,
    world::{Folder, Ledger, TOPIC},
};
use e2e::{Relay, until};
use local_stack::{Cluster, Node, Registry, Server, download, free_port};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
    error::KafkaResult,
    metadata::Metadata,
};
use reqwest::Client;
use serde_json::Value;
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::{
    task::{JoinSet, block_in_place},
    time::sleep,
};

/// Visitors, and the pause between two events of one.
const VISITORS: usize = 8;
const PACE: Duration = Duration::from_millis(60);

/// How long two nodes are away: several attempts of the relay to deliver.
const AWAY: Duration = Duration::from_secs(20);

/// The relay's, for a write to Kafka (`relay/src/sink/kafka.rs`).
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two requests for `/readyz`.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

const METADATA_TIMEOUT: Duration = Duration::from_secs(10);

/// The cluster, with a registry, and what must be in its topic.
pub struct Brokers {
    cluster: Cluster,
    registry: Server<Registry>,
    /// For the topic's leaders and in-sync replicas.
    client: BaseConsumer,
    folder: Folder,
    ledger: Ledger,
}

/// A relay under load.
struct Load {
    relay: Relay,
    crowd: Crowd,
    /// Fails when the relay is not ready.
    watch: JoinSet<()>,
}

impl Brokers {
    pub fn start() -> Self {
        let folder = Folder::new();
        let path = folder.path().canonicalize().unwrap();
        let registry =
            Registry::new(&download().unwrap(), &path.join("registry"), free_port().unwrap());
        let registry = Server::start(registry).unwrap_or_else(|error| panic!("{error}"));
        let cluster = Cluster::start(&path).unwrap_or_else(|error| panic!("{error}"));
        let client =
            ClientConfig::new().set("bootstrap.servers", cluster.bootstrap()).create().unwrap();
        Self { cluster, registry, client, folder, ledger: Ledger::new() }
    }

    /// Starts a relay and visitors, whose events go straight to Kafka.
    async fn load(&self, name: &str) -> Load {
        let (kafka, registry) = (self.cluster.bootstrap(), self.registry.url());
        let mut options = vec!["--kafka-service-uri", &kafka, "--schema-registry-uri", &registry];
        // A crowd repeats what was refused fifty times a second, which no page does.
        options.extend(["--session-requests", "0", "--events", "0", "--new-sessions", "0"]);
        options.extend(["--log", "debug"]);
        let folder = self.folder.path().join("relays").join(name);
        let relay = Relay::start(&folder, &options).await;
        wait_until_delivering(&relay).await;
        let mut watch = JoinSet::new();
        watch.spawn(stays_ready(relay.management_url()));
        let crowd = Crowd::start_at_pace(&relay, VISITORS, PACE);
        crowd.wait_for_kafka(50).await;
        Load { relay, crowd, watch }
    }

    fn node(&mut self, id: i32) -> &mut Server<Node> {
        self.cluster.node(id).unwrap()
    }

    fn metadata(&self) -> KafkaResult<Metadata> {
        block_in_place(|| self.client.fetch_metadata(Some(TOPIC), METADATA_TIMEOUT))
    }

    /// The node that leads the first partition.
    fn leader(&self) -> i32 {
        self.metadata().unwrap().topics()[0].partitions()[0].leader()
    }

    /// Waits until each node has every partition to its end.
    async fn wait_until_in_sync(&self) {
        until("all replicas to be in sync", async || {
            let metadata = self.metadata().map_err(|error| error.to_string())?;
            let partitions = metadata.topics()[0].partitions();
            let in_sync: Vec<_> = partitions.iter().map(|it| it.isr().to_vec()).collect();
            match in_sync.iter().all(|nodes| nodes.len() == 3) {
                true => Ok(()),
                false => Err(format!("{in_sync:?}")),
            }
        })
        .await;
    }

    /// Ends the load, and draws up the account.
    async fn settle(&mut self, load: Load) {
        let Load { relay, crowd, mut watch } = load;
        let in_store = crowd.seen_in_store();
        let outcome = crowd.end().await;
        assert_eq!((outcome.no_answer, outcome.unavailable), (0, 0), "the relay went on");
        assert!(outcome.slowest < PAGES_PATIENCE, "{:?}", outcome.slowest);
        wait_until_delivering(&relay).await;
        let undelivered = relay.stored().iter().filter(|row| row.delivered_at.is_none()).count();
        assert_eq!(undelivered, 0, "the relay delivers, with events in its store");
        assert!(watch.try_join_next().is_none(), "the relay was not ready all the time");
        let newly = outcome.acknowledged.len();
        self.ledger.extend(outcome.acknowledged);
        let messages = block_in_place(|| topic::read(&self.cluster.bootstrap(), TOPIC));
        let repeats = topic::assert_exact(&messages, &self.ledger);
        live::numbers_are_exact(&relay, &self.ledger).await;
        println!(
            "      {newly} events acknowledged, {in_store} by the store; slowest answer {:?}; \
             {} in the topic, exactly, and {repeats} repeats so far",
            outcome.slowest,
            self.ledger.len()
        );
    }
}

/// Polls `/readyz`: no operator of the relay has to fix any of these faults.
async fn stays_ready(relay: String) {
    let client = Client::new();
    loop {
        let state = client.get(format!("{relay}/readyz")).send().await.unwrap();
        let state: Value = state.json().await.unwrap();
        assert_eq!(state["ready"], true, "{state}");
        sleep(POLL_INTERVAL).await;
    }
}

/// Killed with SIGKILL. The others take over when the controllers have found out; nothing is acknowledged
/// by Kafka until then.
pub async fn leader_is_killed(brokers: &mut Brokers) {
    let load = brokers.load("leader-killed").await;
    for _ in 0..3 {
        let leader = brokers.leader();
        sleep(Duration::from_millis(fastrand::u64(0..1500))).await;
        block_in_place(|| brokers.node(leader).kill()).unwrap();
        load.crowd.wait_for_store(50).await;
        load.crowd.wait_for_kafka(50).await;
        assert_ne!(brokers.leader(), leader);
        block_in_place(|| brokers.node(leader).restart()).unwrap();
        brokers.wait_until_in_sync().await;
    }
    brokers.settle(load).await;
}

/// Stopped in order and started again, one after the other, as for an upgrade.
pub async fn nodes_restart_in_turn(brokers: &mut Brokers) {
    let load = brokers.load("rolling-restart").await;
    for id in 1..=3 {
        block_in_place(|| brokers.node(id).stop()).unwrap();
        load.crowd.wait_for_kafka(50).await;
        block_in_place(|| brokers.node(id).restart()).unwrap();
        brokers.wait_until_in_sync().await;
        load.crowd.wait_for_kafka(50).await;
    }
    brokers.settle(load).await;
}

/// The last node leads every partition and takes nothing (NOT_ENOUGH_REPLICAS). The store takes all, and
/// is delivered when a second node is back.
pub async fn two_nodes_are_away(brokers: &mut Brokers) {
    let load = brokers.load("two-away").await;
    // In order: each leaves the in-sync replicas before it ends. Of nodes that are killed the last one
    // would not know, without a majority of controllers, and wait for them.
    for id in [1, 2] {
        block_in_place(|| brokers.node(id).stop()).unwrap();
    }
    wait_for_state(&load.relay, "waiting", "").await;
    // Then the last request that waits for Kafka has failed.
    sleep(WRITE_TIMEOUT).await;
    load.crowd.wait_for_store(VISITORS).await;
    let slowest = load.crowd.slowest();
    assert!(slowest < PAGES_PATIENCE, "{slowest:?}");
    let log = fs::read_to_string(brokers.node(3).log_file()).unwrap();
    assert!(log.contains("NotEnoughReplicasException"), "it is not this that is tested");
    let in_kafka = load.crowd.seen_in_kafka();
    let start = Instant::now();
    while start.elapsed() < AWAY {
        load.crowd.wait_for_store(50).await;
        let state = readiness(&load.relay).await.unwrap();
        assert_eq!(state["kafka"]["state"], "waiting", "{state}");
        let slowest = load.crowd.slowest();
        assert!(slowest < Duration::from_secs(2), "requests do not wait for Kafka: {slowest:?}");
    }
    assert_eq!(load.crowd.seen_in_kafka(), in_kafka, "two nodes must have an event");
    block_in_place(|| brokers.node(1).restart()).unwrap();
    load.crowd.wait_for_kafka(50).await;
    brokers.settle(load).await;
    block_in_place(|| brokers.node(2).restart()).unwrap();
    brokers.wait_until_in_sync().await;
}

/// A node is killed and comes back without its log segments and its metadata, as from a new disk: it gets
/// all of it from the others.
pub async fn log_folder_is_lost(brokers: &mut Brokers) {
    let load = brokers.load("log-folder-lost").await;
    let leader = brokers.leader();
    block_in_place(|| brokers.node(leader).kill()).unwrap();
    // The other two have all the metadata before the third comes back with none.
    load.crowd.wait_for_store(50).await;
    load.crowd.wait_for_kafka(50).await;
    brokers.node(leader).remove_data().unwrap();
    block_in_place(|| brokers.node(leader).restart()).unwrap();
    brokers.wait_until_in_sync().await;
    load.crowd.wait_for_kafka(50).await;
    brokers.settle(load).await;
}
