//! Binds the session and its outbox to the browser: what happens goes in, requests go out, and the
//! component gets views to draw.
//!
//! Order is everything here: an event is recorded (stored) first, sent second, and drawn last: once for
//! each frame, however much happens in it.

use super::view::{Cell as LogCell, View};
use crate::{
    bindings::{
        alarm::{self, Alarm},
        clock::{now, now_millis, random},
        dom,
        local_storage::LocalStorage,
        locale::Formats,
        locks::{self, Lock},
        request, session_storage,
    },
    early::Early,
    outbox::{Outbox, Request, RequestOutcome, stored},
    record,
    session::Session,
    shuffle_bag::ShuffleBag,
    status::{Facts, Locale},
    texts::{Mood, Texts},
};
use handover::{OwnPlace, Visit};
use js_sys::Function;
use page_texts::credit;
use schemas::{Event, Uuid};
use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
};
use wasm_bindgen_futures::spawn_local;
use web_sys::AbortController;
use yew::Callback;

/// Screen readers are told what happened when the pressing pauses, not at each press.
const ANNOUNCEMENT_DELAY_MILLIS: u32 = 1_200;

/// The length of what is felt at a press, on devices that vibrate.
const VIBRATION_MILLIS: u32 = 12;

/// How many events the drawing of the log shows: as many as fit on the smallest phone.
const CELLS: usize = 9;

/// What changed, and was reported by the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The page is in view, for the first time or again.
    Shown,
    /// The page was hidden or left, for good or for the back/forward cache.
    Hidden,
    /// The browser believes that there is a network again.
    Online,
    /// The browser knows that there is none.
    Offline,
    /// The button was pressed.
    Pressed,
    /// It is time to look for what other pages left behind.
    AdoptionDue,
}

/// The page's engine; clones are the same one.
#[derive(Clone)]
pub struct Driver(Rc<Inner>);

impl PartialEq for Driver {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

struct Inner {
    state: RefCell<State>,
    events_url: Option<String>,
    in_flight: RefCell<Option<AbortController>>,
    poll_alarm: Alarm,
    announcement: Alarm,
    frame: Function,
    frame_requested: Cell<bool>,
    watcher: RefCell<Option<Callback<View>>>,
    /// The map in the tab's history, if there is one: it has the numbers of this visit from then on.
    map: Cell<Option<Map>>,
}

/// The map in the tab's history.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Map {
    /// This page is opening it.
    Opening,
    /// It was opened before this page was shown (again).
    Opened,
}

struct State {
    session: Session,
    outbox: Outbox<LocalStorage>,
    texts: Texts,
    formats: Formats,
    replies: ShuffleBag,
    reply: String,
    /// The presses of the session when it was chosen.
    replied_to: u64,
    newest: Vec<Event>,
    /// The locks of the sessions whose outboxes this page has adopted.
    locks: Vec<(Uuid, Lock)>,
}

impl State {
    fn record(&mut self, events: impl IntoIterator<Item = Event>) {
        let events: Vec<Event> = events.into_iter().collect();
        if events.is_empty() {
            return;
        }
        self.newest.extend(&events);
        let surplus = self.newest.len().saturating_sub(CELLS);
        self.newest.drain(..surplus);
        self.outbox.record(events, now_millis());
    }

    /// In the panel, how long events are kept; nothing where that is not known.
    fn show_kept_days(&self) {
        let sentence = |days| self.texts.of("kept-for", days, &self.formats.number(days));
        dom::set_text("kept-for", &self.outbox.kept_days().map(sentence).unwrap_or_default());
    }

    /// What the button says: new for each press, and once it is not true any more.
    fn reply(&mut self, mood: Mood) -> String {
        let presses = self.session.presses();
        if presses == 0 {
            return self.texts.get("idle").to_owned();
        }
        let replies = self.texts.replies(mood);
        if self.replied_to != presses || !replies.contains(&&*self.reply) {
            self.replied_to = presses;
            let chosen = self.replies.next(replies.len(), random);
            self.reply = replies.get(chosen).copied().unwrap_or_default().to_owned();
        }
        self.reply.clone()
    }
}

impl Driver {
    /// The engine of this page load, with what happened before it. `None` without a session, which
    /// `boot.js` names.
    pub fn new(early: &Early) -> Option<Self> {
        let id = Uuid::try_parse(&early.session).ok()?;
        let mut session = Session::new(id);
        let mut outbox = Outbox::new(LocalStorage::new(&early.folder), id, early.cohort);
        outbox.set_left(!dom::is_visible(), now_millis());
        let events = early.replay(&mut session);
        let mut state = State {
            session,
            outbox,
            texts: Texts::default(),
            formats: Formats::of_document(),
            replies: ShuffleBag::default(),
            reply: String::new(),
            replied_to: 0,
            newest: Vec::new(),
            locks: Vec::new(),
        };
        state.record(events);
        state.outbox.forget_early_notes();
        let inner = |inner: &Weak<Inner>| {
            let callback = |action: fn(&Self)| {
                let inner = inner.clone();
                alarm::callback(move || {
                    if let Some(inner) = inner.upgrade() {
                        action(&Self(inner));
                    }
                })
            };
            Inner {
                state: RefCell::new(state),
                events_url: request::events_url(),
                in_flight: RefCell::default(),
                poll_alarm: Alarm::new(callback(|driver| {
                    driver.poll();
                    driver.request_frame();
                })),
                announcement: Alarm::new(callback(Self::announce)),
                frame: callback(Self::draw),
                frame_requested: Cell::default(),
                watcher: RefCell::default(),
                map: Cell::new(session_storage::has_visit().then_some(Map::Opened)),
            }
        };
        Some(Self(Rc::new_cyclic(inner)))
    }

    /// Sends what has happened so far, and looks for what other pages left behind.
    pub fn start(&self) {
        if dom::is_visible() {
            self.handle(Change::Shown);
        }
        self.poll();
    }

    /// Calls `watcher` with each new view.
    pub fn watch(&self, watcher: Callback<View>) {
        *self.0.watcher.borrow_mut() = Some(watcher);
        self.request_frame(); // Something may have changed since the first drawing.
    }

    /// Takes the file of the visitor's language, in which the document is from now on.
    pub fn set_texts(&self, file: String) {
        let state = &mut *self.0.state.borrow_mut();
        state.texts = Texts::new(file);
        state.formats = Formats::of_document();
        state.show_kept_days();
        self.request_frame();
    }

    /// The text of this key in the visitor's language.
    pub fn text(&self, key: &str) -> String {
        self.0.state.borrow().texts.get(key).to_owned()
    }

    /// Hands the numbers of this visit over to the map, which this page is about to open.
    pub fn hand_over(&self) {
        self.0.map.set(Some(Map::Opening));
        self.update_map();
    }

    /// Keeps the numbers of the map up to date, which the visitor can return to in several ways.
    fn update_map(&self) {
        let Some(map) = self.0.map.get() else { return };
        let state = self.0.state.borrow();
        let receipt = state.outbox.last_receipt();
        session_storage::store_visit(&Visit {
            is_new: map == Map::Opening,
            presses: state.session.presses(),
            place: receipt.map(|it| OwnPlace::new(&it.place, it.place_name.as_deref())),
        });
    }

    /// Handles what the browser reported.
    pub fn handle(&self, change: Change) {
        match change {
            Change::Pressed => {
                let state = &mut *self.0.state.borrow_mut();
                let events = state.session.pressed(now());
                state.record(events);
                dom::vibrate(VIBRATION_MILLIS);
                // Beginning a request takes a slow phone longer than all of this, and is nothing that the
                // finger has to wait for.
                self.0.poll_alarm.set(1);
                return self.request_frame();
            }
            Change::Hidden => {
                let final_request = {
                    let state = &mut *self.0.state.borrow_mut();
                    state.outbox.set_left(true, now_millis());
                    let exit = state.session.hidden(now());
                    state.record(exit);
                    // In view elsewhere, another page sends them; hidden ones would all do so.
                    state.outbox.abandon_adopted();
                    state.locks.clear();
                    state.outbox.final_request(now_millis())
                };
                if let Some(request) = final_request {
                    self.send(request, true);
                }
            }
            Change::Shown => {
                self.0.map.set(self.0.map.get().map(|_| Map::Opened));
                {
                    let state = &mut *self.0.state.borrow_mut();
                    state.outbox.set_left(false, now_millis());
                    let enter = state.session.shown(now());
                    state.record(enter);
                    state.outbox.reset_backoff(now_millis());
                }
                self.adopt_abandoned_outboxes();
            }
            Change::Online => {
                self.0.state.borrow_mut().outbox.reset_backoff(now_millis());
                self.adopt_abandoned_outboxes();
            }
            Change::AdoptionDue => self.adopt_abandoned_outboxes(),
            Change::Offline => {}
        }
        self.poll();
        self.request_frame();
    }

    /// Adopts what pages that are gone left behind.
    fn adopt_abandoned_outboxes(&self) {
        if !dom::is_visible() {
            return;
        }
        let others = self.0.state.borrow_mut().outbox.other_sessions();
        let now = now_millis();
        for id in others {
            let outbox = &mut self.0.state.borrow_mut().outbox;
            if !outbox.is_abandoned(id, now) {
                continue;
            }
            if locks::locks_exist() {
                let driver = self.clone();
                locks::try_lock(&stored::key(id), move |lock| driver.adopt(id, lock));
            } else {
                outbox.adopt(id);
            }
        }
    }

    /// Adopts the outbox whose lock this page has now.
    fn adopt(&self, id: Uuid, lock: Lock) {
        {
            let state = &mut *self.0.state.borrow_mut();
            // The lock may have come after the page was hidden: then it goes back.
            if dom::is_visible() && state.outbox.adopt(id) {
                state.locks.push((id, lock));
            }
        }
        self.poll();
        self.request_frame();
    }

    /// Sends what is due, or sees to it that it will be.
    fn poll(&self) {
        let now = now_millis();
        let (request, due) = {
            let outbox = &mut self.0.state.borrow_mut().outbox;
            (outbox.next_request(now), outbox.due_in(now))
        };
        if let Some(request) = request {
            self.send(request, !dom::is_visible());
        }
        match due {
            // Rounded up, and never 0: a timer that comes early would find nothing due.
            Some(millis) => self.0.poll_alarm.set(millis.ceil().clamp(1.0, 120_000.0) as u32),
            None => self.0.poll_alarm.clear(),
        }
    }

    /// Sends a request, in the place of the one before.
    fn send(&self, request: Request, keepalive: bool) {
        let Some(url) = &self.0.events_url else { return };
        let controller = AbortController::new().ok();
        if let Some(previous) = self.0.in_flight.replace(controller.clone()) {
            previous.abort();
        }
        let Request { ticket, body } = request;
        let outcome = request::post(url, &body, keepalive, controller);
        let driver = self.clone();
        spawn_local(async move { driver.complete(ticket, outcome.await) });
    }

    /// An attempt ended.
    fn complete(&self, ticket: u64, outcome: RequestOutcome) {
        {
            let state = &mut *self.0.state.borrow_mut();
            state.outbox.complete(ticket, outcome, now_millis(), random());
            state.show_kept_days();
            let finished = state.outbox.take_finished();
            state.locks.retain(|(id, _)| !finished.contains(id));
        }
        self.poll();
        self.request_frame();
    }

    /// Draws what is new with the next frame.
    fn request_frame(&self) {
        if !self.0.frame_requested.replace(true) {
            alarm::request_frame(&self.0.frame);
        }
    }

    fn draw(&self) {
        self.0.frame_requested.set(false);
        self.update_map();
        let watcher = self.0.watcher.borrow().clone();
        if let Some(watcher) = watcher {
            self.0.announcement.set(ANNOUNCEMENT_DELAY_MILLIS);
            watcher.emit(self.view());
        }
    }

    fn announce(&self) {
        let View { reply, count, presses_word, status, .. } = self.view();
        dom::set_text("said", &[&*reply, " ", &count, " ", &presses_word, " – ", &status].concat());
    }

    /// What is to be seen now.
    pub fn view(&self) -> View {
        let state = &mut *self.0.state.borrow_mut();
        let outbox = &state.outbox;
        let facts = Facts {
            no_address: self.0.events_url.is_none(),
            online: dom::is_online(),
            failing: outbox.is_failing(),
            waiting_presses: outbox.waiting_presses(),
            waiting: outbox.waiting(),
            memory_only: outbox.is_memory_only(),
            dropped: outbox.dropped(),
            refused: outbox.refused(),
            unreadable: outbox.unreadable(),
            last_receipt: outbox.last_receipt().cloned(),
        };
        let reply = state.reply(facts.mood());
        let (outbox, texts) = (&state.outbox, &state.texts);
        let presses = state.session.presses();
        let record = |receipt| record::fields(state.session.id(), outbox.cohort(), receipt, texts);
        let number = |value| state.formats.number(value);
        let country = |code: &str| state.formats.country(code);
        View {
            presses,
            count: number(presses),
            presses_word: texts.presses(presses).to_owned(),
            cap: texts.get("press").to_owned(),
            reply,
            status: facts.line(Locale { texts, number: &number, country: &country }),
            waiting: facts.waiting,
            log: state
                .newest
                .iter()
                .map(|event| LogCell {
                    count: event.count,
                    action: event.action,
                    waits: outbox.is_waiting(event.count),
                })
                .collect(),
            record: outbox.last_receipt().map(record).unwrap_or_default(),
            credit: outbox
                .geo_database()
                .map(|database| credit::credit(database, texts.get("places-by"))),
        }
    }
}
