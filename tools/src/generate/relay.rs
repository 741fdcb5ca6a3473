//! Through a relay, over HTTP, as pages do it.
//!
//! Each session belongs to one connection, which sends what has come up meanwhile in one request, tries
//! again like the page, and knows an acknowledgement by the relay's header.

use super::{
    Destination,
    report::{Journey, Requests},
};
use anyhow::{Context, bail};
use reqwest::{Client, StatusCode};
use schemas::{ButtonPress, Event, EventBatch, RECEIPT_HEADER, Receipt, Timestamp, Uuid};
use std::{
    net::IpAddr,
    time::{Duration, Instant},
};
use tokio::{
    runtime::Runtime,
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinHandle,
};
use url::Url;

/// Events that wait for one connection.
const QUEUE: usize = 1000;
/// Events in one request.
const BATCH: usize = 100;
/// Between two attempts, unless the relay says otherwise.
const PAUSE: Duration = Duration::from_millis(200);
/// After that many attempts at one request it is given up: minutes.
const ATTEMPTS: u32 = 300;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Connections to a relay.
pub struct Relay {
    runtime: Runtime,
    connections: Vec<(Sender<Outgoing>, JoinHandle<anyhow::Result<Log>>)>,
}

struct Outgoing {
    session_id: Uuid,
    cohort: Option<i32>,
    event: Event,
    address: IpAddr,
}

/// What became of a connection's requests.
#[derive(Default)]
struct Log {
    micros: Vec<u32>,
    acknowledged: u64,
    tried_again: u64,
}

impl Relay {
    /// Asks the relay whether it is there, and opens the connections.
    pub fn start(relay: &Url, connections: usize) -> anyhow::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let client =
            Client::builder().timeout(TIMEOUT).pool_max_idle_per_host(connections).build()?;
        let url = |path| relay.join(path).context("--relay is no address that can have a path");
        let health = client.get(url("healthz")?);
        let health = runtime.block_on(async { health.send().await });
        let health = health.map_err(reqwest::Error::without_url);
        let health = health.context("there is no relay at the address that --relay gives")?;
        if !health.status().is_success() {
            bail!(
                "there is no relay at the address that --relay gives: it answers {}",
                health.status()
            );
        }
        let events = url("api/events")?;
        let start = |_| {
            let (outgoing, queue) = channel(QUEUE);
            let work = deliver(client.clone(), events.clone(), queue);
            (outgoing, runtime.spawn(work))
        };
        let connections = (0..connections).map(start).collect();
        Ok(Self { runtime, connections })
    }
}

impl Destination for Relay {
    fn send(&mut self, press: &ButtonPress, address: IpAddr, _: Timestamp) -> anyhow::Result<()> {
        // Random bits of the id: its version and variant are elsewhere.
        let index = press.session_id.as_u128() as usize % self.connections.len();
        let ButtonPress { session_id, event, cohort, .. } = press;
        let outgoing =
            Outgoing { session_id: *session_id, cohort: *cohort, event: *event, address };
        let (queue, work) = &mut self.connections[index];
        if queue.blocking_send(outgoing).is_err() {
            // It ended, and says why.
            self.runtime.block_on(work)??;
            bail!("a connection to the relay ended");
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> anyhow::Result<Journey> {
        let mut all = Log::default();
        for (queue, work) in self.connections {
            drop(queue);
            let log = self.runtime.block_on(work)??;
            all.micros.extend(log.micros);
            all.acknowledged += log.acknowledged;
            all.tried_again += log.tried_again;
        }
        all.micros.sort_unstable();
        let percentile = |percent: usize| {
            let last = all.micros.len().saturating_sub(1);
            all.micros.get(last * percent / 100).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        Ok(Journey::Relay(Requests {
            requests: all.micros.len() as u64,
            acknowledged: all.acknowledged,
            tried_again: all.tried_again,
            p50_millis: percentile(50),
            p99_millis: percentile(99),
            max_millis: percentile(100),
        }))
    }
}

/// One connection's work, until its queue is closed.
async fn deliver(client: Client, url: Url, mut queue: Receiver<Outgoing>) -> anyhow::Result<Log> {
    let mut log = Log::default();
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, BATCH).await > 0 {
        // By session, each in its order; a repeat goes into a request of its own, as it would.
        let mut requests: Vec<(EventBatch, IpAddr)> = Vec::new();
        for Outgoing { session_id, cohort, event, address } in waiting.drain(..) {
            let latest =
                requests.iter_mut().rev().find(|(batch, _)| batch.session_id == session_id);
            match latest {
                Some((batch, _)) if batch.events.iter().all(|other| other.count != event.count) => {
                    batch.events.push(event);
                }
                _ => {
                    requests.push((EventBatch { session_id, cohort, events: vec![event] }, address))
                }
            }
        }
        for (batch, address) in requests {
            post(&client, &url, &batch, address, &mut log).await?;
        }
    }
    Ok(log)
}

async fn post(
    client: &Client,
    url: &Url,
    batch: &EventBatch,
    address: IpAddr,
    log: &mut Log,
) -> anyhow::Result<()> {
    let body = serde_json::to_string(batch)?;
    for _ in 0..ATTEMPTS {
        let started = Instant::now();
        let request = client
            .post(url.clone())
            .header("content-type", "text/plain;charset=utf-8")
            .header("x-forwarded-for", address.to_string())
            .body(body.clone());
        let pause = match request.send().await {
            Err(_) => PAUSE,
            Ok(answer) => {
                let status = answer.status();
                let is_signed = answer.headers().contains_key(RECEIPT_HEADER);
                let seconds =
                    answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
                let seconds = seconds.and_then(|text| text.parse::<u64>().ok());
                let text = answer.text().await.unwrap_or_default();
                if status.is_success() && is_signed {
                    let micros = started.elapsed().as_micros();
                    log.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
                    let receipt: Receipt =
                        serde_json::from_str(&text).context("the relay's receipt")?;
                    if let Some(rejected) = receipt.rejected.first() {
                        bail!("the relay refuses an event: {}", rejected.detail);
                    }
                    log.acknowledged += receipt.accepted.len() as u64;
                    return Ok(());
                }
                let passes = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                if !passes {
                    bail!("the relay answers {status}: {}", text.trim());
                }
                seconds.map_or(PAUSE, Duration::from_secs)
            }
        };
        log.tried_again += 1;
        tokio::time::sleep(pause).await;
    }
    bail!("the relay does not take the events, after {ATTEMPTS} attempts")
}
