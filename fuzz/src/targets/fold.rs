//! The live numbers, of events in whatever order. Four bytes are an event: its session, its count, what
//! happened where, and how long ago.

use live_stats::{Aggregator, Capacity, LiveOptions};
use schemas::{Action, ButtonPress, Event, Place, Received, Timestamp, Uuid, stats::Stats};
use std::{collections::BTreeMap, sync::Arc};

/// What the clock says.
const NOW: i64 = 1_800_000_000_000_000;

/// Each identity counts once, whatever order they come in, and little memory means fewer that are
/// counted, never more.
pub fn run(data: &[u8]) {
    // An identity has one content: the first.
    let mut known = BTreeMap::new();
    let mut events = Vec::new();
    for four in data.as_chunks::<4>().0 {
        let event = event(*four);
        let identity = (event.press.session_id, event.press.event.count);
        events.push(known.entry(identity).or_insert(event).clone());
    }
    let plenty = Capacity::for_sessions(1000);
    let stats = aggregate(&events, plenty);
    let is_press = |event: &&Received| event.press.event.action == Action::PressButton;
    assert_eq!(stats.presses, known.values().filter(is_press).count() as u64);
    assert_eq!(stats.not_counted, 0);
    let by_country: u64 = stats.countries.iter().map(|country| country.presses).sum();
    assert_eq!(by_country + stats.elsewhere.presses, stats.presses);
    let (here, backwards) = (json(&stats), events.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(here, json(&aggregate(&backwards, plenty)));
    assert_eq!(here, json(&aggregate(&[events.clone(), backwards].concat(), plenty)));

    let little = aggregate(&events, Capacity { sessions: 3, out_of_order: 2 });
    // A session that was evicted counts again.
    assert!(little.sessions >= stats.sessions);
}

fn json(stats: &Stats) -> String {
    serde_json::to_string(stats).unwrap()
}

fn aggregate(events: &[Received], capacity: Capacity) -> Stats {
    let now = Timestamp::from_micros(NOW).unwrap();
    let mut aggregator = Aggregator::new(capacity, LiveOptions::default());
    events.iter().for_each(|event| aggregator.add(event, now));
    aggregator.stats(now, None)
}

fn event([session, count, what, ago]: [u8; 4]) -> Received {
    let received_at =
        Timestamp::from_micros(NOW - i64::from(ago) * 61_000_000 + 120_000_000).unwrap();
    // Most counts are near each other, as in a session; some are as far as can be.
    let count = match count {
        0..240 => u64::from(count % 16),
        far => schemas::MAX_COUNT - u64::from(far % 4),
    };
    let event = Event { timestamp: received_at, action: Action::ALL[usize::from(what % 3)], count };
    let session_id = Uuid::from_u128(u128::from(session % 8));
    let place = Arc::new(place(what / 3));
    Received { press: ButtonPress { session_id, event, place, cohort: None }, received_at }
}

fn place(which: u8) -> Place {
    let degrees = match which % 8 {
        0 => None,
        1 => Some(f64::NAN),
        2 => Some(f64::INFINITY),
        other => Some(f64::from(other) * 12.3),
    };
    let code = ["--", "PT", "SE", ""][usize::from(which / 8 % 4)];
    Place {
        country_code: code.to_owned(),
        country_name: format!("Land of {code}"),
        city_name: (which & 64 > 0).then(|| format!("City {}", which % 3)),
        latitude: degrees,
        longitude: degrees,
        ..Place::unknown()
    }
}
