//! The copies that compose.yaml and the sink's configuration have of what is stated elsewhere.
//! Reads files only: nothing is started, and Docker is not needed.
#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::Value;
use std::{fs, path::Path, process::Command};

/// A file of the repository, by its path in it.
fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A property of a pom.xml.
fn property(pom: &str, name: &str) -> String {
    let (_, rest) = pom.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name}"));
    rest.split_once("</").unwrap().0.to_owned()
}

fn local_pom() -> String {
    read("deploy/local/pom.xml")
}

fn compose() -> String {
    read("deploy/compose/compose.yaml")
}

fn sink() -> serde_json::Map<String, Value> {
    serde_json::from_str(&read("deploy/connectors/postgresql-sink.json")).unwrap()
}

/// The names in a comma-separated setting of the sink.
fn names(setting: &str) -> Vec<String> {
    sink()[setting].as_str().unwrap().split(',').map(str::to_owned).collect()
}

/// The names of the schema's fields.
fn fields() -> Vec<String> {
    let schema: Value = serde_json::from_str(&read("schemas/button_presses.avsc")).unwrap();
    let fields = schema["fields"].as_array().unwrap();
    fields.iter().map(|field| field["name"].as_str().unwrap().to_owned()).collect()
}

/// The non-empty lines that are no comments.
fn settings(properties: &str) -> Vec<&str> {
    properties.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn images_have_the_versions_of_the_local_stack() {
    let (pom, compose) = (local_pom(), compose());
    let kafka = format!("apache/kafka:{}", property(&pom, "kafka.version"));
    let registry =
        format!("quay.io/apicurio/apicurio-registry-mem:{}", property(&pom, "registry.version"));
    let images: Vec<_> =
        compose.lines().filter_map(|line| line.trim().strip_prefix("image: ")).collect();
    let of = |name: &str| -> Vec<_> {
        images.iter().copied().filter(|image| image.starts_with(name)).collect()
    };
    assert_eq!(of("apache/kafka"), [kafka.as_str(); 3]);
    assert_eq!(of("quay.io/apicurio/"), [registry.as_str()]);
    for image in images {
        let tag = image.split_once(':').unwrap_or_else(|| panic!("{image} is not pinned")).1;
        assert!(tag.contains('.'), "{image} is not pinned to a release");
    }
}

#[test]
fn what_is_fetched_has_the_versions_of_the_local_stack() {
    let (ours, local) = (read("deploy/compose/pom.xml"), local_pom());
    for version in ["kafka.version", "registry.version", "debezium.version"] {
        assert_eq!(property(&ours, version), property(&local, version), "{version}");
    }
    let jar = format!("kafka-storage-{}-test.jar", property(&local, "kafka.version"));
    let broker = read("deploy/compose/broker.properties");
    assert!(broker.contains(&format!("class.path=/fetched/{jar}\n")), "the broker needs {jar}");
}

/// All but what differs between containers and one machine.
#[test]
fn the_broker_has_the_settings_of_the_local_stack() {
    const DIFFER: [&str; 9] = [
        "controller.quorum.voters",
        "listeners",
        "advertised.listeners",
        "listener.security.protocol.map",
        "inter.broker.listener.name",
        "log.dirs",
        "remote.log.storage.manager.class.path",
        "rsm.config.dir",
        "remote.log.metadata.manager.listener.name",
    ];
    let (ours, local) =
        (read("deploy/compose/broker.properties"), read("deploy/local/server.properties"));
    let name = |line: &str| line.split_once('=').unwrap().0.to_owned();
    let same = |line: &&str| !DIFFER.contains(&&*name(line));
    let (ours, mut local) = (settings(&ours), settings(&local));
    // The containers' Kafka has no listeners for certificates and passwords.
    local.retain(|line| !line.starts_with("listener.name."));
    assert_eq!(
        ours.iter().map(|line| name(line)).collect::<Vec<_>>(),
        local.iter().map(|line| name(line)).collect::<Vec<_>>()
    );
    assert_eq!(
        ours.into_iter().filter(same).collect::<Vec<_>>(),
        local.into_iter().filter(same).collect::<Vec<_>>()
    );
}

#[test]
fn only_this_machine_is_listened_to() {
    let compose = compose();
    let ports: Vec<_> =
        compose.lines().filter_map(|line| line.trim().strip_prefix("ports: ")).collect();
    assert_eq!(
        ports,
        [
            r#"["127.0.0.1:9092:9092"]"#,
            r#"["127.0.0.1:8081:8080"]"#,
            r#"["127.0.0.1:5433:5432"]"#,
            r#"["127.0.0.1:9090:9090"]"#,
            r#"["127.0.0.1:3000:3000"]"#,
        ]
    );
}

#[test]
fn what_is_mounted_is_there() {
    for line in compose().lines() {
        let Some(mount) = line.trim().strip_prefix("- .") else { continue };
        let source = format!(".{}", mount.split_once(':').unwrap().0);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compose").join(&source);
        assert!(path.exists(), "{source} is mounted and not there");
    }
}

/// (`session_id`, `count`) names an event: a repeat must meet its own row.
#[test]
fn the_sinks_key_names_an_event() {
    let key = names("primary.key.fields");
    assert_eq!(key, ["session_id", "count"]);
    assert!(key.iter().all(|name| fields().contains(name)));
    assert!(read("schemas/postgresql.sql").contains("PRIMARY KEY (session_id, count)"));
}

/// A field that the sink takes and the table lacks stops it; one that it does not take is lost.
#[test]
fn the_sink_takes_the_fields_of_the_schema() {
    assert_eq!(names("field.include.list"), fields());
}

#[test]
fn the_sink_reads_the_topic_and_writes_the_table() {
    assert_eq!(sink()["topics"], "button_presses");
    assert_eq!(sink()["collection.name.format"], "button_presses");
}

/// Connect takes texts; what both stacks fill in is filled in by both.
#[test]
fn the_sinks_settings_can_be_filled_in() {
    assert!(sink().values().all(Value::is_string));
    let (json, script) =
        (read("deploy/connectors/postgresql-sink.json"), read("deploy/compose/keep-sink.sh"));
    let places = |text: &str| {
        let parts = text.split("{{").skip(1);
        parts.map(|part| part.split_once("}}").unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    let expected = ["registry_url", "postgresql_url", "postgresql_user", "postgresql_password"];
    assert_eq!(places(&json), expected);
    assert_eq!(places(&script), expected);
}

/// Grafana replaces a variable that it does not have by nothing, and says nothing of it.
#[test]
fn grafanas_variables_are_set() {
    let compose = compose();
    let folder = "deploy/grafana/provisioning";
    for file in
        ["datasources/postgresql.yaml", "datasources/prometheus.yaml", "dashboards/button.yaml"]
    {
        let yaml = read(&format!("{folder}/{file}"));
        let variables: Vec<_> =
            yaml.lines().filter_map(|line| Some(line.split_once(": $")?.1)).collect();
        assert!(!variables.is_empty(), "{file}");
        for variable in variables {
            assert!(compose.contains(&format!("      {variable}: ")), "{variable} of {file}");
            assert!(read("deploy/grafana/README.md").contains(variable), "{variable} is not told");
        }
    }
}

/// Without these, every page in a browser of the machine could sign in as admin (DNS rebinding).
#[test]
fn grafana_has_no_known_password_and_one_name() {
    let compose = compose();
    let (_, grafana) = compose.split_once("\n  grafana:\n").unwrap();
    for line in [
        r#": "$${GF_SECURITY_ADMIN_PASSWORD:=$$(head -c 24 /dev/urandom | base64)}";"#,
        "GF_SECURITY_ADMIN_PASSWORD: ${GRAFANA_PASSWORD:-}",
        "GF_SERVER_DOMAIN: localhost",
        r#"GF_SERVER_ENFORCE_DOMAIN: "true""#,
    ] {
        assert!(grafana.lines().any(|found| found.trim() == line), "{line}");
    }
}

/// The script that makes up the password, as compose hands it to the shell.
#[test]
fn grafanas_password_is_made_up_unless_there_is_one() {
    let compose = compose();
    let line = compose.lines().find(|line| line.contains("head -c 24")).unwrap();
    let script = format!("{} printf %s \"$GF_SECURITY_ADMIN_PASSWORD\"", line.replace("$$", "$"));
    let password = |given: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env("GF_SECURITY_ADMIN_PASSWORD", given);
        String::from_utf8(shell.output().unwrap().stdout).unwrap()
    };
    assert_eq!(password("chosen"), "chosen");
    let [first, second] = ["", ""].map(password);
    assert!(first.len() >= 32 && first != second, "{first} {second}");
}

/// Prometheus asks the relay where its metrics are by default, with a name that the relay answers.
#[test]
fn prometheus_asks_the_management_listener() {
    assert!(read("deploy/compose/prometheus.yaml").contains(r#"["host.docker.internal:9001"]"#));
    assert!(read("relay/src/config.rs").contains(r#"default_value = "127.0.0.1:9001""#));
}

/// A rate needs at least two samples, so Grafana has to know how far apart they are.
#[test]
fn prometheus_asks_as_often_as_grafana_believes() {
    let asked = read("deploy/compose/prometheus.yaml");
    let believed = read("deploy/grafana/provisioning/datasources/prometheus.yaml");
    let value = |text: &str, name: &str| -> String {
        let (_, rest) = text.split_once(&format!(" {name}: ")).unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    assert_eq!(value(&asked, "scrape_interval"), value(&believed, "timeInterval"));
}
