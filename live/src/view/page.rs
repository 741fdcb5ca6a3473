//! The page around the map: `#live` for people who look at it, `#stand` for a projector.

use super::{App, Message, lists, map};
use crate::{
    address,
    bindings::{places, screen, visit},
    connection::Link,
    locale::Locale,
    numbers::percent,
    own,
};
use page_texts::credit::{Credit, credit};
use schemas::stats::Stats;
use yew::{Context, Html, MouseEvent, html};

/// The whole page.
pub fn draw(app: &App, ctx: &Context<App>) -> Html {
    let stats = app.stats.as_ref();
    if app.stand { stand(app, stats) } else { live(app, ctx, stats) }
}

fn live(app: &App, ctx: &Context<App>, stats: Option<&Stats>) -> Html {
    let locale = &app.locale;
    let text = |key| locale.text(key);
    let toggle = ctx.link().callback(|_| Message::Table);
    let pause = ctx.link().callback(|_| Message::Pause);
    html! {
        <div key={format!("live {}", locale.language())} class="screen live" data-ready="true">
            <header>
                <h1>{ text("title") }</h1>
                { status(app) }
            </header>
            <div class="totals">
                { numbers(stats, locale) }
                if let Some((stats, you)) = stats.zip(app.you.as_ref()) {
                    <p id="own" class="own" ~textContent={own::sentence(stats, you, app.visit.as_ref(), locale)} />
                }
                { pretended(stats, locale) }
            </div>
            <section class="middle" aria-label={text("where")} data-table={app.table.then_some("")}>
                if let Some(stats) = stats.filter(|_| app.table) {
                    { lists::table(stats, locale) }
                } else {
                    { map::draw(stats, &app.pulses, app.visit.as_ref(), locale) }
                }
                <p class="actions">
                    <button type="button" id="table" aria-pressed={app.table.to_string()} onclick={toggle}
                        ~textContent={text(if app.table { "show-map" } else { "show-table" }).to_owned()} />
                    <button type="button" id="pause" onclick={pause}
                        ~textContent={text(if app.is_paused { "resume" } else { "pause" }).to_owned()} />
                    <a href="#stand">{ text("big-screen") }</a>
                    <a id="back" href={app.address.clone()} onclick={to_button}>{ text("button") }</a>
                </p>
            </section>
            <section class="side">
                if let Some(stats) = stats {
                    <h2>{ text("countries") }</h2>
                    { lists::countries(stats, 7, locale) }
                    <h2>{ text("just-now") }</h2>
                    { lists::latest(&app.feed, stats, 6, locale) }
                    { lists::sparkline(stats, locale) }
                }
            </section>
            <footer>
                { text("map-by") }{ " " }{ text("privacy") }{ " " }{ policy(app) }{ named_from(stats, locale) }{ attribution(stats, locale) }
            </footer>
        </div>
    }
}

fn stand(app: &App, stats: Option<&Stats>) -> Html {
    let locale = &app.locale;
    let text = |key| locale.text(key);
    let full = |_| screen::toggle_full();
    let count = stats.map_or("–".to_owned(), |stats| locale.number(stats.presses));
    html! {
        <div key={format!("stand {}", locale.language())} class="screen stand" data-ready="true">
            <section class="call">
                <h1>{ text("call") }</h1>
                if let Some(code) = &app.code {
                    <svg id="qr" class="qr" viewBox={format!("0 0 {0} {0}", code.side)} role="img" aria-label={text("qr")}>
                        <rect class="paper" width="100%" height="100%" rx="2" />
                        <path class="ink" d={code.path.clone()} />
                    </svg>
                }
                <p id="address" class="address">{ address::shown(&app.address) }</p>
                if address::is_local(&app.address) {
                    <p class="hint">{ text("local-address") }</p>
                }
            </section>
            <section class="counter">
                <p class="big"><span id="count" ~textContent={count} /></p>
                <p class="of" ~textContent={stats.map(|stats| visitors_and_countries(stats, locale)).unwrap_or_default()} />
                { status(app) }
                { pretended(stats, locale) }
            </section>
            { map::draw(stats, &app.pulses, None, locale) }
            <section class="side">
                if let Some(stats) = stats {
                    { lists::countries(stats, 4, locale) }
                    { lists::latest(&app.feed, stats, 6, locale) }
                }
            </section>
            <footer>
                <button type="button" onclick={full}>{ text("full-screen") }</button>
                <p>{ text("map-by") }{ " " }{ attribution(stats, locale) }</p>
            </footer>
        </div>
    }
}

/// Back to the button page where the visitor came from it, with its session and its presses: a link would
/// open another one. Not for a tab or a window of its own.
fn to_button(event: MouseEvent) {
    let is_elsewhere = event.ctrl_key() || event.meta_key() || event.shift_key();
    if !is_elsewhere && visit::is_after_button() {
        event.prevent_default();
        places::go_back();
    }
}

fn visitors_and_countries(stats: &Stats, locale: &Locale) -> String {
    let countries = match stats.countries.len() {
        // Without places, "from 0 countries" would say that there were no visitors.
        0 => String::new(),
        countries => locale.counted("big-countries", countries as u64),
    };
    let values = [
        ("presses", locale.counted("big-presses", stats.presses)),
        ("visitors", locale.counted("big-visitors", stats.sessions)),
        ("countries", countries),
    ];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    locale.filled("big", &values)
}

fn numbers(stats: Option<&Stats>, locale: &Locale) -> Html {
    let number = |id: &'static str, label: String, value: Option<u64>| {
        html! {
            <div>
                <dt ~textContent={label} />
                <dd id={id} ~textContent={value.map_or("–".to_owned(), |value| locale.number(value))} />
            </div>
        }
    };
    let counted = |id, key, value: Option<u64>| {
        number(id, locale.counted(key, value.unwrap_or_default()), value)
    };
    let countries = stats.map(|stats| stats.countries.len() as u64);
    let hour = stats.map(|stats| stats.presses_last_hour);
    html! {
        <dl class="numbers">
            { counted("count", "label-presses", stats.map(|stats| stats.presses)) }
            { number("hour", locale.text("label-hour").to_owned(), hour) }
            { counted("visits", "label-visits", stats.map(|stats| stats.sessions)) }
            { counted("countries", "label-countries", countries) }
        </dl>
    }
}

/// That places are made up, where the relay makes them up.
fn pretended(stats: Option<&Stats>, locale: &Locale) -> Html {
    let is_pretended = stats.is_some_and(|stats| stats.pretended);
    html! {
        if is_pretended {
            <p id="pretended" class="pretended">{ locale.text("pretended") }</p>
        }
    }
}

/// From how many visits on a place is named, unless each is.
fn named_from(stats: Option<&Stats>, locale: &Locale) -> Option<String> {
    let min_visits = stats?.min_visits;
    let text = || locale.filled("named-from", &[("n", &locale.number(min_visits.into()))]);
    (min_visits > 1).then(|| text() + " ")
}

/// What the geo database's licence asks for.
fn attribution(stats: Option<&Stats>, locale: &Locale) -> Html {
    let database = stats.and_then(|stats| stats.geo_database.as_deref());
    let Some(database) = database else { return Html::default() };
    let Credit { before, name, address } = credit(database, locale.text("places-by"));
    // The licence has English words.
    let language = address.map(|_| "en");
    html! {
        <span class="credit" lang={language}>
            { before }
            if let Some(address) = address {
                <a href={address} rel="noreferrer">{ name }</a>
            } else {
                { name }
            }
        </span>
    }
}

/// The link to the operator's privacy policy, where there is one.
fn policy(app: &App) -> Html {
    html! {
        if let Some(address) = app.policy.clone() {
            <><a id="policy" href={address} rel="noreferrer">{ app.locale.text("policy") }</a>{ ". " }</>
        }
    }
}

/// How it goes, always in the same place: what people have to know about the numbers.
fn status(app: &App) -> Html {
    let locale = &app.locale;
    let progress = app.stats.as_ref().and_then(|stats| stats.catching_up);
    let kind = match app.link {
        Link::Live => "live",
        Link::Polling => "polling",
        Link::Connecting => "connecting",
        Link::Lost => "lost",
    };
    let text = match (app.link, progress) {
        (Link::Lost, _) if app.stats.is_none() => locale.text("lost").to_owned(),
        // In steps that a screen reader need not repeat each second.
        (Link::Lost, _) => match (js_sys::Date::now() - app.heard_at) / 60_000.0 {
            ..1.0 => locale.text("lost-now").to_owned(),
            minutes => locale.filled("lost-minutes", &[("n", &locale.number(minutes as u64))]),
        },
        (Link::Connecting, _) => locale.text("connecting").to_owned(),
        (_, Some(progress)) => {
            let percent = percent(progress.done, progress.of) as u64;
            locale.filled("catching-up", &[("n", &locale.number(percent))])
        }
        (Link::Polling, None) => locale.text("live-polling").to_owned(),
        (Link::Live, None) => locale.text("live").to_owned(),
    };
    let progress = progress.map(|progress| {
        html! { <progress max={progress.of.to_string()} value={progress.done.to_string()} aria-label={text.clone()} /> }
    });
    html! {
        <p id="status" class="status" role="status" data-link={kind}><span ~textContent={text} />{ progress }</p>
    }
}
