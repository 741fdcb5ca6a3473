//! How long librdkafka should wait for more messages before it sends what it has: what each choice costs
//! an idle relay's client, and what it saves a busy relay's processor.

use crate::{latency::millis, phone::Phone, throughput::Cost, world::World};
use e2e::figures::{Better, Figure, quantile};
use std::time::Instant;

/// In milliseconds.
const CHOICES: [u32; 5] = [0, 1, 2, 5, 10];
/// One after the other, on an idle relay.
const PRESSES: usize = 200;
const SECONDS: u64 = 3;

/// A relay for each, all at once; each round asks one after the other.
pub async fn measure(world: &World) -> Vec<Figure> {
    let mut relays = Vec::new();
    for choice in CHOICES {
        let mut options = world.kafka_options(&format!("linger-{choice}"), 3).await;
        options.push(format!("--kafka-property=linger.ms={choice}"));
        relays.push(world.relay(&format!("linger-{choice}"), &options).await);
    }
    let mut rounds = [const { [const { Vec::new() }; 4] }; CHOICES.len()];
    for _ in 0..world.rounds {
        for (relay, rounds) in relays.iter().zip(&mut rounds) {
            let mut phone = Phone::connect(relay.address()).await;
            let mut took = Vec::new();
            for _ in 0..PRESSES {
                let start = Instant::now();
                phone.press(1).await;
                took.push(millis(start));
            }
            let cost = Cost::of_relay(relay, 64, SECONDS, 1);
            let values =
                [quantile(&took, 0.5), quantile(&took, 0.99), cost.load.rate(), cost.micros()];
            for (value, rounds) in values.into_iter().zip(rounds) {
                rounds.push(value);
            }
        }
    }
    let mut figures = Vec::new();
    for (choice, [p50, p99, rate, micros]) in CHOICES.into_iter().zip(rounds) {
        let name = |what: &str| format!("linger {choice} ms: {what}");
        figures.push(Figure::new(&name("p50, idle"), "ms", p50, Better::Lower));
        figures.push(Figure::new(&name("p99, idle"), "ms", p99, Better::Lower));
        figures.push(Figure::new(&name("requests, busy"), "/s", rate, Better::Higher));
        figures.push(Figure::new(&name("processor a request, busy"), "µs", micros, Better::Lower));
    }
    figures
}
