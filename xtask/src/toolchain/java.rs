//! Java and Maven, for the local Kafka.

use super::system;
use crate::process;
use anyhow::{bail, ensure};
use std::process::Command;

/// What Kafka 4 needs.
const OLDEST: u32 = 17;

/// Installs them where that is possible.
pub fn ensure() -> anyhow::Result<()> {
    if are_there() {
        return Ok(());
    }
    if !system::can_install() {
        bail!(
            "the local Kafka needs Java {OLDEST} or newer and Maven: install them with \
             `sudo apt-get install default-jre-headless maven`"
        );
    }
    system::install(&["default-jre-headless", "maven"])?;
    ensure!(
        are_there(),
        "the local Kafka needs Java {OLDEST} or newer; an older one comes first in PATH"
    );
    Ok(())
}

fn are_there() -> bool {
    // Java 8 does not know `--version`, and fails.
    let java = process::output(Command::new("java").arg("--version"));
    java.as_deref().and_then(major).is_some_and(|major| major >= OLDEST) && process::exists("mvn")
}

/// The first number of the version in `openjdk 17.0.19 2026-04-21`.
fn major(said: &str) -> Option<u32> {
    let version = said.split_whitespace().nth(1)?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn versions_of_java() {
        assert_eq!(major("openjdk 17.0.19 2026-04-21\nOpenJDK Runtime"), Some(17));
        assert_eq!(major("java 11.0.2 2019-01-15 LTS"), Some(11));
        assert_eq!(major("openjdk 26-ea 2026-03-17"), Some(26));
        assert_eq!(major("Error: no runtime"), None);
        assert_eq!(major(""), None);
    }
}
