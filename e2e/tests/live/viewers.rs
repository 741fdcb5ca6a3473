//! Many who watch, and some who only look as if they did: one serialisation serves all, and nobody
//! waits for anybody.

use crate::{Stream, post, visit};
use e2e::{PATIENCE, Relay, until};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

const REQUEST: &[u8] = b"GET /api/live HTTP/1.1\r\nhost: relay\r\n\r\n";

const VIEWERS: usize = 1000;
const SLOW: usize = 100;

/// Between two updates there is at least so much time.
const TICK: Duration = Duration::from_millis(150);

/// For all viewers together, reading or not.
const MOST_MEMORY: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_cost_one_serialisation_for_each_tick() {
    // A descriptor for each, besides those of the test itself.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most.min(8192), most).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let alone = relay.resident_bytes();
    let rounds = 10;

    let slow = who_never_read(&relay, SLOW);
    let mut viewers = JoinSet::new();
    for _ in 0..VIEWERS {
        viewers.spawn(updates_until(relay.address().to_owned(), rounds));
    }
    until("all viewers to be there", async || {
        match metric(&relay, "kafka_button_live_viewers").await {
            there if there == VIEWERS + SLOW => Ok(()),
            there => Err(format!("{there}")),
        }
    })
    .await;

    let before = metric(&relay, "kafka_button_live_serialisations_total").await;
    let start = Instant::now();
    let mut watching = Stream::open(&relay).await;
    for presses in 1..=rounds {
        post(&relay, &visit(1), "127.0.0.1").await;
        watching.wait_for(presses).await;
    }
    let mut updates = 0;
    while let Some(seen) = viewers.join_next().await {
        updates += seen.unwrap();
    }
    let took = start.elapsed();
    let made = metric(&relay, "kafka_button_live_serialisations_total").await - before;
    let memory = relay.resident_bytes().saturating_sub(alone);
    println!(
        "{VIEWERS} viewers got {updates} updates in {} ms, of {made} serialisations; {} kB more \
         memory with them and {SLOW} more who do not read",
        took.as_millis(),
        memory >> 10
    );
    let ticks = took.as_millis().div_ceil(TICK.as_millis()) as usize;
    assert!(made <= ticks + 1, "{made} serialisations in {ticks} ticks");
    assert!(updates >= VIEWERS, "each saw the last one at least");
    assert!(memory < MOST_MEMORY, "{} MB more", memory >> 20);

    // They leave: nothing of them stays.
    drop(watching);
    drop(slow);
    until("all viewers to be gone", async || {
        match metric(&relay, "kafka_button_live_viewers").await {
            0 => Ok(()),
            there => Err(format!("{there}")),
        }
    })
    .await;
}

/// Reads until the numbers know of so many presses, and gives how many updates came.
async fn updates_until(relay: String, presses: u64) -> usize {
    let last = format!(r#","presses":{presses},"presses_last_hour":"#);
    let mut stream = tokio::net::TcpStream::connect(relay).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut text = Vec::new();
    let reading = async {
        loop {
            assert!(stream.read_buf(&mut text).await.unwrap() > 0, "the stream goes on");
            if memchr::memmem::find(&text, last.as_bytes()).is_some() {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the last numbers come");
    memchr::memmem::find_iter(&text, b"\ndata: {\"at\":").count()
}

async fn metric(relay: &Relay, name: &str) -> usize {
    let answer = reqwest::get(format!("{}/metrics", relay.management_url())).await.unwrap();
    let text = answer.text().await.unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// They ask, and never look at what comes.
fn who_never_read(relay: &Relay, how_many: usize) -> Vec<TcpStream> {
    let slow = |_| {
        let mut slow = TcpStream::connect(relay.address()).unwrap();
        slow.write_all(REQUEST).unwrap();
        slow
    };
    (0..how_many).map(slow).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let slow = who_never_read(&relay, 50);
    let mut viewers = Vec::new();
    for _ in 0..20 {
        viewers.push(Stream::open(&relay).await);
    }
    let memory = relay.resident_bytes();
    for presses in 1..=10 {
        post(&relay, &visit(1), "127.0.0.1").await;
        for viewer in &mut viewers {
            viewer.wait_for(presses).await;
        }
    }
    let grown = relay.resident_bytes().saturating_sub(memory);
    assert!(grown < 32 << 20, "{} MB more", grown >> 20);
    // They did get an answer, and one that begins at its beginning.
    let mut beginning = [0; 15];
    (&slow[0]).read_exact(&mut beginning).unwrap();
    assert_eq!(&beginning, b"HTTP/1.1 200 OK");
}
