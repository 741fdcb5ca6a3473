//! Apache Kafka: one node that is broker and controller (KRaft), with tiered storage.

use crate::{
    Authority, Downloads, Error, Topic,
    ports::free_port,
    process::{JAVA, tool},
    service::{Limits, Service, fill_in, make_folder, write},
    topic,
};
use nix::sys::signal::Signal;
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How long a running broker may take for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// One fixed id, as there is one cluster to a data folder.
const CLUSTER_ID: &str = "a2Fma2EtYnV0dG9uLTAwMQ";

const PROPERTIES: &str = include_str!("../server.properties");
const LOGGING: &str = include_str!("../log4j2.xml");

/// The user of the listener with passwords, and the password.
pub const SASL_USER: (&str, &str) = ("button", "press-me");

/// The ports of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KafkaPorts {
    /// For clients, without encryption.
    pub plaintext: u16,
    /// For clients with a certificate (TLS).
    pub tls: u16,
    /// For clients with a password (SASL over TLS).
    pub sasl: u16,
    /// For the controller, which is in the same process.
    pub controller: u16,
}

impl KafkaPorts {
    /// Ports that nobody uses.
    pub fn free() -> Result<Self, Error> {
        Ok(Self {
            plaintext: free_port()?,
            tls: free_port()?,
            sasl: free_port()?,
            controller: free_port()?,
        })
    }
}

/// A broker. What it has is in its folder: data, logs, and the folder that stands for the remote
/// tier.
pub struct Kafka {
    downloads: Downloads,
    folder: PathBuf,
    ports: KafkaPorts,
    certificates: PathBuf,
}

impl Kafka {
    /// A broker that keeps all that it has in `folder`, and believes clients with certificates of
    /// the authority in the folder `certificates`. Both are absolute.
    pub fn new(
        downloads: &Downloads,
        folder: &Path,
        ports: KafkaPorts,
        certificates: &Path,
    ) -> Self {
        let (downloads, folder) = (downloads.clone(), folder.to_owned());
        Self { downloads, folder, ports, certificates: certificates.to_owned() }
    }

    /// The address for clients, `HOST:PORT`.
    pub fn bootstrap(&self) -> String {
        address(self.ports.plaintext)
    }

    /// The address for clients with a certificate.
    pub fn tls_bootstrap(&self) -> String {
        address(self.ports.tls)
    }

    /// The address for clients with a password (SASL PLAIN over TLS, [`SASL_USER`]).
    pub fn sasl_bootstrap(&self) -> String {
        address(self.ports.sasl)
    }

    /// Whoever issues certificates that the broker believes; made if it is not there.
    pub fn authority(&self) -> Result<Authority, Error> {
        Authority::at(&self.certificates)
    }

    /// The folder of the local log segments, one sub-folder for each partition.
    pub fn data_folder(&self) -> PathBuf {
        data_folder(&self.folder)
    }

    /// The folder that stands for the remote tier.
    pub fn remote_folder(&self) -> PathBuf {
        self.folder.join("remote")
    }

    /// Makes a topic; one that is there already stays as it is.
    pub fn create_topic(&self, topic: &Topic) -> Result<(), Error> {
        // The broker keeps a partition in a folder of this name.
        if self.data_folder().join(format!("{}-0", topic.name)).is_dir() {
            return Ok(());
        }
        topic::create(&self.downloads, &self.bootstrap(), topic)
    }

    /// Runs one of Kafka's own command line tools, by its Java class, to its end, and gives what it
    /// printed.
    pub fn tool(&self, class: &'static str, arguments: &[&str]) -> Result<String, Error> {
        run_tool(&self.downloads, class, arguments)
    }

    fn properties(&self) -> String {
        let (user, password) = SASL_USER;
        let values = [
            ("port", self.ports.plaintext.to_string()),
            ("tls_port", self.ports.tls.to_string()),
            ("sasl_port", self.ports.sasl.to_string()),
            ("controller_port", self.ports.controller.to_string()),
            ("data_folder", text(&self.data_folder())),
            ("remote_folder", text(&self.remote_folder())),
            ("tiered_storage_jar", text(&self.downloads.tiered_storage_jar())),
            ("authority", text(&self.certificates.join("ca.pem"))),
            ("certificate", text(&self.certificate())),
            ("user", user.to_owned()),
            ("password", password.to_owned()),
        ];
        fill_in(PROPERTIES, &values)
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("broker.pem")
    }
}

impl Service for Kafka {
    fn name(&self) -> &'static str {
        "Kafka"
    }

    fn key(&self) -> &'static str {
        "kafka"
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn address(&self) -> String {
        self.bootstrap()
    }

    fn limits(&self) -> Limits {
        Limits {
            // The first start after an installation reads 54 MB of jars from a cold disk.
            ready_within: Duration::from_secs(90),
            stop_signal: Signal::SIGTERM,
            // It closes its logs at a stop, which took up to 7 s.
            stop_grace: Duration::from_secs(20),
        }
    }

    fn prepare(&self) -> Result<(), Error> {
        make_folder(&self.folder)?;
        let authority = self.authority()?;
        if !self.certificate().is_file() {
            authority.issue_broker(&self.certificate())?;
        }
        configure(&self.downloads, &self.folder, &self.properties())
    }

    fn command(&self) -> Result<Command, Error> {
        Ok(broker(&self.downloads, self, &[]))
    }

    fn is_ready(&self, log: &str) -> bool {
        has_started(log, self.ports.plaintext)
    }

    fn settle(&self) -> Result<(), Error> {
        self.create_topic(&Topic::button_presses())
    }
}

pub(crate) fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The folder of a broker's local log segments.
pub(crate) fn data_folder(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Writes the configuration of the broker in this folder, and formats its data folder if that is not
/// done yet.
pub(crate) fn configure(
    downloads: &Downloads,
    folder: &Path,
    properties: &str,
) -> Result<(), Error> {
    write(&folder.join("log4j2.xml"), LOGGING)?;
    let file = folder.join("server.properties");
    write(&file, properties)?;
    if data_folder(folder).join("meta.properties").is_file() {
        return Ok(());
    }
    let format = ["format", "--cluster-id", CLUSTER_ID, "--config", &text(&file)];
    run_tool(downloads, "kafka.tools.StorageTool", &format).map(drop)
}

/// The command that runs a configured broker, with further options for its JVM.
pub(crate) fn broker(downloads: &Downloads, service: &impl Service, options: &[&str]) -> Command {
    let mut java = tool(&JAVA);
    let logging = service.folder().join("log4j2.xml");
    java.arg(service.marker())
        .arg(format!("-Dlog4j2.configurationFile={}", logging.display()))
        .args(self::java(downloads).get_args())
        .args(options)
        .arg("kafka.Kafka")
        .arg(service.folder().join("server.properties"));
    java
}

/// Whether the broker with this log answers at its port.
pub(crate) fn has_started(log: &str, port: u16) -> bool {
    log.contains("Kafka Server started") && api_versions(port).is_ok()
}

/// Runs one of Kafka's command line tools, by its Java class, to its end, and returns what it printed.
pub(crate) fn run_tool(
    downloads: &Downloads,
    class: &'static str,
    arguments: &[&str],
) -> Result<String, Error> {
    let mut java = java(downloads);
    java.arg(class).args(arguments);
    topic::run(class, java)
}

/// A JVM for one of Kafka's classes, small and quick to start rather than fast.
pub(crate) fn java(downloads: &Downloads) -> Command {
    let mut java = tool(&JAVA);
    java.args(["-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-cp")
        .arg(downloads.kafka_class_path());
    java
}

/// Asks which requests the broker knows (ApiVersions, version 0), as every client does first. A
/// listening socket alone says little: the system accepts connections also for a process that hangs.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_word_of_the_template_is_filled_in() {
        let folder = tempfile::tempdir().unwrap();
        let kafka = Kafka::new(
            &Downloads::in_folder(folder.path()),
            folder.path(),
            KafkaPorts { plaintext: 1, tls: 2, sasl: 3, controller: 4 },
            folder.path(),
        );
        let properties = kafka.properties();
        assert!(!properties.contains("{{"), "{properties}");
        assert!(properties.contains("SSL://127.0.0.1:2"), "{properties}");
    }
}
