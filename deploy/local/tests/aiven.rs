//! What deploy/aiven states, against where it is stated first: the schema, the table, the topic and
//! the local sink. Reads files only: neither Terraform nor an account is needed.
#![allow(clippy::unwrap_used, missing_docs)]

use serde_json::{Map, Value};
use std::{fs, path::Path};

/// A file of the repository, by its path in it.
fn read(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn object(path: &str) -> Map<String, Value> {
    json(path).as_object().unwrap().clone()
}

fn terraform(file: &str) -> String {
    read(&format!("deploy/aiven/terraform/{file}"))
}

fn sink() -> Map<String, Value> {
    object("deploy/aiven/postgresql-sink.json")
}

fn clickhouse() -> Value {
    let tables = json("deploy/aiven/clickhouse-kafka.json")["tables"].as_array().unwrap().clone();
    assert_eq!(tables.len(), 1);
    tables[0].clone()
}

/// The value of a line of the topic's properties.
fn topic_property(name: &str) -> String {
    let properties = read("deploy/topics/button_presses.properties");
    let value =
        properties.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
    value.to_owned()
}

/// Names and types of the schema's fields.
fn fields() -> Vec<(String, Value)> {
    let schema = json("schemas/button_presses.avsc");
    let fields = schema["fields"].as_array().unwrap();
    fields
        .iter()
        .map(|field| (field["name"].as_str().unwrap().to_owned(), field["type"].clone()))
        .collect()
}

fn field_names() -> Vec<String> {
    fields().into_iter().map(|(name, _)| name).collect()
}

/// What `ClickHouse` reads an Avro type as, with nothing lost.
fn clickhouse_type(avro: &Value) -> String {
    if let Some([null, value]) = avro.as_array().map(Vec::as_slice) {
        assert_eq!(null, "null");
        return format!("Nullable({})", clickhouse_type(value));
    }
    let name = avro["logicalType"].as_str().or_else(|| avro.as_str()).unwrap();
    match name {
        "uuid" => "UUID",
        "timestamp-micros" => "DateTime64(6)",
        "string" => "String",
        "long" => "Int64",
        "int" => "Int32",
        "double" => "Float64",
        other => panic!("no ClickHouse type for {other}"),
    }
    .to_owned()
}

/// The text in an HCL setting: `name = "value"`.
fn setting<'a>(hcl: &'a str, name: &str) -> &'a str {
    let line = hcl.lines().find_map(|line| {
        let (found, value) = line.split_once('=')?;
        (found.trim() == name).then(|| value.trim())
    });
    line.unwrap_or_else(|| panic!("no {name}")).trim_matches('"')
}

/// The default of a Terraform variable.
fn default<'a>(variables: &'a str, name: &str) -> &'a str {
    let (_, block) = variables.split_once(&format!("variable \"{name}\" {{")).unwrap();
    setting(block, "default")
}

#[test]
fn clickhouse_has_the_schemas_fields_in_their_order_and_type() {
    let table = clickhouse();
    let columns: Vec<_> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| {
            let text = |name: &str| column[name].as_str().unwrap().to_owned();
            (text("name"), text("type"))
        })
        .collect();
    let expected: Vec<_> =
        fields().into_iter().map(|(name, avro)| (name, clickhouse_type(&avro))).collect();
    assert_eq!(columns, expected);
}

#[test]
fn clickhouse_reads_the_topic_from_its_beginning() {
    let table = clickhouse();
    assert_eq!(table["topics"], serde_json::json!([{"name": "button_presses"}]));
    assert_eq!(table["data_format"], "AvroConfluent");
    assert_eq!(table["auto_offset_reset"], "earliest");
    // The name that schemas/clickhouse.sql reads from, and the mode in which it finds `_error`.
    assert_eq!(table["name"], "button_presses_kafka");
    assert_eq!(table["handle_error_mode"], "stream");
}

/// What both sinks have to do alike, each by its own names.
#[test]
fn the_sink_does_what_the_local_one_does() {
    let (ours, local) = (sink(), object("deploy/connectors/postgresql-sink.json"));
    for (name, local_name) in [
        ("topics", "topics"),
        ("table.name.format", "collection.name.format"),
        ("insert.mode", "insert.mode"),
        ("pk.mode", "primary.key.mode"),
        ("pk.fields", "primary.key.fields"),
        ("delete.enabled", "delete.enabled"),
        ("fields.whitelist", "field.include.list"),
        ("key.converter", "key.converter"),
        ("errors.tolerance", "errors.tolerance"),
        ("errors.deadletterqueue.topic.name", "errors.deadletterqueue.topic.name"),
        (
            "errors.deadletterqueue.context.headers.enable",
            "errors.deadletterqueue.context.headers.enable",
        ),
    ] {
        assert_eq!(ours[name], local[local_name], "{name}");
    }
    assert_eq!(ours["connector.class"], "io.aiven.connect.jdbc.JdbcSinkConnector");
    // The local one's `schema.evolution` is none.
    assert_eq!((&ours["auto.create"], &ours["auto.evolve"]), (&"false".into(), &"false".into()));
}

/// (`session_id`, `count`) names an event: a repeat must meet its own row.
#[test]
fn the_sinks_fields_are_the_schemas_and_its_key_the_tables() {
    let sink = sink();
    assert_eq!(sink["fields.whitelist"], Value::from(field_names().join(",")));
    let key = sink["pk.fields"].as_str().unwrap().replace(',', ", ");
    assert!(read("schemas/postgresql.sql").contains(&format!("PRIMARY KEY ({key})")));
}

#[test]
fn the_sink_writes_over_tls_and_asks_the_registry_with_a_password() {
    let sink = sink();
    assert!(sink["connection.url"].as_str().unwrap().ends_with("?sslmode=require"));
    assert_eq!(sink["value.converter"], "io.confluent.connect.avro.AvroConverter");
    assert_eq!(sink["value.converter.basic.auth.credentials.source"], "USER_INFO");
    // Connect takes texts.
    assert!(sink.values().all(Value::is_string));
}

/// Terraform fills in all that the file leaves open, and the walk-through exports all of it.
#[test]
fn the_sinks_variables_are_filled_in() {
    let (text, hcl, readme) = (
        read("deploy/aiven/postgresql-sink.json"),
        terraform("sink.tf"),
        read("deploy/aiven/README.md"),
    );
    let names: Vec<_> =
        text.split("${").skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
    assert_eq!(names.len(), 7);
    for name in names {
        setting(&hcl, name);
        assert!(readme.contains(&format!("export {name}=")), "{name}, for bash");
        assert!(readme.contains(&format!("set -x {name} ")), "{name}, for fish");
    }
}

#[test]
fn terraform_takes_schema_table_and_partitions_from_their_files() {
    let kafka = terraform("kafka.tf");
    assert_eq!(setting(&kafka, "topic"), "button_presses");
    assert!(kafka.contains(r#"subject_name        = "${local.topic}-value""#));
    assert!(kafka.contains(r#"file("${local.repository}/schemas/button_presses.avsc")"#));
    assert!(
        kafka.contains(r#"file("${local.repository}/deploy/topics/button_presses.properties")"#)
    );
    assert!(terraform("postgresql.tf").contains("../make-table.sh"));
    assert!(read("deploy/aiven/make-table.sh").contains("../../schemas/postgresql.sql"));
    // Neither are its fields here once more.
    for file in
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../aiven/terraform")).unwrap()
    {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "tf") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains("subdivision"), "{} has fields", path.display());
        }
    }
}

#[test]
fn the_topic_is_kept_as_the_local_one() {
    let kafka = terraform("kafka.tf");
    assert_eq!(setting(&kafka, "retention_ms"), topic_property("retention.ms"));
    assert_eq!(setting(&kafka, "remote_storage_enable"), topic_property("remote.storage.enable"));
    // A stand is as quick as the laptop; what stays for long need not be.
    let stand = terraform("stand.tfvars");
    assert_eq!(setting(&stand, "segment_ms"), topic_property("segment.ms"));
    assert_eq!(setting(&stand, "local_retention_ms"), topic_property("local.retention.ms"));
    let test = terraform("tests/plan.tftest.hcl");
    let partitions = topic_property("partitions");
    assert!(test.contains(&format!("button_presses.partitions == {partitions} ")));
}

#[test]
fn dead_letters_have_their_topic() {
    let name = sink()["errors.deadletterqueue.topic.name"].clone();
    let suffix = name.as_str().unwrap().strip_prefix("button_presses").unwrap();
    assert!(terraform("kafka.tf").contains(&format!("${{local.topic}}{suffix}\"")));
}

/// The walk-through by command makes what Terraform makes.
#[test]
fn the_commands_make_what_terraform_makes() {
    let (readme, variables) = (read("deploy/aiven/README.md"), terraform("variables.tf"));
    for expected in [
        format!("--partitions {}", topic_property("partitions")),
        format!("--replication {}", default(&variables, "topic_replication")),
        format!("--retention-ms {}", topic_property("retention.ms")),
        format!("--plan {} ", default(&variables, "kafka_plan")),
        "-c kafka_connect=true".to_owned(),
        "-c schema_registry=true".to_owned(),
        "-c kafka_rest=false".to_owned(),
        "-c tiered_storage.enabled=true".to_owned(),
        "-c kafka.auto_create_topics_enable=false".to_owned(),
        "--remote-storage-enable".to_owned(),
        "--topic button_presses --permission readwrite".to_owned(),
        "--resource Subject:button_presses-value --permission schema_registry_write".to_owned(),
        "subjects/button_presses-value/versions".to_owned(),
        "config/button_presses-value".to_owned(),
        format!(r#""compatibility": "{}""#, default(&variables, "compatibility")),
        "@deploy/aiven/clickhouse-kafka.json".to_owned(),
    ] {
        assert!(readme.contains(&expected), "the walk-through lacks {expected}");
    }
}

#[test]
fn every_service_has_the_filter_of_addresses() {
    let services = ["kafka", "postgresql", "clickhouse", "grafana", "metrics"].map(|name| {
        let file = terraform(&format!("{name}.tf"));
        assert_eq!(file.matches("ip_filter_string").count(), 1, "{name}");
        assert_eq!(setting(&file, "ip_filter_string"), "var.ip_filter", "{name}");
        file
    });
    let all = services.concat();
    let protected = all.matches("termination_protection  = var.").count();
    assert_eq!(protected, services.len(), "a service of another file");
}

/// `cargo xtask aiven env` reads outputs by name.
#[test]
fn the_outputs_that_xtask_reads_are_there() {
    let (command, outputs) = (read("xtask/src/commands/aiven.rs"), terraform("outputs.tf"));
    for name in [
        "kafka_service_uri",
        "schema_registry_uri",
        "kafka_ca",
        "kafka_access_cert",
        "kafka_access_key",
    ] {
        assert!(command.contains(&format!("\"{name}\"")), "{name}");
        assert!(outputs.contains(&format!("output \"{name}\" {{")), "{name}");
    }
}
