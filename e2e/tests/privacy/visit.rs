//! A visitor who does everything that can be done, well and badly, with their address in every place
//! that may hold one.

use e2e::{
    PATIENCE, Relay,
    addresses::{PEER, VISITOR_V4, assert_no_address_in, forwarded_for},
    press,
};
use reqwest::{Client, Method, RequestBuilder};
use schemas::Uuid;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::timeout,
};

/// Requests of one session that are more than its ten seconds' worth.
const TOO_MANY: usize = 250;

/// A visitor whose connections come from an address of their own.
pub struct Visitor {
    relay: SocketAddr,
    client: Client,
}

impl Visitor {
    pub fn of(relay: &Relay) -> Self {
        let port = relay.address().rsplit_once(':').unwrap().1.parse().unwrap();
        let from = IpAddr::V4(Ipv4Addr::from(PEER));
        Self {
            relay: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
            client: Client::builder().local_address(from).build().unwrap(),
        }
    }

    /// Requests of every kind, good and bad.
    pub async fn does_everything(&self) {
        for address in forwarded_for() {
            self.visits_as(&address).await;
        }
        self.claims_nonsense().await;
        self.floods().await;
        self.looks_at_the_live_numbers().await;
        self.speaks_no_http().await;
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.relay)
    }

    /// A request with the address in all headers that have been seen to hold one.
    fn request(&self, method: Method, path: &str, address: &str) -> RequestBuilder {
        self.client
            .request(method, self.url(path))
            .header("x-forwarded-for", address)
            .header("forwarded", format!("for={address}"))
            .header("x-real-ip", address)
            .header("cf-connecting-ip", address)
            .header("true-client-ip", address)
            .header("via", format!("1.1 {address}"))
            .header("user-agent", format!("Mozilla ({address})"))
            .header("accept-language", format!("de, {address}"))
    }

    async fn visits_as(&self, address: &str) {
        let events = "api/events";
        let body = serde_json::to_string(&press(Uuid::new_v4(), 1, 1_741_343_626_754_240)).unwrap();
        let post = |body: String| self.request(Method::POST, events, address).body(body);
        assert_eq!(send(post(body.clone())).await, 200, "{address}");
        // On two lines, as when each of two proxies adds its own.
        assert_eq!(send(post(body.clone()).header("x-forwarded-for", "127.0.0.1")).await, 200);
        assert_eq!(send(post("{".to_owned())).await, 400);
        assert_eq!(send(post("x".repeat(70_000))).await, 413);
        // In the body, where no address belongs: fields that nobody reads, and one that is read.
        let more = body.replacen('{', &format!("{{\"ip\":{:?},", address), 1);
        assert_eq!(send(post(more)).await, 200);
        assert_eq!(send(post(body.replace("PressButton", &address.replace('"', "")))).await, 200);
        for path in [
            "healthz",
            "readyz",
            "api/stats",
            "nothing",
            "api/nothing",
            "",
            "?from=198.51.100.77",
            "api/stats?session=198.51.100.77",
        ] {
            send(self.request(Method::GET, path, address)).await;
        }
        send(self.request(Method::OPTIONS, events, address)).await;
        send(self.request(Method::DELETE, events, address)).await;
    }

    /// Not UTF-8, and longer than anything reasonable.
    async fn claims_nonsense(&self) {
        let mut odd = vec![0xff, 0xfe];
        odd.extend_from_slice(VISITOR_V4.as_bytes());
        for value in [odd, VISITOR_V4.repeat(500).into_bytes()] {
            let body = serde_json::to_string(&press(Uuid::new_v4(), 1, 0)).unwrap();
            let post = self.client.post(self.url("api/events"));
            assert_eq!(send(post.header("x-forwarded-for", value).body(body)).await, 200);
        }
    }

    /// One session, until it is told to come again later.
    async fn floods(&self) {
        let body = serde_json::to_string(&press(Uuid::new_v4(), 1, 0)).unwrap();
        let mut limited = false;
        for _ in 0..TOO_MANY {
            let post = self.request(Method::POST, "api/events", VISITOR_V4).body(body.clone());
            limited |= send(post).await == 429;
        }
        assert!(limited, "{TOO_MANY} requests at once are too many");
    }

    async fn looks_at_the_live_numbers(&self) {
        let mut live = self.request(Method::GET, "api/live", VISITOR_V4).send().await.unwrap();
        let first = timeout(PATIENCE, live.chunk()).await.unwrap().unwrap().unwrap();
        assert_no_address_in("the live numbers", &first);
    }

    /// What is no HTTP, or breaks off, so that the server has reason to complain.
    async fn speaks_no_http(&self) {
        let address = VISITOR_V4;
        for bytes in [
            // The beginning of TLS.
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            format!(
                "GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {address}\r\nbad header\r\n\r\n"
            )
            .into_bytes(),
            format!("PROXY TCP4 {address} {address} 1 2\r\nGET / HTTP/1.1\r\n\r\n").into_bytes(),
            format!(
                "POST /api/events HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {address}\r\n\
                 transfer-encoding: chunked\r\n\r\nzz\r\n"
            )
            .into_bytes(),
            format!("POST /api/events HTTP/1.1\r\nx-forwarded-for: {address}\r\n").into_bytes(),
        ] {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::from((PEER, 0))).unwrap();
            let mut connection = socket.connect(self.relay).await.unwrap();
            connection.write_all(&bytes).await.unwrap();
            connection.shutdown().await.unwrap();
            let mut answer = Vec::new();
            // A connection that is reset has still given its answer.
            let _ = timeout(PATIENCE, connection.read_to_end(&mut answer)).await.unwrap();
            assert_no_address_in("an answer to nonsense", &answer);
        }
    }
}

/// Sends a request and searches all of the answer.
async fn send(request: RequestBuilder) -> u16 {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert_no_address_in("the answer's headers", format!("{:?}", response.headers()).as_bytes());
    assert_no_address_in("the answer", &response.bytes().await.unwrap());
    status
}
