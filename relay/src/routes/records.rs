//! `POST /api/records`: where events are in Kafka that waited in the store when they were acknowledged.
//!
//! With the session's id in the body, which is in no log: only its page knows it, and can ask.

use super::{Context, body, problem::ApiError};
use axum::{Json, body::Body, extract::State, http::HeaderMap};
use rate_limit::Arrival;
use schemas::{KafkaRecords, RecordQuery};
use std::{sync::Arc, time::Duration};

/// Events that a request may ask for. The store looks for each, and takes no new ones meanwhile.
const MAX_COUNTS: usize = 100;

pub(super) async fn post_records(
    State(context): State<Arc<Context>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<KafkaRecords>, ApiError> {
    let (bytes, _permit) = body::read(&headers, body, &context).await?;
    let malformed = |detail: String| {
        ApiError::Malformed(format!(
            "the body is not a question for records: {detail}. It should be \
             {{\"session_id\": \"…\", \"counts\": [0]}}"
        ))
    };
    let query: RecordQuery =
        serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    if query.counts.len() > MAX_COUNTS {
        return Err(malformed(format!("it has more than {MAX_COUNTS} counts")));
    }
    // The session's first events may still come, from an outage of unknown length.
    let arrival = Arrival { session: query.session_id, events: 0, age: Duration::MAX };
    let admitted = context.limits.admit(arrival);
    admitted.map_err(|limited| context.limited(limited))?;
    let records = context.store.records(query.session_id, query.counts).await;
    let records = records.map_err(|_| ApiError::Unavailable)?;
    Ok(Json(KafkaRecords::new(&context.topic, records)))
}
