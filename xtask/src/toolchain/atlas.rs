//! Natural Earth's countries as TopoJSON, through npm.

use super::npm::Group;
use anyhow::Context;
use serde_json::Value;
use std::fs;

const PACKAGE: &str = "world-atlas";

/// The countries at 1:110 million, and the same at 1:10 million, which has the smallest too.
pub fn ensure() -> anyhow::Result<[Value; 2]> {
    let files = Group::Pictures.file(PACKAGE).context("the map needs Natural Earth")?;
    let read = |name: &str| -> anyhow::Result<Value> {
        let text = fs::read_to_string(files.join(name)).with_context(|| name.to_owned())?;
        Ok(serde_json::from_str(&text)?)
    };
    Ok([read("countries-110m.json")?, read("countries-10m.json")?])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn world_map_names_the_pinned_version() {
        let map = crate::paths::root().join("live/src/world/world.txt");
        let map = std::fs::read_to_string(map).unwrap();
        let version = super::Group::Pictures.version(super::PACKAGE).unwrap();
        assert!(map.contains(&format!("# of npm's world-atlas {version}; ")));
    }
}
