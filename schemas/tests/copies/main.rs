//! Every copy of the field list agrees with the schema.
#![cfg(feature = "avro")]
#![allow(clippy::unwrap_used, missing_docs)]

use schemas::{avro, sql};

/// Column names and whether they may be null, read from a `CREATE TABLE` text.
fn columns(ddl: &str) -> Vec<(String, bool)> {
    let body = ddl.split_once("button_presses (").unwrap().1;
    let body = body.split_once("PRIMARY KEY").unwrap().0;
    body.lines()
        .map(|line| line.split("--").next().unwrap().trim())
        .filter(|line| !line.is_empty())
        .map(|line| {
            let name = line.split_whitespace().next().unwrap().trim_matches('"').to_owned();
            (name, !line.contains("NOT NULL"))
        })
        .collect()
}

fn fields() -> Vec<(String, bool)> {
    let apache_avro::Schema::Record(record) = avro::schema() else { panic!("not a record") };
    let nullable = |schema: &apache_avro::Schema| matches!(schema, apache_avro::Schema::Union(_));
    record.fields.iter().map(|field| (field.name.clone(), nullable(&field.schema))).collect()
}

/// Sorted, as the order of columns has no meaning.
fn sorted(mut columns: Vec<(String, bool)>) -> Vec<(String, bool)> {
    columns.sort();
    columns
}

#[test]
fn postgresql_has_the_fields_and_the_real_time() {
    let mut expected = fields();
    expected.push(("happened_at".into(), true));
    assert_eq!(sorted(columns(sql::POSTGRESQL)), sorted(expected));
}

#[test]
fn sqlite_has_the_fields_and_the_relays_own_two() {
    let mut expected = fields();
    expected.push(("received_at".into(), false));
    expected.push(("delivered_at".into(), true));
    assert_eq!(sorted(columns(sql::SQLITE)), sorted(expected));
}

/// The columns of a table in ClickHouse, whose types may be null only if they say so.
fn clickhouse_columns(ddl: &str, table: &str) -> Vec<(String, String)> {
    let head = format!("CREATE TABLE IF NOT EXISTS {table}\n(\n");
    let body = ddl.split_once(&*head).unwrap().1.split_once("\n)\n").unwrap().0;
    let lines = body.lines().map(|line| line.split("--").next().unwrap().trim());
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            (name.to_owned(), kind.trim().trim_end_matches(',').to_owned())
        })
        .collect()
}

/// The schema's fields with what ClickHouse has for their types. Texts of few values may be kept as
/// numbers of a dictionary (LowCardinality), which changes nothing else.
fn clickhouse_fields() -> Vec<(String, String)> {
    use apache_avro::Schema;
    fn plain(schema: &Schema) -> &'static str {
        match schema {
            Schema::Uuid(_) => "UUID",
            Schema::TimestampMicros => "DateTime64(6, 'UTC')",
            Schema::String => "String",
            Schema::Long => "UInt64",
            Schema::Int => "Int32",
            Schema::Double => "Float64",
            other => panic!("no type for {other:?}"),
        }
    }
    let Schema::Record(record) = avro::schema() else { panic!("not a record") };
    let kind = |schema: &Schema| match schema {
        Schema::Union(union) => {
            let [Schema::Null, some] = union.variants() else { panic!("{union:?}") };
            format!("Nullable({})", plain(some))
        }
        schema => plain(schema).to_owned(),
    };
    record.fields.iter().map(|field| (field.name.clone(), kind(&field.schema))).collect()
}

fn without_dictionaries(columns: Vec<(String, String)>) -> Vec<(String, String)> {
    let plain = |kind: String| {
        let inner = kind.strip_prefix("LowCardinality(").and_then(|kind| kind.strip_suffix(')'));
        inner.map_or_else(|| kind.clone(), str::to_owned)
    };
    columns.into_iter().map(|(name, kind)| (name, plain(kind))).collect()
}

#[test]
fn clickhouse_has_the_fields_and_when_they_were_received() {
    let mut columns = without_dictionaries(clickhouse_columns(sql::CLICKHOUSE, "button_presses"));
    let own = columns.split_off(clickhouse_fields().len());
    assert_eq!(columns, clickhouse_fields());
    let own: Vec<_> = own.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(own, ["received_at", "earliness"]);
    // What the identity is, and what makes it one.
    assert!(
        sql::CLICKHOUSE.contains("ReplacingMergeTree(earliness)\nORDER BY (session_id, count);")
    );
}

#[test]
fn clickhouse_reads_the_fields_from_the_topic() {
    let columns = clickhouse_columns(sql::CLICKHOUSE_KAFKA, "button_presses_kafka");
    assert_eq!(without_dictionaries(columns), clickhouse_fields());
    // And all of them go from the one table into the other.
    let (_, arriving) = sql::CLICKHOUSE.split_once("TO button_presses AS").unwrap();
    let selected = arriving.split_once("SELECT").unwrap().1.split_once("FROM").unwrap().0;
    let selected: Vec<_> = selected.split(',').map(str::trim).collect();
    let fields = clickhouse_fields();
    let expected = fields.iter().map(|(name, _)| name.as_str());
    let expected: Vec<_> = expected.chain(["_timestamp_ms AS received_at"]).collect();
    assert_eq!(selected, expected);
    // The first view on the topic starts the reading, so no event may pass before this one is there.
    let views = sql::CLICKHOUSE.split("CREATE MATERIALIZED VIEW IF NOT EXISTS ").skip(1);
    let views: Vec<_> = views.map(|view| view.split_once(' ').unwrap().0).collect();
    assert_eq!(views, ["button_presses_arriving", "button_presses_refused"]);
}
