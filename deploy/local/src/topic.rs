//! Topics, made by Kafka's own command line tool.

use crate::{Downloads, Error, kafka::java, process::JAVA};
use std::{
    process::{Command, Stdio},
    time::Duration,
};

/// A topic whose closed segments move to the remote tier.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Into how many partitions it is split.
    pub partitions: u32,
    /// How long a segment stays on the broker after it is in the remote tier.
    pub local_retention: Duration,
    /// After this time a segment is closed by the next message, however small it is. Only closed
    /// segments move: with Kafka's default, a week, a quiet topic would never leave the broker.
    pub segment_age: Duration,
}

impl Topic {
    /// The topic of the product, so that one can watch its segments move within minutes.
    pub fn button_presses() -> Self {
        Self {
            name: "button_presses".to_owned(),
            partitions: 3,
            local_retention: Duration::from_secs(5 * 60),
            segment_age: Duration::from_secs(60),
        }
    }
}

const TOOL: &str = "org.apache.kafka.tools.TopicCommand";

pub(crate) fn create(downloads: &Downloads, bootstrap: &str, topic: &Topic) -> Result<(), Error> {
    let mut java = java(downloads);
    java.arg(TOOL)
        .args(["--bootstrap-server", bootstrap, "--create", "--if-not-exists"])
        .args(["--topic", &topic.name])
        .args(["--partitions", &topic.partitions.to_string()])
        .args(["--replication-factor", "1"])
        .args(["--config", "remote.storage.enable=true"])
        // Kept for ever, in the remote tier.
        .args(["--config", "retention.ms=-1"])
        .args(["--config", &format!("local.retention.ms={}", topic.local_retention.as_millis())])
        .args(["--config", &format!("segment.ms={}", topic.segment_age.as_millis())]);
    run(TOOL, java).map(drop)
}

/// Runs one of Kafka's tools to its end, and gives what it printed.
pub(crate) fn run(tool: &'static str, mut java: Command) -> Result<String, Error> {
    let output = java.stdin(Stdio::null()).output().map_err(JAVA.missing())?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let output_text = printed + &String::from_utf8_lossy(&output.stderr);
    Err(Error::Tool { tool, status: output.status, output: output_text })
}
