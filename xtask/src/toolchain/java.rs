//! Java and Maven, for the local Kafka.

use super::system;
use crate::process;
use anyhow::bail;

/// Installs them where that is possible.
pub fn ensure() -> anyhow::Result<()> {
    if process::exists("java") && process::exists("mvn") {
        return Ok(());
    }
    if !system::can_install() {
        bail!(
            "the local Kafka needs Java 17 or newer and Maven: install them with \
             `sudo apt-get install default-jre-headless maven`"
        );
    }
    system::install(&["default-jre-headless", "maven"])
}
