//! The unacknowledged events of one session, and the requests made of them. Pure.

use schemas::{Action, Event, Uuid};

/// The most that one request carries: browsers allow no more than 64 KiB of `keepalive` bodies in
/// flight, and the relay reads no more.
pub const MAX_BODY_BYTES: usize = 60_000;

/// As many events as always fit: the longest one has 100 bytes and a comma, and the rest of a body at
/// most 90.
const MAX_EVENTS_IN_BODY: usize = (MAX_BODY_BYTES - 90) / 101;

/// All that one session still has to send.
#[derive(Debug)]
pub(super) struct SessionQueue {
    pub session_id: Uuid,
    pub cohort: Option<i32>,
    /// In the order of their counts, each count once. A plain vector: events come in that order,
    /// and a tree would be a tenth of the page's download.
    events: Vec<Event>,
}

impl SessionQueue {
    pub fn new(session_id: Uuid, cohort: Option<i32>) -> Self {
        Self { session_id, cohort, events: Vec::new() }
    }

    pub fn events(&self) -> &[Event] {
        &self.events
    }

    fn find(&self, count: u64) -> Result<usize, usize> {
        self.events.binary_search_by_key(&count, |event| event.count)
    }

    pub fn get(&self, count: u64) -> Option<&Event> {
        self.find(count).ok().and_then(|at| self.events.get(at))
    }

    /// Adds an event. One of the same count stays: it may be recorded already.
    pub fn insert(&mut self, event: Event) {
        if let Err(at) = self.find(event.count) {
            self.events.insert(at, event);
        }
    }

    /// Removes events by identity.
    pub fn remove(&mut self, counts: &[u64]) {
        self.events.retain(|event| !counts.contains(&event.count));
    }

    /// A request body of the oldest events, at most `max_events` and [`MAX_BODY_BYTES`], and the
    /// counts that are in it, in its order.
    pub fn body(&self, max_events: usize) -> (String, Vec<u64>) {
        let number = max_events.clamp(1, MAX_EVENTS_IN_BODY).min(self.events.len());
        let events = &self.events[..number];
        let counts = events.iter().map(|event| event.count).collect();
        // An EventBatch, in which nothing needs an escape. serde_json's writer would be 1.4 kB of the page's
        // download.
        let cohort = self.cohort.map(|cohort| ["\"cohort\":", &cohort.to_string(), ","].concat());
        let rows: Vec<String> = events.iter().map(row).collect();
        let body = [
            "{\"session_id\":\"",
            &self.session_id.to_string(),
            "\",",
            &cohort.unwrap_or_default(),
            "\"events\":[",
            &rows.join(","),
            "]}",
        ];
        (body.concat(), counts)
    }

    /// Makes room by one event: the oldest press goes; an enter or exit only when no press is
    /// left. Events in flight stay: they may be durable already. Says whether one went.
    pub fn drop_one(&mut self, in_flight: &[u64]) -> bool {
        let is_free = |event: &Event| !in_flight.contains(&event.count);
        let goes = self
            .events
            .iter()
            .position(|event| event.action == Action::PressButton && is_free(event))
            .or_else(|| self.events.iter().position(is_free));
        goes.map(|at| self.events.remove(at)).is_some()
    }
}

fn row(event: &Event) -> String {
    let (timestamp, count) = (event.timestamp.to_string(), event.count.to_string());
    let action = event.action.name();
    ["{\"timestamp\":\"", &timestamp, "\",\"action\":\"", action, "\",\"count\":", &count, "}"]
        .concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use schemas::{EventBatch, Timestamp};

    fn event(action: Action, count: u64) -> Event {
        Event { timestamp: Timestamp::from_millis_clamped(0.0), action, count }
    }

    #[test]
    fn a_request_stays_below_its_limit_and_takes_the_oldest_first() {
        let mut queue = SessionQueue::new(Uuid::nil(), Some(i32::MIN));
        // Longer counts than the relay takes: of storage that anything may have written.
        for count in (u64::MAX - 1999)..=u64::MAX {
            queue.insert(event(Action::PressButton, count));
        }
        let (body, counts) = queue.body(usize::MAX);
        assert!(body.len() <= MAX_BODY_BYTES, "{}", body.len());
        assert!(counts.len() > 500, "{}", counts.len());
        assert_eq!(counts.first(), Some(&(u64::MAX - 1999)));
        assert!(counts.is_sorted());
        let batch: EventBatch = serde_json::from_str(&body).unwrap();
        assert_eq!((batch.session_id, batch.cohort), (Uuid::nil(), Some(i32::MIN)));
        assert_eq!(batch.events, queue.events()[..counts.len()]);
    }

    #[test]
    fn presses_make_room_before_enters_and_exits() {
        let mut queue = SessionQueue::new(Uuid::nil(), None);
        let story = [Action::EnterPage, Action::PressButton, Action::PressButton, Action::ExitPage];
        for (count, action) in (0..).zip(story) {
            queue.insert(event(action, count));
        }
        let in_flight = [1];
        let mut left = Vec::new();
        while queue.drop_one(&in_flight) {
            left.push(queue.events().iter().map(|event| event.count).collect::<Vec<_>>());
        }
        assert_eq!(left, [vec![0, 1, 3], vec![1, 3], vec![1]]);
    }
}
