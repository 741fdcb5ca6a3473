//! ARCHITECTURE.md's pictures of who uses whom are those of the code.

use std::collections::{BTreeMap, BTreeSet};

type Uses = BTreeMap<String, BTreeSet<String>>;

#[test]
fn the_picture_of_the_crates_is_right() {
    let manifests = docs::files("Cargo.toml");
    let manifests: Vec<_> = manifests.iter().filter(|path| *path != "Cargo.toml").collect();
    let name = |path: &str| {
        let text = docs::read(path);
        text.split_once("name = \"").unwrap().1.split_once('"').unwrap().0.to_owned()
    };
    let names: Vec<_> = manifests.iter().map(|path| name(path)).collect();
    let uses: Uses = manifests
        .iter()
        .map(|path| {
            let text = docs::read(path);
            let keys = text.lines().map(|line| line.split(['.', ' ', '=']).next().unwrap());
            let used = keys.filter(|key| names.iter().any(|name| name == key)).map(str::to_owned);
            (name(path), used.collect())
        })
        .collect();
    docs::hold("ARCHITECTURE.md", "crates", &mermaid(&uses));
}

#[test]
fn the_picture_of_the_relays_modules_is_right() {
    let files = docs::files(".rs");
    let mut uses = Uses::new();
    for file in files.iter().filter_map(|file| file.strip_prefix("relay/src/")) {
        let module = file.split(['/', '.']).next().unwrap().to_owned();
        // These put the others together, and are said to.
        let is_test = file.ends_with("/tests.rs") || file.ends_with("/testing.rs");
        if is_test || matches!(module.as_str(), "main" | "lib" | "app" | "command") {
            continue;
        }
        let used = used(&docs::read(&format!("relay/src/{file}")));
        uses.entry(module).or_default().extend(used);
    }
    for (module, used) in &mut uses {
        used.remove(module);
    }
    docs::hold("ARCHITECTURE.md", "relay", &mermaid(&uses));
}

/// The modules that a text names behind `crate::`, but for its tests and its comments.
fn used(text: &str) -> BTreeSet<String> {
    let text = text.split_once("#[cfg(test)]\nmod tests {").map_or(text, |(code, _)| code);
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => found.extend(first_names(list)),
            None => found.extend(identifier(rest)),
        }
    }
    // Types are not modules.
    found.retain(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    found
}

/// The names that begin each entry of `a, b::C, d::{e, f}}`.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut entry, mut found) = (0, String::new(), Vec::new());
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => found.extend(identifier(&std::mem::take(&mut entry))),
            c if depth == 0 => entry.push(c),
            _ => {}
        }
    }
    found.extend(identifier(&entry));
    found
}

fn identifier(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

fn mermaid(uses: &Uses) -> String {
    let mut text = "```mermaid\ngraph LR\n".to_owned();
    for (name, used) in uses.iter().filter(|(_, used)| !used.is_empty()) {
        let used: Vec<_> = used.iter().map(String::as_str).collect();
        text += &format!("  {name} --> {}\n", used.join(" & "));
    }
    text + "```"
}

#[test]
fn names_are_found_behind_crate() {
    let text = "use crate::{\n    kafka::{A, b},\n    live,\n};\n// crate::no\nfn f() { crate::geo::g() }\n\
                use crate::Thing;\n#[cfg(test)]\nmod tests { use crate::store; }";
    assert_eq!(used(text).into_iter().collect::<Vec<_>>(), ["geo", "kafka", "live"]);
}
