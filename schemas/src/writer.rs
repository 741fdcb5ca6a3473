//! Check of other writers' schemas.
//!
//! The schema of a message determines the cost of decoding it, and any client of the registry may register
//! one. A recursive type takes as much stack as the message contains levels; named types that are used
//! again and arrays of items without bytes expand a few bytes to gigabytes. Versions of the canonical
//! schema contain none of these, so such schemas are rejected.

use apache_avro::{
    Schema,
    schema::{DecimalSchema, InnerDecimalSchema, UuidSchema},
};

/// Why a writer's schema is rejected.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The text is not a schema.
    #[error(transparent)]
    NoSchema(#[from] Box<apache_avro::Error>),
    /// A named type is used within itself or a second time.
    #[error(
        "the schema uses {0} by its name, which is rejected, since it can need unlimited memory"
    )]
    ByName(String),
    /// An array of items without bytes.
    #[error("the schema has an array of items without bytes, which can be of any length")]
    EmptyItems,
}

/// Rejects schemas whose values could be larger than their message.
pub(crate) fn check(schema: &Schema) -> Result<(), SchemaError> {
    match schema {
        Schema::Ref { name } => Err(SchemaError::ByName(name.name().to_owned())),
        Schema::Array(array) if min_bytes(&array.items) == 0 => Err(SchemaError::EmptyItems),
        Schema::Array(array) => check(&array.items),
        // Each key takes at least one byte.
        Schema::Map(map) => check(&map.types),
        Schema::Union(union) => union.variants().iter().try_for_each(check),
        Schema::Record(record) => record.fields.iter().try_for_each(|field| check(&field.schema)),
        _ => Ok(()),
    }
}

/// Minimum number of bytes of a value (Avro specification, "Binary Encoding").
fn min_bytes(schema: &Schema) -> usize {
    match schema {
        Schema::Null => 0,
        Schema::Fixed(fixed)
        | Schema::Duration(fixed)
        | Schema::Uuid(UuidSchema::Fixed(fixed))
        | Schema::Decimal(DecimalSchema { inner: InnerDecimalSchema::Fixed(fixed), .. }) => {
            fixed.size
        }
        Schema::Record(record) => record
            .fields
            .iter()
            .map(|field| min_bytes(&field.schema))
            .fold(0, usize::saturating_add),
        // Numbers, lengths, the end of an array, the index in a union.
        _ => 1,
    }
}
