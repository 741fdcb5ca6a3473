//! What a request costs the relay's processor, beside a handler that does nothing, and how many there
//! can be.

use crate::{bare::BareAxum, world::World, wrk::Load};
use e2e::{
    Relay,
    figures::{Better, Figure},
};
use std::time::Duration;

/// As many as make a server wait for the next request now and then.
const FEW: usize = 64;
/// As many as keep every server busy: as many phones.
const MANY: usize = 1000;
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
    fn of(
        url: &str,
        connections: usize,
        seconds: u64,
        events: usize,
        processor_time: impl Fn() -> Duration,
    ) -> Self {
        let before = processor_time();
        let load = Load::run(url, connections, seconds, events);
        Self { processor: processor_time() - before, load }
    }

    /// A load from so many connections for so many seconds, with so many events a request.
    pub fn of_relay(relay: &Relay, connections: usize, seconds: u64, events: usize) -> Self {
        Self::of(&relay.url(), connections, seconds, events, || relay.processor_time())
    }

    fn of_bare(bare: &BareAxum, connections: usize) -> Self {
        Self::of(bare.url(), connections, SECONDS, 1, || bare.processor_time())
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
    let first = Load::run(&kafka.url(), FEW, 2, 1);
    let (answer, wait) =
        (first.answer_bytes(), Duration::from_secs(FEW as u64).div_f64(first.rate()));
    let bare = BareAxum::start(answer.round() as usize, Duration::ZERO);
    // What a server costs that has to wait, though there is nothing that it does.
    let waiting = BareAxum::start(answer.round() as usize, wait);
    let bare_answer = Load::run(bare.url(), FEW, 1, 1).answer_bytes();
    assert!((bare_answer / answer - 1.0).abs() < 0.02, "{bare_answer} and {answer} bytes");
    Load::run(&store.url(), FEW, 1, 1);
    Load::run(&one_partition.url(), FEW, 1, BATCH);

    let mut rounds = Rounds::default();
    for round in 1..=world.rounds {
        for (connections, costs) in [(FEW, &mut rounds.few), (MANY, &mut rounds.many)] {
            let nothing = Cost::of_bare(&bare, connections);
            let single = Cost::of_relay(&kafka, connections, SECONDS, 1);
            println!(
                "round {round}, {connections} connections: bare {:.1} µs at {:.0}/s, Kafka {:.1} µs at \
                 {:.0}/s",
                nothing.micros(),
                nothing.load.rate(),
                single.micros(),
                single.load.rate(),
            );
            costs.bare_micros.push(nothing.micros());
            costs.kafka_micros.push(single.micros());
            costs.ratio.push(single.micros() / nothing.micros());
            costs.kafka_rate.push(single.load.rate());
        }
        let waited = Cost::of_bare(&waiting, FEW);
        println!(
            "round {round}, {FEW} connections: bare after {} ms {:.1} µs at {:.0}/s",
            wait.as_millis(),
            waited.micros(),
            waited.load.rate(),
        );
        let kafka_micros = rounds.few.kafka_micros[round - 1];
        rounds.waiting_micros.push(waited.micros());
        rounds.waiting_ratio.push(kafka_micros / waited.micros());
        let batch = Cost::of_relay(&kafka, FEW, SECONDS, BATCH);
        let stored = Cost::of_relay(&store, FEW, SECONDS, 1);
        let partition = Cost::of_relay(&one_partition, FEW, SECONDS, BATCH);
        println!(
            "round {round}: 100 events {:.0} µs at {:.0}/s, store {:.1} µs at {:.0}/s",
            batch.micros(),
            batch.load.rate(),
            stored.micros(),
            stored.load.rate(),
        );
        let kafka_rate = rounds.few.kafka_rate[round - 1];
        rounds.store_micros.push(stored.micros());
        rounds.store_rate.push(stored.load.rate());
        rounds.store_part.push(100.0 * stored.load.rate() / kafka_rate);
        rounds.batch_per_core.push(BATCH as f64 * 1e6 / batch.micros());
        rounds.batch_rate.push(BATCH as f64 * batch.load.rate());
        rounds.partition_rate.push(BATCH as f64 * partition.load.rate());
    }
    println!(
        "relays have {} MB (Kafka) and {} MB (store) in memory, {} MB of it the geo database",
        kafka.resident_bytes() >> 20,
        store.resident_bytes() >> 20,
        world.geo_bytes() >> 20
    );
    rounds.figures()
}

/// What one event a request costs, with one number of connections.
#[derive(Default)]
struct Single {
    bare_micros: Vec<f64>,
    kafka_micros: Vec<f64>,
    ratio: Vec<f64>,
    kafka_rate: Vec<f64>,
}

#[derive(Default)]
struct Rounds {
    few: Single,
    many: Single,
    waiting_micros: Vec<f64>,
    waiting_ratio: Vec<f64>,
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
        let mut figures = Vec::new();
        for (connections, costs) in [(FEW, self.few), (MANY, self.many)] {
            let name = |what: &str| format!("1 event, {connections} connections: {what}");
            figures.extend([
                Figure::new(&name("bare axum, a request"), "µs", costs.bare_micros, Lower),
                Figure::new(&name("Kafka, a request"), "µs", costs.kafka_micros, Lower),
                Figure::new(&name("Kafka to bare axum"), "×", costs.ratio, Lower).with_goal(1.6),
                Figure::new(&name("Kafka, requests"), "/s", costs.kafka_rate, Higher),
            ]);
        }
        let name = |what: &str| format!("1 event, {FEW} connections: {what}");
        figures.extend([
            Figure::new(&name("bare axum that waits as long"), "µs", self.waiting_micros, Lower),
            Figure::new(&name("Kafka to that"), "×", self.waiting_ratio, Lower),
            Figure::new("100 events, Kafka: events a core", "/s", self.batch_per_core, Higher)
                .with_goal(300_000.0),
            Figure::new("100 events, Kafka: events", "/s", self.batch_rate, Higher),
            Figure::new("100 events, one partition: events", "/s", self.partition_rate, Higher),
            Figure::new("1 event, store: a request", "µs", self.store_micros, Lower),
            Figure::new("1 event, store: requests", "/s", self.store_rate, Higher),
            Figure::new("1 event, store: requests, of Kafka's", "%", self.store_part, Higher)
                .with_goal(50.0),
        ]);
        figures
    }
}
