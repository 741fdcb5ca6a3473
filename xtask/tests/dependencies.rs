//! The list of dependencies in ARCHITECTURE.md is that of the manifests: none is there without a reason.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The manifests of all parts.
fn manifests(root: &Path) -> Vec<PathBuf> {
    let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = workspace.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members = members.trim_matches(['[', ']']).split(", ").map(|it| it.trim_matches('"'));
    let members = members.map(|member| root.join(member).join("Cargo.toml"));
    members.chain([root.join("Cargo.toml")]).collect()
}

/// The names that a manifest asks for, without those of our own parts.
fn asked_for(manifest: &str) -> BTreeSet<String> {
    let (mut names, mut among_dependencies) = (BTreeSet::new(), false);
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            among_dependencies = table.ends_with("dependencies]");
        } else if among_dependencies && line.starts_with(|it: char| it.is_ascii_lowercase()) {
            let (name, rest) = line.split_at(line.find(['.', ' ']).unwrap());
            if !rest.contains("path = ") {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn every_dependency_is_explained_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let read = |path: PathBuf| fs::read_to_string(path).unwrap();
    let (mut own, mut asked) = (BTreeSet::new(), BTreeSet::new());
    for manifest in manifests(root).into_iter().map(read) {
        own.extend(
            manifest
                .lines()
                .find_map(|line| line.strip_prefix("name = "))
                .map(|name| name.trim_matches('"').to_owned()),
        );
        asked.extend(asked_for(&manifest));
    }
    let asked: BTreeSet<_> = asked.difference(&own).cloned().collect();

    let text = read(root.join("ARCHITECTURE.md"));
    let (_, section) = text.split_once("## What others have written").unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('|'));
    let names = cells.flat_map(|(names, _)| names.split(", "));
    let explained: BTreeSet<_> = names.map(|it| it.trim().trim_matches('`').to_owned()).collect();
    assert_eq!(explained, asked);
}
