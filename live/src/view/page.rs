//! The page around the map: `#live` for people who look at it, `#stand` for a projector.

use super::{App, Message, lists, map};
use crate::{
    address,
    bindings::screen,
    connection::Link,
    numbers::{counted, grouped, percent},
    own::Own,
};
use schemas::stats::Stats;
use yew::{Context, Html, html};

/// The whole page.
pub fn draw(app: &App, ctx: &Context<App>) -> Html {
    let stats = app.stats.as_ref();
    if app.stand { stand(app, stats) } else { live(app, ctx, stats) }
}

fn live(app: &App, ctx: &Context<App>, stats: Option<&Stats>) -> Html {
    let toggle = ctx.link().callback(|_| Message::Table);
    html! {
        <div key="live" class="screen live" data-ready="true">
            <header>
                <h1>{ "The Kafka button, live" }</h1>
                { status(app) }
            </header>
            <div class="totals">
                { numbers(stats) }
                { stats.zip(app.you.as_ref()).map(|(stats, you)| own_numbers(&Own::of(stats, you))) }
            </div>
            <section class="middle" aria-label="Where presses came from">
                if let Some(stats) = stats.filter(|_| app.table) {
                    { lists::table(stats) }
                } else {
                    { map::draw(stats, &app.pulses) }
                }
                <p class="actions">
                    <button type="button" id="table" aria-pressed={app.table.to_string()} onclick={toggle}>
                        { if app.table { "Show the map" } else { "Show as a table" } }
                    </button>
                    <a href="#stand">{ "For a projector" }</a>
                    <a href={app.address.clone()}>{ "The button" }</a>
                </p>
            </section>
            <section class="side">
                if let Some(stats) = stats {
                    <h2>{ "Countries" }</h2>
                    { lists::countries(stats, 8) }
                    <h2>{ "Just now" }</h2>
                    { lists::latest(&app.feed, stats, 6) }
                    { lists::sparkline(stats) }
                }
            </section>
            <footer>{ "Map: Natural Earth, Equal Earth projection. Places are approximate, and nobody's address is kept." }</footer>
        </div>
    }
}

fn stand(app: &App, stats: Option<&Stats>) -> Html {
    let full = |_| screen::toggle_full();
    html! {
        <div key="stand" class="screen stand" data-ready="true">
            <section class="call">
                <h1>{ "Press the button" }</h1>
                if let Some(code) = &app.code {
                    <svg id="qr" class="qr" viewBox={format!("0 0 {0} {0}", code.side)} role="img" aria-label="QR code of the button's page">
                        <rect class="paper" width="100%" height="100%" rx="2" />
                        <path class="ink" d={code.path.clone()} />
                    </svg>
                }
                <p id="address" class="address">{ address::shown(&app.address) }</p>
                if address::is_local(&app.address) {
                    <p class="hint">
                        { "Phones cannot open this address. Open this page by the address that the relay prints, or add ?url=… before the #." }
                    </p>
                }
            </section>
            <section class="counter">
                <p class="big"><span id="count">{ stats.map_or("–".to_owned(), |stats| grouped(stats.presses)) }</span></p>
                <p class="of">{ stats.map(counted_words) }</p>
                { status(app) }
            </section>
            { map::draw(stats, &app.pulses) }
            <section class="side">
                if let Some(stats) = stats {
                    { lists::countries(stats, 4) }
                    { lists::latest(&app.feed, stats, 5) }
                }
            </section>
            <footer>
                <button type="button" onclick={full}>{ "Full screen" }</button>
                { "Map: Natural Earth" }
            </footer>
        </div>
    }
}

fn counted_words(stats: &Stats) -> String {
    format!(
        "{} by {} from {}",
        if stats.presses == 1 { "press" } else { "presses" },
        counted(stats.sessions, "visitor", "visitors"),
        counted(stats.countries.len() as u64, "country", "countries"),
    )
}

fn numbers(stats: Option<&Stats>) -> Html {
    let number = |id: &'static str, what: &'static str, value: Option<u64>| {
        html! {
            <div>
                <dt>{ what }</dt>
                <dd id={id}>{ value.map_or("–".to_owned(), grouped) }</dd>
            </div>
        }
    };
    html! {
        <dl class="numbers">
            { number("count", "presses", stats.map(|stats| stats.presses)) }
            { number("hour", "in the last hour", stats.map(|stats| stats.presses_last_hour)) }
            { number("visits", "visits", stats.map(|stats| stats.sessions)) }
            { number("complete", "visits complete", stats.map(|stats| stats.complete_sessions)) }
        </dl>
    }
}

/// What is about the visitor alone.
fn own_numbers(own: &Own) -> Html {
    html! {
        <p id="own" class="own">
            { &own.from }{ " " }<b>{ &own.ever }</b>{ ", " }<b>{ &own.last_hour }</b>{ " in the last hour." }
            if let Some(visit) = &own.visit {
                <span>{ " In your visit: " }<b>{ visit }</b>{ "." }</span>
            }
        </p>
    }
}

/// How it goes, always in the same place: what people have to know about the numbers.
fn status(app: &App) -> Html {
    let progress = app.stats.as_ref().and_then(|stats| stats.catching_up);
    let kind = match app.link {
        Link::Live => "live",
        Link::Polling => "polling",
        Link::Connecting => "connecting",
        Link::Lost => "lost",
    };
    let text = match (app.link, progress) {
        (Link::Lost, _) if app.stats.is_none() => {
            "No connection to the relay. Trying again…".to_owned()
        }
        (Link::Lost, _) => format!(
            "No connection to the relay. Trying again…  The numbers are {} old.",
            old(app.heard_at)
        ),
        (Link::Connecting, _) => "Connecting…".to_owned(),
        (_, Some(progress)) => {
            format!("Reading what was before: {:.0} %", percent(progress.done, progress.of).floor())
        }
        (Link::Polling, None) => "Live, every two seconds".to_owned(),
        (Link::Live, None) => "Live".to_owned(),
    };
    let progress = progress.map(|progress| {
        html! { <progress max={progress.of.to_string()} value={progress.done.to_string()} aria-label="Reading" /> }
    });
    html! { <p id="status" class="status" role="status" data-link={kind}>{ text }{ progress }</p> }
}

/// In steps that a screen reader need not repeat each second.
fn old(since: f64) -> String {
    let seconds = ((js_sys::Date::now() - since) / 1000.0).max(0.0);
    if seconds < 60.0 {
        "less than a minute".to_owned()
    } else {
        format!("{:.0} min", (seconds / 60.0).floor())
    }
}
