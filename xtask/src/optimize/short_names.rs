//! Short names for what the WebAssembly and its script exchange, in the place of wasm-bindgen's long ones.

use anyhow::{Context, ensure};
use serde_json::{Map, Value};
use std::path::Path;

/// The pass of wasm-opt that gives them, and prints which name became which.
pub const PASS: &str = "--minify-imports-and-exports-and-modules";

/// The names that wasm-bindgen gives, as esbuild's pattern of properties: no others may be renamed.
const GIVEN: &str = r"--mangle-props=^(\./|__wb|__externref_|wasm_bindgen__|memory$)";

/// The options with which esbuild gives a script the same names, by [`PASS`]'s report. The cache is where
/// esbuild reads them.
pub fn options(cache: &Path) -> [String; 3] {
    [GIVEN.to_owned(), "--mangle-quoted".to_owned(), format!("--mangle-cache={}", cache.display())]
}

/// esbuild's cache of names, from the report of [`PASS`].
pub fn cache(report: &str) -> anyhow::Result<String> {
    let report: Value = serde_json::from_str(report).context("the report of short names")?;
    let mut names = Map::new();
    for list in ["imports", "exports"] {
        let list = report[list].as_array().context("the report of short names lacks a list")?;
        for entry in list {
            // An import has the name of its module in front; the pass calls every module `a`.
            let (long, short) = match entry.as_array().map(Vec::as_slice) {
                Some([long, short]) => (long, short),
                Some([module, long, short]) => {
                    names.insert(module.as_str().unwrap_or_default().to_owned(), "a".into());
                    (long, short)
                }
                _ => anyhow::bail!("not a short name: {entry}"),
            };
            let long = long.as_str().context("a name is text")?.to_owned();
            ensure!(names.insert(long, short.clone()).is_none(), "two short names: {entry}");
        }
    }
    Ok(Value::Object(names).to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn cache_holds_imports_exports_and_their_module() {
        let report = r#"{"imports":[["./frontend_bg.js","__wbg_now_0123","$"],["./frontend_bg.js","__wbg_id_4567","b"]],"exports":[["memory","c"]]}"#;
        let names: Value = serde_json::from_str(&cache(report).unwrap()).unwrap();
        let expected = json!({
            "./frontend_bg.js": "a", "__wbg_id_4567": "b", "__wbg_now_0123": "$", "memory": "c"
        });
        assert_eq!(names, expected);
    }

    #[test]
    fn report_of_another_form_is_an_error() {
        for report in ["", "{}", r#"{"imports":[],"exports":["memory"]}"#] {
            assert!(cache(report).is_err(), "{report}");
        }
        let twice = r#"{"imports":[["m","x","$"]],"exports":[["x","a"]]}"#;
        assert!(cache(twice).is_err());
    }
}
