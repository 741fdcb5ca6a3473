//! The relay alone, as a program: requests in, rows in the store.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use e2e::{
    Relay, assert_sound, dist, geo_database,
    small_geo::{self, KNOWN_V4, KNOWN_V6, Layout, UNKNOWN_V4},
    until,
};
use nix::sys::signal::Signal;
use reqwest::{Client, Response, StatusCode};
use schemas::{Problem, RECEIPT_HEADER, Receipt, Uuid};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

const TRUSTED: [&str; 2] = ["--trusted-proxies", "127.0.0.0/8"];

/// Three events of one session, as a page sends them.
fn session(id: Uuid) -> Value {
    json!({
        "session_id": id,
        "events": [
            {"timestamp": "2025-03-07T10:33:46.754240+00:00", "action": "EnterPage", "count": 0},
            {"timestamp": "2025-03-07T10:33:47.000001+00:00", "action": "PressButton", "count": 1},
            {"timestamp": "2025-03-07T12:33:48+02:00", "action": "ExitPage", "count": 2},
        ]
    })
}

async fn post(relay: &Relay, body: &Value, forwarded_for: Option<&str>) -> Response {
    let mut request = Client::new()
        .post(format!("{}/api/events", relay.url()))
        .header("content-type", "text/plain;charset=utf-8")
        .body(body.to_string());
    if let Some(forwarded_for) = forwarded_for {
        request = request.header("x-forwarded-for", forwarded_for);
    }
    request.send().await.unwrap()
}

async fn receipt(response: Response) -> Receipt {
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().contains_key(RECEIPT_HEADER));
    response.json().await.unwrap()
}

/// Posts a session through the proxy and gives the place that was added to it.
async fn place_of(relay: &Relay, forwarded_for: Option<&str>) -> schemas::Place {
    let receipt = receipt(post(relay, &session(Uuid::new_v4()), forwarded_for).await).await;
    receipt.location
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_in_the_store_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("small.mmdb");
    small_geo::write(&geo, Layout::Standard, "Säffle");
    let mut options = TRUSTED.to_vec();
    options.extend(["--geo-database", geo.to_str().unwrap()]);
    let relay = Relay::start(folder.path(), &options).await;

    let id = Uuid::new_v4();
    let receipt = receipt(post(&relay, &session(id), Some(KNOWN_V4)).await).await;
    assert_eq!(receipt.session_id, id);
    assert_eq!(receipt.accepted, [0, 1, 2]);
    assert_eq!(receipt.rejected, []);
    assert_eq!(receipt.durable_in, "store");
    assert_eq!(receipt.geo_database.as_deref(), Some("Test-City"));

    let rows = relay.stored();
    let events: Vec<_> = rows
        .iter()
        .map(|row| (row.press.event.action.name(), row.press.event.timestamp.to_string()))
        .collect();
    assert_eq!(
        events,
        [
            ("EnterPage", "2025-03-07T10:33:46.754240+00:00".to_owned()),
            ("PressButton", "2025-03-07T10:33:47.000001+00:00".to_owned()),
            ("ExitPage", "2025-03-07T10:33:48.000000+00:00".to_owned()),
        ]
    );
    for row in &rows {
        let press = &row.press;
        assert_eq!(press.session_id, id);
        assert_eq!(
            (press.place.country_name.as_str(), press.place.country_code.as_str()),
            ("Sweden", "SE")
        );
        assert_eq!(press.place.subdivision_name.as_deref(), Some("Värmland County"));
        assert_eq!(press.place.subdivision_code.as_deref(), Some("S"));
        assert_eq!(press.place.city_name.as_deref(), Some("Säffle"));
        assert_eq!((press.place.latitude, press.place.longitude), (Some(59.1), Some(12.9)));
        assert_eq!(press.cohort, None);
        assert_eq!(row.delivered_at, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipt_has_city_in_language_of_request_and_store_has_it_in_english() {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("small.mmdb");
    small_geo::write(&geo, Layout::Standard, "Säffle");
    let mut options = TRUSTED.to_vec();
    options.extend(["--log=trace", "--geo-database", geo.to_str().unwrap()]);
    let relay = Relay::start(folder.path(), &options).await;
    let name = async |language: &[u8]| {
        let request = Client::new()
            .post(format!("{}/api/events", relay.url()))
            .header("x-forwarded-for", KNOWN_V4)
            .header("accept-language", language)
            .body(session(Uuid::new_v4()).to_string());
        receipt(request.send().await.unwrap()).await.place_name
    };
    for (header, language) in [
        (&b"de"[..], Some("de")),
        (b"de-CH,de;q=0.9,en;q=0.8,fr;q=0.7", Some("de")),
        (b"pt-PT", Some("pt-BR")),
        (b"\xff\xfe;q=x, es, ja;q=0.001", Some("ja")),
        (&[b"fr,", &[b'x'; 8_000][..]].concat(), Some("fr")),
        (b"es", None),
        (b"en,de;q=0.9", None),
        (b"", None),
    ] {
        let expected = language.map(|language| small_geo::localized("Säffle", language));
        assert_eq!(name(header).await, expected, "{}", header.escape_ascii());
    }
    for row in relay.stored() {
        assert_eq!(row.press.place.city_name.as_deref(), Some("Säffle"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn geolite2_knows_nahunta() {
    // Its licence does not let us bring it along; `cargo xtask test` fetches it where it can.
    let Some(geo) = geo_database() else {
        eprintln!("not run: there is no GeoLite2 database (E2E_GEO_DATABASE)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut options = TRUSTED.to_vec();
    options.extend(["--geo-database", geo.to_str().unwrap()]);
    let relay = Relay::start(folder.path(), &options).await;
    let place = place_of(&relay, Some("199.250.231.120")).await;
    assert_eq!((place.country_name.as_str(), place.country_code.as_str()), ("United States", "US"));
    assert_eq!(place.subdivision_name.as_deref(), Some("Georgia"));
    assert_eq!(place.subdivision_code.as_deref(), Some("GA"));
    assert_eq!(place.city_name.as_deref(), Some("Nahunta"));
    assert_eq!((place.latitude, place.longitude), (Some(31.2), Some(-82.0)));
    assert_eq!(*relay.stored()[0].press.place, place);
    let place = place_of(&relay, Some("91.187.96.1")).await;
    assert_eq!((place.country_name.as_str(), place.country_code.as_str()), ("Kosovo", "XK"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_gets_a_place_and_none_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("small.mmdb");
    for layout in [Layout::Standard, Layout::DbIp, Layout::Flat] {
        small_geo::write(&geo, layout, "Säffle");
        let mut options = TRUSTED.to_vec();
        options.extend(["--geo-database", geo.to_str().unwrap()]);
        let own = tempfile::tempdir().unwrap();
        let relay = Relay::start(own.path(), &options).await;
        for (forwarded_for, expected) in [
            (Some(KNOWN_V4.to_owned()), "Sweden"),
            (Some(KNOWN_V6.to_owned()), "Sweden"),
            (Some(format!("{KNOWN_V4}:4321")), "Sweden"),
            (Some(format!("[{KNOWN_V6}]:443")), "Sweden"),
            (Some(format!("::ffff:{KNOWN_V4}")), "Sweden"),
            (Some(format!("1.1.1.1, {KNOWN_V4}, 127.0.0.9")), "Sweden"),
            (Some(UNKNOWN_V4.to_owned()), "Unknown"),
            (Some("not an address".to_owned()), "Unknown"),
            (Some("10.1.2.3".to_owned()), "Private Network"),
            (Some("100.64.0.7".to_owned()), "Private Network"),
            (None, "Localhost"),
        ] {
            let place = place_of(&relay, forwarded_for.as_deref()).await;
            assert_eq!(place.country_name, expected, "{layout:?} {forwarded_for:?}");
            let code = if expected == "Sweden" { "SE" } else { "--" };
            assert_eq!(place.country_code, code);
        }
    }
}

/// DB-IP's City Lite is read as it is published, and named for its attribution.
#[tokio::test(flavor = "multi_thread")]
async fn db_ip_database_yields_places_and_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("dbip-city-lite.mmdb");
    small_geo::write(&geo, Layout::DbIp, "Säffle (Centrum)");
    let mut options = TRUSTED.to_vec();
    options.extend(["--geo-database", geo.to_str().unwrap()]);
    let relay = Relay::start(folder.path(), &options).await;
    let place = place_of(&relay, Some(KNOWN_V6)).await;
    assert_eq!((&*place.country_code, &*place.country_name), ("SE", "Sweden"));
    assert_eq!(place.subdivision_name.as_deref(), Some("Värmland County"));
    assert_eq!(place.subdivision_code, None);
    assert_eq!(place.city_name.as_deref(), Some("Säffle (Centrum)"));
    assert_eq!((place.latitude, place.longitude), (Some(59.1), Some(12.9)));
    let stats = reqwest::get(format!("{}/api/stats", relay.url())).await.unwrap();
    let stats: serde_json::Value = stats.json().await.unwrap();
    assert_eq!(stats["geo_database"], "DBIP-City-Lite");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_from_anybody_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("small.mmdb");
    small_geo::write(&geo, Layout::Standard, "Säffle");
    let relay = Relay::start(folder.path(), &["--geo-database", geo.to_str().unwrap()]).await;
    assert_eq!(place_of(&relay, Some(KNOWN_V4)).await.country_name, "Localhost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_geo_database_is_taken_up_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("small.mmdb");
    small_geo::write(&geo, Layout::Standard, "Old Town");
    let mut options = TRUSTED.to_vec();
    options.extend(["--geo-database", geo.to_str().unwrap()]);
    let relay = Relay::start(folder.path(), &options).await;
    let city = async || place_of(&relay, Some(KNOWN_V4)).await.city_name.unwrap();
    assert_eq!(city().await, "Old Town");

    let whole = std::fs::read(&geo).unwrap();
    std::fs::write(&geo, &whole[..whole.len() / 2]).unwrap();
    relay.signal(Signal::SIGHUP);
    until("the broken file to be reported", async || {
        let log = std::fs::read_to_string(relay.log_file()).unwrap();
        if log.contains("the loaded database stays in use") { Ok(()) } else { Err(log) }
    })
    .await;
    assert_eq!(city().await, "Old Town");

    small_geo::write(&geo, Layout::Standard, "New Town");
    relay.signal(Signal::SIGHUP);
    until("the new file to be used", async || match city().await.as_str() {
        "New Town" => Ok(()),
        other => Err(other.to_owned()),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn local_visitors_get_a_made_up_place_only_if_asked_for() {
    // The small database has too few networks for random addresses to hit one.
    let Some(geo) = geo_database() else {
        eprintln!("not run: there is no GeoLite2 database (E2E_GEO_DATABASE)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let options = ["--pretend-local", "--geo-database", geo.to_str().unwrap()];
    let relay = Relay::start(folder.path(), &options).await;
    let id = Uuid::new_v4();
    let first = receipt(post(&relay, &session(id), None).await).await;
    assert!(first.pretended);
    assert!(first.location.city_name.is_some() && first.location.latitude.is_some(), "{first:?}");
    let again = receipt(post(&relay, &session(id), None).await).await;
    assert_eq!(again.location, first.location, "a session stays in one place");
    let log = std::fs::read_to_string(relay.log_file()).unwrap();
    assert!(log.contains("--pretend-local"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_event_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &[]).await;
    let mut acknowledged = Vec::new();
    for round in 0..10 {
        // Several clients at once, so that the kill hits requests under way.
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let url = format!("{}/api/events", relay.url());
            clients.spawn(async move {
                let client = Client::new();
                let mut ids = Vec::new();
                loop {
                    let id = Uuid::new_v4();
                    let sent = client.post(&url).body(session(id).to_string()).send().await;
                    let Ok(response) = sent else { return ids };
                    if response.status() == StatusCode::OK && response.bytes().await.is_ok() {
                        ids.push(id);
                    }
                }
            });
        }
        until("some events to be acknowledged", async || {
            let rows = relay.stored().len();
            if rows > 40 * (round + 1) { Ok(()) } else { Err(rows.to_string()) }
        })
        .await;
        // In whatever step of a request or of a commit it happens to be.
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..30_000))).await;
        relay.kill();
        assert_sound(&relay.store_file());
        acknowledged.extend(clients.join_all().await.into_iter().flatten());
        relay.start_again(&[]).await;
    }
    let rows = relay.stored();
    assert!(acknowledged.len() > 100, "{} sessions are enough to tell", acknowledged.len());
    for id in acknowledged {
        let counts: Vec<u64> = rows
            .iter()
            .filter(|row| row.press.session_id == id)
            .map(|row| row.press.event.count)
            .collect();
        assert_eq!(counts, [0, 1, 2], "session {id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let body = session(Uuid::new_v4());
    let first = receipt(post(&relay, &body, None).await).await;
    let rows = relay.stored();
    assert_eq!(receipt(post(&relay, &body, None).await).await, first);
    assert_eq!(relay.stored(), rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_told_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let url = format!("{}/api/events", relay.url());
    let client = Client::new();

    let long = json!({"session_id": Uuid::new_v4(), "events": [], "padding": "x".repeat(70_000)});
    let attempts = [
        (client.post(&url).body("{"), 400),
        (client.post(&url).body(r#"{"session_id":"me","events":[]}"#), 400),
        (client.post(&url).body(long.to_string()), 413),
        (client.post(&url).body("{}").header("content-encoding", "gzip"), 415),
        (client.get(&url), 405),
        (client.get(format!("{}/api/nothing", relay.url())), 404),
    ];
    for (request, status) in attempts {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert!(response.headers().contains_key(RECEIPT_HEADER));
        let problem: Problem = response.json().await.unwrap();
        assert_eq!(problem.status, status);
        assert!(problem.detail.len() > 20, "{problem:?}");
    }

    // A good event beside a bad one is taken.
    let mut mixed = session(Uuid::new_v4());
    mixed["events"][1]["action"] = json!("HugButton");
    let receipt = receipt(post(&relay, &mixed, None).await).await;
    assert_eq!(receipt.accepted, [0, 2]);
    assert_eq!((receipt.rejected[0].index, receipt.rejected[0].count), (1, Some(1)));
    assert_eq!(relay.stored().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let mut connection = TcpStream::connect(relay.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    connection
        .write_all(b"POST /api/events HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        .unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_page_may_post_without_a_preflight() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let response = Client::new()
        .post(format!("{}/api/events", relay.url()))
        .header("origin", "https://somewhere.example")
        .header("content-type", "text/plain")
        .body(session(Uuid::new_v4()).to_string())
        .send()
        .await
        .unwrap();
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert!(!headers.contains_key("access-control-allow-credentials"));
    let exposed = headers["access-control-expose-headers"].to_str().unwrap().to_lowercase();
    assert!(exposed.contains("retry-after") && exposed.contains(RECEIPT_HEADER), "{exposed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_served_small_and_strict() {
    let folder = tempfile::tempdir().unwrap();
    let dist = dist();
    let relay = Relay::start(folder.path(), &["--static-dir", dist.to_str().unwrap()]).await;
    let get = async |path: &str| {
        Client::new()
            .get(format!("{}/{path}", relay.url()))
            .header("accept-encoding", "br, gzip")
            .send()
            .await
            .unwrap()
    };
    let index = get("").await;
    assert_eq!(index.status(), StatusCode::OK);
    assert_eq!(index.headers()["cache-control"], "no-cache");
    assert_eq!(index.headers()["content-encoding"], "br");
    assert_eq!(index.headers()["x-content-type-options"], "nosniff");
    for document in ["index.html", "live/index.html"] {
        let html = std::fs::read_to_string(dist.join(document)).unwrap();
        let policy = "<meta charset=\"utf-8\">\n\
            <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
            script-src 'self' 'wasm-unsafe-eval'";
        assert!(html.contains(policy) && !html.contains("unsafe-inline"), "{document}");
    }

    let wasm = file_name(&dist, ".wasm");
    let wasm = get(&wasm).await;
    assert_eq!(wasm.headers()["content-type"], "application/wasm");
    assert!(wasm.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(wasm.headers()["content-encoding"], "br");
    assert_eq!(get("nothing.html").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(get("../Cargo.toml").await.status(), StatusCode::NOT_FOUND);
}

/// Its settings are there to be edited, and what was compressed beside it has them as they were.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_edited_after_the_build_is_served_as_edited() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    std::fs::create_dir(&page).unwrap();
    for name in ["index.html", "index.html.br", "index.html.gz"] {
        std::fs::copy(dist().join(name), page.join(name)).unwrap();
    }
    let now = std::time::SystemTime::now();
    let set_age = |name: &str, seconds: u64| {
        let file = std::fs::File::options().write(true).open(page.join(name)).unwrap();
        file.set_modified(now - Duration::from_secs(seconds)).unwrap();
    };
    for (name, seconds) in [("index.html", 20), ("index.html.br", 10), ("index.html.gz", 10)] {
        set_age(name, seconds);
    }
    let relay = Relay::start(folder.path(), &["--static-dir", page.to_str().unwrap()]).await;
    let encoding = async |path: &str| {
        let get = Client::new().get(format!("{}/{path}", relay.url()));
        let answer = get.header("accept-encoding", "br").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned())
    };
    for path in ["", "index.html"] {
        assert_eq!(encoding(path).await.as_deref(), Some("br"));
    }
    set_age("index.html", 0);
    for path in ["", "index.html"] {
        assert_eq!(encoding(path).await, None);
    }
}

fn file_name(folder: &Path, ending: &str) -> String {
    let names = std::fs::read_dir(folder).unwrap();
    let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.find(|name| name.ends_with(ending)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_whether_it_is_well_and_stops_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &[]).await;
    let get = async |path: &str| reqwest::get(format!("{}{path}", relay.url())).await.unwrap();
    assert_eq!(get("/healthz").await.text().await.unwrap(), "ok\n");
    for path in ["/readyz", "/metrics"] {
        assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path} for visitors");
    }
    let ready = reqwest::get(format!("{}/readyz", relay.management_url())).await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(ready["ready"], true);
    assert_eq!(ready["kafka"]["state"], "not_configured");
    assert_eq!(ready["store"]["undelivered"], 0);
    relay.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_env_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "RELAY_TRUSTED_PROXIES=127.0.0.1\n").unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    assert_eq!(place_of(&relay, Some("10.1.2.3")).await.country_name, "Private Network");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter.mmdb"), "This is no database.").unwrap();
    let kafka =
        ["--kafka-service-uri", "127.0.0.1:1", "--schema-registry-uri", "http://127.0.0.1:1"];
    let property = |properties: &[&'static str]| {
        let properties = properties.iter().flat_map(|property| ["--kafka-property", property]);
        kafka.into_iter().chain(properties).collect()
    };
    for (options, expected) in [
        (vec!["--static-dir", "."], "cargo xtask page"),
        (vec!["--geo-database", "letter.mmdb"], "letter.mmdb is not a valid MaxMind database"),
        (vec!["--geo-database", "none.mmdb"], "cannot read the geo database none.mmdb"),
        (vec!["--trusted-proxies", "10.0.0.0/99"], "not a network such as"),
        (vec!["--log", "relay=loud"], "--log"),
        (vec!["--store", "."], "cannot open the store ."),
        (kafka[..2].to_vec(), "--schema-registry-uri"),
        (kafka[2..].to_vec(), "--kafka-service-uri"),
        ([&kafka[..], &["--kafka-property", "acks"]].concat(), "key=value"),
        ([&kafka[..], &["--kafka-certificates", "."]].concat(), "ca.pem"),
        (vec!["--nonsense"], "--help"),
        (property(&["sasl.pasword=hunter2"]), "sasl.pasword"),
        (property(&["security.protocol=sasl_ssl", "sasl.mechanism=OAUTHBEARER"]), "OAUTHBEARER"),
        (property(&["sasl.username=button", "sasl.password=hunter2"]), "security.protocol"),
        (vec!["--kafka-property", "sasl.password=hunter2", "swordfish"], "quotes"),
    ] {
        let said = Relay::refusal(folder.path(), &options);
        assert!(said.contains(expected), "{options:?}: {said}");
        assert!(!said.contains("hunter2") && !said.contains("swordfish"), "{options:?}: {said}");
    }
    for (line, expected) in [
        ("this line is none", "line 1 of"),
        ("SCHEMA_REGISTRY_URI=https://button:hunter2 swordfish@registry", "(SCHEMA_REGISTRY_URI)"),
        ("KAFKA_PROPERTIES=sasl.password=hunter2$swordfish", "(KAFKA_PROPERTIES)"),
    ] {
        std::fs::write(folder.path().join(".env"), format!("{line}\n")).unwrap();
        let said = Relay::refusal(folder.path(), &[]);
        assert!(said.contains(".env") && said.contains(expected), "{line}: {said}");
        assert!(!said.contains("hunter2") && !said.contains("swordfish"), "{line}: {said}");
    }
}

/// What is acknowledged must not be in a file that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn store_that_is_removed_while_in_use_acknowledges_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &[]).await;
    let before = session(Uuid::new_v4());
    assert_eq!(post(&relay, &before, None).await.status(), StatusCode::OK);
    for ending in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{}{ending}", relay.store_file().display())).unwrap();
    }
    let answer = post(&relay, &session(Uuid::new_v4()), None).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    let ready = reqwest::get(format!("{}/readyz", relay.management_url())).await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(ready["store"]["writable"], json!(false));
    assert!(ready["store"]["reason"].as_str().unwrap().contains("restart the relay"), "{ready}");
    relay.stop();
    relay.start_again(&[]).await;
    assert_eq!(post(&relay, &session(Uuid::new_v4()), None).await.status(), StatusCode::OK);
    assert!(!relay.stored().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn full_store_rejects_events_before_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--max-store-bytes", "500000", "--keep-delivered", "1h"];
    let relay = Relay::start(folder.path(), &options).await;
    let mut acknowledged = 0;
    let rejected = loop {
        let mut visit = session(Uuid::new_v4());
        let event = visit["events"][1].clone();
        let events = (0..500).map(|count| {
            let mut event = event.clone();
            event["count"] = count.into();
            event
        });
        visit["events"] = events.collect();
        let response = post(&relay, &visit, None).await;
        if response.status() != StatusCode::OK {
            break response;
        }
        acknowledged += receipt(response).await.accepted.len();
    };
    assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(rejected.headers().contains_key("retry-after"));
    assert!(acknowledged > 500, "{acknowledged}");
    assert_eq!(relay.stored().len(), acknowledged, "what was acknowledged is there");
    let log = format!("{}-wal", relay.store_file().display());
    let bytes = [relay.store_file(), log.into()].map(|file| fs::metadata(file).unwrap().len());
    assert!(bytes.iter().sum::<u64>() < 5_000_000, "{bytes:?}: checkpoints bound the log");
    let ready = reqwest::get(format!("{}/readyz", relay.management_url())).await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let ready = ready.text().await.unwrap();
    assert!(ready.contains("--max-store-bytes"), "{ready}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let said = Relay::refusal(folder.path(), &["--listen", relay.address()]);
    assert!(said.contains(relay.address()) && said.contains("with --listen"), "{said}");
    let taken = relay.management_address();
    let said = Relay::refusal(folder.path(), &["--management-listen", taken]);
    assert!(said.contains(taken) && said.contains("with --management-listen"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn management_listener_can_be_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &["--management-listen", "off"]).await;
    assert_eq!(relay.management_address(), "off");
    let health = reqwest::get(format!("{}/healthz", relay.url())).await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    relay.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn management_listener_selects_a_free_port_for_0() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--management-listen", "127.0.0.1:0"];
    let [first, second] = ["a", "b"].map(|name| folder.path().join(name));
    let first = Relay::start(&first, &options).await;
    let second = Relay::start(&second, &options).await;
    assert_ne!(first.management_url(), second.management_url());
    for relay in [first, second] {
        let ready = reqwest::get(format!("{}/readyz", relay.management_url())).await.unwrap();
        assert_eq!(ready.status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_counts_what_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let mut body = session(Uuid::new_v4());
    body["events"][1]["count"] = json!(-1);
    receipt(post(&relay, &body, None).await).await;
    assert_eq!(post(&relay, &json!("nonsense"), None).await.status(), StatusCode::BAD_REQUEST);

    let metrics = reqwest::get(format!("{}/metrics", relay.management_url())).await.unwrap();
    assert!(metrics.headers()["content-type"].to_str().unwrap().contains("openmetrics"));
    let metrics = metrics.text().await.unwrap();
    for line in [
        r#"kafka_button_events_accepted_total{durable_in="store"} 2"#,
        r#"kafka_button_events_rejected_total{reason="bad_count"} 1"#,
        r#"kafka_button_requests_refused_total{status="400"} 1"#,
        "kafka_button_recording_seconds_count 1",
        "kafka_button_store_undelivered_events 2",
        "kafka_button_producer_messages_in_flight 0",
        "kafka_button_geo_database_built_timestamp_seconds 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_though_a_client_keeps_its_connection() {
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &[]).await;
    let client = Client::new();
    client.get(format!("{}/healthz", relay.url())).send().await.unwrap();
    let mut half = TcpStream::connect(relay.address()).unwrap();
    half.write_all(b"POST /api/events HTTP/1.1\r\n").unwrap();
    relay.stop();
}
