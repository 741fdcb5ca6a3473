//! Canonical Avro schema of the record, and encoding and decoding of one datum.
//!
//! A datum is the bare Avro binary encoding, without the header of an object container file. In Kafka
//! messages the Confluent frame precedes it (see [`crate::frame`]).

pub use crate::writer::SchemaError;

use crate::{Action, ButtonPress, Event, Place, Timestamp, writer};
use apache_avro::{
    Schema,
    reader::datum::GenericDatumReader,
    schema::{RecordField, RecordSchema},
    writer::datum::GenericDatumWriter,
};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    io::{self, Read, Write},
    sync::{Arc, LazyLock},
};
use uuid::Uuid;

/// The canonical schema, byte for byte as it is registered: registries compare texts, and an equivalent
/// schema in another spelling would be a new version.
pub const SCHEMA_TEXT: &str = include_str!("../button_presses.avsc");

/// Subject of the schema in the registry: the topic's name with `-value` (Confluent's
/// TopicNameStrategy).
pub fn subject(topic: &str) -> String {
    format!("{topic}-value")
}

/// Maximum allocation for a length in a datum. Kafka messages have at most 1 MB by default; the library's
/// own limit is half a gigabyte.
const MAX_ALLOCATION_BYTES: usize = 4 << 20;

/// Maximum length of a datum. One of the canonical schema has some 200 bytes; with another writer's schema each
/// byte can take some 250 bytes of memory while it is decoded.
const MAX_DATUM_BYTES: usize = 64 << 10;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    // The first call is effective, for the whole process. Every function here starts with the schema.
    apache_avro::util::max_allocation_bytes(MAX_ALLOCATION_BYTES);
    #[expect(clippy::expect_used, reason = "a constant of this crate, parsed in its tests")]
    Schema::parse_str(SCHEMA_TEXT).expect("the canonical schema is valid")
});

/// The canonical schema, parsed.
pub fn schema() -> &'static Schema {
    &SCHEMA
}

/// The canonical schema in two parts: the event and its origin. A record is encoded as its fields in
/// order without separators (Avro specification, "Complex Types"), so each part can be encoded and decoded
/// on its own, and the origin once for all events of a request.
struct Parts {
    event: Schema,
    origin: Schema,
}

/// First field of the origin, which has all fields from there on.
const FIRST_OF_ORIGIN: &str = "country_name";

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let part = |is_member: fn(usize, usize) -> bool| {
        let Schema::Record(record) = schema() else { return schema().clone() };
        let first = record.lookup.get(FIRST_OF_ORIGIN).copied().unwrap_or(record.fields.len());
        let fields = record.fields.iter().enumerate();
        let fields: Vec<RecordField> = fields
            .filter(|(at, _)| is_member(*at, first))
            .map(|(_, field)| field.clone())
            .collect();
        Schema::Record(RecordSchema::builder().name(record.name.clone()).fields(fields).build())
    };
    Parts { event: part(|at, first| at < first), origin: part(|at, first| at >= first) }
});

/// Why a datum cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes do not fit the writer's schema.
    #[error("the bytes do not fit the writer's schema")]
    Avro(#[from] Box<apache_avro::Error>),
    /// The datum is longer than an event can be.
    #[error("the datum has {0} bytes, which is more than the {MAX_DATUM_BYTES} of an event")]
    TooLong(usize),
    /// Bytes follow the datum.
    #[error("{0} bytes follow the datum")]
    TrailingBytes(usize),
    /// The datum ends before its last field.
    #[error("the datum ends before its last field")]
    Truncated,
    /// A field has an invalid value.
    #[error("{field} cannot be {value}")]
    Value {
        /// Name of the field.
        field: &'static str,
        /// The value, as text.
        value: String,
    },
}

/// Fields of the record by name, for other writers' schemas.
#[derive(Deserialize)]
struct Datum {
    session_id: String,
    timestamp: i64,
    action: String,
    count: i64,
    #[serde(flatten)]
    place: Place,
    cohort: Option<i32>,
}

/// Fields of the event by their order in the canonical schema. apache-avro spends half of its time on
/// looking up the name of each field of each record, which tuple structs avoid. Tests compare the order
/// with another implementation's bytes and with [`decode`], which goes by name.
#[derive(Serialize, Deserialize)]
#[serde(rename = "button_presses")]
struct EventInOrder<'a>(Cow<'a, str>, i64, Cow<'a, str>, i64);

/// Fields of the origin by their order.
#[derive(Serialize, Deserialize)]
#[serde(rename = "button_presses")]
struct OriginInOrder<'a>(
    Cow<'a, str>,
    Cow<'a, str>,
    Option<Cow<'a, str>>,
    Option<Cow<'a, str>>,
    Option<Cow<'a, str>>,
    Option<f64>,
    Option<f64>,
    Option<i32>,
);

impl From<OriginInOrder<'_>> for Origin {
    fn from(fields: OriginInOrder<'_>) -> Self {
        Self {
            place: Arc::new(Place {
                country_name: fields.0.into_owned(),
                country_code: fields.1.into_owned(),
                subdivision_name: fields.2.map(Cow::into_owned),
                subdivision_code: fields.3.map(Cow::into_owned),
                city_name: fields.4.map(Cow::into_owned),
                latitude: fields.5,
                longitude: fields.6,
            }),
            cohort: fields.7,
        }
    }
}

/// Fields that all events of a request share.
#[derive(Clone)]
struct Origin {
    place: Arc<Place>,
    cohort: Option<i32>,
}

/// Encoder with the canonical schema. Create it once and share it, since the constructor resolves the
/// schema.
pub struct Encoder {
    event: GenericDatumWriter<'static>,
    origin: GenericDatumWriter<'static>,
}

impl Encoder {
    /// Resolves the canonical schema.
    ///
    /// # Errors
    /// If apache-avro rejects it, which the tests exclude.
    pub fn new() -> Result<Self, Box<apache_avro::Error>> {
        let writer =
            |part| GenericDatumWriter::builder(part).human_readable(true).build().map_err(Box::new);
        Ok(Self { event: writer(&PARTS.event)?, origin: writer(&PARTS.origin)? })
    }

    /// Appends the datum to `out`.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn encode(
        &self,
        press: &ButtonPress,
        out: &mut impl Write,
    ) -> Result<(), Box<apache_avro::Error>> {
        self.encode_event(press, out)?;
        self.encode_origin(press, out)
    }

    /// Appends the first part of the datum, the event.
    pub(crate) fn encode_event(
        &self,
        ButtonPress { session_id, event, .. }: &ButtonPress,
        out: &mut impl Write,
    ) -> Result<(), Box<apache_avro::Error>> {
        let mut text = Uuid::encode_buffer();
        let part = EventInOrder(
            Cow::Borrowed(session_id.hyphenated().encode_lower(&mut text)),
            event.timestamp.micros(),
            Cow::Borrowed(event.action.name()),
            // In range: a count is at most 2^53 − 1.
            event.count as i64,
        );
        self.event.write_ser(out, &part).map(drop).map_err(Box::new)
    }

    /// Appends the second part, the origin.
    pub(crate) fn encode_origin(
        &self,
        ButtonPress { place, cohort, .. }: &ButtonPress,
        out: &mut impl Write,
    ) -> Result<(), Box<apache_avro::Error>> {
        let part = OriginInOrder(
            Cow::Borrowed(&place.country_name),
            Cow::Borrowed(&place.country_code),
            place.subdivision_name.as_deref().map(Cow::Borrowed),
            place.subdivision_code.as_deref().map(Cow::Borrowed),
            place.city_name.as_deref().map(Cow::Borrowed),
            place.latitude,
            place.longitude,
            *cohort,
        );
        self.origin.write_ser(out, &part).map(drop).map_err(Box::new)
    }
}

/// Decoder for data of one writer's schema. Create one for each schema; data of the canonical one need no
/// schema resolution.
pub struct Decoder(Writer);

enum Writer {
    Canonical(Box<Canonical>),
    Other(Schema),
}

impl Decoder {
    /// Decoder for a writer's schema from the registry: the canonical one, or an older or newer version.
    ///
    /// # Errors
    /// If it is not a schema, or if its messages could need unlimited memory: see [`SchemaError`].
    pub fn for_writer(schema_text: &str) -> Result<Self, SchemaError> {
        let writer = Schema::parse_str(schema_text).map_err(Box::new)?;
        if writer != *schema() {
            writer::check(&writer)?;
            return Ok(Self(Writer::Other(writer)));
        }
        let reader =
            |part| GenericDatumReader::builder(part).human_readable(true).build().map_err(Box::new);
        let (event, origin) = (reader(&PARTS.event)?, reader(&PARTS.origin)?);
        Ok(Self(Writer::Canonical(Box::new(Canonical { event, origin, latest: None }))))
    }

    /// Decodes a datum. Fields missing in the writer's schema get their defaults, fields missing in the
    /// canonical one are ignored (Avro specification, "Schema Resolution").
    ///
    /// # Errors
    /// If the datum does not fit the schema, is truncated or longer, or has an invalid value.
    pub fn decode(&mut self, datum: &[u8]) -> Result<ButtonPress, DecodeError> {
        check_length(datum)?;
        match &mut self.0 {
            Writer::Canonical(reader) => reader.decode(datum),
            Writer::Other(writer) => decode(writer, datum),
        }
    }
}

/// Decoder for the canonical schema.
struct Canonical {
    event: GenericDatumReader<'static>,
    origin: GenericDatumReader<'static>,
    /// Latest origin and its bytes: the events of a request follow each other and share it.
    latest: Option<(Vec<u8>, Origin)>,
}

impl Canonical {
    fn decode(&mut self, datum: &[u8]) -> Result<ButtonPress, DecodeError> {
        let mut source = Source { rest: datum, is_truncated: false };
        let event: EventInOrder<'_> = self.event.read_deser(&mut source).map_err(Box::new)?;
        let bytes = source.rest;
        let origin = match &self.latest {
            Some((latest, origin)) if latest == bytes && !source.is_truncated => origin.clone(),
            _ => {
                let read = self.origin.read_deser::<OriginInOrder<'_>>(&mut source);
                let origin = Origin::from(source.finish(read)?);
                self.latest = Some((bytes.to_owned(), origin.clone()));
                origin
            }
        };
        press(&event.0, event.1, &event.2, event.3, origin)
    }
}

/// Decodes one datum of the writer's schema; see [`Decoder`] for many.
///
/// # Errors
/// If the datum does not fit the schema, is truncated or longer, or has an invalid value.
pub fn decode(writer: &Schema, datum: &[u8]) -> Result<ButtonPress, DecodeError> {
    check_length(datum)?;
    let mut source = Source { rest: datum, is_truncated: false };
    let read = GenericDatumReader::builder(writer)
        .reader_schema(schema())
        .build()
        .and_then(|reader| reader.read_value(&mut source))
        .and_then(|value| apache_avro::from_value::<Datum>(&value));
    let Datum { session_id, timestamp, action, count, place, cohort } = source.finish(read)?;
    press(&session_id, timestamp, &action, count, Origin { place: place.into(), cohort })
}

fn check_length(datum: &[u8]) -> Result<(), DecodeError> {
    if datum.len() > MAX_DATUM_BYTES {
        return Err(DecodeError::TooLong(datum.len()));
    }
    Ok(())
}

/// A datum, and whether it ended within a read: apache-avro takes the end of the bytes for null where a
/// field may be null, which would hide that a message is truncated.
struct Source<'a> {
    rest: &'a [u8],
    is_truncated: bool,
}

impl Source<'_> {
    /// Returns what was read if it was the whole datum.
    fn finish<T>(&self, read: Result<T, apache_avro::Error>) -> Result<T, DecodeError> {
        let read = read.map_err(Box::new)?;
        if self.is_truncated {
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
        self.is_truncated |= read < out.len();
        Ok(read)
    }

    /// The same in one step; apache-avro reads numbers byte by byte.
    fn read_exact(&mut self, out: &mut [u8]) -> io::Result<()> {
        let read = self.rest.read_exact(out);
        self.is_truncated |= read.is_err();
        read
    }
}

/// Converts decoded fields, and checks their values.
fn press(
    session_id: &str,
    timestamp: i64,
    action: &str,
    count: i64,
    Origin { place, cohort }: Origin,
) -> Result<ButtonPress, DecodeError> {
    let invalid =
        |field, value: &dyn ToString| DecodeError::Value { field, value: value.to_string() };
    Ok(ButtonPress {
        session_id: Uuid::try_parse(session_id).map_err(|_| invalid("session_id", &session_id))?,
        event: Event {
            timestamp: Timestamp::from_micros(timestamp)
                .ok_or_else(|| invalid("timestamp", &timestamp))?,
            action: Action::parse(action).ok_or_else(|| invalid("action", &action))?,
            count: u64::try_from(count)
                .ok()
                .filter(|count| *count <= crate::MAX_SAFE_INTEGER)
                .ok_or_else(|| invalid("count", &count))?,
        },
        place,
        cohort,
    })
}
