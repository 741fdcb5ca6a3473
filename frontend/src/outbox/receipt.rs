//! Interpretation of the response to a request. Only the relay's own signature is success. Pure.

use crate::json::{Json, Value};
use schemas::{Place, Uuid};

/// How a request ended, as far as the page can see it.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestOutcome {
    /// No network, a timeout, a redirect, an opaque response, a body that broke off.
    NoResponse,
    /// An HTTP response.
    Response {
        /// The status code.
        status: u16,
        /// Whether the header [`schemas::RECEIPT_HEADER`] was there.
        signed: bool,
        /// `Retry-After` in seconds, where there was one.
        retry_after: Option<f64>,
        /// The body as text.
        body: String,
    },
}

/// What the page reads of a [`schemas::Receipt`], so that a relay with more reasons for a rejection than
/// this page knows is understood too.
#[derive(Debug, PartialEq)]
pub(super) struct Receipt {
    pub session_id: Uuid,
    pub accepted: Vec<u64>,
    pub rejected: Vec<Rejection>,
    pub durable_in: String,
    pub records: Vec<KafkaRecord>,
    pub location: Place,
    pub place_name: Option<String>,
    pub pretended: bool,
    pub kept_days: Option<u64>,
    pub geo_database: Option<String>,
}

/// Where an event is in Kafka: what the page reads of [`schemas::KafkaRecords`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KafkaRecord {
    /// The event's count.
    pub count: u64,
    /// The partition of the topic.
    pub partition: u64,
    /// The offset in the partition.
    pub offset: u64,
    /// The id of the message's schema.
    pub schema_id: u64,
    /// The size of the message.
    pub bytes: u64,
}

impl KafkaRecord {
    /// The records of one partition: columns, of which a row that cannot be read ends them.
    fn read(partition: &Value) -> Vec<Self> {
        let column = |name| partition.field(name).items().unwrap_or_default();
        let [counts, offsets, bytes] = ["counts", "offsets", "bytes"].map(column);
        let row = |index: usize| {
            Some(Self {
                count: counts.get(index)?.count()?,
                partition: partition.field("partition").count()?,
                offset: offsets.get(index)?.count()?,
                schema_id: partition.field("schema_id").count()?,
                bytes: bytes.get(index)?.count()?,
            })
        };
        (0..counts.len()).map_while(row).collect()
    }
}

/// What the page reads of a [`schemas::EventRejection`].
#[derive(Debug, PartialEq)]
pub(super) struct Rejection {
    pub index: usize,
    pub count: Option<u64>,
}

impl Receipt {
    fn parse(text: &str) -> Option<Self> {
        let json: Value = Json::parse(text)?;
        let place = json.field("location");
        let rejection = |json: &Value| {
            let index = usize::try_from(json.field("index").count()?).ok()?;
            Some(Rejection { index, count: json.field("count").count() })
        };
        Some(Self {
            session_id: Uuid::try_parse(&json.field("session_id").string()?).ok()?,
            accepted: json
                .field("accepted")
                .items()?
                .iter()
                .map(Json::count)
                .collect::<Option<_>>()?,
            rejected: json
                .field("rejected")
                .items()?
                .iter()
                .map(rejection)
                .collect::<Option<_>>()?,
            durable_in: json.field("durable_in").string()?,
            // For display: an older relay has none, and one that cannot be read is no reason to send again.
            records: json
                .field("kafka")
                .field("partitions")
                .items()
                .map_or_else(Vec::new, |partitions| {
                    partitions.iter().flat_map(KafkaRecord::read).collect()
                }),
            location: Place {
                country_name: place.field("country_name").string()?,
                country_code: place.field("country_code").string()?,
                subdivision_name: place.field("subdivision_name").string(),
                subdivision_code: place.field("subdivision_code").string(),
                city_name: place.field("city_name").string(),
                latitude: place.field("latitude").number(),
                longitude: place.field("longitude").number(),
            },
            place_name: json.field("place_name").string(),
            pretended: json.field("pretended").bool().unwrap_or_default(),
            kept_days: json.field("kept_days").count(),
            geo_database: json.field("geo_database").string(),
        })
    }
}

/// What the outbox does about a response.
#[derive(Debug)]
pub(super) enum Interpretation {
    /// The relay's own receipt for this session.
    Receipt(Box<Receipt>),
    /// The request as a whole can never succeed; a part of it may. `by_relay`: the response is the relay's
    /// own, so even a single event is refused for good.
    Split { by_relay: bool },
    /// Keep everything, try again later.
    Retry { retry_after: Option<f64> },
}

impl RequestOutcome {
    pub(super) fn interpret(self, session_id: Uuid) -> Interpretation {
        let RequestOutcome::Response { status, signed, retry_after, body } = self else {
            return Interpretation::Retry { retry_after: None };
        };
        match status {
            200 if signed => match Receipt::parse(&body) {
                Some(receipt) if receipt.session_id == session_id => {
                    Interpretation::Receipt(Box::new(receipt))
                }
                // Signed, and not for this request: responses were mixed up. Nothing is known.
                _ => Interpretation::Retry { retry_after: None },
            },
            // Any proxy on the way may find a request too large: smaller ones may pass.
            413 => Interpretation::Split { by_relay: signed },
            400 | 422 if signed => Interpretation::Split { by_relay: true },
            _ => Interpretation::Retry { retry_after },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use schemas::{EventRejection, RejectReason};

    #[test]
    fn receipt_of_the_contract_is_read() {
        let place = Place {
            country_name: "Österreich \"\\\u{7}".to_owned(),
            country_code: "AT".to_owned(),
            subdivision_name: Some("Vienna".to_owned()),
            subdivision_code: Some("9".to_owned()),
            latitude: Some(48.2),
            longitude: Some(-0.5),
            ..Place::unknown()
        };
        let whole = schemas::Receipt {
            session_id: Uuid::from_u128(7),
            accepted: vec![0, schemas::MAX_SAFE_INTEGER],
            rejected: vec![EventRejection {
                index: 2,
                count: None,
                reason: RejectReason::BadCount,
                detail: "{[\"1.5\"]}, is not whole".to_owned(),
            }],
            durable_in: "store".to_owned(),
            kafka: Some(schemas::KafkaRecords::new(
                "button_presses",
                [(
                    0,
                    schemas::RecordMetadata { partition: 2, offset: 1834, schema_id: 7, bytes: 87 },
                )],
            )),
            location: place.clone(),
            place_name: Some("Wien".to_owned()),
            pretended: true,
            kept_days: Some(90),
            geo_database: Some("GeoLite2-City".to_owned()),
        };
        let read = Receipt {
            session_id: whole.session_id,
            accepted: whole.accepted.clone(),
            rejected: vec![Rejection { index: 2, count: None }],
            durable_in: whole.durable_in.clone(),
            records: vec![KafkaRecord {
                count: 0,
                partition: 2,
                offset: 1834,
                schema_id: 7,
                bytes: 87,
            }],
            location: place,
            place_name: whole.place_name.clone(),
            pretended: true,
            kept_days: Some(90),
            geo_database: whole.geo_database.clone(),
        };
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(Receipt::parse(&text), Some(read));
    }

    #[test]
    fn receipt_of_a_newer_relay_is_read() {
        let text = r#"{"session_id":"00000000-0000-0000-0000-000000000007","accepted":[1],
            "rejected":[{"index":0,"reason":"something_new","more":[]}],"durable_in":"kafka",
            "location":{"country_name":"Germany","country_code":"DE","new":1.5},"newer":{}}"#;
        let receipt = Receipt::parse(text).unwrap();
        assert_eq!(receipt.rejected, [Rejection { index: 0, count: None }]);
        assert_eq!((receipt.location.latitude, receipt.geo_database), (None, None));
        assert_eq!((receipt.place_name, receipt.pretended), (None, false));
        assert_eq!(receipt.kept_days, None);
    }
}
