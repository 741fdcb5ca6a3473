//! Request and response of `POST /api/events`, in JSON.

use crate::{Event, Place};
use serde::{Deserialize, Serialize};
use std::ops::Not;
use uuid::Uuid;

/// Maximum length of a request body: 64 KiB, the browsers' limit of `keepalive` bodies in flight.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// Response header that identifies a response of the relay. Captive portals answer any request with
/// status 200 and HTML; without this header a response acknowledges nothing.
pub const RECEIPT_HEADER: &str = "x-kafka-button";

/// Request body: events of one session.
///
/// Sent as `text/plain`, which needs no CORS preflight, and parsed as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventBatch {
    /// UUID v4 of the session, in its 36-character form.
    pub session_id: Uuid,
    /// Group of visitors (a stand, an experiment).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<i32>,
    /// The events, in any order.
    pub events: Vec<Event>,
}

/// Body of the 200 response: the outcome of each event.
///
/// Sent only after every accepted event is durable. Every valid event of the request is in `accepted`. The
/// invalid ones are in `rejected`, the first ones if they are so tiny that all would be longer than four times the
/// request; the others get their rejection when they are sent again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Session id of the request.
    pub session_id: Uuid,
    /// Counts of the durable events, in the order of the request.
    pub accepted: Vec<u64>,
    /// Invalid events, which are not to be sent again.
    pub rejected: Vec<EventRejection>,
    /// Destination of the accepted events: `kafka` or `store`.
    pub durable_in: String,
    /// Where accepted events are in Kafka; absent if all of them wait in the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaRecords>,
    /// Place that was added to the events.
    pub location: Place,
    /// Name of the city in the language of the request's `Accept-Language`, for display. Absent unless the
    /// geo database has such a name and it differs from `location.city_name`, which is the recorded one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place_name: Option<String>,
    /// Whether `location` is made up, as the relay was started with `--pretend-local` and the client is in a
    /// local network. Absent if it is not.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub pretended: bool,
    /// Days after which events are deleted wherever they are kept, at least 1; absent if the relay is not
    /// configured to state it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_days: Option<u64>,
    /// Name of the geo database in its metadata (`GeoLite2-City`), for the attribution that its licence
    /// requires; `None` without a database.
    pub geo_database: Option<String>,
}

/// Request body of `POST /api/records`, for events that a receipt acknowledged as `durable_in` the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordQuery {
    /// The session.
    pub session_id: Uuid,
    /// Counts of its events.
    pub counts: Vec<u64>,
}

/// Where events are in Kafka: in a receipt, and the response of `POST /api/records`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KafkaRecords {
    /// The topic.
    pub topic: String,
    /// Its partitions with some of the events. A session is in one, unless the number of partitions changes. Events
    /// are missing that wait in the store, and those of which it is not known where they are.
    pub partitions: Vec<PartitionRecords>,
}

/// Where events are in a partition: columns, since those of a hundred events are a quarter as long as objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionRecords {
    /// The partition, from 0.
    pub partition: i32,
    /// The id of the schema in the registry, with which the values were written.
    pub schema_id: u32,
    /// The events' counts, in the order of the request.
    pub counts: Vec<u64>,
    /// Their offsets, from 0.
    pub offsets: Vec<i64>,
    /// The lengths of their values: the frame and the Avro datum.
    pub bytes: Vec<usize>,
}

impl KafkaRecords {
    /// The records of events with these counts.
    pub fn new(
        topic: &str,
        records: impl IntoIterator<Item = (u64, RecordMetadata)>,
    ) -> KafkaRecords {
        let mut partitions: Vec<PartitionRecords> = Vec::new();
        let records = records.into_iter();
        let (_, most) = records.size_hint();
        let capacity = most.unwrap_or_default();
        for (count, RecordMetadata { partition, offset, schema_id, bytes }) in records {
            let is_same =
                |it: &PartitionRecords| (it.partition, it.schema_id) == (partition, schema_id);
            let index = partitions.iter().position(is_same).unwrap_or_else(|| {
                let (counts, offsets, bytes) = (
                    Vec::with_capacity(capacity),
                    Vec::with_capacity(capacity),
                    Vec::with_capacity(capacity),
                );
                partitions.push(PartitionRecords { partition, schema_id, counts, offsets, bytes });
                partitions.len() - 1
            });
            let records = &mut partitions[index];
            records.counts.push(count);
            records.offsets.push(offset);
            records.bytes.push(bytes);
        }
        KafkaRecords { topic: topic.to_owned(), partitions }
    }

    /// Each event's count, and where it is.
    pub fn records(&self) -> impl Iterator<Item = (u64, RecordMetadata)> {
        self.partitions.iter().flat_map(|it| {
            let columns = it.counts.iter().zip(&it.offsets).zip(&it.bytes);
            columns.map(|((&count, &offset), &bytes)| {
                let PartitionRecords { partition, schema_id, .. } = *it;
                (count, RecordMetadata { partition, offset, schema_id, bytes })
            })
        })
    }
}

/// Where a record is in a topic, by Kafka's acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// The partition, from 0.
    pub partition: i32,
    /// The offset in the partition, from 0.
    pub offset: i64,
    /// The id of the schema in the registry, with which the value was written.
    pub schema_id: u32,
    /// The length of the value: the frame and the Avro datum.
    pub bytes: usize,
}

/// An event that the relay rejected permanently.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRejection {
    /// Index of the event in the request's `events`, from 0.
    pub index: usize,
    /// Its count, if that is valid.
    pub count: Option<u64>,
    /// Reason for programs.
    pub reason: RejectReason,
    /// Reason for developers, with the valid form.
    pub detail: String,
}

/// Why an event is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// Not a JSON object with `timestamp`, `action` and `count`.
    NotAnEvent,
    /// `action` is not an [`Action`](crate::Action).
    UnknownAction,
    /// `count` is not a whole number from 0 to [`MAX_COUNT`](crate::MAX_COUNT).
    BadCount,
    /// `timestamp` is not ISO 8601 with an offset in the years 1970 to 9999.
    BadTimestamp,
}

impl RejectReason {
    /// All reasons.
    pub const ALL: [RejectReason; 4] = [
        RejectReason::NotAnEvent,
        RejectReason::UnknownAction,
        RejectReason::BadCount,
        RejectReason::BadTimestamp,
    ];

    /// Name in JSON and metrics.
    pub fn name(self) -> &'static str {
        match self {
            RejectReason::NotAnEvent => "not_an_event",
            RejectReason::UnknownAction => "unknown_action",
            RejectReason::BadCount => "bad_count",
            RejectReason::BadTimestamp => "bad_timestamp",
        }
    }
}

/// Body of every error response: `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`: the status is the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// Reason phrase of the status.
    pub title: String,
    /// HTTP status code.
    pub status: u16,
    /// What is wrong with the request and what to do.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn records_are_columns_of_each_partition() {
        let record =
            |partition, offset, bytes| RecordMetadata { partition, offset, schema_id: 7, bytes };
        let all = [(0, record(2, 1834, 87)), (3, record(0, 5, 80)), (1, record(2, 1836, 90))];
        let records = KafkaRecords::new("button_presses", all);
        let written = json!({"topic": "button_presses", "partitions": [
            {"partition": 2, "schema_id": 7, "counts": [0, 1], "offsets": [1834, 1836], "bytes": [87, 90]},
            {"partition": 0, "schema_id": 7, "counts": [3], "offsets": [5], "bytes": [80]},
        ]});
        assert_eq!(serde_json::to_value(&records).unwrap(), written);
        assert_eq!(records.records().collect::<Vec<_>>(), [all[0], all[2], all[1]]);
    }

    #[test]
    fn receipt_omits_what_does_not_apply() {
        let receipt = |place_name: Option<&str>, pretended, kept_days| Receipt {
            session_id: Uuid::nil(),
            accepted: vec![0],
            rejected: vec![],
            durable_in: "store".to_owned(),
            kafka: None,
            location: Place::unknown(),
            place_name: place_name.map(str::to_owned),
            pretended,
            kept_days,
            geo_database: None,
        };
        let plain = serde_json::to_value(receipt(None, false, None)).unwrap();
        let with = |added: Value| {
            let mut fields = plain.as_object().unwrap().clone();
            fields.extend(added.as_object().unwrap().clone());
            Value::Object(fields)
        };
        for (receipt, added) in [
            (receipt(None, false, None), json!({})),
            (receipt(Some("München"), false, None), json!({"place_name": "München"})),
            (receipt(None, true, None), json!({"pretended": true})),
            (receipt(None, false, Some(90)), json!({"kept_days": 90})),
            (
                receipt(Some("München"), true, Some(1)),
                json!({"place_name": "München", "pretended": true, "kept_days": 1}),
            ),
        ] {
            let written = serde_json::to_value(&receipt).unwrap();
            assert_eq!(written, with(added));
            assert_eq!(serde_json::from_value::<Receipt>(written).unwrap(), receipt);
        }
        assert!(plain.get("place_name").is_none() && plain.get("pretended").is_none());
    }
}
