//! With real servers. One test, since they are started once; its parts have topics of their own.

use crate::{button, failure, found, json};
use apache_avro::{Schema, types::Value as Avro, writer::datum::GenericDatumWriter};
use e2e::{
    PATIENCE, Relay, Servers,
    record::{record, some_text},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    producer::{FutureProducer, FutureRecord},
};
use schemas::{Uuid, avro, frame};
use serde_json::{Value, json as object};
use std::{
    path::Path,
    time::{Duration, Instant, SystemTime},
};
use tempfile::TempDir;

struct World {
    servers: Servers,
    bootstrap: String,
    registry: String,
    folder: TempDir,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tools_do_their_work_on_real_servers() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start();
    let (bootstrap, registry) = (servers.kafka().bootstrap(), servers.registry().url());
    let servers = World { servers, bootstrap, registry, folder };
    audits_agree_with_what_was_made(&servers).await;
    what_went_through_the_sink_is_audited(&servers).await;
    a_relay_in_between_changes_nothing(&servers).await;
    tail_prints_what_is_wanted(&servers).await;
    every_version_of_the_schema_is_read_and_junk_is_passed_over(&servers).await;
    certificates_let_the_tools_in(&servers).await;
}

impl World {
    /// The arguments, and where everything is.
    fn with<'a>(&'a self, topic: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
        let kafka = ["--kafka-service-uri", &self.bootstrap, "--topic", topic];
        [arguments, &kafka, &["--schema-registry-uri", &self.registry]].concat()
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.bootstrap);
        client
    }

    async fn create_topic(&self, name: &str) {
        let admin: AdminClient<_> = self.client().create().unwrap();
        let topic = NewTopic::new(name, 3, TopicReplication::Fixed(1));
        let created = admin.create_topics(&[topic], &AdminOptions::new()).await.unwrap();
        assert!(created[0].is_ok(), "{created:?}");
    }
}

/// Whatever is lost, repeated and reordered, through a real Kafka: the audit finds exactly what
/// `generate` says that it did.
async fn audits_agree_with_what_was_made(servers: &World) {
    let seed = fastrand::u64(..);
    println!("the chances come from the seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..10 {
        let topic = format!("audited_{round}");
        servers.create_topic(&topic).await;
        // The first without any, then all kinds of it.
        let chance = |random: &mut fastrand::Rng, most: f64| match round {
            0 => "0".to_owned(),
            _ => format!("{:.4}", random.f64() * most),
        };
        let (lose, repeat) = (chance(&mut random, 0.5), chance(&mut random, 0.25));
        let reorder = chance(&mut random, 0.25);
        let (seed, sessions) = (random.u32(..).to_string(), random.u32(1..800).to_string());
        let mut make = vec!["generate", "--json", "--seed", &seed, "--sessions", &sessions];
        make.extend(["--lose", &lose, "--repeat", &repeat, "--reorder", &reorder]);
        make.extend(["--max-presses", if round % 2 == 0 { "5" } else { "200" }]);
        let made = json(0, &servers.with(&topic, &make));
        assert_eq!(made["journey"]["delivered"], made["sent"]);
        let status = if made["audit"]["missing"] == 0 { 0 } else { 3 };
        let audit = json(status, &servers.with(&topic, &["audit", "--json"]));
        assert_eq!(found(&audit), made["audit"], "{make:?}");
        assert_eq!((&audit["messages"], &audit["unreadable"]), (&made["sent"], &0.into()));
    }
}

/// The sink keeps each identity once, and in no order that could be told.
async fn what_went_through_the_sink_is_audited(servers: &World) {
    let make = ["generate", "--json", "--sessions", "300", "--lose", "0.02", "--repeat", "0.1"];
    let made = json(0, &servers.with("button_presses", &make));
    let uri = servers.servers.postgresql().url();
    let audit = ["audit", "--json", "--postgresql", "--postgresql-uri", &uri];
    let expected = made["audit"]["events"].as_u64().unwrap();
    let begun = Instant::now();
    loop {
        let rows =
            servers.servers.postgresql().query("SELECT count(*) FROM button_presses").unwrap();
        if rows.trim().parse::<u64>().unwrap() >= expected {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{rows} of {expected} rows are in PostgreSQL");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let audit = json(3, &audit);
    for name in ["events", "sessions", "missing"] {
        assert_eq!(audit[name], made["audit"][name], "{name}");
    }
    assert_eq!((&audit["repeats"], &audit["out_of_order"]), (&0.into(), &Value::Null));
    a_session_is_forgotten(servers, &uri);
    old_events_are_deleted(servers);
}

fn a_session_is_forgotten(servers: &World, uri: &str) {
    let query = |sql: &str| servers.servers.postgresql().query(sql).unwrap().trim().to_owned();
    let sessions = "SELECT count(DISTINCT session_id) FROM button_presses";
    let before: u64 = query(sessions).parse().unwrap();
    let session = query("SELECT session_id FROM button_presses ORDER BY session_id LIMIT 1");
    let of_session = format!("SELECT count(*) FROM button_presses WHERE session_id = '{session}'");
    let events = query(&of_session);
    let options = ["forget", "--session", &session[..13], "--postgresql", "--postgresql-uri", uri];
    let printed = String::from_utf8(button(&options).stdout).unwrap();
    assert!(printed.contains(&format!("PostgreSQL: {events} events, the first at")), "{printed}");
    assert_eq!(query(&of_session), events);
    let printed =
        String::from_utf8(button(&[&options[..], &["--delete"]].concat()).stdout).unwrap();
    assert!(printed.contains(&format!("PostgreSQL: {events} events deleted")), "{printed}");
    assert_eq!(query(&of_session), "0");
    assert_eq!(query(sessions).parse::<u64>().unwrap(), before - 1);
    assert_eq!(button(&options).status.code(), Some(3));
}

/// By the time at which they were stored, whatever the visitors' clocks are; in a schema of its own.
fn old_events_are_deleted(servers: &World) {
    let insert = |count: u32, days: u32| {
        format!(
            "INSERT INTO button_presses (session_id, timestamp, action, count, country_name, country_code,
                stored_at) VALUES ('00000000-0000-4000-8000-00000000beef', 0, 'PressButton', {count},
                'Germany', 'DE', now() - interval '{days} days');"
        )
    };
    let definitions = schemas::sql::POSTGRESQL;
    let script = [
        "CREATE SCHEMA keeping; SET search_path TO keeping; SET client_min_messages TO warning;",
        definitions,
        // A table of an earlier version.
        &insert(7, 1),
        "ALTER TABLE button_presses DROP COLUMN stored_at;",
        definitions,
        &insert(0, 91),
        &insert(1, 89),
        "SELECT delete_old_events('100 days'); SELECT delete_old_events();",
        "SELECT string_agg(count::text, '+' ORDER BY count) FROM button_presses;",
        "SELECT delete_old_events('80 days'); SELECT count(*) FROM button_presses;",
        "DROP SCHEMA keeping CASCADE;",
    ];
    let printed = servers.servers.postgresql().query(&script.join("\n")).unwrap();
    assert_eq!(printed.split_whitespace().collect::<Vec<_>>(), ["0", "1", "1+7", "1", "1"]);
}

/// Visitors' addresses and all: what a relay acknowledged is in the topic.
async fn a_relay_in_between_changes_nothing(servers: &World) {
    servers.create_topic("relayed").await;
    let mut options = servers.with("relayed", &["--trusted-proxies", "127.0.0.1"]);
    options.extend(["--log", "warn"]);
    let relay = Relay::start(&servers.folder.path().join("relay"), &options).await;
    let url = relay.url();
    let make = ["generate", "--json", "--sessions", "200", "--lose", "0.05", "--relay", &url];
    let made = json(0, &make);
    assert_eq!(made["journey"]["acknowledged"], made["sent"]);
    let begun = Instant::now();
    // At first the relay may take them into its store, and deliver them a moment later.
    let audit = loop {
        let output = button(&servers.with("relayed", &["audit", "--json"]));
        let audit: Value = serde_json::from_slice(&output.stdout).unwrap();
        if audit["events"] == made["sent"] || begun.elapsed() > PATIENCE {
            break audit;
        }
    };
    for name in ["events", "sessions", "missing"] {
        assert_eq!(audit[name], made["audit"][name], "{name}");
    }
}

async fn tail_prints_what_is_wanted(servers: &World) {
    servers.create_topic("printed").await;
    let make = ["generate", "--json", "--sessions", "100", "--since", "2d"];
    let made = json(0, &servers.with("printed", &make));
    let tail = |more: &[&str]| -> Vec<Value> {
        let tail = servers.with("printed", &[&["tail", "--json", "--to-end"], more].concat());
        let output = button(&tail);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = tail(&["--from-beginning"]);
    assert_eq!(all.len() as u64, made["happened"].as_u64().unwrap());
    assert!(all.iter().all(|event| event["received_at"].as_str() > event["timestamp"].as_str()));

    let session = all[0]["session_id"].as_str().unwrap();
    let visit: Vec<_> =
        all.iter().filter(|event| event["session_id"] == session).cloned().collect();
    assert_eq!(tail(&["--from-beginning", "--session", &session[..8]]), visit);
    let country = all[0]["country_code"].as_str().unwrap();
    let presses = tail(&["--from-beginning", "--country", country, "--action", "PressButton"]);
    let is_wanted =
        |event: &&Value| event["country_code"] == country && event["action"] == "PressButton";
    assert_eq!(presses.len(), all.iter().filter(is_wanted).count());
    assert_eq!(tail(&["--from-beginning", "--limit", "3"]).len(), 3);
    assert!(tail(&[]).is_empty(), "nothing comes any more");
    // Each partition is in order of arrival, within the seconds that events take to the relay.
    let later = tail(&["--since", "1d"]).len();
    assert!(later < all.len() && later > all.len() / 5, "{later} of {}", all.len());

    let people = button(&servers.with("printed", &["tail", "--from-beginning", "--to-end"]));
    let people = String::from_utf8(people.stdout).unwrap();
    assert_eq!(people.lines().count(), all.len());
    assert!(
        people
            .lines()
            .all(|line| line.contains('@') && line.contains("Page") || line.contains("Button"))
    );
}

/// A newer program's messages, and what is no event at all.
async fn every_version_of_the_schema_is_read_and_junk_is_passed_over(servers: &World) {
    servers.create_topic("mixed").await;
    let made = json(0, &servers.with("mixed", &["generate", "--json", "--sessions", "3"]));
    let mut newer: Value = serde_json::from_str(avro::SCHEMA_TEXT).unwrap();
    let field = object!({ "name": "device", "type": ["null", "string"], "default": null });
    newer["fields"].as_array_mut().unwrap().push(field);
    let url = format!("{}/subjects/mixed-value/versions", servers.registry);
    let body = object!({ "schema": newer.to_string() }).to_string();
    let post =
        reqwest::Client::new().post(url).header("content-type", "application/json").body(body);
    let answer: Value = post.send().await.unwrap().json().await.unwrap();
    let id = u32::try_from(answer["id"].as_u64().unwrap()).unwrap();

    let session = Uuid::new_v4();
    let schema = Schema::parse_str(&newer.to_string()).unwrap();
    let text = |text: &str| Avro::String(text.to_owned());
    let values = vec![
        ("session_id", Avro::Uuid(session)),
        ("timestamp", Avro::TimestampMicros(1_772_000_000_000_000)),
        ("action", text("EnterPage")),
        ("count", Avro::Long(0)),
        ("country_name", text("Sweden")),
        ("country_code", text("SE")),
        ("device", some_text("phone")),
    ];
    let record = record(&schema, values);
    let mut datum = Vec::new();
    let writer = GenericDatumWriter::builder(&schema).build().unwrap();
    writer.write_value(&mut datum, record).unwrap();
    let framed = |id: u32, datum: &[u8]| [&[0][..], &id.to_be_bytes(), datum].concat();
    assert_eq!(frame::split(&framed(id, &datum)).unwrap(), (id, &datum[..]));
    let producer: FutureProducer = servers.client().create().unwrap();
    let key = session.to_string();
    for value in [
        Some(framed(id, &datum)),
        Some(b"hello".to_vec()),
        None,
        Some(framed(4_000_000, &datum)),
        Some(framed(id, &datum[..20])),
    ] {
        let mut record = FutureRecord::to("mixed").key(&key);
        record.payload = value.as_ref();
        producer.send(record, PATIENCE).await.unwrap();
    }

    let tail = ["tail", "--json", "--from-beginning", "--to-end"];
    let output = button(&servers.with("mixed", &tail));
    assert!(output.status.success());
    let (lines, said) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let events = made["happened"].as_u64().unwrap() + 1;
    assert_eq!(lines.lines().count() as u64, events);
    assert!(lines.contains(&key), "the newer message is read");
    for reason in ["no value", "the registry knows no schema with the id 4000000", "4 messages"] {
        assert!(said.contains(reason), "{reason}: {said}");
    }
    assert_eq!(said.matches("passed over: partition ").count(), 4, "{said}");
    assert_eq!(said.matches(", offset ").count(), 4, "{said}");

    let audit = json(0, &servers.with("mixed", &["audit", "--json"]));
    assert_eq!((&audit["events"], &audit["unreadable"]), (&events.into(), &4.into()));
    assert_eq!(audit["sessions"]["unfinished"], 1);
}

/// As a hosted Kafka asks for them; a topic that is not there is said.
async fn certificates_let_the_tools_in(servers: &World) {
    let folder = servers.folder.path().join("certificates");
    let until = SystemTime::now() + Duration::from_secs(3600);
    issue(servers, &folder, until);
    let (bootstrap, folder) =
        (servers.servers.kafka().tls_bootstrap(), folder.display().to_string());
    let tls = |topic| {
        let kafka = ["--kafka-service-uri", &bootstrap, "--kafka-certificates", &folder];
        let rest = ["--schema-registry-uri", &servers.registry, "--topic", topic];
        [kafka, rest].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let words = |command: &[&'static str], options: &[String]| -> Vec<String> {
        command.iter().map(|word| (*word).to_owned()).chain(options.iter().cloned()).collect()
    };
    let run = |words: Vec<String>| json(0, &words.iter().map(String::as_str).collect::<Vec<_>>());
    servers.create_topic("secret").await;
    let made = run(words(&["generate", "--json", "--sessions", "20"], &tls("secret")));
    let audit = run(words(&["audit", "--json"], &tls("secret")));
    assert_eq!(found(&audit), made["audit"]);
    for command in [&["audit"][..], &["tail"], &["generate"]] {
        let said = failure(1, &servers.with("nothing_here", command));
        assert!(said.contains("the topic nothing_here does not exist"), "{said}");
    }
}

fn issue(servers: &World, folder: &Path, until: SystemTime) {
    servers.servers.kafka().authority().unwrap().issue_client(folder, until).unwrap();
}
