//! Too much: of one session, of new sessions, of all together. Whoever is limited is told so, keeps what
//! they have, and nothing of anybody's is lost or twice.

use crate::{metric, raw, visitors::Visitors};
use e2e::{PATIENCE, Relay, until};
use reqwest::{Client, Response, StatusCode};
use schemas::{Action, Event, EventBatch, Problem, RECEIPT_HEADER, Receipt, Timestamp, Uuid};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncWriteExt,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

/// Connections of one attacker.
const AT_ONCE: u64 = 8;

/// How long a machine presses.
const PRESSING: Duration = Duration::from_secs(2);

pub fn batch(session_id: Uuid, counts: impl IntoIterator<Item = u64>) -> String {
    let timestamp = Timestamp::from_micros(1_741_343_626_754_240).unwrap();
    let event = |count| Event { timestamp, action: Action::PressButton, count };
    let events = counts.into_iter().map(event).collect();
    serde_json::to_string(&EventBatch { session_id, cohort: None, events }).unwrap()
}

/// What became of a request.
pub enum Outcome {
    Accepted(Vec<u64>),
    /// 429 or 503, and after how many seconds to come again.
    Later(StatusCode, u64),
}

/// Sends a request, and checks that a rejected one has all that it has to have.
pub async fn post(client: &Client, relay: &str, body: String) -> Outcome {
    let answer = client.post(format!("{relay}/api/events")).body(body).send().await.unwrap();
    match answer.status() {
        StatusCode::OK => Outcome::Accepted(answer.json::<Receipt>().await.unwrap().accepted),
        status => Outcome::Later(status, retry_after(answer).await),
    }
}

/// After how many seconds a request that was not taken may come again; all else in the answer is as it
/// has to be, too.
async fn retry_after(answer: Response) -> u64 {
    let headers = answer.headers().clone();
    let status = answer.status().as_u16();
    assert!(matches!(status, 429 | 503), "{status}");
    assert!(headers.contains_key(RECEIPT_HEADER));
    assert_eq!(headers["content-type"], "application/problem+json");
    assert_eq!(answer.json::<Problem>().await.unwrap().status, status);
    headers["retry-after"].to_str().unwrap().parse().unwrap()
}

/// Sends what is left as the page would: one request at a time, later if it is told so.
async fn send_the_rest(relay: &str, session: Uuid, mut counts: BTreeSet<u64>) {
    let client = Client::new();
    while !counts.is_empty() {
        match post(&client, relay, batch(session, counts.iter().take(400).copied())).await {
            Outcome::Accepted(accepted) => {
                assert!(!accepted.is_empty());
                counts.retain(|count| !accepted.contains(count));
            }
            Outcome::Later(_, seconds) => sleep(Duration::from_secs(seconds)).await,
        }
    }
}

fn counts_of(relay: &Relay, session: Uuid) -> Vec<u64> {
    let stored = relay.stored();
    let own = stored.iter().filter(|row| row.press.session_id == session);
    own.map(|row| row.press.event.count).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_that_floods_is_slowed_down_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &["--session-requests", "10"]).await;
    let session = Uuid::new_v4();
    let mut visitors = Visitors::arrive(&relay).await;

    // A thousand a second, or as many as the machine makes; not less in all for a slow disk.
    let start = Instant::now();
    let flood = async {
        let next = Arc::new(AtomicU64::new(0));
        let mut attackers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (url, next) = (relay.url(), Arc::clone(&next));
            attackers.spawn(async move {
                let client = Client::new();
                let mut pace = interval(Duration::from_millis(AT_ONCE));
                pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
                let mut kept = BTreeSet::new();
                while next.load(Relaxed) < 1000 && start.elapsed() < PATIENCE {
                    pace.tick().await;
                    let count = next.fetch_add(1, Relaxed);
                    match post(&client, &url, batch(session, [count])).await {
                        Outcome::Accepted(accepted) => assert_eq!(accepted, [count]),
                        Outcome::Later(status, seconds) => {
                            assert_eq!((status.as_u16(), seconds), (429, 1));
                            kept.insert(count);
                        }
                    }
                }
                kept
            });
        }
        let kept: BTreeSet<u64> = attackers.join_all().await.into_iter().flatten().collect();
        (next.load(Relaxed), kept)
    };
    let ((sent, kept), _) = visitors.press_during(flood).await;
    println!("{sent} requests of one session, of which {} were asked to come later", kept.len());
    let passed = sent - kept.len() as u64;
    let most = 10 * start.elapsed().as_secs() + 120;
    assert!((100..=most).contains(&passed), "{passed}: 10 a second, and 100 at once");
    assert!(passed < sent);
    let limited = r#"kafka_button_requests_limited_total{limit="session_requests"}"#;
    assert_eq!(metric(&relay, limited).await, kept.len() as u64);

    send_the_rest(&relay.url(), session, kept).await;
    assert_eq!(counts_of(&relay, session), (0..sent).collect::<Vec<_>>());
    let honest = visitors.settle(&relay);
    assert_eq!(relay.stored().len(), honest + sent as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_presses_200_times_a_second_loses_nothing_under_the_tightest_limits() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--session-requests", "1", "--session-events", "150"];
    let relay = Relay::start(folder.path(), &options).await;
    let (session, client, start) = (Uuid::new_v4(), Client::new(), Instant::now());
    let (mut pressed, mut waiting, mut told) = (0, BTreeSet::new(), 0);
    // As the page does it: one request at a time, of all that has gathered.
    while start.elapsed() < PRESSING || !waiting.is_empty() {
        let by_now = start.elapsed().min(PRESSING).as_millis() as u64 / 5;
        waiting.extend(pressed..by_now);
        pressed = by_now;
        if waiting.is_empty() {
            sleep(Duration::from_millis(5)).await;
            continue;
        }
        match post(&client, &relay.url(), batch(session, waiting.iter().take(400).copied())).await {
            Outcome::Accepted(accepted) => waiting.retain(|count| !accepted.contains(count)),
            Outcome::Later(status, seconds) => {
                assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
                told += 1;
                sleep(Duration::from_secs(seconds)).await;
            }
        }
    }
    assert!(told > 0, "it was limited");
    assert_eq!(counts_of(&relay, session), (0..400).collect::<Vec<_>>());
}

/// New sessions with as many events as fit, from many connections: all that they may bring together is a part of
/// the burst and the rate, and visitors do not notice.
#[tokio::test(flavor = "multi_thread")]
async fn flood_of_events_is_limited_and_visitors_are_admitted() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &["--events", "200"]).await;
    let mut visitors = Visitors::arrive(&relay).await;
    let start = Instant::now();
    let flood = async {
        let mut attackers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let url = relay.url();
            attackers.spawn(async move {
                let (client, mut admitted) = (Client::new(), 0);
                for _ in 0..50 {
                    match post(&client, &url, batch(Uuid::new_v4(), 0..100)).await {
                        Outcome::Accepted(counts) => admitted += counts.len(),
                        Outcome::Later(status, seconds) => {
                            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
                            assert!((2..=9).contains(&seconds), "{seconds}");
                        }
                    }
                }
                admitted
            });
        }
        attackers.join_all().await.into_iter().sum::<usize>()
    };
    let (admitted, _) = visitors.press_during(flood).await;
    let most = 1000 + 200 * (start.elapsed().as_secs() as usize + 1);
    println!("{admitted} of {} made-up events were taken", AT_ONCE * 50 * 100);
    assert!(admitted > 0 && admitted <= most, "{admitted} of {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_sessions_hold_up_new_ones_alone() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &["--new-sessions", "50"]).await;
    let mut visitors = Visitors::arrive(&relay).await;
    let start = Instant::now();
    let flood = async {
        let mut attackers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let url = relay.url();
            attackers.spawn(async move {
                let (client, mut became) = (Client::new(), BTreeMap::new());
                for _ in 0..200 {
                    let session = Uuid::new_v4();
                    let taken = match post(&client, &url, batch(session, [0])).await {
                        Outcome::Accepted(_) => true,
                        Outcome::Later(status, seconds) => {
                            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
                            assert!((2..=9).contains(&seconds), "{seconds}");
                            false
                        }
                    };
                    became.insert(session, taken);
                }
                became
            });
        }
        let became: BTreeMap<Uuid, bool> =
            attackers.join_all().await.into_iter().flatten().collect();
        became
    };
    let (became, _) = visitors.press_during(flood).await;
    let most = 510 + 50 * (start.elapsed().as_secs() as usize + 1);
    let taken: BTreeSet<_> =
        became.iter().filter(|(_, taken)| **taken).map(|(id, _)| *id).collect();
    println!("{} of {} made-up sessions were taken", taken.len(), became.len());
    assert!(taken.len() >= 480 && taken.len() <= most, "{} of {most}", taken.len());
    assert!(taken.len() < became.len());

    // Somebody new who comes now is taken too, sooner or later.
    let new = Uuid::new_v4();
    send_the_rest(&relay.url(), new, BTreeSet::from([0, 1, 2])).await;
    assert_eq!(counts_of(&relay, new), [0, 1, 2]);
    let honest = visitors.settle(&relay);
    let stored = relay.stored();
    assert_eq!(stored.len(), honest + taken.len() + 3);
    let of_flood = stored.iter().filter(|row| taken.contains(&row.press.session_id)).count();
    assert_eq!(of_flood, taken.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_hold_large_bodies_back_hold_up_no_small_ones() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &["--max-bytes-in-flight", "100000"]).await;
    let url = relay.url();
    let client = Client::new();
    let large = |session| batch(session, 1000..1500);
    assert!(large(Uuid::nil()).len() > 30_000);
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut connection = raw::connect(&relay).await;
        let head = "POST /api/events HTTP/1.1\r\nhost: relay\r\ncontent-length: 65000\r\n\r\n";
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&[b' '; 50_000]).await.unwrap();
        slow.push(connection);
    }
    until("the room for large bodies to be taken", async || {
        match post(&client, &url, large(Uuid::new_v4())).await {
            Outcome::Later(StatusCode::SERVICE_UNAVAILABLE, 2..=9) => Ok(()),
            Outcome::Later(status, _) => panic!("{status}"),
            Outcome::Accepted(_) => Err("a large body was taken".to_owned()),
        }
    })
    .await;
    for count in 0..50 {
        let small = post(&client, &url, batch(Uuid::new_v4(), [count])).await;
        assert!(matches!(small, Outcome::Accepted(_)));
    }
    drop(slow);
    let session = Uuid::new_v4();
    until("the room to be free again", async || match post(&client, &url, large(session)).await {
        Outcome::Accepted(accepted) => {
            assert_eq!(accepted.len(), 500);
            Ok(())
        }
        Outcome::Later(status, _) => Err(status.to_string()),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_take_half_of_the_connections() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &["--max-connections", "6"]).await;
    let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let live = format!("{}/api/live", relay.url());
    let mut viewers = Vec::new();
    for _ in 0..3 {
        viewers.push(client.get(&live).send().await.unwrap());
    }
    let fourth = client.get(&live).send().await.unwrap();
    assert_eq!(fourth.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!((2..=9).contains(&retry_after(fourth).await));
    drop(viewers.pop());
    until("a place to be free", async || {
        let next = client.get(&live).send().await.unwrap();
        match next.status() {
            StatusCode::OK => {
                viewers.push(next);
                Ok(())
            }
            status => Err(status.to_string()),
        }
    })
    .await;

    // Connections that say nothing take the places that are left.
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(raw::connect(&relay).await);
    }
    let health = async || {
        let get = client.get(format!("{}/healthz", relay.url()));
        get.timeout(Duration::from_secs(1)).send().await.is_ok()
    };
    assert!(!health().await, "it waits until there is a place");
    silent.clear();
    until("a place", async || if health().await { Ok(()) } else { Err("none".to_owned()) }).await;
}
