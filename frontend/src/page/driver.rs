//! Binds the session and its outbox to the browser: what happens goes in, requests go out, and
//! whoever draws is told.
//!
//! Order is everything here: an event is recorded (stored) first, sent second, and drawn last.

use super::view::{Cell, View};
use crate::{
    browser::{
        clock,
        lifecycle::{self, Change},
        local_storage::LocalStorage,
        locks, relay, transport, vibration,
    },
    credit,
    early::Early,
    outbox::{Outbox, Request, stored},
    replies::Replies,
    session::Session,
    status::Facts,
};
use gloo_timers::callback::{Interval, Timeout};
use schemas::{Event, Uuid};
use std::{
    cell::{Cell as Slot, RefCell},
    rc::Rc,
};
use web_sys::AbortController;
use yew::Callback;

/// How often a page in view looks for what other pages left behind.
const SWEEP_MILLIS: u32 = 60_000;
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
    had_focus: bool,
    /// The timer of the next attempt.
    timer: RefCell<Option<Timeout>>,
    /// Ends the request in flight.
    in_flight: RefCell<Option<AbortController>>,
    sweeps: Slot<Option<Interval>>,
    watcher: RefCell<Option<Callback<View>>>,
    /// The locks of the outboxes that this page has adopted.
    locks: RefCell<Vec<(Uuid, locks::Held)>>,
}

struct State {
    session: Session,
    outbox: Outbox<LocalStorage>,
    replies: Replies,
    reply: Option<&'static str>,
    newest: Vec<Event>,
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
        self.outbox.record(events, clock::now_millis());
    }
}

impl Driver {
    /// The engine of this page load, with what happened before it.
    pub fn new(early: &Early) -> Self {
        // Without boot.js, or without random numbers there, the session is named here.
        let id = Uuid::try_parse(&early.session).unwrap_or_else(|_| Uuid::new_v4());
        let mut session = Session::new(id);
        let mut outbox = Outbox::new(LocalStorage, id, early.cohort);
        let events = early.replay(&mut session);
        let mut state = State {
            session,
            replies: Replies::default(),
            reply: None,
            newest: Vec::new(),
            outbox: {
                outbox.set_left(!lifecycle::is_visible(), clock::now_millis());
                outbox
            },
        };
        state.record(events);
        if state.session.presses() > 0 {
            state.reply = Some(state.replies.next(clock::random));
        }
        state.outbox.forget_early_notes();
        let document = web_sys::window().and_then(|window| window.document());
        let active = document.and_then(|document| document.active_element());
        Self(Rc::new(Inner {
            state: RefCell::new(state),
            events_url: relay::events_url(),
            had_focus: active.is_some_and(|element| element.id() == "button"),
            timer: RefCell::new(None),
            in_flight: RefCell::new(None),
            sweeps: Slot::new(None),
            watcher: RefCell::new(None),
            locks: RefCell::default(),
        }))
    }

    /// Begins to work.
    pub fn begin(&self) {
        if lifecycle::is_visible() {
            self.changed(Change::Shown);
        }
        let driver = self.clone();
        let sweeps = Interval::new(SWEEP_MILLIS, move || {
            driver.sweep();
            driver.pump();
        });
        self.0.sweeps.set(Some(sweeps));
        self.pump();
    }

    /// Calls `watcher` with each new view.
    pub fn watch(&self, watcher: Callback<View>) {
        *self.0.watcher.borrow_mut() = Some(watcher);
        self.draw(); // Something may have changed since the first drawing.
    }

    /// Whether the shell's button had the focus.
    pub fn had_focus(&self) -> bool {
        self.0.had_focus
    }

    /// The button was pressed.
    pub fn pressed(&self) {
        {
            let state = &mut *self.0.state.borrow_mut();
            let events = state.session.pressed(clock::now());
            state.record(events);
            state.reply = Some(state.replies.next(clock::random));
        }
        vibration::buzz();
        self.pump();
        self.draw();
    }

    /// The browser told that something changed.
    pub fn changed(&self, change: Change) {
        let now = clock::now_millis();
        match change {
            Change::Hidden | Change::Left => {
                let farewell = {
                    let state = &mut *self.0.state.borrow_mut();
                    state.outbox.set_left(true, now);
                    let exit = state.session.hidden(clock::now());
                    state.record(exit);
                    // In view elsewhere, another page sends them; hidden ones would all do so.
                    state.outbox.abandon_adopted();
                    self.0.locks.borrow_mut().clear();
                    state.outbox.farewell(now)
                };
                if let Some(request) = farewell {
                    self.send(request, true);
                }
            }
            Change::Shown => {
                {
                    let state = &mut *self.0.state.borrow_mut();
                    state.outbox.set_left(false, now);
                    let enter = state.session.shown(clock::now());
                    state.record(enter);
                    state.outbox.hurry();
                }
                self.sweep();
            }
            Change::Online => {
                self.0.state.borrow_mut().outbox.hurry();
                self.sweep();
            }
            Change::Offline => {}
        }
        self.pump();
        self.draw();
    }

    /// Adopts what pages that are gone left behind.
    fn sweep(&self) {
        if !lifecycle::is_visible() {
            return;
        }
        let others = self.0.state.borrow_mut().outbox.others();
        for id in others.into_iter().filter(|id| self.is_abandoned(*id)) {
            if locks::exist() {
                let driver = self.clone();
                locks::try_hold(&stored::key(id), move |held| driver.adopt(id, Some(held)));
            } else {
                self.adopt(id, None);
            }
        }
    }

    fn is_abandoned(&self, id: Uuid) -> bool {
        let outbox = &self.0.state.borrow().outbox;
        outbox.is_abandoned(id, clock::now_millis())
    }

    fn adopt(&self, id: Uuid, held: Option<locks::Held>) {
        // The lock may have come after the page was hidden: then it goes back.
        if lifecycle::is_visible() && self.0.state.borrow_mut().outbox.adopt(id) {
            self.0.locks.borrow_mut().extend(held.map(|held| (id, held)));
            self.pump();
            self.draw();
        }
    }

    /// Sends what is due, or sees to it that it will be.
    fn pump(&self) {
        let now = clock::now_millis();
        let (request, due) = {
            let outbox = &mut self.0.state.borrow_mut().outbox;
            (outbox.next_request(now), outbox.due_in(now))
        };
        if let Some(request) = request {
            self.send(request, !lifecycle::is_visible());
        }
        let timer = due.map(|millis| {
            let driver = self.clone();
            // Rounded up, and never 0: a timer that comes early would find nothing due.
            Timeout::new(millis.ceil().clamp(1.0, 120_000.0) as u32, move || {
                driver.pump();
            })
        });
        // Dropping the one before cancels it.
        drop(self.0.timer.replace(timer));
    }

    fn send(&self, request: Request, keepalive: bool) {
        let (Some(url), Ok(controller)) = (self.0.events_url.clone(), AbortController::new())
        else {
            return; // A browser too old for this stores everything and sends nothing.
        };
        if let Some(before) = self.0.in_flight.replace(Some(controller.clone())) {
            before.abort();
        }
        let driver = self.clone();
        wasm_bindgen_futures::spawn_local(async move {
            let answer = transport::post(&url, &request.body, keepalive, &controller).await;
            let now = clock::now_millis();
            let finished = {
                let outbox = &mut driver.0.state.borrow_mut().outbox;
                outbox.answered(request.ticket, answer, now, clock::random());
                outbox.take_finished()
            };
            let mut locks = driver.0.locks.borrow_mut();
            locks.retain(|(id, _)| !finished.contains(id));
            drop(locks);
            driver.pump();
            driver.draw();
        });
    }

    fn draw(&self) {
        let watcher = self.0.watcher.borrow().clone();
        if let Some(watcher) = watcher {
            watcher.emit(self.view());
        }
    }

    /// What is to be seen now.
    pub fn view(&self) -> View {
        let state = self.0.state.borrow();
        let outbox = &state.outbox;
        View {
            presses: state.session.presses(),
            reply: state.reply,
            facts: Facts {
                no_address: self.0.events_url.is_none(),
                online: lifecycle::is_online(),
                failing: outbox.is_failing(),
                waiting_presses: outbox.waiting_presses(),
                waiting: outbox.waiting(),
                memory_only: outbox.is_memory_only(),
                dropped: outbox.dropped(),
                refused: outbox.refused(),
                unreadable: outbox.unreadable(),
                settled: outbox.settled().cloned(),
            },
            log: state
                .newest
                .iter()
                .map(|event| Cell {
                    count: event.count,
                    action: event.action,
                    waits: outbox.is_waiting(event.count),
                })
                .collect(),
            credit: outbox.geo_database().map(credit::credit),
        }
    }
}
