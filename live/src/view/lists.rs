//! Countries and presses as lists, and everything as a table.

use crate::{
    feed::Feed,
    numbers::{grouped, percent},
    spark, words,
};
use schemas::stats::{Latest, Stats};
use yew::{Html, html};

/// The countries with most presses, with bars.
pub fn countries(stats: &Stats, most: usize) -> Html {
    let first = stats.countries.first().map_or(0, |country| country.presses);
    let elsewhere = stats.elsewhere.presses;
    let longest = first.max(elsewhere);
    let row = |name: &str, class: &'static str, presses: u64| {
        let width = format!("{:.1}%", percent(presses, longest));
        html! {
            <li key={name.to_owned()} class={class}>
                <span class="name">{ name.to_owned() }</span>
                <span class="value">{ grouped(presses) }</span>
                <svg class="bar" aria-hidden="true"><rect width={width} height="100%" rx="3" /></svg>
            </li>
        }
    };
    html! {
        <ol class="top">
            { for stats.countries.iter().take(most).map(|country| row(&country.name, "country", country.presses)) }
            if elsewhere > 0 {
                { row("Elsewhere", "elsewhere", elsewhere) }
            }
        </ol>
    }
}

/// The latest presses.
pub fn latest(feed: &Feed, stats: &Stats, most: usize) -> Html {
    let groups = feed.groups().into_iter().take(most);
    let item = |(number, press, count): (u64, &Latest, usize)| {
        let times = (count > 1).then(|| html! { <b>{ format!("×{count}") }</b> });
        html! {
            <li key={number}>
                <span class="who">{ words::somebody(press) }</span>
                { times }
                <span class="when">{ words::ago(press.received_at, stats.at) }</span>
            </li>
        }
    };
    html! { <ol class="latest">{ for groups.map(item) }</ol> }
}

/// Presses per second in the last minutes.
pub fn sparkline(stats: &Stats) -> Html {
    let path = spark::path(&stats.per_second, 360.0, 60.0);
    let most = stats.per_second.iter().max().copied().unwrap_or(0);
    html! {
        <figure class="spark">
            <svg viewBox="0 0 360 60" preserveAspectRatio="none" aria-hidden="true"><path d={path} /></svg>
            <figcaption>
                { format!("Presses per second, last {} minutes; at most {}", stats.per_second.len() / 60, grouped(u64::from(most))) }
            </figcaption>
        </figure>
    }
}

/// All countries, for whoever does not see the map.
pub fn table(stats: &Stats) -> Html {
    let row = |name: &str, presses: u64, last_hour: u64| {
        html! {
            <tr key={name.to_owned()}>
                <th scope="row">{ name.to_owned() }</th>
                <td>{ grouped(presses) }</td>
                <td>{ grouped(last_hour) }</td>
            </tr>
        }
    };
    let elsewhere = stats.elsewhere;
    html! {
        <div class="table" role="region" aria-label="Presses by country" tabindex="0">
            <table>
                <caption>{ "Presses by country" }</caption>
                <thead><tr>
                    <th scope="col">{ "Country" }</th>
                    <th scope="col">{ "Presses" }</th>
                    <th scope="col">{ "Last hour" }</th>
                </tr></thead>
                <tbody>
                    { for stats.countries.iter().map(|c| row(&c.name, c.presses, c.last_hour)) }
                    { row("Elsewhere", elsewhere.presses, elsewhere.last_hour) }
                </tbody>
            </table>
        </div>
    }
}
