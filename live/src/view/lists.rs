//! Countries and presses as lists, and everything as a table.
//!
//! What changes is the content of an element (`~textContent`): Yew would change the text node that it made, which
//! a translation by the browser has replaced.

use crate::{
    feed::Feed,
    locale::Locale,
    numbers::{percent, tenths},
    spark, words,
};
use schemas::stats::{Latest, Stats};
use yew::{Html, html};

/// The countries with most presses, with bars; then how many the others are, and presses without a country,
/// which belong to none of them.
pub fn countries(stats: &Stats, most: usize, locale: &Locale) -> Html {
    let (first, others) = stats.countries.split_at(stats.countries.len().min(most));
    let unknown = stats.elsewhere.presses;
    let more: u64 = others.iter().map(|country| country.presses).sum();
    let shown = first.iter().map(|country| country.presses).chain([more, unknown]);
    let longest = shown.max().unwrap_or_default();
    let row = |key: String, name: String, class: &'static str, presses: u64| {
        let width = format!("{}%", tenths(percent(presses, longest)));
        html! {
            <li key={key} class={class}>
                <span class="name" ~textContent={name} />
                <span class="value" ~textContent={locale.number(presses)} />
                <svg class="bar" aria-hidden="true"><rect width={width} height="100%" rx="3" /></svg>
            </li>
        }
    };
    html! {
        <ol class="top">
            { for first.iter().map(|country| {
                let name = locale.country(&country.code, &country.name);
                row(country.code.clone(), name, "country", country.presses)
            }) }
            if !others.is_empty() {
                { row("more".to_owned(), locale.counted("more-countries", others.len() as u64), "more", more) }
            }
            if unknown > 0 {
                { row("unknown".to_owned(), locale.text("place-unknown").to_owned(), "unknown", unknown) }
            }
        </ol>
    }
}

/// The latest presses.
pub fn latest(feed: &Feed, stats: &Stats, most: usize, locale: &Locale) -> Html {
    let groups = feed.groups().into_iter().take(most);
    let item = |(number, press, count): (u64, &Latest, usize)| {
        let times = (count > 1).then(|| html! { <b ~textContent={format!("\u{a0}×{count}")} /> });
        html! {
            <li key={number}>
                <span class="origin"><span ~textContent={words::origin(press, locale)} />{ times }</span>
                <span class="when" ~textContent={words::ago(press.received_at, stats.at, locale)} />
            </li>
        }
    };
    html! { <ol class="latest">{ for groups.map(item) }</ol> }
}

/// Presses per second in the last minutes.
pub fn sparkline(stats: &Stats, locale: &Locale) -> Html {
    let path = spark::path(&stats.per_second, 360.0, 60.0);
    let most = stats.per_second.iter().max().copied().unwrap_or(0);
    let minutes = locale.number(stats.per_second.len() as u64 / 60);
    let caption = [("minutes", minutes.as_str()), ("n", &locale.number(u64::from(most)))];
    html! {
        <figure class="spark">
            <svg viewBox="0 0 360 60" preserveAspectRatio="none" aria-hidden="true"><path d={path} /></svg>
            <figcaption ~textContent={locale.filled("per-second", &caption)} />
        </figure>
    }
}

/// All countries, for whoever does not see the map.
pub fn table(stats: &Stats, locale: &Locale) -> Html {
    let text = |key| locale.text(key);
    let row = |key: String, name: String, presses: u64, last_hour: u64| {
        html! {
            <tr key={key}>
                <th scope="row" ~textContent={name} />
                <td ~textContent={locale.number(presses)} />
                <td ~textContent={locale.number(last_hour)} />
            </tr>
        }
    };
    let unknown = stats.elsewhere;
    html! {
        <div class="table" role="region" aria-label={text("by-country")} tabindex="0">
            <table>
                <caption>{ text("by-country") }</caption>
                <thead><tr>
                    <th scope="col">{ text("column-country") }</th>
                    <th scope="col">{ text("column-presses") }</th>
                    <th scope="col">{ text("column-hour") }</th>
                </tr></thead>
                <tbody>
                    { for stats.countries.iter().map(|country| {
                        let name = locale.country(&country.code, &country.name);
                        row(country.code.clone(), name, country.presses, country.last_hour)
                    }) }
                    { row("unknown".to_owned(), text("place-unknown").to_owned(), unknown.presses, unknown.last_hour) }
                </tbody>
            </table>
        </div>
    }
}
