//! An event as another program writes it, by a schema of its own.

use apache_avro::{Schema, types::Value};

/// The record with these values; the schema's other fields are null.
pub fn record(schema: &Schema, values: Vec<(&str, Value)>) -> Value {
    let Schema::Record(record) = schema else { panic!("not a record") };
    let strangers = values.iter().find(|(name, _)| !record.lookup.contains_key(*name));
    assert!(strangers.is_none(), "the schema has no field for {strangers:?}");
    let fields = record.fields.iter().map(|field| {
        let value = values.iter().find(|(name, _)| *name == field.name);
        let null = || Value::Union(0, Box::new(Value::Null));
        (field.name.clone(), value.map_or_else(null, |(_, value)| value.clone()))
    });
    Value::Record(fields.collect())
}

/// A text where null may be too.
pub fn some_text(text: &str) -> Value {
    Value::Union(1, Box::new(Value::String(text.to_owned())))
}
