//! CycloneDX's own library with the schemas that it publishes, which says whether a document is one.

use super::npm::Group;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

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

/// Returns it; `None`, with a notice, if it cannot be installed.
pub fn ensure() -> anyhow::Result<Option<Validator>> {
    let installed = || {
        Group::Test.file("@cyclonedx/cyclonedx-library")?;
        Group::Test.ensure()
    };
    match installed() {
        Ok(folder) => Ok(Some(Validator(folder))),
        Err(error) => {
            println!("── The SBOM is not held against its schema ({error:#})");
            Ok(None)
        }
    }
}
