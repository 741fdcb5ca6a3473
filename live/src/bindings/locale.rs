//! The visitor's language, and numbers and countries as it writes them, by `Intl`.

use super::request;
use crate::{
    locale::{ENGLISH, Formats, Locale, choose},
    numbers::grouped,
};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Function, Object, Reflect};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    // js-sys has both, but with constructors and methods whose exceptions are not caught: a browser
    // without them, or a code that is no region, would end the application.
    type NumberFormat;
    #[wasm_bindgen(constructor, js_namespace = Intl, catch)]
    fn new(language: &str, options: &JsValue) -> Result<NumberFormat, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn format(this: &NumberFormat) -> Function;

    type DisplayNames;
    #[wasm_bindgen(constructor, js_namespace = Intl, catch)]
    fn new(language: &str, options: &JsValue) -> Result<DisplayNames, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn of(this: &DisplayNames, code: &str) -> Result<Option<String>, JsValue>;
}

/// Between two attempts to get a language's file.
const RETRY_DELAY_MILLIS: u32 = 5_000;

/// English, which needs no file.
pub fn english() -> Locale {
    Locale::english(formats(ENGLISH))
}

/// The language of `?lang=…`, or the first of the visitor's that there are texts for, as soon as its file is
/// there; `None` for English.
pub async fn of_visitor() -> Option<Locale> {
    let wanted = wanted();
    let language = choose(wanted.iter().map(String::as_str));
    if language == ENGLISH {
        return None;
    }
    loop {
        let file = request::get_text(&format!("texts/{language}.txt")).await;
        // A language for as long as the document lives.
        let file = file.map(|file| &*Box::leak(file.into_boxed_str()));
        let locale = file.and_then(|file| Locale::new(language, file, formats(language)));
        if locale.is_some() {
            return locale;
        }
        TimeoutFuture::new(RETRY_DELAY_MILLIS).await;
    }
}

/// Gives the document this language.
pub fn apply(locale: &Locale) {
    if let Some(document) = web_sys::window().and_then(|window| window.document()) {
        document.set_title(locale.text("title"));
        if let Some(root) = document.document_element() {
            // The name is valid.
            let _is_set = root.set_attribute("lang", locale.language());
        }
    }
}

fn wanted() -> Vec<String> {
    let Some(window) = web_sys::window() else { return Vec::new() };
    let query = window.location().search().unwrap_or_default();
    let named = web_sys::UrlSearchParams::new_with_str(&query).ok();
    let named = named.and_then(|query| query.get("lang"));
    let languages = window.navigator().languages();
    named.into_iter().chain(languages.iter().filter_map(|tag| tag.as_string())).collect()
}

fn formats(language: &str) -> Formats {
    let option = |name: &str, value: &str| {
        let options = Object::new();
        // Fails for frozen objects only.
        let _is_set = Reflect::set(&options, &name.into(), &value.into());
        JsValue::from(options)
    };
    let plain = NumberFormat::new(language, &JsValue::UNDEFINED).ok();
    let short = NumberFormat::new(language, &option("notation", "compact")).ok();
    let regions = DisplayNames::new(language, &option("type", "region")).ok();
    Formats {
        number: number(plain),
        short: number(short),
        country: Box::new(move |code| regions.as_ref()?.of(code).ok().flatten()),
    }
}

fn number(format: Option<NumberFormat>) -> Box<dyn Fn(u64) -> String> {
    let format = format.map(|format| format.format());
    Box::new(move |number| {
        let written = format.as_ref().and_then(|format| {
            let number = JsValue::from_f64(number as f64);
            format.call1(&JsValue::UNDEFINED, &number).ok()?.as_string()
        });
        written.unwrap_or_else(|| grouped(number))
    })
}
