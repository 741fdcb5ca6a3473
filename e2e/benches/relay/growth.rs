//! How the cost grows with the number of phones, each of which presses three times a second.

use crate::{phone::Phone, viewers::megabytes, world::World};
use e2e::{
    Relay,
    figures::{Better, Figure, quantile},
};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How many at a time.
const PHONES: [usize; 4] = [1, 10, 100, 1000];
/// Between two presses of a phone.
const BEAT: Duration = Duration::from_micros(333_333);
/// For one number of phones in one round.
const TIME: Duration = Duration::from_secs(8);

/// What a round finds for one number of phones.
struct Cost {
    requests: f64,
    percent: f64,
    megabytes: f64,
    p50: f64,
    p99: f64,
}

/// A relay for each number of phones, as memory that was had once is not given back.
pub async fn measure(world: &World) -> Vec<Figure> {
    let mut relays = Vec::new();
    for phones in PHONES {
        let name = format!("growth-{phones}");
        let options = world.kafka_options(&name, 3).await;
        relays.push(world.relay(&name, &options).await);
    }
    let mut rounds = PHONES.map(|_| Vec::new());
    for _ in 0..world.rounds {
        for ((phones, relay), rounds) in PHONES.into_iter().zip(&relays).zip(&mut rounds) {
            rounds.push(run(world, relay, phones).await);
        }
    }
    print_table(&rounds);
    let mut figures = Vec::new();
    for (phones, rounds) in PHONES.into_iter().zip(&rounds) {
        let figure = |what: &str, unit: &str, value: fn(&Cost) -> f64| {
            let name = format!("{phones} phones: {what}");
            Figure::new(&name, unit, rounds.iter().map(value).collect(), Better::Lower)
        };
        figures.push(figure("requests", "/s", |cost| cost.requests));
        figures.push(figure("of a core", "%", |cost| cost.percent));
        figures.push(figure("memory beside the geo database", "MB", |cost| cost.megabytes));
        figures.push(figure("p50", "ms", |cost| cost.p50));
        figures.push(figure("p99", "ms", |cost| cost.p99));
    }
    figures
}

async fn run(world: &World, relay: &Relay, phones: usize) -> Cost {
    let mut running = JoinSet::new();
    let mut all = Vec::new();
    for _ in 0..phones {
        all.push(Phone::connect(relay.address()).await);
    }
    let (before, start) = (relay.processor_time(), Instant::now());
    for phone in all {
        // They do not press together.
        let first = start + BEAT.mul_f64(fastrand::f64());
        running.spawn(press(phone, first, start + TIME));
    }
    let mut took = Vec::new();
    while let Some(more) = running.join_next().await {
        took.extend(more.unwrap());
    }
    let seconds = start.elapsed().as_secs_f64();
    Cost {
        requests: took.len() as f64 / seconds,
        percent: 100.0 * (relay.processor_time() - before).as_secs_f64() / seconds,
        megabytes: megabytes(relay.resident_bytes() - world.geo_bytes()),
        p50: quantile(&took, 0.5),
        p99: quantile(&took, 0.99),
    }
}

/// Presses until then, and gives what each request took since the first press in it was due, in
/// milliseconds: as the page does it, presses that come while a request is under way go with the next.
async fn press(mut phone: Phone, first: Instant, end: Instant) -> Vec<f64> {
    let mut took = Vec::new();
    let mut due = first;
    while due < end {
        tokio::time::sleep_until(due.into()).await;
        let pressed = due;
        let mut presses = 0;
        while due <= Instant::now() {
            presses += 1;
            due += BEAT;
        }
        phone.press(presses).await;
        took.push(pressed.elapsed().as_secs_f64() * 1e3);
    }
    took
}

fn print_table(rounds: &[Vec<Cost>]) {
    println!(
        "\n{:>7} {:>11} {:>10} {:>10} {:>9} {:>9}",
        "phones", "requests/s", "of a core", "memory", "p50", "p99"
    );
    for (phones, rounds) in PHONES.into_iter().zip(rounds) {
        let median =
            |value: fn(&Cost) -> f64| quantile(&rounds.iter().map(value).collect::<Vec<_>>(), 0.5);
        println!(
            "{phones:>7} {:>11.1} {:>8.1} % {:>7.1} MB {:>6.2} ms {:>6.2} ms",
            median(|cost| cost.requests),
            median(|cost| cost.percent),
            median(|cost| cost.megabytes),
            median(|cost| cost.p50),
            median(|cost| cost.p99),
        );
    }
}
