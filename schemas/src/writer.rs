//! Which schemas of other writers are read at all.
//!
//! A message names its schema, and whoever may register one decides what reading the message takes: a
//! type that contains itself takes as much stack as the message likes, and types that are used again
//! by their names, or lists of what takes no bytes, make gigabytes of a few bytes. Versions of our own
//! schema have none of these, so they are refused.

use apache_avro::{
    Schema,
    schema::{DecimalSchema, InnerDecimalSchema, UuidSchema},
};

/// Why messages of a schema are not read.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It is no schema.
    #[error(transparent)]
    NoSchema(#[from] Box<apache_avro::Error>),
    /// A type is used by its name, within itself or a second time.
    #[error(
        "the schema uses {0} by its name; that is not read, since it can take any amount of memory"
    )]
    ByName(String),
    /// A list of what takes no bytes.
    #[error("the schema has a list of what takes no bytes, which can be of any length")]
    ListOfNothing,
}

/// Refuses what could take more than its message is long.
pub(crate) fn check(schema: &Schema) -> Result<(), SchemaError> {
    match schema {
        Schema::Ref { name } => Err(SchemaError::ByName(name.name().to_owned())),
        Schema::Array(array) if fewest_bytes(&array.items) == 0 => Err(SchemaError::ListOfNothing),
        Schema::Array(array) => check(&array.items),
        // Each key takes a byte at least.
        Schema::Map(map) => check(&map.types),
        Schema::Union(union) => union.variants().iter().try_for_each(check),
        Schema::Record(record) => record.fields.iter().try_for_each(|field| check(&field.schema)),
        _ => Ok(()),
    }
}

/// How many bytes a value takes at least (Avro specification, "Binary Encoding").
fn fewest_bytes(schema: &Schema) -> usize {
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
            .map(|field| fewest_bytes(&field.schema))
            .fold(0, usize::saturating_add),
        // Numbers, lengths, the end of a list, the place in a union.
        _ => 1,
    }
}
