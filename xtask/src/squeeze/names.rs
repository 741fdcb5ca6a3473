//! Names: short ones between the WebAssembly and its JavaScript, and files' names with the hash of
//! their content.

use anyhow::{Context, bail};
use std::{
    collections::BTreeMap,
    fs,
    hash::{DefaultHasher, Hasher},
    path::{Path, PathBuf},
};

/// Puts wasm-opt's short names into the JavaScript that wasm-bindgen wrote. `names` is the JSON
/// that wasm-opt prints: lists of `["module", "import", "short"]` and of `["export", "short"]`.
///
/// wasm-opt makes one module, `a`, of all. In the JavaScript that is the object `import0`, together
/// with the functions that the WebAssembly imports from modules of ours directly.
pub fn shorten(script: &str, names: &str) -> anyhow::Result<String> {
    let (mut imports, mut exports) = (BTreeMap::new(), BTreeMap::new());
    let mut modules: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for line in names.lines() {
        let line = line.trim().trim_end_matches(',').trim_start_matches('[').trim_end_matches(']');
        let words: Vec<&str> = line.split(", ").map(|word| word.trim_matches('"')).collect();
        match words[..] {
            [module, import, short] => {
                imports.insert(import, short);
                modules.entry(module).or_default().push((import, short));
            }
            [export, short] => {
                exports.insert(export, short);
            }
            _ => {}
        }
    }
    // Each module is a line `"module": importN,` of the object that wasm-bindgen makes.
    let of_line = |line: &str| -> Option<(String, String)> {
        let (module, object) = line.trim().strip_prefix('"')?.split_once("\": import")?;
        Some((module.to_owned(), format!("import{}", object.trim_end_matches(','))))
    };
    let objects: BTreeMap<String, String> = script.lines().filter_map(of_line).collect();
    if exports.is_empty() || modules.is_empty() || modules.keys().any(|m| !objects.contains_key(*m))
    {
        bail!("wasm-opt's names do not fit what wasm-bindgen wrote: {names}");
    }
    let mut direct = String::new();
    for (module, functions) in &modules {
        let object = &objects[*module];
        if object != "import0" {
            for (import, short) in functions {
                imports.remove(import);
                direct += &format!(", {short}: {object}.{import}");
            }
        }
    }
    let mut out = String::with_capacity(script.len());
    for line in script.lines() {
        match of_line(line) {
            Some((_, object)) if object == "import0" => {
                out += &format!("\"a\": {{ ...import0{direct} }},");
            }
            Some(_) => {}
            None => {
                let mut before = "";
                let mut wasm = "";
                for word in words(line) {
                    let is_export = wasm == "wasm" && before == ".";
                    let short = if is_export { exports.get(word) } else { imports.get(word) };
                    out += short.copied().unwrap_or(word);
                    (wasm, before) = (before, word);
                }
            }
        }
        out.push('\n');
    }
    Ok(out)
}

/// Splits a script into names, and the single characters between them.
fn words(script: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let mut rest = script;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let name = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(if name > 0 { name } else { first.len_utf8() });
        rest = after;
        Some(word)
    })
}

/// Files whose address must stay.
const KEEP: [&str; 2] = ["index.html", "sw.js"];

/// Renames every file of the page after its content, tells those that name it, and tells the
/// service worker.
pub fn give_hashes(dist: &Path) -> anyhow::Result<()> {
    let mut files = Vec::new();
    collect(dist, &mut files)?;
    // The manifest names others, so it comes after them.
    files.sort_by_key(|file| (file.extension().is_some_and(|e| e == "webmanifest"), file.clone()));
    let index = dist.join("index.html");
    let manifest = dist.join("manifest.webmanifest");
    let mut html = fs::read_to_string(&index)?;
    let mut kept = Vec::new();
    for file in files {
        let old = file.strip_prefix(dist)?.to_string_lossy().into_owned();
        if KEEP.contains(&old.as_str()) {
            continue;
        }
        let new = hashed(&old, hash(&[&fs::read(&file)?]))?;
        fs::rename(&file, dist.join(&new))?;
        html = html.replace(&old, &new);
        if manifest.exists() {
            let text = fs::read_to_string(&manifest)?;
            fs::write(&manifest, text.replace(&old, &new))?;
        }
        // A language is kept as the one that the visitor has; pictures are for installing only.
        if !old.starts_with("texts/") && !old.ends_with(".png") {
            kept.push(new);
        }
    }
    fs::write(&index, &html)?;
    let worker = dist.join("sw.js");
    let text = fs::read_to_string(&worker)?;
    let list = kept.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(",");
    let version = format!("{:016x}", hash(&[list.as_bytes(), html.as_bytes(), text.as_bytes()]));
    if ["VERSION", "\"FILES\""].iter().any(|place| text.matches(place).count() != 1) {
        bail!("sw.js has not one place for its version and one for the names of the files");
    }
    let told = text.replace("VERSION", &version).replace("\"FILES\"", &list);
    fs::write(&worker, told)?;
    Ok(())
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}

fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write(part);
    }
    hasher.finish()
}

/// `texts/en.txt` with a hash is `texts/en-1f2e3d4c5b6a7980.txt`. A hash that is there already is
/// trunk's, of the content before.
fn hashed(name: &str, hash: u64) -> anyhow::Result<String> {
    let (stem, ending) = name.rsplit_once('.').with_context(|| format!("{name} has no ending"))?;
    let parts: Vec<&str> = stem.split('-').collect();
    let is_hash = |part: &str| part.len() >= 8 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts = parts.iter().map(|part| {
        let (hash, rest) = part.split_once('_').unwrap_or((part, ""));
        if is_hash(hash) { rest } else { part }
    });
    let stem: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    Ok(format!("{}-{hash:016x}.{ending}", stem.join("-")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_shortened_where_they_are_names_of_the_wasm() {
        let script = "import * as import1 from \"./s.js\"\n\
            const import0 = { __wbg_a_1: f, memory: 1 };\n\
            \"./x_bg.js\": import0,\n\
            \"./s.js\": import1,\n\
            wasm.memory; memory; wasm.__wbg_a_1;\n";
        let names = "{\n \"imports\": [\n  [\"./x_bg.js\", \"__wbg_a_1\", \"b\"],\n\
            [\"./s.js\", \"f\", \"d\"]\n ],\n\"exports\": [\n  [\"memory\", \"c\"]\n ]\n}";
        assert_eq!(
            shorten(script, names).unwrap(),
            "import * as import1 from \"./s.js\"\n\
             const import0 = { b: f, memory: 1 };\n\
             \"a\": { ...import0, d: import1.f },\n\n\
             wasm.c; memory; wasm.__wbg_a_1;\n"
        );
        assert!(shorten(script, "{}").is_err());
    }

    #[test]
    fn every_file_gets_one_hash() {
        for (old, new) in [
            ("texts/en.txt", "texts/en-00000000000000ab.txt"),
            ("icon-192.png", "icon-192-00000000000000ab.png"),
            ("frontend-1f2e3d4c5b6a7980.js", "frontend-00000000000000ab.js"),
            ("frontend-1f2e3d4c5b6a7980_bg.wasm", "frontend-bg-00000000000000ab.wasm"),
        ] {
            assert_eq!(hashed(old, 0xab).unwrap(), new);
        }
    }
}
