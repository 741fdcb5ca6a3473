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
