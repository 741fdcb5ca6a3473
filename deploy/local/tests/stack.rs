//! The real stack: starts, dies, continues where it was, lets clients in by certificate and by
//! password, and moves closed segments to the remote tier. Needs Java, Maven and PostgreSQL; the first
//! run downloads the stack.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use local_stack::{
    Connect, Error, Kafka, Ports, PostgreSql, Registry, SASL_USER, Server, Service, Stack, Topic,
    download, free_port,
};
use std::{
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

#[test]
fn the_stack_continues_where_it_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let ports = Ports::free().unwrap();
    let mut stack = Stack::start(folder.path(), ports).unwrap_or_else(|error| panic!("{error}"));
    let kafka_log = stack.kafka.log_file();
    let registry_url = stack.registry.url();

    register(&registry_url, "first");
    let second = register(&registry_url, "second");
    let tiered = Topic {
        name: "tiered".to_owned(),
        partitions: 1,
        retention: Duration::from_secs(24 * 60 * 60),
        local_retention: Duration::from_millis(1000),
        segment_age: Duration::from_millis(500),
    };
    stack.kafka.create_topic(&tiered).unwrap();
    stack.kafka.create_topic(&tiered).expect("making it again is harmless");

    stack.postgresql.query("CREATE TABLE kept (x int); INSERT INTO kept VALUES (7)").unwrap();

    stack.kafka.kill().unwrap();
    stack.registry.kill().unwrap();
    stack.postgresql.kill().unwrap();
    stack.connect.kill().unwrap();
    stack.kafka.restart().unwrap();
    stack.registry.restart().unwrap();
    stack.postgresql.restart().unwrap();
    stack.connect.restart().unwrap();
    assert_eq!(stack.postgresql.query("SELECT x FROM kept").unwrap(), "7\n");
    let start = Instant::now();
    while let Err(state) = stack.connect.sink_state() {
        assert!(start.elapsed() < Duration::from_secs(60), "the sink does not come back: {state}");
        thread::sleep(Duration::from_millis(100));
    }
    other_users_cannot_read(folder.path());
    kafka_lets_clients_in_as_hosted_ones_do(&stack.kafka, folder.path());
    postgresql_runs_without_rights(&stack.postgresql);
    connect_rejects_requests_without_a_password(&stack.connect);

    let known = register(&registry_url, "second");
    assert_eq!(known, second, "the registry still knows its schemas by the same ids");
    let level = ureq::get(format!("{registry_url}/config")).call().unwrap();
    assert!(level.into_body().read_to_string().unwrap().contains("FULL"));

    // A segment is closed by a message that comes after its time.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !has_segment(&stack.kafka.remote_folder()) {
        assert!(Instant::now() < deadline, "no segment moved; see {}", kafka_log.display());
        produce(&stack.kafka.bootstrap(), &tiered.name);
    }

    let other = folder.path().join("other");
    let taken = Server::start(Kafka::new(&download().unwrap(), &other, ports.kafka, &other));
    match taken.err() {
        Some(Error::Ended { tail, .. }) => assert!(tail.contains("in use"), "{tail}"),
        other => panic!("two brokers cannot have one port: {other:?}"),
    }
    let third = folder.path().join("third");
    let taken = Server::start(Registry::new(&download().unwrap(), &third, ports.registry));
    assert!(matches!(taken.err(), Some(Error::Ended { .. })), "nor can two registries");

    stack.stop().unwrap();
    let log = fs::read_to_string(kafka_log).unwrap();
    assert!(log.contains("shut down completed"), "the broker ended in order");
}

/// With a certificate of its authority, or with a password; without, not.
fn kafka_lets_clients_in_as_hosted_ones_do(kafka: &Kafka, folder: &Path) {
    let authority = kafka.authority().unwrap();
    let file = |name: &str| authority.folder().join(name).display().to_string();
    let read = |name: &str| fs::read_to_string(file(name)).unwrap();
    let keystore = folder.join("client.pem");
    fs::write(&keystore, read("service.key") + &read("service.cert")).unwrap();
    let trust = format!("ssl.truststore.type=PEM\nssl.truststore.location={}\n", file("ca.pem"));
    let (user, password) = SASL_USER;
    let sasl = |password: &str| {
        format!(
            "security.protocol=SASL_SSL\n{trust}sasl.mechanism=PLAIN\n\
             sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
             username=\"{user}\" password=\"{password}\";\n"
        )
    };
    let certificate = format!(
        "security.protocol=SSL\n{trust}ssl.keystore.type=PEM\nssl.keystore.location={}\n",
        keystore.display()
    );
    let nothing = format!("security.protocol=SSL\n{trust}");
    for (address, configuration, let_in) in [
        (kafka.tls_bootstrap(), certificate, true),
        (kafka.tls_bootstrap(), nothing, false),
        (kafka.sasl_bootstrap(), sasl(password), true),
        (kafka.sasl_bootstrap(), sasl("guess"), false),
    ] {
        let limits = "request.timeout.ms=5000\ndefault.api.timeout.ms=5000\n";
        let properties = folder.join("client.properties");
        fs::write(&properties, configuration.clone() + limits).unwrap();
        let topics = kafka.tool(
            "org.apache.kafka.tools.TopicCommand",
            &[
                "--list",
                "--bootstrap-server",
                &address,
                "--command-config",
                &properties.display().to_string(),
            ],
        );
        match topics {
            Ok(topics) => assert!(let_in && topics.contains("button_presses"), "{configuration}"),
            Err(error) => assert!(!let_in, "{configuration}: {error}"),
        }
    }
}

/// Folders can at most be passed through, and what is in one that cannot be needs no permissions of its own.
fn other_users_cannot_read(folder: &Path) {
    let mode = folder.metadata().unwrap().mode();
    assert_eq!(mode & 0o066, 0, "{}: {mode:o}", folder.display());
    if mode & 0o011 == 0 {
        return;
    }
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = path.metadata().unwrap().mode();
        if path.is_dir() {
            other_users_cannot_read(&path);
        } else {
            assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
        }
    }
}

/// Neither its process nor its user can do more than the product needs.
fn postgresql_runs_without_rights(server: &Server<PostgreSql>) {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let has =
        |line: &str| status.lines().any(|is| is.split_whitespace().collect::<String>() == line);
    assert!(has("CapEff:0000000000000000") && has("CapAmb:0000000000000000"), "{status}");
    for (sql, reason) in [
        ("COPY (SELECT 1) TO PROGRAM 'true'", "pg_execute_server_program"),
        ("SELECT pg_read_file('/etc/passwd')", "permission denied"),
        ("CREATE ROLE other SUPERUSER", "must be superuser"),
    ] {
        let error = server.query(sql).unwrap_err().to_string();
        assert!(error.contains(reason), "{sql}: {error}");
    }
    let (beginning, address) =
        server.url().split_once('@').map(|(b, a)| (b.to_owned(), a.to_owned())).unwrap();
    let (scheme, password) = beginning.rsplit_once(':').unwrap();
    assert_eq!(password.len(), 32, "a random one");
    for url in [format!("{scheme}@{address}"), format!("postgresql://postgres@{address}")] {
        let psql = Command::new("psql").args(["--no-password", &url, "-c", "SELECT 1"]).output();
        let output = psql.unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains("no password supplied"), "{url}: {text}");
    }
}

/// Of other users, and of pages whose name leads to this machine.
fn connect_rejects_requests_without_a_password(connect: &Connect) {
    let (_, address) =
        connect.url().split_once('@').map(|(u, a)| (u.to_owned(), a.to_owned())).unwrap();
    for path in ["", "connectors", "connectors/postgresql-sink/config", "connector-plugins"] {
        for url in
            [format!("http://{address}/{path}"), format!("http://button:guess@{address}/{path}")]
        {
            let answer = ureq::get(&url).header("host", "rebound.example.com").call();
            assert!(matches!(answer, Err(ureq::Error::StatusCode(401))), "{url}: {answer:?}");
        }
    }
}

/// As root, in a folder that PostgreSQL's user cannot pass to.
#[test]
fn postgresql_in_a_private_folder_keeps_its_data_in_its_users_home() {
    if !nix::unistd::Uid::effective().is_root() {
        return;
    }
    let only_roots = fs::Permissions::from_mode(0o700);
    let private = tempfile::Builder::new().permissions(only_roots).tempdir().unwrap();
    let folder = private.path().join("postgresql");
    let mut server = Server::start(PostgreSql::new(&folder, free_port().unwrap())).unwrap();
    assert_eq!(server.query("SELECT 7").unwrap(), "7\n");
    let [own, elsewhere] = &server.folders()[..] else { panic!("{:?}", server.folders()) };
    assert!(!own.join("data").exists() && elsewhere.join("data").is_dir());
    server.restart().unwrap();
    assert_eq!(server.query("SELECT 8").unwrap(), "8\n");
    server.stop().unwrap();
    fs::remove_dir_all(elsewhere).unwrap();
}

/// Registers a record of this name and gives its id.
fn register(url: &str, name: &str) -> String {
    let schema = format!(r#"{{\"type\":\"record\",\"name\":\"{name}\",\"fields\":[]}}"#);
    let answer = ureq::post(format!("{url}/subjects/{name}-value/versions"))
        .header("content-type", "application/vnd.schemaregistry.v1+json")
        .send(format!(r#"{{"schema":"{schema}"}}"#))
        .unwrap();
    answer.into_body().read_to_string().unwrap()
}

/// One message a second for some seconds, by Kafka's own producer.
fn produce(bootstrap: &str, topic: &str) {
    let mut producer = Command::new("java")
        .arg("-XX:TieredStopAtLevel=1")
        .arg("-cp")
        .arg(download().unwrap().kafka_class_path())
        .args(["org.apache.kafka.tools.ConsoleProducer"])
        .args(["--bootstrap-server", bootstrap, "--topic", topic])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = producer.stdin.take().unwrap();
    for message in 0..4 {
        writeln!(input, "{message}").unwrap();
        thread::sleep(Duration::from_secs(1));
    }
    drop(input);
    assert!(producer.wait().unwrap().success());
}

fn has_segment(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            has_segment(&path)
        } else {
            path.extension().is_some_and(|e| e == "log")
        }
    })
}
