//! What lies between the page and the relay: a network that passes requests on, or does not.

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    sync::{Arc, Mutex},
    time::Instant,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// The machine's address in its network, or the loopback address where it is in none.
pub fn lan_address() -> IpAddr {
    // Nothing is sent: the system only chooses the address that it would send from.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let chosen = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    chosen.map(|address| address.ip()).unwrap_or(Ipv4Addr::LOCALHOST.into())
}

/// How the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// The relay answers.
    Fair,
    /// A request goes out, and the connection breaks.
    Cut,
    /// A request goes out, and nothing ever comes back.
    Silent,
    /// The relay takes the request, and the connection breaks amid its answer.
    CutMidAnswer,
    /// The relay takes the request, and the connection breaks before its answer.
    AnswerLost,
    /// Somebody before the relay asks to come back after so many seconds, with 503.
    Busy(u32),
    /// Somebody else answers in the relay's place: a page of theirs, the way to it, nothing, and
    /// JSON that is none of ours, in turns.
    CaptivePortal,
}

/// A request as it came from the page.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `POST /api/events`.
    pub what: String,
    /// The headers, in small letters, a line each.
    pub headers: String,
    /// The body.
    pub body: String,
    /// When it was here as a whole.
    pub at: Instant,
}

struct State {
    weather: Weather,
    seen: Vec<Seen>,
    portal_answers: usize,
}

/// A network in front of the relay, at an address of its own. Dropping it ends it.
pub struct Network {
    address: String,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Network {
    /// Leads to the relay at this address, host and port, in fair weather; itself on the same host.
    pub async fn start(relay: &str) -> Self {
        let (host, _) = relay.rsplit_once(':').unwrap();
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = State { weather: Weather::Fair, seen: Vec::new(), portal_answers: 0 };
        let state = Arc::new(Mutex::new(state));
        let server = tokio::spawn(serve(listener, relay.to_owned(), Arc::clone(&state)));
        Self { address, state, server }
    }

    /// What the page takes for the relay's address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the weather, for requests from now on.
    pub fn set(&self, weather: Weather) {
        self.state.lock().unwrap().weather = weather;
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, relay: String, state: Arc<Mutex<State>>) {
    // Aborted with this task.
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (relay, state) = (relay.clone(), Arc::clone(&state));
        connections.spawn(async move {
            // One that breaks off has nothing to ask any more.
            let _ = answer(stream, &relay, &state).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Takes one request; the connection is used for no second one, so that a change of the weather is
/// a change for all.
async fn answer(
    mut page: TcpStream,
    relay: &str,
    state: &Mutex<State>,
) -> Result<(), std::io::Error> {
    let Some((head, body)) = read_request(&mut page).await? else { return Ok(()) };
    let (what, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
    let (what, _version) = what.rsplit_once(' ').unwrap_or((what, ""));
    let (weather, turn) = {
        let mut state = state.lock().unwrap();
        state.seen.push(Seen {
            what: what.to_owned(),
            headers: headers.to_ascii_lowercase(),
            body: String::from_utf8_lossy(&body).into_owned(),
            at: Instant::now(),
        });
        if state.weather == Weather::CaptivePortal {
            state.portal_answers += 1;
        }
        (state.weather, state.portal_answers)
    };
    let answer = match weather {
        Weather::Cut => return Ok(()),
        Weather::Silent => std::future::pending().await,
        Weather::Busy(seconds) => {
            hand_made("503 Service Unavailable", &format!("retry-after: {seconds}\r\n"), "Busy")
        }
        Weather::CaptivePortal => portal(turn),
        Weather::Fair => ask(relay, &head, &body).await?,
        Weather::AnswerLost => {
            ask(relay, &head, &body).await?;
            return Ok(());
        }
        Weather::CutMidAnswer => {
            let mut answer = ask(relay, &head, &body).await?;
            let body = find(&answer, b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
            answer.truncate(body + (answer.len() - body) / 2);
            answer
        }
    };
    page.write_all(&answer).await?;
    page.shutdown().await
}

/// Head and body of a request with a `Content-Length`, or without a body; `None` if the connection
/// ends before: browsers open some for later.
async fn read_request(page: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = find(&bytes, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let lower = head.to_ascii_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                return Ok(Some((head, bytes[end + 4..end + 4 + length].to_vec())));
            }
        }
        if page.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, needle)
}

/// Puts the request to the relay, and gives all of its answer. It closes the connection after it.
async fn ask(relay: &str, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(relay).await?;
    let kept =
        head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head = kept.collect::<Vec<_>>().join("\r\n");
    stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// What portals answer to a request that was meant for somebody else.
fn portal(turn: usize) -> Vec<u8> {
    match turn % 4 {
        1 => hand_made(
            "200 OK",
            "content-type: text/html\r\n",
            "<!doctype html><h1>Welcome to the free Wi-Fi!</h1>",
        ),
        2 => hand_made("302 Found", "location: /login\r\n", ""),
        3 => hand_made("204 No Content", "", ""),
        _ => hand_made(
            "200 OK",
            "content-type: application/json\r\n",
            r#"{"accepted":[0,1,2,3,4,5],"rejected":[]}"#,
        ),
    }
}

/// With headers that let a page of another origin read it at all, which makes it harder to tell.
fn hand_made(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\
         access-control-allow-origin: *\r\naccess-control-expose-headers: *\r\n\r\n{body}"
    )
    .into_bytes()
}
