//! The visitor's language, and what the numbers' sources are to be named for.

use crate::{
    pretended::{AT, Pretended},
    stand::{text, wait_for},
};
use e2e::{Browser, Engine, Setup, in_chromium, in_every_engine};
use serde_json::{Value, json};

/// Numbers with everything that has a text of its own.
pub fn numbers() -> Value {
    let press = |code: &str, country: &str, city: Option<&str>| json!({ "received_at": AT, "country_code": code, "country_name": country, "city_name": city });
    let countries =
        ["United States", "Germany", "Sweden", "Japan", "France", "Spain", "Italy", "Peru"];
    let codes = ["US", "DE", "SE", "JP", "FR", "ES", "IT", "PE"];
    let countries = codes.iter().zip(countries).enumerate().map(|(place, (code, name))| {
        json!({ "code": code, "name": name, "presses": 1234 - place, "last_hour": 12 })
    });
    json!({
        "presses": 12_345,
        "presses_last_hour": 96,
        "sessions": 41,
        "countries": countries.collect::<Vec<_>>(),
        "elsewhere": { "presses": 271, "last_hour": 0 },
        "latest": [
            press("US", "United States", None),
            press("DE", "Germany", Some("Munich")),
            press("--", "Private Network", None),
            press("--", "Localhost", None),
        ],
        "you": { "country_code": "SE", "country_name": "Sweden" },
    })
}

in_every_engine!(the_address_can_name_the_language);
async fn the_address_can_name_the_language(engine: Engine) {
    let relay = Pretended::start().await;
    relay.tell_all(numbers());
    let browser = Browser::start(engine).await;
    browser.open_early(&format!("{}/live/?lang=de-AT#live", relay.url)).await;
    wait_for(&browser, "h1", "Der Kafka-Knopf, live").await;
    let document = "return [document.documentElement.lang, document.title]";
    assert_eq!(browser.run(document).await, json!(["de", "Der Kafka-Knopf, live"]));
    wait_for(&browser, "#count", "12.345").await;
    wait_for(&browser, "#own", "Schweden: 1.232 Knopfdrücke, 12 in der letzten Stunde.").await;
    let side = text(&browser, ".side").await.unwrap();
    for part in ["Vereinigte Staaten", "1 weiteres Land", "Ort unbekannt", "jemand bei Munich"] {
        assert!(side.contains(part), "{part:?} in {side}");
    }
    let title = "return document.querySelector('.map .shape[data-shade=\"6\"] title').textContent";
    assert!(browser.run(title).await.as_str().unwrap().contains(": 1.2"));
    browser.run("location.hash = '#stand'").await;
    wait_for(&browser, ".of", "Knopfdrücke bei 41 Besuchen aus 8 Ländern").await;

    browser.open_early(&format!("{}/live/?lang=xx#stand", relay.url)).await;
    wait_for(&browser, ".of", "presses by 41 visitors from 8 countries").await;
    browser.quit().await;
}

in_every_engine!(
    the_browsers_language_is_that_of_the_map,
    webkit = "its driver takes the system's language"
);
async fn the_browsers_language_is_that_of_the_map(engine: Engine) {
    let relay = Pretended::start().await;
    relay.tell_all(numbers());
    let setup = Setup { language: Some("fr"), ..Setup::default() };
    let browser = Browser::start_with(engine, setup).await;
    browser.open_early(&format!("{}/live/#live", relay.url)).await;
    wait_for(&browser, ".side", "quelqu’un vers Munich").await;
    wait_for(&browser, ".side", "États-Unis").await;
    assert_eq!(browser.run("return document.documentElement.lang").await, "fr");
    browser.quit().await;
}

in_chromium!(sources_are_credited_and_made_up_places_are_named, "texts depend on no engine");
async fn sources_are_credited_and_made_up_places_are_named(engine: Engine) {
    const MAXMIND: &str = "This product includes GeoLite2 data created by MaxMind, available from https://www.maxmind.com";
    let relay = Pretended::start().await;
    let browser = Browser::start(engine).await;
    for (page, totals) in [("live", ".totals"), ("stand", ".counter")] {
        relay.tell_all(numbers());
        browser.open_early(&format!("{}/live/?url=https://b.example/#{page}", relay.url)).await;
        wait_for(&browser, "#count", "12,345").await;
        assert!(text(&browser, ".credit").await.is_err(), "no database is used");
        assert!(text(&browser, "#pretended").await.is_err());
        let mut numbers = numbers();
        numbers["geo_database"] = "GeoLite2-City".into();
        numbers["pretended"] = true.into();
        relay.tell_all(numbers.clone());
        wait_for(&browser, ".credit", MAXMIND).await;
        wait_for(&browser, totals, "made-up place").await;
        numbers["geo_database"] = "DBIP-City-Lite".into();
        relay.tell_all(numbers);
        wait_for(&browser, ".credit", "IP Geolocation by DB-IP").await;
        let link = browser.run("return document.querySelector('.credit a').href").await;
        assert_eq!(link, "https://db-ip.com/");
        browser.open_early("about:blank").await;
    }
    browser.quit().await;
}

in_chromium!(the_footer_links_to_the_operators_policy, "texts depend on no engine");
async fn the_footer_links_to_the_operators_policy(engine: Engine) {
    let link = "const link = document.getElementById('policy'); return link && link.href;";
    for (address, shown) in [
        ("https://example.org/privacy", json!("https://example.org/privacy")),
        ("javascript:alert(1)", Value::Null),
        ("", Value::Null),
    ] {
        let script = format!(
            "addEventListener('DOMContentLoaded', () => {{
                document.querySelector('meta[name=privacy-url]').content = {address:?};
            }});"
        );
        let relay = Pretended::start_with_script(&script).await;
        relay.tell_all(numbers());
        let browser = Browser::start(engine).await;
        browser.open_early(&format!("{}/live/#live", relay.url)).await;
        wait_for(&browser, "#count", "12,345").await;
        assert_eq!(browser.run(link).await, shown, "{address}");
        browser.quit().await;
    }
}
