//! Those who are in the way: viewers, some of whom never read what they asked for; clients whose bodies
//! come drop by drop; floods of requests from which nothing is ever taken, so that they are in no
//! account.

use e2e::Relay;
use reqwest::Client;
use schemas::Uuid;
use serde_json::json;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

/// Viewers who read.
const VIEWERS: usize = 20;

/// Viewers who do not, and clients with slow bodies, as many each.
const SLOW: usize = 5;

/// Requests of a flood, more than one session's ten seconds' worth; and the time between two floods.
const FLOOD: usize = 300;
const EBB: Duration = Duration::from_secs(5);

/// How long a viewer who does not read stays before another comes.
const STAY: Duration = Duration::from_secs(20);

/// Between two drops of a slow body.
const DROP: Duration = Duration::from_secs(1);

/// All of them, until they are told to end.
pub struct Nuisance {
    seen: Arc<Seen>,
    all: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    updates: AtomicU64,
    rejected: AtomicU64,
    limited: AtomicU64,
    slow: AtomicU64,
}

/// What they have had.
pub struct Account(Arc<Seen>);

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Seen { updates, rejected, limited, slow } = &*self.0;
        write!(
            f,
            "{} updates for viewers, {} requests of floods rejected and {} limited, {} slow clients",
            updates.load(Relaxed),
            rejected.load(Relaxed),
            limited.load(Relaxed),
            slow.load(Relaxed),
        )
    }
}

impl Nuisance {
    pub fn start(relay: &Relay) -> Self {
        let seen = Arc::<Seen>::default();
        let mut all = JoinSet::new();
        let (url, address) = (relay.url(), relay.address().to_owned());
        for _ in 0..VIEWERS {
            all.spawn(view(url.clone(), seen.clone()));
        }
        for _ in 0..SLOW {
            all.spawn(look_away(address.clone(), seen.clone()));
            all.spawn(drip(address.clone(), seen.clone()));
        }
        all.spawn(flood(url, seen.clone()));
        Self { seen, all }
    }

    /// Sends them home. They have had all that they asked for: updates, refusals, limits, patience.
    pub async fn end(mut self) -> Account {
        // One that has panicked has found something.
        while let Some(ended) = self.all.try_join_next() {
            ended.expect("nobody leaves before the end");
        }
        self.all.shutdown().await;
        let Seen { updates, rejected, limited, slow } = &*self.seen;
        for seen in [updates, rejected, limited, slow] {
            assert!(seen.load(Relaxed) > 0, "{}", Account(self.seen.clone()));
        }
        Account(self.seen)
    }
}

/// Reads what comes.
async fn view(relay: String, seen: Arc<Seen>) {
    let client = Client::new();
    loop {
        let mut stream = client.get(format!("{relay}/api/live")).send().await.unwrap();
        while let Ok(Some(_)) = stream.chunk().await {
            seen.updates.fetch_add(1, Relaxed);
        }
    }
}

/// Asks for the stream and reads nothing of it.
async fn look_away(relay: String, seen: Arc<Seen>) {
    loop {
        let mut connection = TcpStream::connect(&relay).await.unwrap();
        connection.write_all(b"GET /api/live HTTP/1.1\r\nhost: relay\r\n\r\n").await.unwrap();
        seen.slow.fetch_add(1, Relaxed);
        sleep(STAY).await;
    }
}

/// Sends a body byte by byte, until the relay has had enough of it.
async fn drip(relay: String, seen: Arc<Seen>) {
    const HEAD: &[u8] =
        b"POST /api/events HTTP/1.1\r\nhost: relay\r\ncontent-length: 60000\r\n\r\n";
    loop {
        let mut connection = TcpStream::connect(&relay).await.unwrap();
        connection.write_all(HEAD).await.unwrap();
        let mut answer = [0; 12];
        let read = loop {
            match timeout(DROP, connection.read(&mut answer)).await {
                Ok(read) => break read,
                // An error is seen when the answer is read.
                Err(_) => drop(connection.write_all(b" ").await),
            }
        };
        // A drop that came when the relay had closed the connection takes the answer with it.
        if read.is_ok() {
            assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", answer.escape_ascii());
        }
        seen.slow.fetch_add(1, Relaxed);
    }
}

/// As many as can be, of one session, with an event that is none; then a while of nothing.
async fn flood(relay: String, seen: Arc<Seen>) {
    let client = Client::new();
    loop {
        let nothing =
            json!({"count": 0, "action": "HugButton", "timestamp": "2025-03-07T10:33:46Z"});
        let body = json!({"session_id": Uuid::new_v4(), "events": vec![nothing; 4]}).to_string();
        for _ in 0..FLOOD {
            let post = client.post(format!("{relay}/api/events")).body(body.clone());
            let counter = match post.send().await.unwrap().status().as_u16() {
                200 => &seen.rejected,
                429 => &seen.limited,
                status => panic!("a flood is answered with {status}"),
            };
            counter.fetch_add(1, Relaxed);
        }
        sleep(EBB).await;
    }
}
