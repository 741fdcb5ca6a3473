//! Apache Kafka: one node that is broker and controller (KRaft), with tiered storage.

use crate::{
    Downloads, Error, Topic,
    error::io,
    ports::free_port,
    process::{JAVA, Process, tool},
    topic,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const NAME: &str = "Kafka";

/// The first start after an installation reads 54 MB of jars from a cold disk.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// It closes its logs at a stop, which took up to 7 s.
const STOP_GRACE: Duration = Duration::from_secs(20);

/// One fixed id, as there is one cluster to a data folder.
const CLUSTER_ID: &str = "a2Fma2EtYnV0dG9uLTAwMQ";

const PROPERTIES: &str = include_str!("../server.properties");
const LOGGING: &str = include_str!("../log4j2.xml");

/// The ports of a broker.
#[derive(Clone, Copy, Debug)]
pub struct KafkaPorts {
    /// For clients, without encryption.
    pub plaintext: u16,
    /// For the controller, which is in the same process.
    pub controller: u16,
}

impl KafkaPorts {
    /// Ports that nobody uses.
    pub fn free() -> Result<Self, Error> {
        Ok(Self { plaintext: free_port()?, controller: free_port()? })
    }
}

/// A broker. Dropping it kills it, and leaves its data where it is.
pub struct Kafka {
    downloads: Downloads,
    folder: PathBuf,
    ports: KafkaPorts,
    process: Process,
}

impl Kafka {
    /// Starts a broker that keeps all that it has in `folder`, and waits until it serves.
    pub fn start(
        downloads: &Downloads,
        folder: impl Into<PathBuf>,
        ports: KafkaPorts,
    ) -> Result<Self, Error> {
        let mut kafka = Self::launch(downloads, folder.into(), ports)?;
        kafka.wait_until_ready()?;
        Ok(kafka)
    }

    pub(crate) fn launch(
        downloads: &Downloads,
        folder: PathBuf,
        ports: KafkaPorts,
    ) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(io(format!("make the folder {}", folder.display())))?;
        // The broker resolves relative paths against wherever it was started from.
        let folder =
            folder.canonicalize().map_err(io(format!("find the folder {}", folder.display())))?;
        write(&folder.join("log4j2.xml"), LOGGING)?;
        write(&folder.join("server.properties"), &properties(downloads, &folder, ports))?;
        if !folder.join("data/meta.properties").is_file() {
            format(downloads, &folder)?;
        }
        let process = spawn(downloads, &folder)?;
        Ok(Self { downloads: downloads.clone(), folder, ports, process })
    }

    pub(crate) fn wait_until_ready(&mut self) -> Result<(), Error> {
        self.process.wait_until(READY_WITHIN, |log| log.contains("Kafka Server started"))
    }

    /// The address for clients, `HOST:PORT`.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.ports.plaintext)
    }

    /// The folder of the local log segments, one sub-folder for each partition.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The folder that stands for the remote tier.
    pub fn remote_folder(&self) -> PathBuf {
        self.folder.join("remote")
    }

    /// The broker's log.
    pub fn log_file(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// Makes a topic; one that is there already stays as it is.
    pub fn create_topic(&self, topic: &Topic) -> Result<(), Error> {
        topic::create(&self.downloads, &self.bootstrap(), topic)
    }

    /// Ends the broker as a power cut would (SIGKILL).
    pub fn kill(&mut self) -> Result<(), Error> {
        self.process.kill()
    }

    /// Ends the broker in order (SIGTERM; SIGKILL if it does not end).
    pub fn stop(&mut self) -> Result<(), Error> {
        self.process.stop(STOP_GRACE)
    }

    /// Starts the broker again, on the same data and the same ports, and waits until it serves. One
    /// that still runs is stopped first.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.stop()?;
        self.process = spawn(&self.downloads, &self.folder)?;
        self.wait_until_ready()
    }
}

const LOG: &str = "kafka.log";

fn properties(downloads: &Downloads, folder: &Path, ports: KafkaPorts) -> String {
    PROPERTIES
        .replace("{{port}}", &ports.plaintext.to_string())
        .replace("{{controller_port}}", &ports.controller.to_string())
        .replace("{{data_folder}}", &folder.join("data").to_string_lossy())
        .replace("{{remote_folder}}", &folder.join("remote").to_string_lossy())
        .replace("{{tiered_storage_jar}}", &downloads.tiered_storage_jar().to_string_lossy())
}

/// A JVM for one of Kafka's classes, small and quick to start rather than fast.
pub(crate) fn java(downloads: &Downloads) -> Command {
    let mut java = tool(&JAVA);
    java.args(["-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-cp")
        .arg(downloads.kafka_class_path());
    java
}

fn format(downloads: &Downloads, folder: &Path) -> Result<(), Error> {
    let mut java = java(downloads);
    java.args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"])
        .arg(folder.join("server.properties"));
    topic::run("kafka.tools.StorageTool", java)
}

fn spawn(downloads: &Downloads, folder: &Path) -> Result<Process, Error> {
    let mut java = tool(&JAVA);
    java.arg(format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.xml").display()));
    java.args(self::java(downloads).get_args());
    java.arg("kafka.Kafka").arg(folder.join("server.properties"));
    Process::start(NAME, java, folder.join(LOG))
}

fn write(file: &Path, text: &str) -> Result<(), Error> {
    fs::write(file, text).map_err(io(format!("write {}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::PROPERTIES;

    #[test]
    fn every_word_of_the_template_is_filled_in() {
        let known =
            ["port", "controller_port", "data_folder", "remote_folder", "tiered_storage_jar"];
        for (_, rest) in PROPERTIES.match_indices("{{").map(|(at, _)| PROPERTIES.split_at(at + 2)) {
            let word = rest.split("}}").next().unwrap_or_default();
            assert!(known.contains(&word), "{word}");
        }
    }
}
