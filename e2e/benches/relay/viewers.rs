//! Who only looks on: a thousand screens that are told of every press, and ten thousand connections on
//! which nothing happens.

use crate::{phone::Phone, world::World};
use e2e::figures::{Better, Figure};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

const VIEWERS: usize = 1000;
const IDLE: usize = 10_000;
/// One update a second.
const UPDATES: usize = 10;

const REQUEST: &[u8] = b"GET /api/live HTTP/1.1\r\nhost: relay\r\n\r\n";

/// Both, in a relay of each one's own, as memory that was had once is not given back.
pub async fn measure(world: &World) -> Vec<Figure> {
    let mut figures = viewers(world).await;
    figures.extend(idle(world).await);
    figures
}

async fn viewers(world: &World) -> Vec<Figure> {
    let (mut part, mut alone, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..world.rounds {
        let relay = world.relay(&format!("viewers-{round}"), &world.options()).await;
        let mut phone = Phone::connect(relay.address()).await;
        alone.push(update(&mut phone, &relay).await);
        let mut viewers = JoinSet::new();
        for _ in 0..VIEWERS {
            viewers.spawn(watch(relay.address().to_owned()));
        }
        update(&mut phone, &relay).await;
        part.push(update(&mut phone, &relay).await);
        memory.push(megabytes(relay.resident_bytes() - world.geo_bytes()));
        assert_eq!(viewers.len(), VIEWERS);
        assert!(viewers.try_join_next().is_none(), "the streams go on");
    }
    vec![
        Figure::new("no viewer, an update a second: of a core", "%", alone, Better::Lower),
        Figure::new("1,000 viewers, an update a second: of a core", "%", part, Better::Lower)
            .with_goal(5.0),
        Figure::new("1,000 viewers: memory beside the geo database", "MB", memory, Better::Lower)
            .with_goal(64.0),
    ]
}

/// Presses once a second, and gives the part of a core that the relay took, in percent.
async fn update(phone: &mut Phone, relay: &e2e::Relay) -> f64 {
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    second.tick().await;
    let (before, start) = (relay.processor_time(), Instant::now());
    for _ in 0..UPDATES {
        phone.press(1).await;
        second.tick().await;
    }
    100.0 * (relay.processor_time() - before).as_secs_f64() / start.elapsed().as_secs_f64()
}

/// Reads whatever comes. Ends only when the stream does.
async fn watch(relay: String) {
    let mut stream = TcpStream::connect(relay).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut bytes = vec![0; 4096];
    while stream.read(&mut bytes).await.unwrap() > 0 {}
}

async fn idle(world: &World) -> Vec<Figure> {
    let mut memory = Vec::new();
    for round in 0..world.rounds {
        let relay = world.relay(&format!("idle-{round}"), &world.options()).await;
        let mut phones = Vec::with_capacity(IDLE);
        for _ in 0..IDLE {
            let mut phone = Phone::connect(relay.address()).await;
            phone.press(1).await;
            phones.push(phone);
        }
        memory.push(megabytes(relay.resident_bytes() - world.geo_bytes()));
        // All of them are still there.
        for phone in phones.iter_mut().step_by(100) {
            phone.press(1).await;
        }
    }
    let name = "10,000 idle connections: memory beside the geo database";
    vec![Figure::new(name, "MB", memory, Better::Lower).with_goal(150.0)]
}

/// Of a million bytes.
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
