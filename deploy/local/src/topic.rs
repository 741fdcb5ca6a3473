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
    /// How long messages are kept, most of that in the remote tier.
    pub retention: Duration,
    /// How long a segment stays on the broker after it is in the remote tier.
    pub local_retention: Duration,
    /// After this time a segment is closed by the next message, however small it is. Only closed
    /// segments move: with Kafka's default, a week, a quiet topic would never leave the broker.
    pub segment_age: Duration,
}

/// The settings of the product's topic, which compose.yaml reads too.
const BUTTON_PRESSES: &str = include_str!("../../topics/button_presses.properties");

impl Topic {
    /// The topic of the product, as `deploy/topics/button_presses.properties` has it.
    ///
    /// # Panics
    ///
    /// Never: the file is part of the program, and a test reads it.
    pub fn button_presses() -> Self {
        let number = |name| -> u64 {
            setting(BUTTON_PRESSES, name)
                .and_then(|value| value.parse().ok())
                .unwrap_or_else(|| panic!("the topic's settings lack {name}"))
        };
        Self {
            name: "button_presses".to_owned(),
            partitions: number("partitions") as u32,
            retention: Duration::from_millis(number("retention.ms")),
            local_retention: Duration::from_millis(number("local.retention.ms")),
            segment_age: Duration::from_millis(number("segment.ms")),
        }
    }
}

/// The value of a setting in the text of a properties file.
fn setting<'a>(properties: &'a str, name: &str) -> Option<&'a str> {
    properties
        .lines()
        .filter_map(|line| line.split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

pub(crate) const TOOL: &str = "org.apache.kafka.tools.TopicCommand";

pub(crate) fn create(downloads: &Downloads, bootstrap: &str, topic: &Topic) -> Result<(), Error> {
    let mut java = java(downloads);
    java.arg(TOOL)
        .args(["--bootstrap-server", bootstrap, "--create", "--if-not-exists"])
        .args(["--topic", &topic.name])
        .args(["--partitions", &topic.partitions.to_string()])
        .args(["--replication-factor", "1"])
        .args(["--config", "remote.storage.enable=true"])
        .args(["--config", &format!("retention.ms={}", topic.retention.as_millis())])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_topics_settings() {
        let topic = Topic::button_presses();
        assert_eq!(topic.partitions, 3);
        assert_eq!(topic.retention, Duration::from_secs(90 * 24 * 60 * 60));
        assert_eq!(topic.local_retention, Duration::from_secs(5 * 60));
        assert_eq!(topic.segment_age, Duration::from_secs(60));
    }

    /// Every topic of this crate gets this (see [`create`]); the file must say the same.
    #[test]
    fn the_file_agrees_with_what_every_topic_gets() {
        assert_eq!(setting(BUTTON_PRESSES, "remote.storage.enable"), Some("true"));
    }

    #[test]
    fn a_comment_is_no_setting() {
        assert_eq!(setting("# a=1\nb=2\n", "a"), None);
        assert_eq!(setting("# a=1\nb=2\n", "b"), Some("2"));
    }
}
