//! Grafana's types, which say what a dashboard may have, and the compiler that checks them: 25 MB
//! through npm.

use super::npm;
use crate::paths;
use anyhow::ensure;
use std::path::PathBuf;

/// Of Grafana in deploy/compose/compose.yaml.
const VERSION: &str = "12.1.1";
const TYPESCRIPT: &str = "5.9.3";

/// Gives the folder in whose `node_modules` they are.
pub fn ensure() -> anyhow::Result<PathBuf> {
    let folder = paths::tool("grafana-schema", &format!("{VERSION}-typescript-{TYPESCRIPT}"))?;
    let there = || {
        let modules = folder.join("node_modules");
        modules.join("typescript/bin/tsc").is_file() && modules.join("@grafana/schema").is_dir()
    };
    if !there() {
        ensure!(
            npm::exists(),
            "the tests need Grafana's types: install Node.js with npm from https://nodejs.org"
        );
        npm::install_all(
            &[&format!("@grafana/schema@{VERSION}"), &format!("typescript@{TYPESCRIPT}")],
            &folder,
        )?;
    }
    ensure!(there(), "@grafana/schema and typescript were fetched and are not there");
    Ok(folder)
}

#[cfg(test)]
mod tests {
    /// The dashboards are checked by the types of the version that shows them.
    #[test]
    fn it_is_the_version_that_runs() {
        let compose = crate::paths::root().join("deploy/compose/compose.yaml");
        let compose = std::fs::read_to_string(compose).unwrap_or_default();
        assert!(compose.contains(&format!("image: grafana/grafana:{}\n", super::VERSION)));
    }
}
