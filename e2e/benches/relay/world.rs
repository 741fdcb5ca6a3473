//! What is measured: relays of the release build, with and without a real Kafka.

use e2e::{Relay, until};
use kafka_client::{KafkaOptions, KafkaSettings};
use local_stack::{Kafka, KafkaPorts, Registry, Server, free_port};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
};
use std::{env, fs, path::PathBuf};
use tempfile::TempDir;

/// The servers that relays are connected to, and how often everything is measured.
pub struct World {
    /// As `$BENCH_ROUNDS` says, or 5.
    pub rounds: usize,
    geo_database: Option<PathBuf>,
    kafka: Server<Kafka>,
    registry: Server<Registry>,
    /// Removed last, when nobody writes there any more.
    folder: TempDir,
}

impl World {
    /// Starts Kafka and the registry.
    pub fn start() -> Self {
        let rounds = env::var("BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
        let folder = tempfile::tempdir().unwrap();
        let downloads = local_stack::download().unwrap();
        let path = |name| folder.path().join(name);
        let ports = KafkaPorts::free().unwrap();
        let kafka = Kafka::new(&downloads, &path("kafka"), ports, &path("certificates"));
        let registry = Registry::new(&downloads, &path("registry"), free_port().unwrap());
        let geo_database = e2e::geo_database();
        if geo_database.is_none() {
            println!("There is no geo database: no place is looked up.");
        }
        Self {
            rounds,
            geo_database,
            kafka: Server::start(kafka).unwrap(),
            registry: Server::start(registry).unwrap(),
            folder,
        }
    }

    /// The size of the geo database, which the relay has in memory, in bytes.
    pub fn geo_bytes(&self) -> u64 {
        self.geo_database.as_ref().map_or(0, |file| fs::metadata(file).unwrap().len())
    }

    /// A folder for a relay.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The options of a relay that keeps events in its store: behind a proxy on this machine, so that
    /// visitors have addresses, with the geo database, and with limits that are looked at but not met.
    pub fn options(&self) -> Vec<String> {
        let options = [
            ["--trusted-proxies", "127.0.0.1"],
            ["--session-requests", "100000"],
            ["--session-events", "10000000"],
            ["--new-sessions", "1000000"],
            ["--events", "100000000"],
        ];
        let mut options: Vec<_> = options.concat().into_iter().map(str::to_owned).collect();
        if let Some(file) = &self.geo_database {
            options.extend(["--geo-database".to_owned(), file.to_str().unwrap().to_owned()]);
        }
        options
    }

    /// The same with Kafka, where the topic is made.
    pub async fn kafka_options(&self, topic: &str, partitions: i32) -> Vec<String> {
        let mut client = ClientConfig::new();
        let client = client.set("bootstrap.servers", self.kafka.bootstrap());
        let admin: AdminClient<_> = client.create().unwrap();
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let created = admin.create_topics(&[new], &AdminOptions::new()).await.unwrap();
        assert!(created[0].is_ok(), "{created:?}");
        let mut options = self.options();
        options.extend(["--topic".to_owned(), topic.to_owned()]);
        options.extend(["--kafka-service-uri".to_owned(), self.kafka.bootstrap()]);
        options.extend(["--schema-registry-uri".to_owned(), self.registry.url()]);
        options
    }

    /// The same settings that a relay has for Kafka, for a client without a relay.
    pub fn kafka_settings(&self, topic: &str) -> KafkaSettings {
        let options = KafkaOptions {
            kafka_service_uri: Some(self.kafka.bootstrap()),
            schema_registry_uri: Some(self.registry.url()),
            topic: topic.to_owned(),
            ..KafkaOptions::default()
        };
        KafkaSettings::resolve(&options).unwrap().unwrap()
    }

    /// Starts a relay, and waits until events go where they are to go.
    pub async fn relay(&self, name: &str, options: &[String]) -> Relay {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let relay = Relay::start(&self.folder(name), &options).await;
        until("the relay to be ready and to deliver", async || {
            let url = format!("{}/readyz", relay.management_url());
            let answer = reqwest::get(url).await.map_err(|error| error.to_string())?;
            let text = answer.text().await.map_err(|error| error.to_string())?;
            let delivers = text.contains("delivering") || text.contains("not_configured");
            if delivers { Ok(()) } else { Err(text) }
        })
        .await;
        relay
    }
}
