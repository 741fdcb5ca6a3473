//! The body of `POST /api/events`.

use relay::ingest::parse::{MAX_EVENTS, Submission};
use schemas::{EventBatch, MAX_COUNT};
use serde_json::value::RawValue;

/// Nothing is taken that is not JSON; what is taken is in range, and is read the same from the
/// canonical JSON of it.
pub fn run(body: &[u8]) {
    let Ok(submission) = Submission::parse(body) else { return };
    // By its grammar alone: a number beyond any, like 1e400, is JSON, and ends in the rejection of its
    // event or in a field that is passed over.
    let json = serde_json::from_slice::<&RawValue>(body);
    assert!(json.is_ok_and(|json| json.get().starts_with('{')), "what is no JSON object was taken");
    assert!(submission.events.len() + submission.rejected.len() <= MAX_EVENTS);
    for event in &submission.events {
        assert!(event.count <= MAX_COUNT);
    }
    let indexes: Vec<_> = submission.rejected.iter().map(|rejection| rejection.index).collect();
    assert!(indexes.is_sorted_by(|one, next| one < next), "each is rejected once");
    // What becomes part of the answer.
    assert!(serde_json::to_string(&submission.rejected).is_ok());

    let Submission { session_id, cohort, events, .. } = submission;
    let batch = EventBatch { session_id, cohort, events };
    let again = Submission::parse(serde_json::to_string(&batch).unwrap().as_bytes()).unwrap();
    assert_eq!((again.session_id, again.cohort, again.events), (session_id, cohort, batch.events));
    assert_eq!((again.rejected.len(), again.with_unknown_fields), (0, 0));
}
