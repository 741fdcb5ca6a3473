//! Whatever happens between page, storage, network and relay, in whatever order: every event is
//! recorded once, with its exact content, unless its loss is counted.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use frontend::outbox::storage::{Memory, Storage, StorageRefused};
use frontend::outbox::{MAX_BODY_BYTES, MAX_EVENTS, Outbox, Request, RequestOutcome, stored};
use frontend::session::Session;
use proptest::prelude::*;
use rate_limit::{Arrival, Exceeded, RateLimiter, Rates};
use schemas::{
    Action, Event, EventBatch, EventRejection, Place, Receipt, RejectReason, Timestamp, Uuid,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// One browser's storage, shared by its tabs, that can refuse to write.
#[derive(Clone, Default)]
struct Shared {
    texts: Rc<RefCell<Memory>>,
    refuses: Rc<RefCell<bool>>,
}

impl Storage for Shared {
    fn read(&self, key: &str) -> Result<Option<String>, StorageRefused> {
        self.texts.borrow().read(key)
    }
    fn write(&mut self, key: &str, text: &str) -> Result<(), StorageRefused> {
        if *self.refuses.borrow() {
            return Err(StorageRefused);
        }
        self.texts.borrow_mut().write(key, text)
    }
    fn remove(&mut self, key: &str) -> Result<(), StorageRefused> {
        if *self.refuses.borrow() {
            return Err(StorageRefused);
        }
        self.texts.borrow_mut().remove(key)
    }
    fn keys(&self) -> Result<Vec<String>, StorageRefused> {
        self.texts.borrow().keys()
    }
}

/// The relay, as far as it is durable.
#[derive(Default)]
struct Relay {
    recorded: BTreeMap<(Uuid, u64), Event>,
}

impl Relay {
    /// Records a request; panics where a repeat differs or an exit overtakes what was before it.
    fn take(&mut self, request: &Request, excused: &BTreeSet<(Uuid, u64)>) -> EventBatch {
        assert!(request.body.len() <= MAX_BODY_BYTES);
        let batch: EventBatch = serde_json::from_str(&request.body).unwrap();
        for event in &batch.events {
            let identity = (batch.session_id, event.count);
            let before = self.recorded.insert(identity, *event);
            assert!(before.is_none_or(|before| before == *event), "{identity:?}");
        }
        for exit in batch.events.iter().filter(|e| e.action == Action::ExitPage) {
            for count in 0..exit.count {
                let identity = (batch.session_id, count);
                assert!(
                    self.recorded.contains_key(&identity) || excused.contains(&identity),
                    "exit {} before {count}",
                    exit.count
                );
            }
        }
        batch
    }
}

fn http(status: u16, signed: bool, body: String) -> RequestOutcome {
    RequestOutcome::Response { status, signed, retry_after: None, body }
}

fn receipt(session_id: Uuid, accepted: Vec<u64>, rejected: Vec<EventRejection>) -> RequestOutcome {
    let receipt = Receipt {
        session_id,
        accepted,
        rejected,
        durable_in: "store".to_owned(),
        kafka: None,
        location: Place::unknown(),
        place_name: None,
        pretended: false,
        kept_days: None,
        geo_database: None,
    };
    http(200, true, serde_json::to_string(&receipt).unwrap())
}

fn counts(batch: &EventBatch) -> Vec<u64> {
    batch.events.iter().map(|event| event.count).collect()
}

struct Page {
    session: Session,
    outbox: Outbox<Shared>,
    request: Option<Request>,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Delivered,
    DeliveredInPart,
    DeliveredAnswerLost,
    NeverArrived,
    CaptivePortal,
    Unsigned,
    OtherSession,
    Unavailable,
    TooLargeForProxy,
    MalformedForProxy,
    MalformedIfOdd,
    OddRejected,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Press(usize),
    Shown(usize),
    Hidden(usize),
    StartRequest(usize),
    FinalRequest(usize),
    Arrive(usize, Fate),
    /// Adopts whatever there is, abandoned or not: the rule may err, events may not get lost.
    AdoptAll(usize),
    AdoptAbandoned(usize),
    Crash(usize),
    NewTab,
    StorageRefuses(bool),
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let page = 0..4usize;
    let fate = prop_oneof![
        6 => Just(Fate::Delivered),
        1 => Just(Fate::DeliveredInPart),
        2 => Just(Fate::DeliveredAnswerLost),
        2 => Just(Fate::NeverArrived),
        1 => Just(Fate::CaptivePortal),
        1 => Just(Fate::Unsigned),
        1 => Just(Fate::OtherSession),
        1 => Just(Fate::Unavailable),
        1 => Just(Fate::TooLargeForProxy),
        1 => Just(Fate::MalformedForProxy),
        1 => Just(Fate::MalformedIfOdd),
        1 => Just(Fate::OddRejected),
    ];
    prop_oneof![
        6 => page.clone().prop_map(Step::Press),
        2 => page.clone().prop_map(Step::Shown),
        2 => page.clone().prop_map(Step::Hidden),
        6 => page.clone().prop_map(Step::StartRequest),
        2 => page.clone().prop_map(Step::FinalRequest),
        6 => (page.clone(), fate).prop_map(|(page, fate)| Step::Arrive(page, fate)),
        1 => page.clone().prop_map(Step::AdoptAll),
        2 => page.clone().prop_map(Step::AdoptAbandoned),
        1 => page.prop_map(Step::Crash),
        1 => Just(Step::NewTab),
        1 => any::<bool>().prop_map(Step::StorageRefuses),
        2 => (0..200_000u32).prop_map(Step::Wait),
    ]
}

#[derive(Default)]
struct World {
    storage: Shared,
    relay: Relay,
    pages: Vec<Page>,
    happened: BTreeMap<(Uuid, u64), Event>,
    /// Losses that are counted, or that nothing can prevent.
    excused: BTreeSet<(Uuid, u64)>,
    refused_by_relay: u64,
    refused_by_outboxes: u64,
    sessions: u128,
    now: f64,
}

impl World {
    fn open_tab(&mut self) {
        self.sessions += 1;
        let id = Uuid::from_u128(self.sessions);
        self.pages.push(Page {
            session: Session::new(id),
            outbox: Outbox::new(self.storage.clone(), id, None),
            request: None,
        });
        let page = self.pages.len() - 1;
        self.signal(page, |session, at| session.shown(at).into_iter().collect());
    }

    fn signal(&mut self, page: usize, act: impl Fn(&mut Session, Timestamp) -> Vec<Event>) {
        self.now += 1.0;
        let Some(page) = self.pages.get_mut(page) else {
            return;
        };
        let events = act(&mut page.session, Timestamp::from_millis_clamped(self.now));
        for event in &events {
            let identity = (page.session.id(), event.count);
            assert!(self.happened.insert(identity, *event).is_none());
        }
        page.outbox.record(events, self.now);
    }

    fn arrive(&mut self, page: usize, fate: Fate) {
        let Some(page) = self.pages.get_mut(page) else {
            return;
        };
        let Some(request) = page.request.take() else {
            return;
        };
        let batch: EventBatch = serde_json::from_str(&request.body).unwrap();
        let id = batch.session_id;
        let odd = |count: &u64| count % 2 == 1;
        let answer = match fate {
            Fate::Delivered => {
                let batch = self.relay.take(&request, &self.excused);
                receipt(id, counts(&batch), vec![])
            }
            Fate::DeliveredInPart => {
                let mut events = batch.events.clone();
                events.truncate(events.len() / 2);
                let body = serde_json::to_string(&EventBatch { events, ..batch }).unwrap();
                let batch = self.relay.take(&Request { body, ..request }, &self.excused);
                receipt(id, counts(&batch), vec![])
            }
            Fate::DeliveredAnswerLost => {
                self.relay.take(&request, &self.excused);
                RequestOutcome::NoResponse
            }
            Fate::NeverArrived => RequestOutcome::NoResponse,
            Fate::CaptivePortal => http(200, false, "<html>Accept our terms".to_owned()),
            Fate::Unsigned => match receipt(id, counts(&batch), vec![]) {
                RequestOutcome::Response { body, .. } => http(200, false, body),
                RequestOutcome::NoResponse => RequestOutcome::NoResponse,
            },
            Fate::OtherSession => receipt(Uuid::nil(), counts(&batch), vec![]),
            Fate::Unavailable => RequestOutcome::Response {
                status: 503,
                signed: true,
                retry_after: Some(3.0),
                body: String::new(),
            },
            Fate::TooLargeForProxy => http(413, false, "too large".to_owned()),
            Fate::MalformedForProxy => http(400, false, "<html>Bad request".to_owned()),
            Fate::MalformedIfOdd if counts(&batch).iter().any(odd) => {
                if let [event] = batch.events[..] {
                    self.excused.insert((id, event.count));
                    self.refused_by_relay += 1;
                }
                http(400, true, String::new())
            }
            Fate::MalformedIfOdd => {
                let batch = self.relay.take(&request, &self.excused);
                receipt(id, counts(&batch), vec![])
            }
            Fate::OddRejected => {
                let (bad, good): (Vec<_>, Vec<_>) =
                    batch.events.iter().enumerate().partition(|(_, event)| odd(&event.count));
                let mut rejected = Vec::new();
                for (index, event) in bad {
                    self.excused.insert((id, event.count));
                    self.refused_by_relay += 1;
                    rejected.push(EventRejection {
                        index,
                        // Where the count could not be read, the place in the request says which.
                        count: (index % 2 == 0).then_some(event.count),
                        reason: RejectReason::BadTimestamp,
                        detail: String::new(),
                    });
                }
                let good: Vec<Event> = good.into_iter().map(|(_, event)| *event).collect();
                let body = serde_json::to_string(&EventBatch { events: good, ..batch }).unwrap();
                let batch = self.relay.take(&Request { body, ..request }, &self.excused);
                receipt(id, counts(&batch), rejected)
            }
        };
        page.outbox.complete(request.ticket, answer, self.now, 0.5);
        page.outbox.take_finished();
    }

    fn adopt(&mut self, page: usize, only_abandoned: bool) {
        let now = self.now;
        if let Some(page) = self.pages.get_mut(page) {
            for id in page.outbox.other_sessions() {
                if !only_abandoned || page.outbox.is_abandoned(id, now) {
                    page.outbox.adopt(id);
                }
            }
        }
    }

    /// The page is gone without a word. What was in memory alone is gone with it.
    fn crash(&mut self, page: usize) {
        if page >= self.pages.len() {
            return;
        }
        let page = self.pages.remove(page);
        self.refused_by_outboxes += page.outbox.refused();
        if page.outbox.is_memory_only() {
            let id = page.session.id();
            let lost = self.happened.keys().filter(|identity| identity.0 == id);
            self.excused.extend(lost.copied());
        }
    }

    fn step(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Press(page) => self.signal(page, |session, at| session.pressed(at).collect()),
            Step::Shown(page) => {
                self.signal(page, |session, at| session.shown(at).into_iter().collect());
                if let Some(page) = self.pages.get_mut(page) {
                    page.outbox.set_left(false, now);
                }
            }
            Step::Hidden(page) => {
                self.signal(page, |session, at| session.hidden(at).into_iter().collect());
                if let Some(page) = self.pages.get_mut(page) {
                    page.outbox.set_left(true, now);
                }
            }
            Step::StartRequest(page) => {
                if let Some(page) = self.pages.get_mut(page)
                    && let Some(request) = page.outbox.next_request(now)
                {
                    assert!(page.request.replace(request).is_none(), "two in flight");
                }
            }
            Step::FinalRequest(page) => {
                if let Some(page) = self.pages.get_mut(page)
                    && let Some(request) = page.outbox.final_request(now)
                {
                    page.request = Some(request);
                }
            }
            Step::Arrive(page, fate) => self.arrive(page, fate),
            Step::AdoptAll(page) => self.adopt(page, false),
            Step::AdoptAbandoned(page) => self.adopt(page, true),
            Step::Crash(page) => self.crash(page),
            Step::NewTab => {
                if self.pages.len() < 4 {
                    self.open_tab();
                }
            }
            Step::StorageRefuses(refuses) => *self.storage.refuses.borrow_mut() = refuses,
            Step::Wait(millis) => self.now += f64::from(millis),
        }
    }

    /// The network is back: everybody sends, and one more page collects what dead ones left.
    fn all_is_well_again(&mut self) {
        *self.storage.refuses.borrow_mut() = false;
        self.open_tab();
        for round in 0.. {
            assert!(round < 10_000, "never done");
            self.now += 100_000.0;
            let collector = self.pages.len() - 1;
            self.adopt(collector, true);
            for page in 0..self.pages.len() {
                self.step(Step::Arrive(page, Fate::Delivered));
                self.step(Step::StartRequest(page));
            }
            let idle = |page: &Page| page.outbox.waiting() == 0 && page.request.is_none();
            if self.pages.iter().all(idle) && self.storage.keys().unwrap().is_empty() {
                break;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_event_is_recorded_with_its_exact_content(
        steps in prop::collection::vec(step(), 0..120)
    ) {
        let mut world = World::default();
        world.open_tab();
        for step in steps {
            world.step(step);
        }
        world.all_is_well_again();
        for (identity, event) in &world.happened {
            match world.relay.recorded.get(identity) {
                Some(recorded) => prop_assert_eq!(recorded, event),
                None => prop_assert!(world.excused.contains(identity), "lost {:?}", identity),
            }
        }
        // The relay has nothing that did not happen, and each refusal was counted.
        for identity in world.relay.recorded.keys() {
            prop_assert!(world.happened.contains_key(identity));
        }
        for page in &world.pages {
            world.refused_by_outboxes += page.outbox.refused();
        }
        prop_assert!(world.refused_by_outboxes <= world.refused_by_relay);
    }
}

fn event(action: Action, count: u64) -> Event {
    Event { timestamp: Timestamp::from_millis_clamped(count as f64), action, count }
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn outbox_with(storage: Shared, presses: u64) -> Outbox<Shared> {
    let mut outbox = Outbox::new(storage, id(1), None);
    outbox.record([event(Action::EnterPage, 0)], 0.0);
    outbox.record((1..=presses).map(|count| event(Action::PressButton, count)), 0.0);
    outbox
}

#[test]
fn an_event_is_stored_before_it_can_be_sent() {
    let storage = Shared::default();
    outbox_with(storage.clone(), 1);
    let text = storage.read(&stored::key(id(1))).unwrap().unwrap();
    assert_eq!(stored::StoredOutbox::parse(&text).unwrap().events.len(), 2);
}

#[test]
fn over_the_cap_presses_make_room_and_each_is_counted() {
    let mut outbox = outbox_with(Shared::default(), MAX_EVENTS as u64 + 9);
    outbox.record([event(Action::ExitPage, MAX_EVENTS as u64 + 10)], 0.0);
    assert_eq!(outbox.dropped(), 11);
    assert_eq!(outbox.waiting(), MAX_EVENTS);
    assert_eq!(outbox.waiting_presses(), MAX_EVENTS - 2);
}

#[test]
fn events_gather_while_a_request_is_in_flight() {
    let mut outbox = outbox_with(Shared::default(), 1);
    let first = outbox.next_request(0.0).unwrap();
    outbox.record([event(Action::PressButton, 2)], 1.0);
    outbox.record([event(Action::PressButton, 3)], 2.0);
    assert_eq!(outbox.next_request(2.0), None);
    outbox.complete(first.ticket, receipt(id(1), vec![0, 1], vec![]), 3.0, 0.5);
    let second = outbox.next_request(3.0).unwrap();
    let batch: EventBatch = serde_json::from_str(&second.body).unwrap();
    assert_eq!(counts(&batch), [2, 3]);
}

#[test]
fn a_farewell_takes_along_what_is_in_flight() {
    let mut outbox = outbox_with(Shared::default(), 1);
    let first = outbox.next_request(0.0).unwrap();
    assert_eq!(outbox.final_request(1.0), None, "all of it is in flight");
    outbox.record([event(Action::ExitPage, 2)], 1.0);
    let last = outbox.final_request(1.0).unwrap();
    let batch: EventBatch = serde_json::from_str(&last.body).unwrap();
    assert_eq!(counts(&batch), [0, 1, 2]);
    // The aborted attempt says nothing any more.
    outbox.complete(first.ticket, receipt(id(1), vec![0, 1], vec![]), 2.0, 0.5);
    assert_eq!(outbox.waiting(), 3);
}

#[test]
fn waits_as_the_relay_asks_but_not_when_the_network_is_back() {
    let mut outbox = outbox_with(Shared::default(), 1);
    let request = outbox.next_request(0.0).unwrap();
    let answer = RequestOutcome::Response {
        status: 503,
        signed: true,
        retry_after: Some(9.0),
        body: String::new(),
    };
    outbox.complete(request.ticket, answer, 1000.0, 0.5);
    assert_eq!(outbox.due_in(1000.0), Some(9000.0));
    assert_eq!(outbox.next_request(9999.0), None);
    outbox.reset_backoff(1001.0);
    assert!(outbox.next_request(1001.0).is_some());
}

/// An outbox whose attempts have failed until the wait is the longest, and when the last one did.
fn outbox_after_an_outage() -> (Outbox<Shared>, f64) {
    let mut outbox = outbox_with(Shared::default(), 1);
    let mut now = 0.0;
    for _ in 0..8 {
        now += outbox.due_in(now).unwrap();
        let request = outbox.next_request(now).unwrap();
        outbox.complete(request.ticket, RequestOutcome::NoResponse, now, 1.0);
    }
    assert_eq!(outbox.due_in(now), Some(30_000.0));
    (outbox, now)
}

#[test]
fn press_after_an_outage_is_sent_at_once() {
    let (mut outbox, failed_at) = outbox_after_an_outage();
    let now = failed_at + 9000.0;
    assert_eq!(outbox.next_request(now), None, "without a press it waits");
    outbox.record([event(Action::PressButton, 2)], now);
    assert_eq!(outbox.due_in(now), Some(0.0));
    assert!(outbox.next_request(now).is_some());

    let (mut outbox, failed_at) = outbox_after_an_outage();
    outbox.record([event(Action::PressButton, 2)], failed_at + 500.0);
    assert_eq!(outbox.due_in(failed_at + 500.0), Some(1500.0), "right after an attempt");
}

#[test]
fn visits_do_not_shorten_the_wait() {
    let (mut outbox, failed_at) = outbox_after_an_outage();
    outbox.record([event(Action::ExitPage, 2)], failed_at + 9000.0);
    assert_eq!(outbox.due_in(failed_at + 9000.0), Some(21_000.0));
}

#[test]
fn flood_of_presses_in_an_outage_makes_one_attempt_every_two_seconds() {
    let (mut outbox, failed_at) = outbox_after_an_outage();
    let mut attempts = vec![failed_at];
    for count in 2..1200_u64 {
        let now = failed_at + count as f64 * 50.0;
        outbox.record([event(Action::PressButton, count)], now);
        if let Some(request) = outbox.next_request(now) {
            attempts.push(now);
            outbox.complete(request.ticket, RequestOutcome::NoResponse, now + 1.0, 1.0);
        }
    }
    assert!((25..=30).contains(&attempts.len()), "{} in a minute", attempts.len());
    assert!(attempts.windows(2).all(|pair| pair[1] - pair[0] >= 2000.0), "{attempts:?}");
}

#[test]
fn press_does_not_shorten_what_the_relay_asks_for() {
    for status in [429, 503] {
        let answer = RequestOutcome::Response {
            status,
            signed: true,
            retry_after: Some(9.0),
            body: String::new(),
        };
        let mut outbox = outbox_with(Shared::default(), 1);
        let request = outbox.next_request(0.0).unwrap();
        outbox.complete(request.ticket, answer, 100.0, 0.0);
        outbox.record([event(Action::PressButton, 2)], 5000.0);
        assert_eq!(outbox.due_in(5000.0), Some(4100.0), "{status}");
    }
}

/// The relay's default limits.
const LIMITS: Rates =
    Rates { session_requests: 20, session_events: 500, new_sessions: 500, events: 5000 };

/// The outcome of a request at a relay that has these limits, at this time in milliseconds.
fn limited_outcome(limits: &RateLimiter, request: &Request, now: f64) -> RequestOutcome {
    let batch: EventBatch = serde_json::from_str(&request.body).unwrap();
    let first = batch.events.iter().map(|event| event.timestamp.micros()).min().unwrap();
    let age = (now * 1000.0) as u64 - u64::try_from(first).unwrap();
    let age = Duration::from_micros(age);
    let arrival = Arrival { session: batch.session_id, events: batch.events.len(), age };
    let (status, wait) = match limits.admit(arrival, (now * 1e6) as u64) {
        Ok(()) => return receipt(batch.session_id, counts(&batch), vec![]),
        Err(Exceeded::SessionRequests(wait) | Exceeded::SessionEvents(wait)) => (429, wait),
        Err(Exceeded::NewSessions) => (503, Duration::from_secs(2)),
        Err(Exceeded::Events(wait)) => (503, wait + Duration::from_secs(2)),
    };
    let retry_after = Some(wait.as_secs_f64().ceil());
    RequestOutcome::Response { status, signed: true, retry_after, body: String::new() }
}

/// Sends all that an outbox has to a relay with limits. Returns when the last event was acknowledged, and how many
/// requests were rejected.
fn send_all(outbox: &mut Outbox<Shared>, limits: &RateLimiter, mut now: f64) -> (f64, usize) {
    let mut rejected = 0;
    while let Some(wait) = outbox.due_in(now) {
        now += wait;
        let request = outbox.next_request(now).unwrap();
        let outcome = limited_outcome(limits, &request, now);
        rejected +=
            usize::from(matches!(outcome, RequestOutcome::Response { status: 429 | 503, .. }));
        now += 50.0;
        outbox.complete(request.ticket, outcome, now, 0.5);
    }
    assert_eq!((outbox.waiting(), outbox.dropped(), outbox.refused()), (0, 0, 0));
    (now, rejected)
}

/// The outbox of a page on which as many presses as it keeps were made at this pace without a network, and the time
/// after them.
fn full_outbox(pace_millis: f64) -> (Outbox<Shared>, f64) {
    let mut outbox = Outbox::new(Shared::default(), id(1), None);
    let presses = (0..MAX_EVENTS as u64).map(|count| {
        let timestamp = Timestamp::from_millis_clamped(count as f64 * pace_millis);
        Event { timestamp, action: Action::PressButton, count }
    });
    let now = MAX_EVENTS as f64 * pace_millis;
    outbox.record(presses, now);
    (outbox, now)
}

#[test]
fn full_outbox_passes_the_limits_of_a_relay() {
    // Two hours of presses; and the fastest machine that a session's limit admits.
    for (pace, most_rejected, most_millis) in [(3600.0, 0, 300.0), (5.0, 5, 10_000.0)] {
        let (mut outbox, now) = full_outbox(pace);
        let (end, rejected) = send_all(&mut outbox, &RateLimiter::new(LIMITS), now);
        assert!(rejected <= most_rejected, "{rejected} requests were rejected");
        assert!(end - now < most_millis, "it took {} ms", end - now);
    }
}

#[test]
fn full_outbox_loses_nothing_in_a_flood() {
    let (mut outbox, begin) = full_outbox(100.0);
    let limits = RateLimiter::new(LIMITS);
    let (mut now, mut rejected) = (begin, 0);
    // A minute of sessions that bring more than all may.
    for request in 0..60_000_u64 {
        now += 1.0;
        let session = Uuid::from_u128(u128::from(1000 + request / 6));
        let flood = Arrival { session, events: 880, age: Duration::MAX };
        let _limited = limits.admit(flood, (now * 1e6) as u64);
        if request > 10_000 && outbox.due_in(now) == Some(0.0) {
            let request = outbox.next_request(now).unwrap();
            let outcome = limited_outcome(&limits, &request, now);
            rejected +=
                usize::from(matches!(outcome, RequestOutcome::Response { status: 503, .. }));
            outbox.complete(request.ticket, outcome, now, 0.5);
        }
    }
    assert!(rejected > 0, "the flood takes all that there is");
    let (end, _) = send_all(&mut outbox, &limits, now);
    assert!(end - now < 60_000.0, "it took {} ms after the flood", end - now);
}

/// The network came back, or the visitor pressed, while the last attempt before that was still hanging.
#[test]
fn attempt_that_hung_before_a_press_is_followed_at_once() {
    let later: [fn(&mut Outbox<Shared>, f64); 2] = [
        |outbox, now| outbox.record([event(Action::PressButton, 2)], now),
        |outbox, now| outbox.reset_backoff(now),
    ];
    for happens in later {
        let (mut outbox, failed_at) = outbox_after_an_outage();
        let begun = failed_at + 30_000.0;
        let request = outbox.next_request(begun).unwrap();
        happens(&mut outbox, begun + 7000.0);
        outbox.complete(request.ticket, RequestOutcome::NoResponse, begun + 8000.0, 1.0);
        assert!(outbox.next_request(begun + 8000.0).is_some());
    }
}

#[test]
fn a_clock_that_is_set_back_does_not_make_it_wait_for_years() {
    const YEAR: f64 = 365.0 * 24.0 * 3_600_000.0;
    let mut outbox = outbox_with(Shared::default(), 1);
    let request = outbox.next_request(3.0 * YEAR).unwrap();
    outbox.complete(request.ticket, RequestOutcome::NoResponse, 3.0 * YEAR, 0.5);
    assert_eq!(outbox.next_request(3.0 * YEAR), None, "it waits");
    assert_eq!(outbox.due_in(0.0), Some(0.0));
    assert!(outbox.next_request(0.0).is_some());
}

#[test]
fn a_refused_event_whose_count_could_not_be_read_is_known_by_its_place() {
    let mut outbox = outbox_with(Shared::default(), 4);
    let request = outbox.next_request(0.0).unwrap();
    let rejected = EventRejection {
        index: 1,
        count: None,
        reason: RejectReason::BadCount,
        detail: String::new(),
    };
    outbox.complete(request.ticket, receipt(id(1), vec![0, 2], vec![rejected]), 1.0, 0.5);
    assert_eq!(outbox.refused(), 1);
    let still: Vec<u64> = (0..9).filter(|count| outbox.is_waiting(*count)).collect();
    assert_eq!(still, [3, 4]);
}

#[test]
fn a_poisonous_event_is_found_and_given_up_and_the_rest_arrives() {
    let mut outbox = outbox_with(Shared::default(), 20);
    let mut recorded = BTreeSet::new();
    let mut now = 0.0;
    while outbox.waiting() > 0 {
        now += 60_000.0;
        assert!(now < 60_000.0 * 100.0, "never done");
        let request = outbox.next_request(now).unwrap();
        let batch: EventBatch = serde_json::from_str(&request.body).unwrap();
        let answer = if counts(&batch).contains(&13) {
            http(400, true, String::new())
        } else {
            recorded.extend(counts(&batch));
            receipt(id(1), counts(&batch), vec![])
        };
        outbox.complete(request.ticket, answer, now, 0.5);
    }
    assert_eq!(outbox.refused(), 1);
    assert_eq!(recorded, (0..=20).filter(|count| *count != 13).collect());
}

#[test]
fn a_proxy_that_finds_one_event_too_large_makes_nobody_give_up() {
    let mut outbox = outbox_with(Shared::default(), 0);
    for attempt in 1..5 {
        let now = f64::from(attempt) * 60_000.0;
        let request = outbox.next_request(now).unwrap();
        outbox.complete(request.ticket, http(413, false, String::new()), now, 0.5);
    }
    assert_eq!((outbox.waiting(), outbox.refused()), (1, 0));
}

#[test]
fn text_that_nobody_can_read_is_set_aside_once() {
    for junk in ["", "{", "[]", "{\"events\":5}", "\u{0}"] {
        let mut storage = Shared::default();
        storage.write(&stored::key(id(7)), junk).unwrap();
        let mut outbox = Outbox::new(storage.clone(), id(1), None);
        for other in outbox.other_sessions() {
            assert!(outbox.is_abandoned(other, 0.0));
            assert!(!outbox.adopt(other));
        }
        assert!(outbox.other_sessions().is_empty());
        assert_eq!(outbox.unreadable(), 1);
        let aside = format!("{}{}", stored::UNREADABLE_PREFIX, id(7));
        assert_eq!(storage.read(&aside).unwrap().as_deref(), Some(junk));
    }
}

#[test]
fn an_adopter_leaves_alone_what_the_owner_added_meanwhile() {
    let storage = Shared::default();
    let mut owner = outbox_with(storage.clone(), 1);
    let mut adopter = Outbox::new(storage.clone(), id(2), None);
    assert_eq!(adopter.other_sessions(), [id(1)]);
    assert!(adopter.adopt(id(1)));
    let request = adopter.next_request(0.0).unwrap();
    owner.record([event(Action::PressButton, 2)], 0.0);
    adopter.complete(request.ticket, receipt(id(1), vec![0, 1], vec![]), 1.0, 0.5);
    assert_eq!(adopter.take_finished(), [id(1)]);
    let text = storage.read(&stored::key(id(1))).unwrap().unwrap();
    let left = stored::StoredOutbox::parse(&text).unwrap().events;
    assert_eq!(left, [event(Action::PressButton, 2)]);
}

#[test]
fn a_living_page_is_not_abandoned_and_a_hidden_one_is() {
    let storage = Shared::default();
    let mut owner = outbox_with(storage.clone(), 1);
    let other = Outbox::new(storage, id(2), None);
    assert!(!other.is_abandoned(id(1), 80_000.0));
    assert!(other.is_abandoned(id(1), 100_000.0));
    assert!(owner.next_request(80_000.0).is_some(), "a sign of life");
    assert!(!other.is_abandoned(id(1), 100_000.0));
    owner.set_left(true, 100_000.0);
    assert!(other.is_abandoned(id(1), 100_001.0));
    owner.set_left(false, 100_002.0);
    assert!(!other.is_abandoned(id(1), 100_003.0));
}
