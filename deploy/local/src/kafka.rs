//! Apache Kafka: one node that is broker and controller (KRaft), with tiered storage.

use crate::{
    Downloads, Error, Topic,
    error::io,
    ports::free_port,
    process::{JAVA, Life, Process, marker, tool},
    topic,
};
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

pub(crate) const NAME: &str = "Kafka";

/// The first start after an installation reads 54 MB of jars from a cold disk.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(90);

/// It closes its logs at a stop, which took up to 7 s.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(20);

/// How long a running broker may take for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

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
        let mut kafka = Self::launch(downloads, folder.into(), ports, Life::WithItsOwner)?;
        kafka.wait_until_ready()?;
        Ok(kafka)
    }

    pub(crate) fn launch(
        downloads: &Downloads,
        folder: PathBuf,
        ports: KafkaPorts,
        life: Life,
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
        let process = spawn(downloads, &folder, life)?;
        Ok(Self { downloads: downloads.clone(), folder, ports, process })
    }

    pub(crate) fn wait_until_ready(&mut self) -> Result<(), Error> {
        self.process.wait_until(READY_WITHIN, has_started)
    }

    /// Lets the broker go on by itself; its process id is what remains of it here.
    pub(crate) fn detach(self) -> u32 {
        self.process.detach()
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
        self.process = spawn(&self.downloads, &self.folder, Life::WithItsOwner)?;
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

fn spawn(downloads: &Downloads, folder: &Path, life: Life) -> Result<Process, Error> {
    let mut java = tool(&JAVA);
    java.arg(marker(folder));
    java.arg(format!("-Dlog4j2.configurationFile={}", folder.join("log4j2.xml").display()));
    java.args(self::java(downloads).get_args());
    java.arg("kafka.Kafka").arg(folder.join("server.properties"));
    Process::start(NAME, java, folder.join(LOG), life)
}

/// Whether the log says that the start is over.
pub(crate) fn has_started(log: &str) -> bool {
    log.contains("Kafka Server started")
}

/// Whether a broker answers at this port. A listening socket alone says little: the system accepts
/// connections also for a process that hangs.
pub(crate) fn answers(port: u16) -> bool {
    api_versions(port).is_ok()
}

/// Asks which requests the broker knows (ApiVersions, version 0), as every client does first.
fn api_versions(port: u16) -> std::io::Result<()> {
    const CORRELATION_ID: [u8; 4] = [0, 0, 0, 1];
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    // Length, API key 18, version 0, correlation id, and no client id.
    let mut request = vec![0, 0, 0, 10, 0, 18, 0, 0];
    request.extend(CORRELATION_ID);
    request.extend([0xff, 0xff]);
    stream.write_all(&request)?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer)?;
    if answer[4..] == CORRELATION_ID { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
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
