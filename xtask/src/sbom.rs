//! From cargo's own account of a program's packages to CycloneDX. Pure.
//!
//! C libraries are part of the packages that build them, whose versions name them:
//! `rdkafka-sys 4.10.0+2.12.1` has librdkafka 2.12.1.

use anyhow::Context;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The version of the specification.
pub const SPEC_VERSION: &str = "1.6";

/// The packages' checksums in Cargo.lock (SHA-256 of what the registry has), by name and version.
pub fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))?;
        Some(line.trim_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]").skip(1);
    let entry = |block| {
        Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?))
    };
    blocks.filter_map(entry).collect()
}

/// The document for what becomes part of `package`, or runs while it is built.
///
/// # Errors
/// If there is no such package, or `metadata` is not what `cargo metadata` prints.
pub fn document(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
    package: &str,
) -> anyhow::Result<Value> {
    let packages = list(&metadata["packages"])?;
    let packages: BTreeMap<&str, &Value> =
        packages.iter().filter_map(|it| Some((it["id"].as_str()?, it))).collect();
    let nodes = list(&metadata["resolve"]["nodes"])?;
    let nodes: BTreeMap<&str, &Value> =
        nodes.iter().filter_map(|it| Some((it["id"].as_str()?, it))).collect();
    let members = list(&metadata["workspace_members"])?.iter().filter_map(Value::as_str);
    let root = members
        .filter_map(|id| packages.get_key_value(id))
        .find(|(_, it)| it["name"] == package)
        .with_context(|| format!("there is no package {package} here"))?;

    let mut needed = BTreeMap::new();
    let mut open = vec![*root.0];
    while let Some(id) = open.pop() {
        if !needed.contains_key(id) {
            let of = nodes.get(id).map(|node| dependencies(node)).transpose()?.unwrap_or_default();
            open.extend(&of);
            needed.insert(id, of);
        }
    }
    let reference = |id: &str| packages.get(id).map(|it| purl(it));
    let libraries = needed.keys().filter(|id| *id != root.0).filter_map(|id| packages.get(id));
    let libraries: Vec<_> = libraries.map(|it| component(it, "library", checksums)).collect();
    let dependencies: Vec<_> = needed
        .iter()
        .map(|(id, of)| {
            let of: Vec<_> = of.iter().filter_map(|id| reference(id)).collect();
            json!({"ref": reference(id), "dependsOn": of})
        })
        .collect();
    Ok(json!({
        "$schema": format!("http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json"),
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {"component": component(root.1, "application", checksums)},
        "components": libraries,
        "dependencies": dependencies,
    }))
}

fn list(value: &Value) -> anyhow::Result<&[Value]> {
    value.as_array().map(Vec::as_slice).context("`cargo metadata` prints something else")
}

/// What the node needs to be built and to run, without what only its tests need.
fn dependencies(node: &Value) -> anyhow::Result<BTreeSet<&str>> {
    let dependencies = list(&node["deps"])?.iter();
    let needed = dependencies.filter(|dependency| {
        let kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
        kinds.into_iter().any(|kind| kind["kind"] != "dev")
    });
    Ok(needed.filter_map(|dependency| dependency["pkg"].as_str()).collect())
}

/// The package's URL (package-url specification, type cargo).
fn purl(package: &Value) -> String {
    let text = |name: &str| package[name].as_str().unwrap_or_default();
    // The only character of cargo's names and versions that has to be escaped.
    format!("pkg:cargo/{}@{}", text("name"), text("version").replace('+', "%2B"))
}

fn component(package: &Value, kind: &str, checksums: &BTreeMap<(String, String), String>) -> Value {
    let text = |name: &str| package[name].as_str().map(str::to_owned);
    let (name, version) = (text("name").unwrap_or_default(), text("version").unwrap_or_default());
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(package),
        "name": name,
        "version": version,
        "purl": purl(package),
        "scope": "required",
    });
    if let Some(description) = text("description") {
        component["description"] = description.trim().into();
    }
    if let Some(license) = text("license") {
        // An old way to write it, from before cargo took SPDX's expressions.
        component["licenses"] = json!([{"expression": license.replace('/', " OR ")}]);
    }
    if let Some(repository) = text("repository") {
        component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
    }
    if let Some(checksum) = checksums.get(&(name, version)) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    component
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_program_has_what_it_is_built_of_and_not_what_tests_it() {
        let package = |name: &str, license: &str| {
            let id = format!("id of {name}");
            json!({"id": id, "name": name, "version": "1.0.0+2", "license": license})
        };
        let needs = |name: &str, kind: Value| json!({"pkg": format!("id of {name}"), "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                package("relay", "MIT"),
                package("used", "MIT/Apache-2.0"),
                package("builds", "MIT"),
                package("tests", "MIT"),
                package("elsewhere", "MIT"),
            ],
            "workspace_members": ["id of relay"],
            "resolve": {"nodes": [
                {"id": "id of relay", "deps": [needs("used", Value::Null), needs("tests", "dev".into())]},
                {"id": "id of used", "deps": [needs("builds", "build".into())]},
                {"id": "id of builds", "deps": []},
                {"id": "id of tests", "deps": [needs("elsewhere", Value::Null)]},
            ]},
        });
        let lock = "[[package]]\nname = \"used\"\nversion = \"1.0.0+2\"\nchecksum = \"ab\"\n";
        let document = document(&metadata, &checksums(lock), "relay").unwrap();
        let components = document["components"].as_array().unwrap();
        let names: Vec<_> = components.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["builds", "used"]);
        assert_eq!(components[1]["purl"], "pkg:cargo/used@1.0.0%2B2");
        assert_eq!(components[1]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(components[1]["hashes"][0]["content"], "ab");
        assert_eq!(document["metadata"]["component"]["name"], "relay");
        assert_eq!(document["dependencies"].as_array().unwrap().len(), 3);
        assert!(super::document(&metadata, &checksums(lock), "nothing").is_err());
    }
}
