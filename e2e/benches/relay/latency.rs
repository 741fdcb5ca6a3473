//! How much longer a press takes through an idle relay than Kafka itself takes, and what librdkafka's
//! linger has to do with it.

use crate::{phone::Phone, world::World};
use e2e::figures::{Better, Figure, quantile};
use kafka_client::PRODUCER;
use rdkafka::producer::{FutureProducer, FutureRecord};
use std::time::{Duration, Instant};

/// Pairs of one round.
const PAIRS: usize = 500;

/// As long as a message of the relay is, about.
const MESSAGE: [u8; 110] = [7; 110];

/// Alternates between the relay and a producer with the relay's settings.
pub async fn measure(world: &World) -> Vec<Figure> {
    let options = world.kafka_options("latency", 3).await;
    let relay = world.relay("latency", &options).await;
    let producer: FutureProducer =
        world.kafka_settings("latency").client_config(&PRODUCER).unwrap().create().unwrap();
    let direct = async || {
        let key = schemas::Uuid::new_v4().to_string();
        let record = FutureRecord::to("latency").key(&key).payload(&MESSAGE);
        producer.send(record, Duration::ZERO).await.unwrap();
    };
    let mut phone = Phone::connect(relay.address()).await;
    for _ in 0..50 {
        direct().await;
        phone.press(1).await;
    }
    let names = ["p50", "p99"];
    let mut rounds = [const { [const { Vec::new() }; 3] }; 2];
    for _ in 0..world.rounds {
        let (mut alone, mut through) = (Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            let start = Instant::now();
            direct().await;
            alone.push(millis(start));
            let start = Instant::now();
            phone.press(1).await;
            through.push(millis(start));
        }
        for (part, rounds) in [0.5, 0.99].into_iter().zip(&mut rounds) {
            let (alone, through) = (quantile(&alone, part), quantile(&through, part));
            for (value, rounds) in [alone, through, through - alone].into_iter().zip(rounds) {
                rounds.push(value);
            }
        }
    }
    let mut figures = Vec::new();
    for (name, [alone, through, added]) in names.into_iter().zip(rounds) {
        let figure = |what: &str, rounds| {
            Figure::new(&format!("{name}: {what}"), "ms", rounds, Better::Lower)
        };
        figures.push(figure("produced without a relay", alone));
        figures.push(figure("posted to the idle relay", through));
        let added = figure("added by the relay", added);
        figures.push(if name == "p99" { added.with_goal(2.0) } else { added });
    }
    figures
}

/// Since then.
pub fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
