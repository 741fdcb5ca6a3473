//! Attacks of every kind, and visitors who press meanwhile: they are all answered, about as fast as
//! ever, and the relay stays small.
//!
//! In every run, connections that are slow in three ways are held at once, and every visitor is answered.
//! All attacks one after the other, with percentiles of the answers, are a statistic:
//! `cargo xtask test --long` runs it, alone.
//!
//! Attackers, visitors and the relay share a machine that may have two cores and other work, and a relay
//! without optimisation. So the attacks are bounded, and a visitor's slowest percent may take three
//! times as long as without an attack or [`UNNOTICED_MILLIS`], whichever is longer: that is how long a
//! person does not notice. It counts when it happens three times in a row.

use crate::{allow_open_files, metric, visitors::Visitors};
use e2e::{PATIENCE, Relay, figures::quantile, until};
use schemas::Uuid;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

/// How long each attack lasts.
const ATTACK: Duration = Duration::from_millis(1300);

/// How long the calm before is watched.
const CALM: Duration = Duration::from_secs(3);

/// What nobody notices.
const UNNOTICED_MILLIS: f64 = 250.0;

/// Presses that a percentile can be told from, if roughly.
const ENOUGH: usize = 30;

/// How often an attack is noticed before it counts.
const ATTEMPTS: usize = 3;

/// More memory than before, at any time.
const MOST_MEMORY: u64 = 96 << 20;

const HEAD: &str = "POST /api/events HTTP/1.1\r\nhost: relay\r\n";

/// Connections and what the tests need besides.
const OPEN_FILES: u64 = 8192;

/// A relay under attack.
struct Scene {
    relay: Relay,
    visitors: Visitors,
    calm: f64,
    alone: u64,
}

impl Scene {
    /// Lets visitors press during the attack, and compares. What a busy machine does to them it seldom
    /// does three times, so then they are asked again, and the calm is watched anew.
    async fn attack(&mut self, name: &str, attack: impl AsyncFn()) {
        for attempt in 1..=ATTEMPTS {
            let ((), times) = self.visitors.press_during(attack()).await;
            let (slowest, most) = (quantile(&times, 0.99), UNNOTICED_MILLIS.max(3.0 * self.calm));
            let memory = self.relay.resident_bytes().saturating_sub(self.alone);
            println!(
                "{name}: 99 of 100 presses within {slowest:.1} ms (calm: {:.1} ms, {} presses), \
                 {} kB more memory",
                self.calm,
                times.len(),
                memory >> 10
            );
            assert!(memory < MOST_MEMORY, "{name}: {} MB more", memory >> 20);
            if times.len() >= ENOUGH && slowest <= most {
                return;
            }
            assert!(attempt < ATTEMPTS, "{name}: {slowest} ms of {most}, {} times", times.len());
            let ((), calm) = self.visitors.press_during(sleep(CALM)).await;
            self.calm = quantile(&calm, 0.99);
        }
    }
}

/// Does something on so many connections at once, for as long as an attack lasts.
async fn on_connections<F>(
    address: &str,
    how_many: usize,
    what: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    last(attackers(address, how_many, what)).await;
}

/// Starts to do something on so many connections; one that the relay closes is opened again.
fn attackers<F>(
    address: &str,
    how_many: usize,
    what: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) -> JoinSet<()>
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let what = Arc::new(what);
    let mut attackers = JoinSet::new();
    for number in 0..how_many {
        let (address, what) = (address.to_owned(), Arc::clone(&what));
        // Not all of them in one moment: it is the attack that is measured, not its start.
        let wait = ATTACK / 2 * number as u32 / how_many as u32;
        attackers.spawn(async move {
            sleep(wait).await;
            loop {
                let stream = TcpStream::connect(&address).await.unwrap();
                // The relay may end it at any time.
                let _ = what(stream).await;
                sleep(Duration::from_millis(10)).await;
            }
        });
    }
    attackers
}

/// Lets an attack last, and ends it.
async fn last(attackers: JoinSet<()>) {
    sleep(ATTACK).await;
    end(attackers).await;
}

/// Ends an attack.
///
/// # Panics
/// When an attacker could not connect.
async fn end(mut attackers: JoinSet<()>) {
    attackers.abort_all();
    while let Some(ended) = attackers.join_next().await {
        assert!(ended.is_err_and(|error| error.is_cancelled()), "an attacker panicked");
    }
}

/// Sends a beginning and then single bytes.
async fn trickle(mut stream: TcpStream, beginning: Vec<u8>) -> std::io::Result<()> {
    stream.write_all(&beginning).await?;
    loop {
        sleep(Duration::from_millis(200)).await;
        stream.write_all(b"x").await?;
    }
}

/// Sends requests one after the other, and reads the answers.
async fn ask_again_and_again(
    mut stream: TcpStream,
    request: impl Fn() -> Vec<u8>,
    pause: Duration,
) -> std::io::Result<()> {
    let mut answer = vec![0; 64 * 1024];
    loop {
        stream.write_all(&request()).await?;
        if stream.read(&mut answer).await? == 0 {
            return Ok(());
        }
        sleep(pause).await;
    }
}

fn post(body: &str) -> Vec<u8> {
    format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// So many connections that never finish the head of their request.
fn slow_heads(address: &str, how_many: usize) -> JoinSet<()> {
    attackers(address, how_many, |stream| trickle(stream, HEAD.into()))
}

/// So many connections that never finish a body.
fn slow_bodies(address: &str, how_many: usize) -> JoinSet<()> {
    attackers(address, how_many, |stream| {
        let head = format!("{HEAD}content-length: 60000\r\n\r\n{}", " ".repeat(4000));
        trickle(stream, head.into())
    })
}

/// So many connections that send nothing.
fn silent_connections(address: &str, how_many: usize) -> JoinSet<()> {
    attackers(address, how_many, |stream| async move {
        stream.readable().await?;
        drop(stream);
        Ok(())
    })
}

/// Checks that no request of a visitor is lost, that none failed in the relay, and that it is ready.
async fn assert_unharmed(relay: &Relay, visitors: &Visitors) {
    visitors.settle(relay);
    for status in ["500", "502", "504"] {
        let line = format!("kafka_button_requests_refused_total{{status=\"{status}\"}}");
        assert_eq!(metric(relay, &line).await, 0);
    }
    let ready = reqwest::get(format!("{}/readyz", relay.management_url())).await.unwrap();
    assert_eq!(ready.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_during_slow_attacks_are_all_answered() {
    allow_open_files(OPEN_FILES);
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let mut visitors = Visitors::arrive(&relay).await;
    let before = relay.resident_bytes();
    let attacks = [
        slow_heads(relay.address(), 300),
        slow_bodies(relay.address(), 300),
        silent_connections(relay.address(), 300),
    ];
    until("the attackers", async || match metric(&relay, "kafka_button_connections").await {
        there if there >= 900 => Ok(()),
        there => Err(format!("{there} connections")),
    })
    .await;
    timeout(PATIENCE, visitors.press_each(10)).await.expect("all visitors are answered");
    let memory = relay.resident_bytes().saturating_sub(before);
    println!("900 slow connections take {} kB", memory >> 10);
    assert!(memory < MOST_MEMORY, "{} MB more", memory >> 20);
    for attackers in attacks {
        end(attackers).await;
    }
    assert_unharmed(&relay, &visitors).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a statistic: `cargo xtask test --long` runs it"]
async fn nobody_else_notices_an_attack() {
    allow_open_files(OPEN_FILES);
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let mut visitors = Visitors::arrive(&relay).await;
    let ((), calm) = visitors.press_during(sleep(CALM)).await;
    let (calm, alone) = (quantile(&calm, 0.99), relay.resident_bytes());
    let address = relay.address().to_owned();
    let address = address.as_str();
    let mut scene = Scene { relay, visitors, calm, alone };

    scene.attack("300 slow heads", async || last(slow_heads(address, 300)).await).await;
    scene.attack("300 slow bodies", async || last(slow_bodies(address, 300)).await).await;
    scene
        .attack("1000 connections that send nothing", async || {
            last(silent_connections(address, 1000)).await
        })
        .await;
    scene
        .attack("heads of a megabyte", async || {
            on_connections(address, 20, |mut stream| async move {
                let head = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(1 << 20));
                stream.write_all(head.as_bytes()).await
            })
            .await
        })
        .await;
    scene
        .attack("a hundred requests in one piece", async || {
            on_connections(address, 4, |mut stream| async move {
                let request = "GET /healthz HTTP/1.1\r\nhost: relay\r\n\r\n".repeat(100);
                let mut answers = vec![0; 64 * 1024];
                loop {
                    stream.write_all(request.as_bytes()).await?;
                    if stream.read(&mut answers).await? == 0 {
                        return Ok(());
                    }
                    sleep(Duration::from_millis(50)).await;
                }
            })
            .await
        })
        .await;
    scene
        .attack("bodies of 100 MB", async || {
            on_connections(address, 4, |mut stream| async move {
                stream
                    .write_all(format!("{HEAD}content-length: 100000000\r\n\r\n").as_bytes())
                    .await?;
                let piece = vec![b' '; 64 * 1024];
                for _ in 0..1600 {
                    stream.write_all(&piece).await?;
                }
                Ok(())
            })
            .await
        })
        .await;
    scene
        .attack("bodies of nothing but zeros and brackets", async || {
            on_connections(address, 2, |stream| {
                let bodies = [
                    format!("{{\"session_id\":\"\",\"events\":[0{}]}}", ",0".repeat(30_000)),
                    format!("{{\"events\":[{}", "[".repeat(60_000)),
                    format!("{{\"x\":{}", "{\"x\":".repeat(12_000)),
                ];
                let which = std::sync::atomic::AtomicUsize::new(0);
                let next = move || {
                    let which = which.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    post(&bodies[which % bodies.len()])
                };
                ask_again_and_again(stream, next, Duration::from_millis(50))
            })
            .await
        })
        .await;
    scene
        .attack("a session that floods", async || {
            on_connections(address, 8, |stream| {
                let session = Uuid::from_u128(77);
                let body = serde_json::to_string(&e2e::press(session, 1, 0)).unwrap();
                let request = post(&body);
                ask_again_and_again(stream, move || request.clone(), Duration::from_millis(10))
            })
            .await
        })
        .await;
    scene
        .attack("sessions without end", async || {
            on_connections(address, 8, |stream| {
                let request =
                    || post(&serde_json::to_string(&e2e::press(Uuid::new_v4(), 0, 0)).unwrap());
                ask_again_and_again(stream, request, Duration::from_millis(20))
            })
            .await
        })
        .await;
    scene
        .attack("300 viewers who never read", async || {
            on_connections(address, 300, |mut stream| async move {
                stream.write_all(b"GET /api/live HTTP/1.1\r\nhost: relay\r\n\r\n").await?;
                std::future::pending().await
            })
            .await
        })
        .await;
    scene
        .attack("questions for its health", async || {
            on_connections(address, 8, |stream| {
                let request = || b"GET /healthz HTTP/1.1\r\nhost: relay\r\n\r\n".to_vec();
                ask_again_and_again(stream, request, Duration::from_millis(10))
            })
            .await
        })
        .await;

    let Scene { relay, visitors, .. } = scene;
    assert_unharmed(&relay, &visitors).await;
}
