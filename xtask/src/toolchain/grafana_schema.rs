//! Grafana's types, which say what a dashboard may have, and the compiler that checks them,
//! through npm.

use super::npm::Group;
use anyhow::Context;
use std::path::PathBuf;

/// Returns the folder in whose `node_modules` they are.
pub fn ensure() -> anyhow::Result<PathBuf> {
    let installed = || {
        Group::Test.file("typescript/bin/tsc")?;
        Group::Test.file("@grafana/schema")?;
        Group::Test.ensure()
    };
    installed().context("the tests need Grafana's types")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    /// The dashboards are checked by the types of the version that shows them.
    #[test]
    fn schema_version_is_that_of_the_compose_file() {
        let compose = crate::paths::root().join("deploy/compose/compose.yaml");
        let compose = std::fs::read_to_string(compose).unwrap();
        let version = super::Group::Test.version("@grafana/schema").unwrap();
        assert!(compose.contains(&format!("image: grafana/grafana:{version}\n")));
    }
}
