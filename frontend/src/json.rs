//! Reading JSON: by the browser's own `JSON.parse`, and natively by serde_json, so that what is read is
//! tested natively. serde's readers for the same types would be a fifth of the page's download.

use schemas::MAX_SAFE_INTEGER;

/// A JSON value.
pub trait Json: Sized {
    /// Parses `text`; `None` where it is not JSON.
    fn parse(text: &str) -> Option<Self>;
    /// The value of this name in an object; null where there is none.
    fn field(&self, name: &str) -> Self;
    /// The values of an array.
    fn items(&self) -> Option<Vec<Self>>;
    /// A string.
    fn string(&self) -> Option<String>;
    /// A number.
    fn number(&self) -> Option<f64>;
    /// `true` or `false`.
    fn bool(&self) -> Option<bool>;
    /// Whether it is null, or not there.
    fn is_absent(&self) -> bool;

    /// A whole number that both kinds of numbers hold exactly.
    fn whole(&self) -> Option<i64> {
        let number = self.number()?;
        (number.trunc() == number && number.abs() <= MAX_SAFE_INTEGER as f64)
            .then_some(number as i64)
    }

    /// The count of an event.
    fn count(&self) -> Option<u64> {
        u64::try_from(self.whole()?).ok()
    }

    /// A group of visitors: nothing, or a small whole number. `None` for anything else.
    fn cohort(&self) -> Option<Option<i32>> {
        if self.is_absent() {
            return Some(None);
        }
        i32::try_from(self.whole()?).ok().map(Some)
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub use serde_json::Value;
#[cfg(target_arch = "wasm32")]
pub use wasm_bindgen::JsValue as Value;

#[cfg(not(target_arch = "wasm32"))]
impl Json for Value {
    fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    fn field(&self, name: &str) -> Self {
        self.get(name).cloned().unwrap_or_default()
    }

    fn items(&self) -> Option<Vec<Self>> {
        self.as_array().cloned()
    }

    fn string(&self) -> Option<String> {
        self.as_str().map(str::to_owned)
    }

    fn number(&self) -> Option<f64> {
        self.as_f64()
    }

    fn bool(&self) -> Option<bool> {
        self.as_bool()
    }

    fn is_absent(&self) -> bool {
        self.is_null()
    }
}

#[cfg(target_arch = "wasm32")]
impl Json for Value {
    fn parse(text: &str) -> Option<Self> {
        js_sys::JSON::parse(text).ok()
    }

    fn field(&self, name: &str) -> Self {
        js_sys::Reflect::get(self, &Self::from_str(name)).unwrap_or_default()
    }

    fn items(&self) -> Option<Vec<Self>> {
        js_sys::Array::is_array(self).then(|| js_sys::Array::from(self).to_vec())
    }

    fn string(&self) -> Option<String> {
        self.as_string()
    }

    fn number(&self) -> Option<f64> {
        self.as_f64()
    }

    fn bool(&self) -> Option<bool> {
        self.as_bool()
    }

    fn is_absent(&self) -> bool {
        self.is_null() || self.is_undefined()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whole_numbers_are_exact_or_none() {
        let whole = |text| <Value as Json>::parse(text).unwrap().whole();
        assert_eq!(whole("9007199254740991"), Some(MAX_SAFE_INTEGER as i64));
        assert_eq!(whole("-9007199254740991"), Some(-(MAX_SAFE_INTEGER as i64)));
        assert_eq!(whole("7.0"), Some(7));
        for text in ["9007199254740992", "18446744073709551615", "1e300", "1.5", "\"1\"", "null"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn cohort_is_nothing_or_small() {
        let cohort = |text| <Value as Json>::parse(text).unwrap().cohort();
        assert_eq!(cohort("null"), Some(None));
        assert_eq!(cohort("-7"), Some(Some(-7)));
        assert_eq!(cohort("2147483648"), None);
        assert_eq!(cohort("\"7\""), None);
    }
}
