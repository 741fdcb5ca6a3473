//! Binds the session and its outbox to the browser: what happens goes in, requests go out, and
//! whoever draws is told.
//!
//! Order is everything here: an event is recorded (stored) first, sent second, and drawn last: once for
//! each frame, however much happens in it.

use super::view::{Cell, View};
use crate::{
    browser::{
        local_storage::LocalStorage,
        seams::{self, Change},
    },
    credit,
    early::Early,
    outbox::{Answer, Outbox, Request, stored},
    record,
    replies::Deck,
    session::Session,
    status::{Facts, Voice},
    texts::Texts,
};
use schemas::{Event, Uuid};
use std::{cell::RefCell, rc::Rc};
use yew::Callback;

/// How many events the drawing of the log shows: as many as fit on the smallest phone.
const CELLS: usize = 9;

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
    watcher: RefCell<Option<Callback<View>>>,
}

struct State {
    session: Session,
    outbox: Outbox<LocalStorage>,
    texts: Texts,
    deck: Deck,
    reply: Option<String>,
    newest: Vec<Event>,
    /// The sessions whose locks this page has: those whose outboxes it has adopted.
    locks: Vec<Uuid>,
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
        self.outbox.record(events, seams::now_millis());
    }

    fn reply(&mut self) {
        let replies = self.texts.replies();
        let chosen = self.deck.next(replies.len(), seams::random);
        self.reply = replies.get(chosen).map(|reply| (*reply).to_owned());
    }

    /// Lets go of the locks of these sessions.
    fn release(&mut self, which: impl Fn(&Uuid) -> bool) {
        let (go, stay) = std::mem::take(&mut self.locks).into_iter().partition(which);
        self.locks = stay;
        let go: Vec<Uuid> = go;
        for id in go {
            seams::release(&stored::key(id));
        }
    }
}

impl Driver {
    /// The engine of this page load, with what happened before it. `None` without a session, which
    /// `boot.js` names.
    pub fn new(early: &Early) -> Option<Self> {
        let id = Uuid::try_parse(&early.session).ok()?;
        let mut session = Session::new(id);
        let mut outbox = Outbox::new(LocalStorage, id, early.cohort);
        outbox.set_left(!seams::is_visible(), seams::now_millis());
        let events = early.replay(&mut session);
        let mut state = State {
            session,
            outbox,
            texts: Texts::default(),
            deck: Deck::default(),
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
            events_url: seams::events_url(),
            watcher: RefCell::new(None),
        })))
    }

    /// Begins to work.
    pub fn begin(&self) {
        if seams::is_visible() {
            self.changed(Change::Shown);
        }
        self.pump();
    }

    /// Calls `watcher` with each new view.
    pub fn watch(&self, watcher: Callback<View>) {
        *self.0.watcher.borrow_mut() = Some(watcher);
        self.draw(); // Something may have changed since the first drawing.
    }

    /// The texts of the visitor's language are there.
    pub fn speak(&self, file: String) {
        self.0.state.borrow_mut().texts = Texts::new(file);
        self.draw();
    }

    /// The browser told that something changed.
    pub fn changed(&self, change: Change) {
        let now = seams::now_millis();
        match change {
            Change::Pressed => {
                let state = &mut *self.0.state.borrow_mut();
                let events = state.session.pressed(seams::now());
                state.record(events);
                state.reply();
                // Beginning a request takes a slow phone longer than all of this, and is nothing that the
                // finger has to wait for.
                seams::wake(1.0);
                return self.draw();
            }
            Change::Hidden | Change::Left => {
                let farewell = {
                    let state = &mut *self.0.state.borrow_mut();
                    state.outbox.set_left(true, now);
                    let exit = state.session.hidden(seams::now());
                    state.record(exit);
                    // In view elsewhere, another page sends them; hidden ones would all do so.
                    state.outbox.abandon_adopted();
                    state.release(|_| true);
                    state.outbox.farewell(now)
                };
                if let Some(request) = farewell {
                    self.send(&request, true);
                }
            }
            Change::Shown => {
                {
                    let state = &mut *self.0.state.borrow_mut();
                    state.outbox.set_left(false, now);
                    let enter = state.session.shown(seams::now());
                    state.record(enter);
                    state.outbox.hurry();
                }
                self.sweep();
            }
            Change::Online => {
                self.0.state.borrow_mut().outbox.hurry();
                self.sweep();
            }
            Change::Sweep => self.sweep(),
            Change::Offline | Change::Due => {}
            Change::Frame => return self.paint(),
        }
        self.pump();
        self.draw();
    }

    /// Adopts what pages that are gone left behind.
    fn sweep(&self) {
        if !seams::is_visible() {
            return;
        }
        let others = self.0.state.borrow_mut().outbox.others();
        let now = seams::now_millis();
        for id in others {
            let mut state = self.0.state.borrow_mut();
            if !state.outbox.is_abandoned(id, now) {
                continue;
            }
            if seams::locks_exist() {
                seams::hold(&stored::key(id));
            } else {
                state.outbox.adopt(id);
            }
        }
    }

    /// This page has the lock of this name now.
    pub fn holds(&self, name: &str) {
        let Some(id) = stored::session_of(name) else { return };
        {
            let state = &mut *self.0.state.borrow_mut();
            // The lock may have come after the page was hidden: then it goes back.
            let keeps = seams::is_visible() && state.outbox.adopt(id);
            state.locks.push(id);
            if !keeps {
                state.release(|held| *held == id);
            }
        }
        self.pump();
        self.draw();
    }

    /// Sends what is due, or sees to it that it will be.
    fn pump(&self) {
        let now = seams::now_millis();
        let (request, due) = {
            let outbox = &mut self.0.state.borrow_mut().outbox;
            (outbox.next_request(now), outbox.due_in(now))
        };
        if let Some(request) = request {
            self.send(&request, !seams::is_visible());
        }
        // Rounded up, and never 0: a timer that comes early would find nothing due.
        seams::wake(due.map_or(0.0, |millis| millis.ceil().clamp(1.0, 120_000.0)));
    }

    fn send(&self, request: &Request, keepalive: bool) {
        if let Some(url) = &self.0.events_url {
            seams::post(request.ticket as f64, url, &request.body, keepalive);
        }
    }

    /// An attempt ended.
    pub fn answered(&self, ticket: u64, answer: Answer) {
        {
            let state = &mut *self.0.state.borrow_mut();
            state.outbox.answered(ticket, answer, seams::now_millis(), seams::random());
            let finished = state.outbox.take_finished();
            state.release(|id| finished.contains(id));
        }
        self.pump();
        self.draw();
    }

    /// There is something new to be seen.
    fn draw(&self) {
        seams::next_frame();
    }

    fn paint(&self) {
        let watcher = self.0.watcher.borrow().clone();
        if let Some(watcher) = watcher {
            let view = self.view();
            seams::say(&format!("{} {}", view.reply, view.status));
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
            online: seams::is_online(),
            failing: outbox.is_failing(),
            waiting_presses: outbox.waiting_presses(),
            waiting: outbox.waiting(),
            memory_only: outbox.is_memory_only(),
            dropped: outbox.dropped(),
            refused: outbox.refused(),
            unreadable: outbox.unreadable(),
            settled: outbox.settled().cloned(),
        };
        let presses = state.session.presses();
        let record = |settled| record::fields(state.session.id(), outbox.cohort(), settled);
        View {
            presses,
            count: seams::number(presses),
            presses_word: texts.presses(presses).to_owned(),
            cap: texts.get("press").to_owned(),
            reply: state.reply.clone().unwrap_or_else(|| texts.get("idle").to_owned()),
            status: facts.line(Voice { texts, number: seams::number, country: seams::country }),
            waiting: facts.waiting,
            log: state
                .newest
                .iter()
                .map(|event| Cell {
                    count: event.count,
                    action: event.action,
                    waits: outbox.is_waiting(event.count),
                })
                .collect(),
            record: outbox.settled().map(record).unwrap_or_default(),
            credit: outbox
                .geo_database()
                .map(|database| credit::credit(database, texts.get("places-by"))),
        }
    }
}
