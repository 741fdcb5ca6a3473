//! The application in the browser: one component, which draws what [`Wire`] tells.

mod lists;
mod map;
mod page;
mod pulses;

use crate::{
    bindings::{
        locale, on, places, screen, visit,
        wire::{News, Wire},
    },
    connection::Link,
    feed::Feed,
    locale::Locale,
    qr::{self, Code},
};
use gloo_timers::callback::Interval;
use handover::Visit;
use pulses::Pulses;
use schemas::stats::{Stats, You};
use wasm_bindgen_futures::spawn_local;
use yew::{Component, Context, Html};

/// Draws the page.
pub fn start() {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(root) = document.and_then(|document| document.get_element_by_id("app")) {
        yew::Renderer::<App>::with_root(root).render();
    }
}

/// What changes the page.
pub enum Message {
    /// From the relay.
    News(News),
    /// Between `#live` and `#stand`.
    Moved,
    /// The page is shown again, from the back/forward cache.
    Restored,
    /// The visitor's language is there.
    Translated(Locale),
    /// Between the map and the table.
    Table,
    /// Between standing still and going on.
    Pause,
    /// A second is over.
    Tick,
}

/// The whole page.
pub struct App {
    wire: Wire,
    link: Link,
    stats: Option<Stats>,
    you: Option<You>,
    /// The numbers of the visitor's own visit.
    visit: Option<Visit>,
    /// When the last numbers came, by this device's clock.
    heard_at: f64,
    feed: Feed,
    pulses: Pulses,
    stand: bool,
    table: bool,
    is_paused: bool,
    /// The latest numbers that came while the page was paused.
    held_back: Option<Stats>,
    locale: Locale,
    address: String,
    policy: Option<String>,
    code: Option<Code>,
    _clock: Interval,
}

impl Component for App {
    type Message = Message;
    type Properties = ();

    fn create(ctx: &Context<Self>) -> Self {
        let link = ctx.link().clone();
        let wire = Wire::start(link.callback(Message::News));
        if let Some(window) = web_sys::window() {
            let moved = link.clone();
            on(&window, "hashchange", move || moved.send_message(Message::Moved));
            let restored = link.clone();
            on(&window, "pageshow", move || restored.send_message(Message::Restored));
            // The screen's lock is gone whenever the page was hidden.
            if let Some(document) = window.document() {
                on(&document, "visibilitychange", || {
                    if places::is_stand() && screen::is_visible() {
                        screen::stay_awake();
                    }
                });
            }
        }
        screen::watch_pointer();
        let visit = visit::current();
        if visit.is_some() {
            visit::load_again_when_returned_to();
        }
        link.send_message(Message::Moved);
        let address = places::button_page();
        let locale = locale::english();
        locale::apply(&locale);
        let translated = link.clone();
        spawn_local(async move {
            if let Some(locale) = locale::of_visitor().await {
                translated.send_message(Message::Translated(locale));
            }
        });
        Self {
            wire,
            link: Link::Connecting,
            stats: None,
            you: None,
            visit,
            heard_at: 0.0,
            feed: Feed::default(),
            pulses: Pulses::default(),
            stand: false,
            table: false,
            is_paused: false,
            held_back: None,
            locale,
            code: qr::code(&address),
            address,
            policy: places::privacy_policy(),
            _clock: Interval::new(1000, move || link.send_message(Message::Tick)),
        }
    }

    fn update(&mut self, _: &Context<Self>, message: Message) -> bool {
        match message {
            Message::News(News::Link(link)) => {
                return std::mem::replace(&mut self.link, link) != link;
            }
            Message::News(News::You(you)) => self.you = Some(you),
            Message::News(News::Stats(stats)) if self.is_paused => {
                self.held_back = Some(*stats);
                return false;
            }
            Message::News(News::Stats(stats)) => self.take(*stats),
            // What is known stays: an entry at `#stand` has no mark.
            Message::Restored => self.visit = visit::current().or(self.visit.take()),
            Message::Translated(locale) => {
                locale::apply(&locale);
                self.locale = locale;
            }
            Message::Table => self.table = !self.table,
            Message::Pause => {
                if self.is_paused {
                    self.resume();
                } else {
                    self.is_paused = true;
                }
            }
            Message::Tick => self.pulses.forget(js_sys::Date::now()),
            Message::Moved => {
                self.stand = places::is_stand();
                if self.stand {
                    self.resume();
                }
                self.wire.go_on_hidden(self.stand);
                if self.stand {
                    screen::stay_awake();
                }
            }
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        page::draw(self, ctx)
    }
}

impl App {
    fn resume(&mut self) {
        self.is_paused = false;
        if let Some(stats) = self.held_back.take() {
            self.take(stats);
        }
    }

    fn take(&mut self, stats: Stats) {
        let now = js_sys::Date::now();
        self.heard_at = now;
        let fresh = self.feed.update(&stats.latest);
        // While old events are read they are no news.
        if stats.catching_up.is_none() {
            let presses = self.feed.presses().iter().filter(|(number, _)| fresh.contains(number));
            presses.for_each(|(number, press)| self.pulses.add(*number, press, now));
        }
        self.pulses.forget(now);
        self.stats = Some(stats);
    }
}
