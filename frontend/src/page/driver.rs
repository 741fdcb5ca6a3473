//! Binds the session and its outbox to the browser: what happens goes in, requests go out, and the
//! component gets views to draw.
//!
//! Order is everything here: an event is recorded (stored) first, sent second, and drawn last: once for
//! each frame, however much happens in it.

use super::view::{Cell as LogCell, View};
use crate::{
    bindings::{
        alarm::Alarm,
        clock::{now, now_millis, random},
        dom,
        local_storage::LocalStorage,
        locale::Formats,
        locks::{self, Lock},
        request,
    },
    early::Early,
    outbox::{Outbox, Request, RequestOutcome, stored},
    record,
    session::Session,
    shuffle_bag::ShuffleBag,
    status::{Facts, Locale},
    texts::Texts,
};
use page_texts::credit;
use schemas::{Event, Uuid};
use std::{
    cell::{Cell, RefCell},
    future::Future,
    rc::Rc,
    task::{Context, Poll, Waker},
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
    frame_requested: Cell<bool>,
    watcher: RefCell<Option<Callback<View>>>,
}

struct State {
    session: Session,
    outbox: Outbox<LocalStorage>,
    texts: Texts,
    formats: Formats,
    replies: ShuffleBag,
    reply: Option<String>,
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

    fn reply(&mut self) {
        let replies = self.texts.replies();
        let chosen = self.replies.next(replies.len(), random);
        self.reply = replies.get(chosen).map(|reply| (*reply).to_owned());
    }
}

impl Driver {
    /// The engine of this page load, with what happened before it. `None` without a session, which
    /// `boot.js` names.
    pub fn new(early: &Early) -> Option<Self> {
        let id = Uuid::try_parse(&early.session).ok()?;
        let mut session = Session::new(id);
        let mut outbox = Outbox::new(LocalStorage, id, early.cohort);
        outbox.set_left(!dom::is_visible(), now_millis());
        let events = early.replay(&mut session);
        let mut state = State {
            session,
            outbox,
            texts: Texts::default(),
            formats: Formats::of_document(),
            replies: ShuffleBag::default(),
            reply: None,
            newest: Vec::new(),
            locks: Vec::new(),
        };
        state.record(events);
        if state.session.presses() > 0 {
            state.reply();
        }
        state.outbox.forget_early_notes();
        Some(Self(Rc::new(Inner {
            state: RefCell::new(state),
            events_url: request::events_url(),
            in_flight: RefCell::default(),
            poll_alarm: Alarm::default(),
            announcement: Alarm::default(),
            frame_requested: Cell::default(),
            watcher: RefCell::default(),
        })))
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
        self.request_frame();
    }

    /// The text of this key in the visitor's language.
    pub fn text(&self, key: &str) -> String {
        self.0.state.borrow().texts.get(key).to_owned()
    }

    /// The session of this page load.
    pub fn session_id(&self) -> Uuid {
        self.0.state.borrow().session.id()
    }

    /// Handles what the browser reported.
    pub fn handle(&self, change: Change) {
        match change {
            Change::Pressed => {
                let state = &mut *self.0.state.borrow_mut();
                let events = state.session.pressed(now());
                state.record(events);
                state.reply();
                dom::vibrate(VIBRATION_MILLIS);
                // Beginning a request takes a slow phone longer than all of this, and is nothing that the
                // finger has to wait for.
                self.poll_in(1);
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
                {
                    let state = &mut *self.0.state.borrow_mut();
                    state.outbox.set_left(false, now_millis());
                    let enter = state.session.shown(now());
                    state.record(enter);
                    state.outbox.reset_backoff();
                }
                self.adopt_abandoned_outboxes();
            }
            Change::Online => {
                self.0.state.borrow_mut().outbox.reset_backoff();
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
            Some(millis) => self.poll_in(millis.ceil().clamp(1.0, 120_000.0) as u32),
            None => self.0.poll_alarm.clear(),
        }
    }

    fn poll_in(&self, millis: u32) {
        let driver = self.clone();
        self.0.poll_alarm.set(millis, move || {
            driver.poll();
            driver.request_frame();
        });
    }

    /// Sends a request, in the place of the one before.
    fn send(&self, request: Request, keepalive: bool) {
        let Some(url) = self.0.events_url.clone() else { return };
        let controller = AbortController::new().ok();
        if let Some(previous) = self.0.in_flight.replace(controller.clone()) {
            previous.abort();
        }
        let Request { ticket, body } = request;
        let mut post =
            Box::pin(async move { request::post(&url, &body, keepalive, controller).await });
        // Begins the request now: a page that is left may not run until the next task.
        let begun = post.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let driver = self.clone();
        spawn_local(async move {
            let outcome = match begun {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => post.await,
            };
            driver.complete(ticket, outcome);
        });
    }

    /// An attempt ended.
    fn complete(&self, ticket: u64, outcome: RequestOutcome) {
        {
            let state = &mut *self.0.state.borrow_mut();
            state.outbox.complete(ticket, outcome, now_millis(), random());
            let finished = state.outbox.take_finished();
            state.locks.retain(|(id, _)| !finished.contains(id));
        }
        self.poll();
        self.request_frame();
    }

    /// Draws what is new with the next frame.
    fn request_frame(&self) {
        if !self.0.frame_requested.replace(true) {
            let driver = self.clone();
            dom::request_frame(move || {
                driver.0.frame_requested.set(false);
                driver.draw();
            });
        }
    }

    fn draw(&self) {
        let watcher = self.0.watcher.borrow().clone();
        if let Some(watcher) = watcher {
            let view = self.view();
            let text = format!("{} {}", view.reply, view.status);
            let announce = move || dom::set_text("said", &text);
            self.0.announcement.set(ANNOUNCEMENT_DELAY_MILLIS, announce);
            watcher.emit(view);
        }
    }

    /// What is to be seen now.
    pub fn view(&self) -> View {
        let state = self.0.state.borrow();
        let outbox = &state.outbox;
        let texts = &state.texts;
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
        let presses = state.session.presses();
        let record = |receipt| record::fields(state.session.id(), outbox.cohort(), receipt);
        let number = |value| state.formats.number(value);
        let country = |code: &str| state.formats.country(code);
        View {
            presses,
            count: number(presses),
            presses_word: texts.presses(presses).to_owned(),
            cap: texts.get("press").to_owned(),
            reply: state.reply.clone().unwrap_or_else(|| texts.get("idle").to_owned()),
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
