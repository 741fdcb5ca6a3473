//! Comparison of every copy of the field list with the schema. `cargo xtask renew` adds missing fields.
#![cfg(feature = "avro")]
#![allow(clippy::unwrap_used, missing_docs)]

mod field;
mod renewal;

use field::{Field, fields};
use renewal::FieldList;
use schemas::MAX_COUNT;

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

/// A number in groups of three digits.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(|group| str::from_utf8(group).unwrap()).collect::<Vec<_>>().join(",")
}

fn nullable_fields() -> Vec<(String, bool)> {
    fields().into_iter().map(|field| (field.name, field.is_nullable)).collect()
}

/// Sorted, as the order of columns has no meaning.
fn sorted(mut columns: Vec<(String, bool)>) -> Vec<(String, bool)> {
    columns.sort();
    columns
}

/// A column of a table whose columns are nullable by default.
fn column(field: &Field, kind: &str) -> String {
    let name = if field.name == "timestamp" { "\"timestamp\"" } else { &field.name };
    let rest = if field.is_nullable { kind.to_owned() } else { format!("{kind:<16} NOT NULL") };
    format!("    {name:<16} {rest},")
}

#[test]
fn postgresql_columns_are_the_fields_and_two_times() {
    let copy = FieldList::of("schemas/postgresql.sql");
    let text = copy.with_lines("button_presses (\n", "\n    PRIMARY KEY", |field| {
        column(field, field.kind.in_postgresql())
    });
    let mut expected = nullable_fields();
    expected.push(("happened_at".into(), true));
    expected.push(("stored_at".into(), false));
    assert_eq!(sorted(columns(&text)), sorted(expected), "schemas/postgresql.sql");
}

#[test]
fn sqlite_columns_are_the_fields_and_those_of_the_relay() {
    let copy = FieldList::of("schemas/sqlite.sql");
    let text = copy.with_lines("button_presses (\n", "\n    PRIMARY KEY", |field| {
        column(field, field.kind.in_sqlite())
    });
    let mut expected = nullable_fields();
    expected.push(("received_at".into(), false));
    for column in ["delivered_at", "kafka_partition", "kafka_offset", "schema_id", "message_bytes"]
    {
        expected.push((column.into(), true));
    }
    assert_eq!(sorted(columns(&text)), sorted(expected), "schemas/sqlite.sql");
}

/// Columns of a ClickHouse table, in which types are not nullable by default.
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

fn clickhouse_fields() -> Vec<(String, String)> {
    fields().into_iter().map(|field| (field.name.clone(), field.in_clickhouse())).collect()
}

fn clickhouse_column(field: &Field) -> String {
    format!("    {:<16} {},", field.name, field.in_clickhouse())
}

/// Ignores `LowCardinality`, which changes only how text is stored.
fn without_dictionaries(columns: Vec<(String, String)>) -> Vec<(String, String)> {
    let plain = |kind: String| {
        let inner = kind.strip_prefix("LowCardinality(").and_then(|kind| kind.strip_suffix(')'));
        inner.map_or_else(|| kind.clone(), str::to_owned)
    };
    columns.into_iter().map(|(name, kind)| (name, plain(kind))).collect()
}

/// Fields in the view's `SELECT` from the topic's table, in lines of up to 100 characters.
fn selection() -> String {
    let mut lines = vec![String::from("   ")];
    let names = fields().into_iter().map(|field| field.name + ",");
    for word in
        names.chain(["_timestamp_ms AS received_at,", "_offset AS offset"].map(str::to_owned))
    {
        if lines.last().is_some_and(|line| line.len() + 1 + word.len() > 100) {
            lines.push("   ".to_owned());
        }
        let line = lines.last_mut().unwrap();
        line.push(' ');
        line.push_str(&word);
    }
    lines.join("\n")
}

#[test]
fn clickhouse_columns_are_the_fields_and_what_kafka_adds() {
    let copy = FieldList::of("schemas/clickhouse.sql");
    let table = "CREATE TABLE IF NOT EXISTS button_presses\n(\n";
    copy.with_lines(table, "\n)\n", clickhouse_column);
    // The view inserts all of them from the topic's table.
    let text = copy.with_text("TO button_presses AS\nSELECT\n", "\nFROM", &selection());
    let mut columns = without_dictionaries(clickhouse_columns(&text, "button_presses"));
    let own = columns.split_off(clickhouse_fields().len());
    assert_eq!(columns, clickhouse_fields(), "schemas/clickhouse.sql");
    let own: Vec<_> = own.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(own, ["received_at", "offset", "earliness"]);
    // A table of an earlier version gets the expression of a new one.
    let expressions = text
        .lines()
        .filter_map(|line| line.split_once("earliness ")?.1.trim().strip_prefix("UInt64 "));
    let expressions: Vec<_> = expressions.map(|line| line.trim_end_matches(';')).collect();
    assert!(expressions.len() == 2 && expressions[0] == expressions[1], "{expressions:?}");
    // Identity of an event.
    assert!(text.contains("ReplacingMergeTree(earliness)\nORDER BY (session_id, count);"));
    // The first view on the topic starts its consumption, so it must be the one that stores events.
    let views = text.split("CREATE MATERIALIZED VIEW IF NOT EXISTS ").skip(1);
    let views: Vec<_> = views.map(|view| view.split_once(' ').unwrap().0).collect();
    assert_eq!(views, ["button_presses_arriving", "button_presses_refused"]);
}

/// One event with a larger count would make all counts below it missing.
#[test]
fn completeness_in_sql_leaves_out_counts_above_the_maximum() {
    let max = schemas::MAX_COUNT.to_string();
    FieldList::of("schemas/postgresql.sql").with_text("WHERE count <= ", "\n", &max);
    for path in ["schemas/clickhouse.sql", "schemas/clickhouse-queries.sql"] {
        FieldList::of(path).with_text("WHERE each.count <= ", "\n", &max);
    }
}

#[test]
fn clickhouse_topic_table_columns_are_the_fields() {
    let copy = FieldList::of("schemas/clickhouse-kafka.sql");
    let table = "CREATE TABLE IF NOT EXISTS button_presses_kafka\n(\n";
    let text = copy.with_lines(table, "\n)\n", clickhouse_column);
    let columns = clickhouse_columns(&text, "button_presses_kafka");
    let columns = without_dictionaries(columns);
    assert_eq!(columns, clickhouse_fields(), "schemas/clickhouse-kafka.sql");
}

/// A field that the table lacks would stop the sink.
#[test]
fn connectors_write_the_fields() {
    let names: Vec<_> = fields().into_iter().map(|field| field.name).collect();
    for (path, setting) in [
        ("deploy/connectors/postgresql-sink.json", "field.include.list"),
        ("deploy/aiven/postgresql-sink.json", "fields.whitelist"),
    ] {
        FieldList::of(path).with_text(&format!("\"{setting}\": \""), "\"", &names.join(","));
    }
}

#[test]
fn aiven_clickhouse_topic_columns_are_the_fields() {
    let copy = FieldList::of("deploy/aiven/clickhouse-kafka.json");
    let text = copy.with_lines("\"columns\": [\n", "\n      ]", |field| {
        // It supports neither unsigned integers in Avro's long nor time zones.
        let kind = field.in_clickhouse().replace("UInt64", "Int64").replace(", 'UTC'", "");
        format!("        {{\"name\": \"{}\", \"type\": \"{kind}\"}},", field.name)
    });
    let columns = text.lines().filter_map(|line| line.trim().strip_prefix("{\"name\": \""));
    let columns: Vec<_> = columns.filter_map(|line| line.split_once("\", \"type\"")).collect();
    let names = fields();
    let names: Vec<_> = names.iter().map(|field| &*field.name).collect();
    assert_eq!(columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
}

#[test]
fn documentation_of_message_has_the_fields() {
    let copy = FieldList::of("docs/message.md");
    let text = copy.with_lines("|---|---|---|\n", "\n\n", |field| {
        format!("| `{}` | {} | {} |", field.name, field.in_words(), field.doc)
    });
    let max = thousands(MAX_COUNT);
    copy.with_text("event in its session, from 0 to ", " |", &max);
    copy.with_text("rejects a `count` above ", ", that event alone", &max);
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        Some((cells.next()?.trim_end_matches('`').to_owned(), cells.next()?.to_owned()))
    });
    let expected = fields().into_iter().map(|field| (field.name.clone(), field.in_words()));
    assert_eq!(rows.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "docs/message.md");
}
