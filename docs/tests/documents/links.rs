//! Links and pictures lead to files that are there, and to headings that are there.

use std::path::Path;

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    for file in docs::files(".md") {
        let text = docs::read(&file);
        for target in targets(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, heading) = target.split_once('#').unwrap_or((&target, ""));
            let folder = Path::new(&file).parent().unwrap();
            let path = if path.is_empty() {
                file.clone()
            } else {
                folder.join(path).display().to_string()
            };
            let there = docs::root().join(&path);
            let has_heading = || {
                std::fs::read_to_string(&there)
                    .is_ok_and(|text| anchors(&text).contains(&heading.to_owned()))
            };
            if !there.exists() || (!heading.is_empty() && !has_heading()) {
                wrong.push(format!("{file}: {target}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `[…](this)` and `src="this"`, outside of code.
fn targets(text: &str) -> Vec<String> {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    let prose = lines.collect::<Vec<_>>().join("\n");
    let after = |mark: &str, end: char| -> Vec<String> {
        let found = prose.split(mark).skip(1).filter_map(|rest| rest.split(end).next());
        found.map(str::to_owned).collect()
    };
    [after("](", ')'), after("src=\"", '"')].concat()
}

/// The names that GitHub gives to headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let name = |line: &str| -> String {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(name).collect()
}
