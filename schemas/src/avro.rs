//! The record in Avro: the canonical schema, encoding and decoding of one datum.
//!
//! A datum is the bare Avro binary encoding, without the object container's header; Kafka messages
//! put the Confluent frame in front of it (see [`crate::frame`]).

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

/// The canonical schema in two: what an event says, and where it comes from. A record is written as its
/// fields, one behind the other with nothing between (Avro specification, "Complex Types"), so each part
/// can be written and read by itself, and the second once for all events of a request.
struct Parts {
    event: Schema,
    origin: Schema,
}

/// The first field of the second part, which has all behind it.
const FIRST_OF_ORIGIN: &str = "country_name";

static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let part = |is_its: fn(usize, usize) -> bool| {
        let Schema::Record(record) = schema() else { return schema().clone() };
        let first = record.lookup.get(FIRST_OF_ORIGIN).copied().unwrap_or(record.fields.len());
        let fields = record.fields.iter().enumerate();
        let fields: Vec<RecordField> =
            fields.filter(|(at, _)| is_its(*at, first)).map(|(_, field)| field.clone()).collect();
        Schema::Record(RecordSchema::builder().name(record.name.clone()).fields(fields).build())
    };
    Parts { event: part(|at, first| at < first), origin: part(|at, first| at >= first) }
});

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
struct Datum {
    session_id: String,
    timestamp: i64,
    action: String,
    count: i64,
    #[serde(flatten)]
    place: Place,
    cohort: Option<i32>,
}

/// The fields of the first part by their order in the canonical schema. apache-avro looks names up for
/// each field of each record, which takes half of its time; by order it need not. The tests hold the
/// order against the schema by another implementation's bytes, and by [`decode`], which goes by names.
#[derive(Serialize, Deserialize)]
#[serde(rename = "button_presses")]
struct EventInOrder<'a>(Cow<'a, str>, i64, Cow<'a, str>, i64);

/// The fields of the second part by their order.
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

/// What the events of a request have in common.
#[derive(Clone)]
struct Origin {
    place: Arc<Place>,
    cohort: Option<i32>,
}

/// Writes button presses as Avro. Made once and shared: it resolves the schema only then.
pub struct Encoder {
    event: GenericDatumWriter<'static>,
    origin: GenericDatumWriter<'static>,
}

impl Encoder {
    /// An encoder for the canonical schema.
    pub fn new() -> Result<Self, Box<apache_avro::Error>> {
        let writer =
            |part| GenericDatumWriter::builder(part).human_readable(true).build().map_err(Box::new);
        Ok(Self { event: writer(&PARTS.event)?, origin: writer(&PARTS.origin)? })
    }

    /// Appends the datum to `out`.
    pub fn encode(
        &self,
        press: &ButtonPress,
        out: &mut impl Write,
    ) -> Result<(), Box<apache_avro::Error>> {
        self.encode_event(press, out)?;
        self.encode_origin(press, out)
    }

    /// Appends the first part of the datum: what the event says.
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

    /// Appends the second part: where it comes from.
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

/// Reads button presses that were written with one schema. Made once for each: most messages were
/// written with the canonical schema, and those are read without a detour.
pub struct Decoder(Writer);

enum Writer {
    Canonical(Box<Canonical>),
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
            |part| GenericDatumReader::builder(part).human_readable(true).build().map_err(Box::new);
        let (event, origin) = (reader(&PARTS.event)?, reader(&PARTS.origin)?);
        Ok(Self(Writer::Canonical(Box::new(Canonical { event, origin, latest: None }))))
    }

    /// Reads a datum. Fields that the writer's schema lacks take their defaults, fields that ours
    /// lacks are passed over (Avro specification, "Schema Resolution").
    pub fn decode(&mut self, datum: &[u8]) -> Result<ButtonPress, DecodeError> {
        match &mut self.0 {
            Writer::Canonical(reader) => reader.decode(datum),
            Writer::Other(writer) => decode(writer, datum),
        }
    }
}

/// Reads what was written with the canonical schema.
struct Canonical {
    event: GenericDatumReader<'static>,
    origin: GenericDatumReader<'static>,
    /// The second part that was read last, and its bytes: the events of a request follow each other
    /// and have the same.
    latest: Option<(Vec<u8>, Origin)>,
}

impl Canonical {
    fn decode(&mut self, datum: &[u8]) -> Result<ButtonPress, DecodeError> {
        let mut source = Source { rest: datum, ran_dry: false };
        let event: EventInOrder<'_> = self.event.read_deser(&mut source).map_err(Box::new)?;
        let bytes = source.rest;
        let origin = match &self.latest {
            Some((known, origin)) if known == bytes && !source.ran_dry => origin.clone(),
            _ => {
                let read = self.origin.read_deser::<OriginInOrder<'_>>(&mut source);
                let origin = Origin::from(source.whole(read)?);
                self.latest = Some((bytes.to_owned(), origin.clone()));
                origin
            }
        };
        press(&event.0, event.1, &event.2, event.3, origin)
    }
}

/// Reads one datum that was written with `writer`; see [`Decoder`] for many.
pub fn decode(writer: &Schema, datum: &[u8]) -> Result<ButtonPress, DecodeError> {
    let mut source = Source { rest: datum, ran_dry: false };
    let read = GenericDatumReader::builder(writer)
        .reader_schema(schema())
        .build()
        .and_then(|reader| reader.read_value(&mut source))
        .and_then(|value| apache_avro::from_value::<Datum>(&value));
    let Datum { session_id, timestamp, action, count, place, cohort } = source.whole(read)?;
    press(&session_id, timestamp, &action, count, Origin { place: place.into(), cohort })
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

/// The press of these fields, if a press can have them.
fn press(
    session_id: &str,
    timestamp: i64,
    action: &str,
    count: i64,
    Origin { place, cohort }: Origin,
) -> Result<ButtonPress, DecodeError> {
    let refuse =
        |field, value: &dyn ToString| DecodeError::Value { field, value: value.to_string() };
    Ok(ButtonPress {
        session_id: Uuid::try_parse(session_id).map_err(|_| refuse("session_id", &session_id))?,
        event: Event {
            timestamp: Timestamp::from_micros(timestamp)
                .ok_or_else(|| refuse("timestamp", &timestamp))?,
            action: Action::parse(action).ok_or_else(|| refuse("action", &action))?,
            count: u64::try_from(count)
                .ok()
                .filter(|count| *count <= crate::MAX_COUNT)
                .ok_or_else(|| refuse("count", &count))?,
        },
        place,
        cohort,
    })
}
