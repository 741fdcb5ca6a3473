//! A field of the schema, and its type in each database.

use apache_avro::Schema;
use schemas::avro;

pub struct Field {
    pub name: String,
    pub doc: String,
    pub is_nullable: bool,
    pub kind: Kind,
}

/// Types of fields, each with its equivalent in every database.
#[derive(Clone, Copy)]
pub enum Kind {
    Uuid,
    Micros,
    Text,
    Long,
    Int,
    Double,
}

/// In the schema's order.
pub fn fields() -> Vec<Field> {
    let Schema::Record(record) = avro::schema() else { panic!("not a record") };
    let fields = record.fields.iter().map(|field| {
        let (is_nullable, kind) = match &field.schema {
            Schema::Union(union) => {
                let [Schema::Null, some] = union.variants() else { panic!("{union:?}") };
                (true, Kind::of(some))
            }
            schema => (false, Kind::of(schema)),
        };
        let doc = field.doc.clone().unwrap_or_else(|| panic!("{} has no doc", field.name));
        Field { name: field.name.clone(), doc, is_nullable, kind }
    });
    fields.collect()
}

impl Field {
    pub fn in_clickhouse(&self) -> String {
        let kind = self.kind.in_clickhouse();
        if self.is_nullable { format!("Nullable({kind})") } else { kind.to_owned() }
    }

    /// As in `null or double`.
    pub fn in_words(&self) -> String {
        let kind = self.kind.in_avro();
        if self.is_nullable { format!("null or {kind}") } else { kind.to_owned() }
    }
}

impl Kind {
    fn of(schema: &Schema) -> Self {
        match schema {
            Schema::Uuid(_) => Kind::Uuid,
            Schema::TimestampMicros => Kind::Micros,
            Schema::String => Kind::Text,
            Schema::Long => Kind::Long,
            Schema::Int => Kind::Int,
            Schema::Double => Kind::Double,
            other => panic!("no database type for {other:?}"),
        }
    }

    fn in_avro(self) -> &'static str {
        match self {
            Kind::Uuid => "string, uuid",
            Kind::Micros => "long, timestamp-micros",
            Kind::Text => "string",
            Kind::Long => "long",
            Kind::Int => "int",
            Kind::Double => "double",
        }
    }

    pub fn in_postgresql(self) -> &'static str {
        match self {
            Kind::Uuid => "uuid",
            Kind::Micros | Kind::Long => "bigint",
            Kind::Text => "text",
            Kind::Int => "integer",
            Kind::Double => "double precision",
        }
    }

    pub fn in_sqlite(self) -> &'static str {
        match self {
            Kind::Uuid | Kind::Text => "TEXT",
            Kind::Micros | Kind::Long | Kind::Int => "INTEGER",
            Kind::Double => "REAL",
        }
    }

    fn in_clickhouse(self) -> &'static str {
        match self {
            Kind::Uuid => "UUID",
            Kind::Micros => "DateTime64(6, 'UTC')",
            Kind::Text => "String",
            Kind::Long => "UInt64",
            Kind::Int => "Int32",
            Kind::Double => "Float64",
        }
    }
}
