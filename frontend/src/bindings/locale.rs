//! Numbers and countries as the visitor's language writes them, by `Intl`.

use super::dom;
use js_sys::Function;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    // js-sys has both, but with constructors and methods whose exceptions are not caught: a browser
    // without them, or a code that is no region, would end the application.
    type NumberFormat;
    #[wasm_bindgen(constructor, js_namespace = Intl, catch)]
    fn new(language: &str) -> Result<NumberFormat, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn format(this: &NumberFormat) -> Function;

    type DisplayNames;
    #[wasm_bindgen(constructor, js_namespace = Intl, catch)]
    fn new(language: &str, options: &JsValue) -> Result<DisplayNames, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn of(this: &DisplayNames, code: &str) -> Result<Option<String>, JsValue>;
}

/// The formats of one language. Making them takes longer than using them.
#[derive(Default)]
pub struct Formats {
    number: Option<Function>,
    regions: Option<DisplayNames>,
}

impl Formats {
    /// Those of the document's language.
    pub fn of_document() -> Self {
        let language = dom::language();
        let options = dom::object(&[("type", "region".into())]);
        Self {
            number: NumberFormat::new(&language).ok().map(|format| format.format()),
            regions: DisplayNames::new(&language, &options).ok(),
        }
    }

    /// A number with the language's digits and separators; plain where the browser has no `Intl`.
    pub fn number(&self, value: u64) -> String {
        let formatted = self.number.as_ref().and_then(|format| {
            format.call1(&JsValue::UNDEFINED, &JsValue::from_f64(value as f64)).ok()?.as_string()
        });
        formatted.unwrap_or_else(|| value.to_string())
    }

    /// The country of this code; empty where its name is not known.
    pub fn country(&self, code: &str) -> String {
        let name = self.regions.as_ref().and_then(|regions| regions.of(code).ok().flatten());
        name.filter(|name| name != code).unwrap_or_default()
    }
}
