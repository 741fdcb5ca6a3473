//! Binds the connection to the browser's network and timers.
//!
//! Questions go through gloo-net. The stream does not: gloo-net keeps an error to itself as long as the
//! browser means to connect again, and people are to be told at once that nothing comes.

use super::{on, places, request, screen};
use crate::connection::{Alarm, Connection, Input, Link, Order};
use gloo_timers::callback::Timeout;
use schemas::stats::{Stats, You};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};
use wasm_bindgen::{JsCast, closure::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{EventSource, MessageEvent};
use yew::Callback;

/// The events of the stream that are for this visitor alone.
const OWN_EVENT: &str = "you";

/// What the page is told.
pub enum News {
    /// New numbers.
    Stats(Box<Stats>),
    /// What is told to this visitor alone.
    You(You),
    /// How it goes.
    Link(Link),
}

/// The connection to the relay; clones are the same one.
#[derive(Clone)]
pub struct Wire(Rc<Inner>);

struct Inner {
    connection: RefCell<Connection>,
    stream: RefCell<Option<Stream>>,
    timers: RefCell<BTreeMap<Alarm, Timeout>>,
    tell: Callback<News>,
}

/// An open stream; dropping it closes it.
struct Stream {
    source: EventSource,
    listeners: [Closure<dyn Fn(MessageEvent)>; 4],
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.set_onopen(None);
        self.source.set_onmessage(None);
        self.source.set_onerror(None);
        // It was added under this name.
        let _ = self.source.remove_event_listener_with_callback(
            OWN_EVENT,
            self.listeners[3].as_ref().unchecked_ref(),
        );
        self.source.close();
    }
}

impl Wire {
    /// Connects as soon as the page is in view, and tells what comes.
    pub fn start(tell: Callback<News>) -> Self {
        let wire = Self(Rc::new(Inner {
            connection: RefCell::default(),
            stream: RefCell::default(),
            timers: RefCell::default(),
            tell,
        }));
        if let Some(window) = web_sys::window() {
            let online = wire.clone();
            on(&window, "online", move || online.happened(Input::Online));
            if let Some(document) = window.document() {
                let changed = wire.clone();
                on(&document, "visibilitychange", move || changed.look());
            }
        }
        wire
    }

    /// Whether it goes on while the page is hidden.
    pub fn go_on_hidden(&self, goes_on: bool) {
        self.0.connection.borrow_mut().go_on_hidden(goes_on);
        if goes_on {
            self.happened(Input::Shown);
        } else {
            self.look();
        }
    }

    fn look(&self) {
        self.happened(if screen::is_visible() { Input::Shown } else { Input::Hidden });
    }

    fn happened(&self, input: Input) {
        let random = js_sys::Math::random();
        let (orders, link) = {
            let mut connection = self.0.connection.borrow_mut();
            (connection.handle(input, random), connection.link())
        };
        for order in orders {
            match order {
                Order::Open => self.open(),
                Order::Close => drop(self.0.stream.take()),
                Order::Ask => self.ask(),
                Order::Set(alarm, millis) => {
                    let wire = self.clone();
                    let timer = Timeout::new(millis, move || wire.happened(Input::Rang(alarm)));
                    self.0.timers.borrow_mut().insert(alarm, timer);
                }
                Order::Stop(alarm) => drop(self.0.timers.borrow_mut().remove(&alarm)),
            }
        }
        self.0.tell.emit(News::Link(link));
    }

    fn open(&self) {
        let url = places::of_relay("api/live");
        let source = url.and_then(|url| EventSource::new(&url).ok());
        let Some(source) = source else {
            // Then silence is noticed.
            return;
        };
        let listener = |then: Box<dyn Fn(MessageEvent)>| Closure::<dyn Fn(MessageEvent)>::new(then);
        let (opened, heard, broke, own) = (self.clone(), self.clone(), self.clone(), self.clone());
        let listeners = [
            listener(Box::new(move |_| opened.happened(Input::Opened))),
            listener(Box::new(move |message: MessageEvent| {
                let text = message.data().as_string().unwrap_or_default();
                if heard.take(&text) {
                    heard.happened(Input::Heard);
                }
            })),
            // The browser would try again by itself, at its own pace: closing it ends that.
            listener(Box::new(move |_| broke.happened(Input::Broke))),
            listener(Box::new(move |message: MessageEvent| {
                let text = message.data().as_string().unwrap_or_default();
                if let Ok(you) = serde_json::from_str::<You>(&text) {
                    own.0.tell.emit(News::You(you));
                }
            })),
        ];
        source.set_onopen(Some(listeners[0].as_ref().unchecked_ref()));
        source.set_onmessage(Some(listeners[1].as_ref().unchecked_ref()));
        source.set_onerror(Some(listeners[2].as_ref().unchecked_ref()));
        let own = listeners[3].as_ref().unchecked_ref();
        // Only an option object could be refused, and there is none.
        let _always_added = source.add_event_listener_with_callback(OWN_EVENT, own);
        self.0.stream.replace(Some(Stream { source, listeners }));
    }

    fn ask(&self) {
        let wire = self.clone();
        spawn_local(async move {
            let url = places::of_relay("api/stats");
            let answer = match url {
                Some(url) => request::get_text(&url).await,
                None => None,
            };
            let input = match answer {
                Some(text) if wire.take(&text) => Input::Answered,
                _ => Input::Unanswered,
            };
            wire.happened(input);
        });
    }

    /// Whether it was numbers.
    fn take(&self, text: &str) -> bool {
        let Ok(mut stats) = serde_json::from_str::<Stats>(text) else { return false };
        if let Some(you) = stats.you.take() {
            self.0.tell.emit(News::You(you));
        }
        self.0.tell.emit(News::Stats(Box::new(stats)));
        true
    }
}
