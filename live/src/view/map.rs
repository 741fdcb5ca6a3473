//! The world, shaded by presses.

use super::pulses::Pulses;
use crate::{
    locale::Locale,
    numbers::tenths,
    scale::Scale,
    world::{Shape, world},
};
use equal_earth::{HEIGHT, WIDTH, project};
use handover::{OwnPlace, Visit};
use schemas::stats::{Country, MapPoint, Stats};
use std::collections::HashMap;
use yew::{Html, html};

/// The map with its legend, and with the visitor's own place.
pub fn draw(
    stats: Option<&Stats>,
    pulses: &Pulses,
    visit: Option<&Visit>,
    locale: &Locale,
) -> Html {
    let countries = stats.map(|stats| &stats.countries[..]).unwrap_or_default();
    let most = countries.iter().map(|country| country.presses).max().unwrap_or(0);
    let scale = Scale::up_to(most);
    let by_code: HashMap<&str, &Country> =
        countries.iter().map(|country| (country.code.as_str(), country)).collect();
    let shapes =
        world().map(|(code, shape)| draw_shape(shape, by_code.get(code).copied(), &scale, locale));
    let label = locale.counted("n-countries", countries.len() as u64);
    let label = locale.filled("map", &[("countries", &label)]);
    html! {
        <figure class="world">
            <svg class="map" viewBox={view_box()} role="img" aria-label={label}>
                <g class="countries">{ for shapes }</g>
                <g>{ for stats.map(|stats| draw_spots(&stats.places)).unwrap_or_default() }</g>
                { visit.and_then(|visit| draw_own(visit.place.as_ref()?, locale)).unwrap_or_default() }
                { pulses.draw() }
            </svg>
            <figcaption class="legend" aria-hidden="true">
                if !countries.is_empty() {
                    <span>{ locale.text("legend") }</span>
                }
                { for scale.legend(|number| locale.short(number)).into_iter().map(|(shade, text)| html! {
                    <span key={text.clone()} class="step">
                        <svg viewBox="0 0 16 12"><rect class="shape" data-shade={shade.to_string()} width="16" height="12" rx="2" /></svg>
                        { text }
                    </span>
                }) }
            </figcaption>
        </figure>
    }
}

/// The open ocean at the sides is seen only where there is room: what is in it is drawn beyond the box.
fn view_box() -> String {
    const SEA: f64 = 70.0;
    format!("{} 0 {} {}", whole(SEA), whole(WIDTH - 1.5 * SEA), whole(HEIGHT))
}

/// Rounded.
fn whole(number: f64) -> i64 {
    number.round() as i64
}

fn draw_shape(shape: Shape, country: Option<&Country>, scale: &Scale, locale: &Locale) -> Html {
    let shade = scale.shade(country.map_or(0, |country| country.presses)).to_string();
    let title = country.map(|country| {
        let name = locale.country(&country.code, &country.name);
        html! { <title>{ format!("{name}: {}", locale.number(country.presses)) }</title> }
    });
    match shape {
        Shape::Outline(path) => {
            html! { <path class="shape" data-shade={shade} d={path}>{ title }</path> }
        }
        Shape::Point(x, y) => {
            let radius = if country.is_some() { "7" } else { "2.5" };
            html! {
                <circle class="shape" data-shade={shade} cx={x.to_string()} cy={y.to_string()} r={radius}>
                    { title }
                </circle>
            }
        }
    }
}

/// Places, in circles whose areas go by presses.
fn draw_spots(places: &[MapPoint]) -> Vec<Html> {
    let most = places.iter().map(|place| place.presses).max().unwrap_or(1).max(1) as f64;
    let spot = |place: &MapPoint| {
        let (x, y) = project(place.latitude, place.longitude);
        let radius = 1.5 + 6.0 * (place.presses as f64 / most).sqrt();
        html! {
            <circle class="spot" cx={whole(x).to_string()} cy={whole(y).to_string()} r={tenths(radius)} />
        }
    };
    places.iter().map(spot).collect()
}

/// The visitor's own place, which is shown to no other viewer.
fn draw_own(place: &OwnPlace, locale: &Locale) -> Option<Html> {
    let (latitude, longitude) = place.point?;
    let (x, y) = project(latitude, longitude);
    let country = || locale.country(&place.country_code, &place.country_name);
    let name = place.city_name.clone().unwrap_or_else(country);
    let title = locale.filled("own-place", &[("place", &name)]);
    Some(html! {
        <circle id="own-place" class="own-place" cx={whole(x).to_string()} cy={whole(y).to_string()} r="12">
            <title>{ title }</title>
        </circle>
    })
}
