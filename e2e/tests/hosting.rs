//! The files in `deploy/` for whoever puts the relay or the page somewhere: real servers run them as they
//! stand, with other names, ports and certificates.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use e2e::{
    HostRules, Hosting, Program, Relay, StaticHost, WebServer, dist, lan_address, small_geo, until,
};
use flate2::write::GzDecoder;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use reqwest::{Client, ClientBuilder, StatusCode, header::HeaderMap};
use schemas::{Action, Event, EventBatch, Place, RECEIPT_HEADER, Timestamp, Uuid};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::{IpAddr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// In all of these files, where yours is to stand.
const NAME: &str = "button.example.com";

/// The repository's file.
fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text with each of these in the place of what stands there, which has to.
fn with(mut text: String, replacements: &[(&str, &str)]) -> String {
    for (old, new) in replacements {
        assert!(text.contains(old), "{old} is not in it: {text}");
        text = text.replace(old, new);
    }
    text
}

/// A certificate that nobody vouches for, and its key.
fn certificate(folder: &Path) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let paths = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
    fs::write(&paths[0], made.cert.pem()).unwrap();
    fs::write(&paths[1], made.signing_key.serialize_pem()).unwrap();
    let [certificate, key] = paths.map(|path| path.display().to_string());
    (certificate, key)
}

fn client() -> Client {
    builder().build().unwrap()
}

fn builder() -> ClientBuilder {
    let redirect = reqwest::redirect::Policy::none();
    Client::builder().danger_accept_invalid_certs(true).redirect(redirect)
}

fn batch(count: u64) -> EventBatch {
    let timestamp = Timestamp::from_micros(1_741_343_626_754_240).unwrap();
    let action = if count == 0 { Action::EnterPage } else { Action::PressButton };
    let event = Event { timestamp, action, count };
    EventBatch { session_id: Uuid::new_v4(), cohort: None, events: vec![event] }
}

/// A relay that serves the page behind a proxy on the same machine.
struct Behind {
    relay: Relay,
    /// The proxy's host and port, on the machine's address in its network: a visitor's address is
    /// another one there than the proxy's own.
    address: String,
    folder: TempDir,
}

impl Behind {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let geo = folder.path().join("small.mmdb");
        small_geo::write(&geo, small_geo::Layout::Standard, "Säffle");
        let dist = dist().display().to_string();
        let mut options = vec!["--static-dir", &dist, "--trusted-proxies", "127.0.0.1"];
        options.extend(["--geo-database", geo.to_str().unwrap()]);
        // The proxies pass on the name.
        let public_url = format!("https://{NAME}");
        options.extend(["--public-url", &public_url]);
        let relay = Relay::start(&folder.path().join("relay"), &options).await;
        let address = format!("{}:{}", lan_address(), local_stack::free_port().unwrap());
        Self { relay, address, folder }
    }

    /// Everything that a proxy must not spoil.
    async fn works(&self) {
        // By its name, which leads here.
        let address: SocketAddr = self.address.parse().unwrap();
        let client = builder().resolve(NAME, address).build().unwrap();
        let url = |path: &str| format!("https://{NAME}:{}/{path}", address.port());
        let page = client.get(url("")).header("accept-encoding", "br").send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(page.headers()["content-encoding"], "br");
        assert!(page.headers().contains_key("content-security-policy"));
        assert_eq!(page.headers()["strict-transport-security"], "max-age=31536000");

        // What the relay knows of itself is not for visitors.
        for path in ["readyz", "metrics", "metrics/", "//readyz", "%72eadyz", "healthz/../metrics"]
        {
            let response = client.get(url(path)).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(client.get(url("healthz")).send().await.unwrap().status(), StatusCode::OK);

        // The visitor's address is the one that the proxy saw, whatever the visitor claims.
        for (name, claim) in [
            ("x-forwarded-for", small_geo::KNOWN_V4.to_owned()),
            ("forwarded", format!("for={}", small_geo::KNOWN_V4)),
        ] {
            let sent = batch(0);
            let post = client.post(url("api/events")).header(name, claim);
            let post = post.body(serde_json::to_string(&sent).unwrap()).send().await.unwrap();
            assert_eq!(post.status(), StatusCode::OK);
            assert!(post.headers().contains_key(RECEIPT_HEADER), "the page knows the relay by it");
            let stored = self.relay.stored();
            let found = stored.iter().find(|row| row.press.session_id == sent.session_id).unwrap();
            let expected = match lan_address() {
                address if address.is_loopback() => Place::localhost(),
                IpAddr::V4(address) if address.is_private() => Place::private_network(),
                // One that the small database does not know.
                _ => Place::unknown(),
            };
            assert_eq!(*found.press.place, expected, "{name}");
        }

        // The stream comes as it is written, not when a buffer is full.
        let mut stream = client.get(url("api/live")).send().await.unwrap();
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let mut heard = String::new();
        for presses in 0..3 {
            let expected = format!("\"presses\":{presses}");
            until("the stream", async || {
                let chunk = tokio::time::timeout(e2e::PATIENCE, stream.chunk()).await;
                heard += &String::from_utf8_lossy(&chunk.unwrap().unwrap().unwrap());
                if heard.contains(&expected) { Ok(()) } else { Err(heard.clone()) }
            })
            .await;
            let body = serde_json::to_string(&batch(1)).unwrap();
            let post = client.post(url("api/events")).body(body).send().await.unwrap();
            assert_eq!(post.status(), StatusCode::OK);
        }

        // Compressed by the relay, and each update can be read as soon as it is there.
        let get = client.get(url("api/live")).header("accept-encoding", "gzip");
        let mut stream = get.send().await.unwrap();
        assert_eq!(stream.headers()["content-encoding"], "gzip");
        let mut decoder = GzDecoder::new(Vec::new());
        until("the compressed stream", async || {
            let chunk = tokio::time::timeout(e2e::PATIENCE, stream.chunk()).await;
            decoder.write_all(&chunk.unwrap().unwrap().unwrap()).unwrap();
            decoder.flush().unwrap();
            let heard = String::from_utf8_lossy(decoder.get_ref());
            if heard.contains("\ndata: {\"at\":") { Ok(()) } else { Err(heard.into_owned()) }
        })
        .await;

        // The relay's own answer to what is too large, not the proxy's.
        let large = client.post(url("api/events")).body("x".repeat(100_000)).send().await.unwrap();
        assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(large.headers().contains_key(RECEIPT_HEADER));
    }
}

/// The configuration with the lines that are commented out; prose has a space behind its `#`.
fn uncommented(configuration: &str) -> String {
    let lines = configuration.lines().map(|line| {
        let code = line.trim_start().strip_prefix('#').filter(|rest| !rest.starts_with(' '));
        code.filter(|code| !code.is_empty()).unwrap_or(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

impl Behind {
    /// The place of a visitor whose request has this header when it comes to the proxy.
    async fn place(&self, forwarded_for: &str) -> Place {
        let address: SocketAddr = self.address.parse().unwrap();
        let client = builder().resolve(NAME, address).build().unwrap();
        let sent = batch(0);
        let post = client.post(format!("https://{NAME}:{}/api/events", address.port()));
        let post = post.header("x-forwarded-for", forwarded_for);
        let post = post.body(serde_json::to_string(&sent).unwrap()).send().await.unwrap();
        assert_eq!(post.status(), StatusCode::OK);
        let stored = self.relay.stored();
        let row = stored.iter().find(|row| row.press.session_id == sent.session_id).unwrap();
        Place::clone(&row.press.place)
    }

    /// A CDN, which the configuration names, adds the visitor's address to what the visitor wrote.
    async fn finds_places_behind_a_cdn(&self) {
        for forwarded_for in [
            small_geo::KNOWN_V4.to_owned(),
            format!("10.1.2.3, {}", small_geo::KNOWN_V4),
            format!("198.51.100.7, {}", small_geo::KNOWN_V4),
        ] {
            let place = self.place(&forwarded_for).await;
            assert_eq!(place.city_name.as_deref(), Some("Säffle"), "{forwarded_for}");
        }
        let claimed = format!("{}, 10.1.2.3", small_geo::KNOWN_V4);
        assert_eq!(self.place(&claimed).await, Place::private_network());
    }
}

/// The session in URLs that a proxy might log.
const SESSION: &str = "5e0aabbc-1111-4222-8333-444444444444";

impl Behind {
    /// Requests that a proxy would log as errors: visitors who leave, a relay that rejects, and one that is gone.
    async fn fails(&mut self) {
        let address: SocketAddr = self.address.parse().unwrap();
        let client = builder().resolve(NAME, address).build().unwrap();
        let url =
            |path: &str| format!("https://{NAME}:{}/{path}?session={SESSION}", address.port());
        let mut stream = client.get(url("api/live")).send().await.unwrap();
        assert!(stream.chunk().await.unwrap().is_some());
        drop(stream); // A viewer who leaves.
        for path in ["nothing", "api/nothing", "..%2f..%2fetc/passwd", "live/nothing.js"] {
            let response = client.get(url(path)).send().await.unwrap();
            assert!(response.status().is_client_error(), "{path}: {}", response.status());
        }
        let rejected = client.post(url("api/events")).body("junk").send().await.unwrap();
        assert_eq!(rejected.status(), StatusCode::BAD_REQUEST);
        // 413, or 502 where the proxy is still sending when the relay has closed the connection.
        let too_large = client.post(url("api/events")).body(vec![b'x'; 3_000_000]).send().await;
        assert!(too_large.map_or(true, |response| !response.status().is_success()));
        // A visitor who leaves in the middle of a press.
        let mut connector = SslConnector::builder(SslMethod::tls()).unwrap();
        connector.set_verify(SslVerifyMode::NONE);
        let connection = TcpStream::connect(address).unwrap();
        let mut connection = connector.build().connect(NAME, connection).unwrap();
        let head = format!("POST /api/events?session={SESSION} HTTP/1.1\r\nHost: {NAME}\r\n");
        let half = format!("{head}Content-Length: 1000\r\n\r\n{{");
        connection.write_all(half.as_bytes()).unwrap();
        drop(connection);

        let mut stream = client.get(url("api/live")).send().await.unwrap();
        self.relay.kill(); // In the middle of a stream.
        while let Ok(Some(_)) = stream.chunk().await {}
        for _ in 0..3 {
            for path in ["api/events", "api/live", ""] {
                let response = client.post(url(path)).body("{}").send().await.unwrap();
                assert!(response.status().is_server_error(), "{path}: {}", response.status());
            }
        }
    }
}

/// What a proxy has written so far, and no address or session of a visitor in what it writes from then on. (At
/// its start it may log where it listens itself, which is at the same address here.)
struct Traces {
    folder: PathBuf,
    before: BTreeMap<PathBuf, usize>,
}

impl Traces {
    fn from_now_on(folder: &Path) -> Self {
        let mut traces = Self { folder: folder.to_owned(), before: BTreeMap::new() };
        traces.before = traces.files().map(|(path, bytes)| (path, bytes.len())).collect();
        traces
    }

    fn files(&self) -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
        let paths = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(&path).unwrap()))
    }

    /// Ends the proxy, so that all that it will ever log is there, and returns the lines with an address or a
    /// session.
    fn of_visitors(&self, mut proxy: Program) -> Vec<String> {
        proxy.stop();
        let address = lan_address().to_string();
        let mut lines = Vec::new();
        for (path, bytes) in self.files() {
            let new = &bytes[self.before.get(&path).copied().unwrap_or(0)..];
            let text = String::from_utf8_lossy(new);
            let of_visitors = |line: &&str| line.contains(&address) || line.contains(SESSION);
            lines.extend(text.lines().filter(of_visitors).map(str::to_owned));
        }
        lines
    }
}

/// The repository's nginx in front of a relay, and its address for plain http.
async fn start_nginx(
    nginx: WebServer,
    behind: &Behind,
    edit: impl FnOnce(String) -> String,
) -> (Program, PathBuf, String) {
    let (certificate, key) = certificate(behind.folder.path());
    let plain = format!("{}:{}", lan_address(), local_stack::free_port().unwrap());
    let configuration = with(
        file("deploy/nginx/relay.conf"),
        &[
            ("listen 443", &format!("listen {}", behind.address)),
            ("listen 80", &format!("listen {plain}")),
            ("/etc/letsencrypt/live/button.example.com/fullchain.pem", &certificate),
            ("/etc/letsencrypt/live/button.example.com/privkey.pem", &key),
            ("127.0.0.1:9000", behind.relay.address()),
        ],
    );
    let folder = behind.folder.path().join("nginx");
    fs::create_dir(&folder).unwrap();
    let server = nginx.start(&folder, &edit(configuration), &behind.address).await;
    (server, folder, plain)
}

async fn nginx_with_relay_conf(nginx: WebServer) {
    if !nginx.is_there() {
        return;
    }
    let mut behind = Behind::start().await;
    let (server, folder, plain) = start_nginx(nginx, &behind, |file| file).await;
    let traces = Traces::from_now_on(&folder);
    behind.works().await;
    let redirect = client().get(format!("http://{plain}/x?y=1")).send().await.unwrap();
    assert_eq!(redirect.status(), StatusCode::MOVED_PERMANENTLY);
    assert!(redirect.headers()["location"].to_str().unwrap().starts_with("https://"));
    behind.fails().await;
    assert_eq!(traces.of_visitors(server), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_of_a_distribution_in_front_of_a_relay() {
    nginx_with_relay_conf(WebServer::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn current_nginx_in_front_of_a_relay() {
    nginx_with_relay_conf(WebServer::CurrentNginx).await;
}

/// The lines for a CDN, with the network of the machine's own address as that of the CDN.
fn behind_a_cdn(configuration: String) -> String {
    with(uncommented(&configuration), &[("203.0.113.0/24", &lan_address().to_string())])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_behind_a_cdn_passes_on_the_visitors_address() {
    for nginx in [WebServer::Nginx, WebServer::CurrentNginx] {
        if nginx.is_there() {
            let behind = Behind::start().await;
            let _server = start_nginx(nginx, &behind, behind_a_cdn).await;
            behind.finds_places_behind_a_cdn().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_behind_a_cdn_passes_on_the_visitors_address() {
    if WebServer::Caddy.is_there() {
        let behind = Behind::start().await;
        let _server = start_caddy(&behind, behind_a_cdn).await;
        behind.finds_places_behind_a_cdn().await;
    }
}

/// The repository's Caddy in front of a relay.
async fn start_caddy(behind: &Behind, edit: impl FnOnce(String) -> String) -> (Program, PathBuf) {
    let (certificate, key) = certificate(behind.folder.path());
    let (host, port) = behind.address.rsplit_once(':').unwrap();
    let site = format!("{NAME}:{port} {{\n\tbind {host}\n\ttls {certificate} {key}\n");
    let own = with(
        file("deploy/caddy/Caddyfile"),
        &[
            (&format!("{NAME} {{\n"), &site),
            ("127.0.0.1:9000", behind.relay.address()),
            // Nothing of the machine's own: no port 80, no administration.
            ("\n{\n", "\n{\n\tadmin off\n\tauto_https disable_redirects\n"),
        ],
    );
    let folder = behind.folder.path().join("caddy");
    fs::create_dir(&folder).unwrap();
    (WebServer::Caddy.start(&folder, &edit(own), &behind.address).await, folder)
}

/// Runs Caddy with its file, changed by `edit`, and returns what it logs about visitors.
async fn caddy_logs(edit: impl FnOnce(String) -> String) -> Vec<String> {
    let mut behind = Behind::start().await;
    let (server, folder) = start_caddy(&behind, edit).await;
    let traces = Traces::from_now_on(&folder);
    behind.works().await;
    behind.fails().await;
    traces.of_visitors(server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_in_front_of_a_relay() {
    if WebServer::Caddy.is_there() {
        assert_eq!(caddy_logs(|file| file).await, [""; 0]);
    }
}

/// What the file's exclusions are for; the check of the logs above does find what it looks for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_without_exclusions_logs_addresses_and_sessions() {
    if WebServer::Caddy.is_there() {
        let exclusion = "exclude http.log.error http.handlers.reverse_proxy";
        let lines = caddy_logs(|file| with(file, &[(exclusion, "")])).await;
        for logger in ["http.log.error", "http.handlers.reverse_proxy"] {
            assert!(lines.iter().any(|line| line.contains(logger)), "{logger}: {lines:?}");
        }
        assert!(lines.iter().any(|line| line.contains(SESSION)), "{lines:?}");
    }
}

/// The page alone, on a host that knows nothing of it.
struct Static {
    url: String,
    _folder: TempDir,
    _server: Program,
}

async fn static_nginx() -> Static {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path());
    let address = format!("127.0.0.1:{}", local_stack::free_port().unwrap());
    let configuration = with(
        file("deploy/nginx/static.conf"),
        &[
            ("listen 443", &format!("listen {address}")),
            ("/etc/letsencrypt/live/button.example.com/fullchain.pem", &certificate),
            ("/etc/letsencrypt/live/button.example.com/privkey.pem", &key),
            ("/srv/kafka-button", &dist().display().to_string()),
        ],
    );
    let server = WebServer::Nginx.start(folder.path(), &configuration, &address).await;
    Static { url: format!("https://{address}"), _folder: folder, _server: server }
}

async fn static_caddy() -> Static {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}", local_stack::free_port().unwrap());
    let files = dist().display().to_string();
    let configuration =
        format!("{{\n\tadmin off\n}}\n{url} {{\n\troot * {files}\n\tfile_server\n}}\n");
    let address = url.trim_start_matches("http://");
    let server = WebServer::Caddy.start(folder.path(), &configuration, address).await;
    Static { url, _folder: folder, _server: server }
}

/// The status, and the path that it redirects to.
async fn answer(host: &str, path: &str) -> (StatusCode, Option<String>) {
    let response = client().get(format!("{host}{path}")).send().await.unwrap();
    let location = response.headers().get("location").map(|location| {
        let target = response.url().join(location.to_str().unwrap()).unwrap();
        let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", target.path())
    });
    (response.status(), location)
}

async fn behaves_like(real: &Static, rules: HostRules) {
    let hosting = Hosting { rules, ..Hosting::of("") };
    let fixture = StaticHost::start_with(hosting).await;
    let origin = fixture.at("");
    for path in [
        "/",
        "/index.html",
        "/live",
        "/live?url=x",
        "/live/",
        "/live/index.html",
        "/nothing",
        "/nothing/",
        "/frontend-bg-0123456789abcdef.wasm",
        "/live/nothing",
    ] {
        assert_eq!(answer(&real.url, path).await, answer(&origin, path).await, "{path}");
    }
}

/// Otherwise the page's tests on these hosts show nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_of_nginx_are_those_of_the_real_one() {
    if WebServer::Nginx.is_there() {
        behaves_like(&static_nginx().await, HostRules::NGINX).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_of_caddy_are_those_of_the_real_one() {
    if WebServer::Caddy.is_there() {
        behaves_like(&static_caddy().await, HostRules::CADDY).await;
    }
}

/// It sends what the relay sends with the page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_with_the_page_alone_sends_the_same_headers() {
    if !WebServer::Nginx.is_there() {
        return;
    }
    let host = static_nginx().await;
    let folder = tempfile::tempdir().unwrap();
    let dist = dist();
    let relay = Relay::start(folder.path(), &["--static-dir", dist.to_str().unwrap()]).await;
    let mut kinds = 0;
    for path in files(&dist) {
        let path = path.strip_prefix(&dist).unwrap().to_string_lossy().into_owned();
        let path = if path == "index.html" { String::new() } else { path };
        let get = async |host: &str| {
            let get = client().get(format!("{host}/{path}")).header("accept-encoding", "gzip");
            let answer = get.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{host}/{path}");
            (answer.headers().clone(), answer.bytes().await.unwrap())
        };
        let ((here, body), (there, same)) = (get(&host.url).await, get(&relay.url()).await);
        assert_eq!(body, same, "{path}");
        for name in [
            "cache-control",
            "content-encoding",
            "content-security-policy",
            "cross-origin-resource-policy",
            "cross-origin-opener-policy",
            "referrer-policy",
            "x-content-type-options",
        ] {
            assert_eq!(here.get(name), there.get(name), "{name} of {path}");
        }
        assert_eq!(kind(&here), kind(&there), "{path}");
        kinds += 1;
    }
    assert!(kinds > 10, "{kinds}");
    let page = client().get(&host.url).send().await.unwrap();
    assert_eq!(page.headers()["strict-transport-security"], "max-age=31536000");
    let nothing = client().get(format!("{}/nothing.js", host.url)).send().await.unwrap();
    assert_eq!(nothing.status(), StatusCode::NOT_FOUND);
}

/// The type without its character set, which is UTF-8 wherever it is said.
fn kind(headers: &HeaderMap) -> String {
    let kind = headers["content-type"].to_str().unwrap().to_ascii_lowercase();
    let (kind, parameters) = kind.split_once(';').unwrap_or((&kind, ""));
    assert!(parameters.is_empty() || parameters.contains("utf-8"), "{parameters}");
    // The same to browsers (RFC 9239).
    kind.replace("application/javascript", "text/javascript")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for path in entries {
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !name.ends_with(".br")
            && !name.ends_with(".gz")
            && !name.ends_with("/live/index.html")
        {
            found.push(path);
        }
    }
    found
}

/// Hosts that read headers from a file are told them in the document.
#[tokio::test(flavor = "multi_thread")]
async fn the_headers_for_other_hosts_are_the_relays() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &["--static-dir", dist().to_str().unwrap()]).await;
    let page = client().get(relay.url()).send().await.unwrap();
    let document = file("docs/hosting.md");
    for name in [
        "Content-Security-Policy",
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Resource-Policy",
        "Referrer-Policy",
        "X-Content-Type-Options",
        "Cache-Control",
    ] {
        let line = format!("\n  {name}: {}\n", page.headers()[name].to_str().unwrap());
        assert!(document.contains(&line), "docs/hosting.md lacks {line}");
    }
}

/// What Docker would build cannot be built everywhere; what it says can be held against the rest.
#[test]
fn the_image_fits_the_relay() {
    let image = file("deploy/container/Dockerfile");
    let toolchain = file("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = \"")).unwrap();
    let (version, _) = channel.trim_end_matches('"').rsplit_once('.').unwrap();
    assert!(image.contains(&format!("FROM rust:{version}-")), "the compiler is {channel}");
    let variables = image.lines().filter_map(|line| {
        let line = line.trim().trim_start_matches("ENV ");
        line.starts_with("RELAY_").then(|| line.split('=').next().unwrap().to_owned())
    });
    let variables: Vec<String> = variables.collect();
    assert_eq!(variables.len(), 3);
    let help = Command::new(e2e::relay()).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for variable in variables {
        assert!(help.contains(&format!("[env: {variable}")), "{variable}");
    }
    for line in ["**/*.tfstate", "**/*.tfvars", "**/sink.json", ".env"] {
        assert!(file(".dockerignore").lines().any(|found| found == line), "{line}");
    }
    for text in [image.clone(), file("docs/hosting.md")] {
        for option in [
            "-p 127.0.0.1:9000:9000",
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
        ] {
            assert!(text.contains(option), "{option}");
        }
    }
    assert!(help.contains("healthcheck") && image.contains("[\"relay\", \"healthcheck\"]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_checks_its_health_and_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let run = |arguments: &[&str]| {
        let mut relay = Command::new(e2e::relay());
        relay.env_clear().current_dir(folder.path()).args(arguments).output().unwrap()
    };
    assert!(run(&["healthcheck", "--listen", relay.address()]).status.success());
    let free = format!("127.0.0.1:{}", local_stack::free_port().unwrap());
    let sick = run(&["healthcheck", "--listen", &free]);
    assert!(!sick.status.success() && String::from_utf8_lossy(&sick.stderr).contains(&free));

    // While a relay is at work with the same options.
    let checked = run(&["validate", "--listen", relay.address()]);
    assert!(checked.status.success(), "{checked:?}");
    for wrong in [
        &["--static-dir", "nowhere"][..],
        &["--geo-database", "nothing.mmdb"],
        &["--kafka-service-uri", "127.0.0.1:1"],
        &["--log", "loud=loud=loud"],
        &["--store", "/proc/button_presses.sqlite"],
        &["--store", "."],
    ] {
        let checked = run(&[&["validate"], wrong].concat());
        assert!(!checked.status.success() && !checked.stderr.is_empty(), "{wrong:?}");
    }
    for (removed, command) in [("--check-config", "validate"), ("--check-health", "healthcheck")] {
        let rejected = run(&[removed]);
        let error = String::from_utf8_lossy(&rejected.stderr).into_owned();
        assert!(!rejected.status.success() && error.contains(command), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path().join("data")).map(Iterator::count).unwrap_or(0), 0);
}

/// As strictly as systemd can say without running it.
#[test]
fn the_service_is_one_that_systemd_understands() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        eprintln!("not run: there is no systemd-analyze");
        return;
    };
    assert!(version.status.success());
    let unit = file("deploy/systemd/kafka-button-relay.service");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kafka-button-relay.service");
    // The program has to be there for this.
    let program = e2e::relay().display().to_string();
    fs::write(&path, with(unit, &[("/usr/local/bin/kafka-button-relay", &program)])).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("kafka-button-relay.service:"), "{said}");
}
