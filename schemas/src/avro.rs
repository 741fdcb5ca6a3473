//! The record in Avro: the canonical schema, encoding and decoding of one datum.
//!
//! A datum is the bare Avro binary encoding, without the object container's header; Kafka messages
//! put the Confluent frame in front of it (see [`crate::frame`]).

pub use crate::writer::SchemaError;

use crate::{Action, ButtonPress, Event, Place, Timestamp, writer};
use apache_avro::{Schema, reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    io::{self, Read, Write},
    sync::{Arc, LazyLock},
};
use uuid::Uuid;

/// The canonical schema, byte for byte as it is registered: registries compare texts, and the same
/// meaning in another spelling would be a new version.
pub const SCHEMA_TEXT: &str = include_str!("../button_presses.avsc");

/// The subject that the schema is registered under: the topic's name with `-value`
/// (Confluent's TopicNameStrategy).
pub fn subject(topic: &str) -> String {
    format!("{topic}-value")
}

/// What a datum may make its reader allocate at once: Kafka's messages have a megabyte at most unless
/// somebody has set it otherwise, and the library would take half a gigabyte at a datum's word.
const MOST_BYTES: usize = 4 << 20;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    // For the whole process, and it counts when it is called first: everything here begins with
    // the schema.
    apache_avro::util::max_allocation_bytes(MOST_BYTES);
    #[expect(clippy::expect_used, reason = "a constant of this crate, parsed in its tests")]
    Schema::parse_str(SCHEMA_TEXT).expect("the canonical schema is valid")
});

/// The canonical schema, parsed.
pub fn schema() -> &'static Schema {
    &SCHEMA
}

/// Why bytes are not a button press.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes do not fit the schema that they are said to be written with.
    #[error("the bytes do not fit the writer's schema")]
    Avro(#[from] Box<apache_avro::Error>),
    /// There are bytes behind the end of the datum.
    #[error("{0} bytes are left over behind the datum")]
    TrailingBytes(usize),
    /// The datum ends before its last field.
    #[error("the datum ends before its last field")]
    Truncated,
    /// A field's value is none that a button press can have.
    #[error("{field} cannot be {value}")]
    Value {
        /// Name of the field.
        field: &'static str,
        /// The value, as text.
        value: String,
    },
}

/// The fields of the Avro record by their names, for what was written with another schema.
#[derive(Deserialize)]
struct Datum<'a> {
    session_id: Cow<'a, str>,
    timestamp: i64,
    action: Cow<'a, str>,
    count: i64,
    country_name: Cow<'a, str>,
    country_code: Cow<'a, str>,
    subdivision_name: Option<Cow<'a, str>>,
    subdivision_code: Option<Cow<'a, str>>,
    city_name: Option<Cow<'a, str>>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    cohort: Option<i32>,
}

/// The same fields by their order in the canonical schema. apache-avro looks names up for each field
/// of each record, which takes half of its time; by order it need not. The tests hold the order
/// against the schema by another implementation's bytes, and by [`decode`], which goes by names.
#[derive(Serialize, Deserialize)]
#[serde(rename = "button_presses")]
struct InOrder<'a>(
    Cow<'a, str>,
    i64,
    Cow<'a, str>,
    i64,
    Cow<'a, str>,
    Cow<'a, str>,
    Option<Cow<'a, str>>,
    Option<Cow<'a, str>>,
    Option<Cow<'a, str>>,
    Option<f64>,
    Option<f64>,
    Option<i32>,
);

impl<'a> From<InOrder<'a>> for Datum<'a> {
    fn from(fields: InOrder<'a>) -> Self {
        Self {
            session_id: fields.0,
            timestamp: fields.1,
            action: fields.2,
            count: fields.3,
            country_name: fields.4,
            country_code: fields.5,
            subdivision_name: fields.6,
            subdivision_code: fields.7,
            city_name: fields.8,
            latitude: fields.9,
            longitude: fields.10,
            cohort: fields.11,
        }
    }
}

/// Writes button presses as Avro. Made once and shared: it resolves the schema only then.
pub struct Encoder {
    writer: GenericDatumWriter<'static>,
}

impl Encoder {
    /// An encoder for the canonical schema.
    pub fn new() -> Result<Self, Box<apache_avro::Error>> {
        let writer =
            GenericDatumWriter::builder(schema()).human_readable(true).build().map_err(Box::new)?;
        Ok(Self { writer })
    }

    /// Appends the datum to `out`.
    pub fn encode(
        &self,
        press: &ButtonPress,
        out: &mut impl Write,
    ) -> Result<(), Box<apache_avro::Error>> {
        let ButtonPress { session_id, event, place, cohort } = press;
        let mut text = Uuid::encode_buffer();
        let datum = InOrder(
            Cow::Borrowed(session_id.hyphenated().encode_lower(&mut text)),
            event.timestamp.micros(),
            Cow::Borrowed(event.action.name()),
            // In range: a count is at most 2^53 − 1.
            event.count as i64,
            Cow::Borrowed(&place.country_name),
            Cow::Borrowed(&place.country_code),
            place.subdivision_name.as_deref().map(Cow::Borrowed),
            place.subdivision_code.as_deref().map(Cow::Borrowed),
            place.city_name.as_deref().map(Cow::Borrowed),
            place.latitude,
            place.longitude,
            *cohort,
        );
        self.writer.write_ser(out, &datum).map(drop).map_err(Box::new)
    }
}

/// Reads button presses that were written with one schema. Made once for each: most messages were
/// written with the canonical schema, and those are read without a detour.
pub struct Decoder(Writer);

enum Writer {
    Canonical(GenericDatumReader<'static>),
    Other(Schema),
}

impl Decoder {
    /// For messages that were written with this schema, as the registry gives it: the canonical
    /// one, or an older or newer version of it.
    ///
    /// # Errors
    /// If it is none, or one whose messages could take any amount of memory: see [`SchemaError`].
    pub fn for_writer(schema_text: &str) -> Result<Self, SchemaError> {
        let writer = Schema::parse_str(schema_text).map_err(Box::new)?;
        if writer != *schema() {
            writer::check(&writer)?;
            return Ok(Self(Writer::Other(writer)));
        }
        let reader =
            GenericDatumReader::builder(schema()).human_readable(true).build().map_err(Box::new)?;
        Ok(Self(Writer::Canonical(reader)))
    }

    /// Reads a datum. Fields that the writer's schema lacks take their defaults, fields that ours
    /// lacks are passed over (Avro specification, "Schema Resolution").
    pub fn decode(&self, datum: &[u8]) -> Result<ButtonPress, DecodeError> {
        let reader = match &self.0 {
            Writer::Canonical(reader) => reader,
            Writer::Other(writer) => return decode(writer, datum),
        };
        let mut source = Source { rest: datum, ran_dry: false };
        let read = reader.read_deser::<InOrder<'_>>(&mut source);
        Datum::from(source.whole(read)?).try_into()
    }
}

/// Reads one datum that was written with `writer`; see [`Decoder`] for many.
pub fn decode(writer: &Schema, datum: &[u8]) -> Result<ButtonPress, DecodeError> {
    let mut source = Source { rest: datum, ran_dry: false };
    let read = GenericDatumReader::builder(writer)
        .reader_schema(schema())
        .build()
        .and_then(|reader| reader.read_value(&mut source))
        .and_then(|value| apache_avro::from_value::<Datum<'_>>(&value));
    source.whole(read)?.try_into()
}

/// A datum that remembers whether more was asked of it than there was: apache-avro takes the end of
/// the bytes for null where a field may be null, which would hide that a message was cut.
struct Source<'a> {
    rest: &'a [u8],
    ran_dry: bool,
}

impl Source<'_> {
    /// What was read, if it was all that was there and nothing was missing.
    fn whole<T>(&self, read: Result<T, apache_avro::Error>) -> Result<T, DecodeError> {
        let read = read.map_err(Box::new)?;
        if self.ran_dry {
            return Err(DecodeError::Truncated);
        }
        if !self.rest.is_empty() {
            return Err(DecodeError::TrailingBytes(self.rest.len()));
        }
        Ok(read)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.rest.read(out)?;
        self.ran_dry |= read < out.len();
        Ok(read)
    }

    /// The same in one step; apache-avro asks for a number byte by byte.
    fn read_exact(&mut self, out: &mut [u8]) -> io::Result<()> {
        let read = self.rest.read_exact(out);
        self.ran_dry |= read.is_err();
        read
    }
}

impl TryFrom<Datum<'_>> for ButtonPress {
    type Error = DecodeError;

    fn try_from(datum: Datum<'_>) -> Result<Self, DecodeError> {
        let refuse =
            |field, value: &dyn ToString| DecodeError::Value { field, value: value.to_string() };
        Ok(ButtonPress {
            session_id: Uuid::try_parse(&datum.session_id)
                .map_err(|_| refuse("session_id", &datum.session_id))?,
            event: Event {
                timestamp: Timestamp::from_micros(datum.timestamp)
                    .ok_or_else(|| refuse("timestamp", &datum.timestamp))?,
                action: Action::parse(&datum.action)
                    .ok_or_else(|| refuse("action", &datum.action))?,
                count: u64::try_from(datum.count)
                    .ok()
                    .filter(|count| *count <= crate::MAX_COUNT)
                    .ok_or_else(|| refuse("count", &datum.count))?,
            },
            place: Arc::new(Place {
                country_name: datum.country_name.into_owned(),
                country_code: datum.country_code.into_owned(),
                subdivision_name: datum.subdivision_name.map(Cow::into_owned),
                subdivision_code: datum.subdivision_code.map(Cow::into_owned),
                city_name: datum.city_name.map(Cow::into_owned),
                latitude: datum.latitude,
                longitude: datum.longitude,
            }),
            cohort: datum.cohort,
        })
    }
}
