//! What a request costs the relay's processor, beside a handler that does nothing, and how many there
//! can be.

use crate::{bare::BareAxum, world::World, wrk::Load};
use e2e::{
    Relay,
    figures::{Better, Figure, quantile},
};
use std::time::Duration;

const CONNECTIONS: usize = 64;
/// For one load of one round.
const SECONDS: u64 = 4;
/// Events in a large request.
const BATCH: usize = 100;

/// One load, and the processor time that its server took for it.
pub struct Cost {
    /// The load.
    pub load: Load,
    processor: Duration,
}

impl Cost {
    fn of(url: &str, seconds: u64, events: usize, processor_time: impl Fn() -> Duration) -> Self {
        let before = processor_time();
        let load = Load::run(url, CONNECTIONS, seconds, events);
        Self { processor: processor_time() - before, load }
    }

    /// A load of this many seconds, with so many events a request.
    pub fn of_relay(relay: &Relay, seconds: u64, events: usize) -> Self {
        Self::of(&relay.url(), seconds, events, || relay.processor_time())
    }

    /// Processor time of a request, in microseconds.
    pub fn micros(&self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.load.requests as f64
    }
}

/// All of it.
pub async fn measure(world: &World) -> Vec<Figure> {
    let options = world.kafka_options("throughput", 3).await;
    let kafka = world.relay("throughput-kafka", &options).await;
    let one_partition = world.kafka_options("throughput-one", 1).await;
    let one_partition = world.relay("throughput-one-partition", &one_partition).await;
    let store = world.relay("throughput-store", &world.options()).await;
    // The first requests are slower everywhere.
    let answer = Load::run(&kafka.url(), CONNECTIONS, 2, 1).answer_bytes();
    let bare = BareAxum::start(answer.round() as usize);
    let bare_answer = Load::run(bare.url(), CONNECTIONS, 1, 1).answer_bytes();
    assert!((bare_answer / answer - 1.0).abs() < 0.02, "{bare_answer} and {answer} bytes");
    Load::run(&store.url(), CONNECTIONS, 1, 1);
    Load::run(&one_partition.url(), CONNECTIONS, 1, BATCH);

    let mut rounds = Rounds::default();
    for round in 1..=world.rounds {
        let nothing = Cost::of(bare.url(), SECONDS, 1, || bare.processor_time());
        let single = Cost::of_relay(&kafka, SECONDS, 1);
        let batch = Cost::of_relay(&kafka, SECONDS, BATCH);
        let stored = Cost::of_relay(&store, SECONDS, 1);
        let partition = Cost::of_relay(&one_partition, SECONDS, BATCH);
        rounds.bare_micros.push(nothing.micros());
        rounds.kafka_micros.push(single.micros());
        rounds.ratio.push(single.micros() / nothing.micros());
        rounds.kafka_rate.push(single.load.rate());
        rounds.store_micros.push(stored.micros());
        rounds.store_rate.push(stored.load.rate());
        rounds.store_part.push(100.0 * stored.load.rate() / single.load.rate());
        rounds.batch_per_core.push(BATCH as f64 * 1e6 / batch.micros());
        rounds.batch_rate.push(BATCH as f64 * batch.load.rate());
        rounds.partition_rate.push(BATCH as f64 * partition.load.rate());
        println!(
            "round {round}: bare {:.1} µs, Kafka {:.1} µs at {:.0}/s, 100 events {:.0} µs at {:.0}/s, \
             store {:.1} µs at {:.0}/s",
            nothing.micros(),
            single.micros(),
            single.load.rate(),
            batch.micros(),
            batch.load.rate(),
            stored.micros(),
            stored.load.rate(),
        );
    }
    println!(
        "relays have {} MB (Kafka) and {} MB (store) in memory, {} MB of it the geo database",
        kafka.resident_bytes() >> 20,
        store.resident_bytes() >> 20,
        world.geo_bytes() >> 20
    );
    rounds.figures()
}

#[derive(Default)]
struct Rounds {
    bare_micros: Vec<f64>,
    kafka_micros: Vec<f64>,
    ratio: Vec<f64>,
    kafka_rate: Vec<f64>,
    batch_per_core: Vec<f64>,
    batch_rate: Vec<f64>,
    partition_rate: Vec<f64>,
    store_micros: Vec<f64>,
    store_rate: Vec<f64>,
    store_part: Vec<f64>,
}

impl Rounds {
    fn figures(self) -> Vec<Figure> {
        use Better::{Higher, Lower};
        let per_second_per_core = 1e6 / quantile(&self.kafka_micros, 0.5);
        println!("One core of relay would carry {per_second_per_core:.0} requests/s of one event.");
        vec![
            Figure::new("bare axum: processor a request", "µs", self.bare_micros, Lower),
            Figure::new("Kafka, 1 event: processor a request", "µs", self.kafka_micros, Lower),
            Figure::new("Kafka, 1 event: against bare axum", "×", self.ratio, Lower).with_goal(1.6),
            Figure::new("Kafka, 1 event: requests", "/s", self.kafka_rate, Higher),
            Figure::new("Kafka, 100 events: events a core", "/s", self.batch_per_core, Higher)
                .with_goal(300_000.0),
            Figure::new("Kafka, 100 events: events", "/s", self.batch_rate, Higher),
            Figure::new("one partition, 100 events: events", "/s", self.partition_rate, Higher),
            Figure::new("store, 1 event: processor a request", "µs", self.store_micros, Lower),
            Figure::new("store, 1 event: requests", "/s", self.store_rate, Higher),
            Figure::new("store, 1 event: requests, of Kafka's", "%", self.store_part, Higher)
                .with_goal(50.0),
        ]
    }
}
