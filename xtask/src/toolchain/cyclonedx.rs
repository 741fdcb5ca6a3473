//! CycloneDX's own library with the schemas that it publishes, which says whether a document is one.

use super::npm;
use crate::paths;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The library, and what it validates with.
const PACKAGES: [&str; 4] = [
    "@cyclonedx/cyclonedx-library@10.3.0",
    "ajv@8.20.0",
    "ajv-formats@3.0.1",
    "ajv-formats-draft2019@1.6.1",
];

/// Ends with 1 and says why if the document is none.
const SCRIPT: &str = r#"
const { Validation } = require("@cyclonedx/cyclonedx-library");
const [file, version] = process.argv.slice(-2);
new Validation.JsonStrictValidator(version)
  .validate(require("fs").readFileSync(file, "utf8"))
  .then((wrong) => {
    if (wrong !== null) {
      console.error(JSON.stringify(wrong, null, 1).slice(0, 4000));
      process.exit(1);
    }
  });
"#;

/// The installed library.
pub struct Validator(PathBuf);

impl Validator {
    /// The command that validates the file, as of this version of the specification.
    pub fn command(&self, file: &Path, version: &str) -> Command {
        let mut node = Command::new("node");
        node.args(["-e", SCRIPT, "--"]).arg(file).arg(version);
        node.env("NODE_PATH", self.0.join("node_modules"));
        node
    }
}

/// Gives it; `None`, which is said, where it cannot be had.
pub fn ensure() -> anyhow::Result<Option<Validator>> {
    let folder = paths::tool("cyclonedx-library", "10.3.0")?;
    if !folder.join("node_modules/@cyclonedx").is_dir() {
        let fetched = match npm::exists() {
            true => npm::install_all(&PACKAGES, &folder),
            false => Err(anyhow::anyhow!("there is no npm")),
        };
        if let Err(error) = fetched {
            println!("── The SBOM is not held against its schema ({error:#})");
            return Ok(None);
        }
    }
    Ok(Some(Validator(folder)))
}
