//! Kafka Connect with the JDBC sink: from the topic into PostgreSQL.

use crate::{
    Downloads, Error,
    password::Password,
    process::{JAVA, POLL, tool},
    registry::http,
    service::{Limits, Service, fill_in, make_folder, write},
};
use nix::sys::signal::Signal;
use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// The name of the connector, and of its consumer group with `connect-` before it.
pub const CONNECTOR: &str = "postgresql-sink";

const PROPERTIES: &str = include_str!("../connect.properties");
const LOGGING: &str = include_str!("../log4j2.xml");

/// The users of the REST interface (`rest.extension.classes` in `connect.properties`).
const JAAS: &str = r#"KafkaConnect {
    org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required file="{{users}}";
};
"#;
const SINK: &str = include_str!("../../connectors/postgresql-sink.json");

/// How long the sink may take until it runs.
const SINK_RUNS_WITHIN: Duration = Duration::from_secs(60);

/// How long a sink that was started afresh has before that is done again.
const MEND_EVERY: Duration = Duration::from_secs(10);

/// The addresses of what the worker and its sink use.
#[derive(Clone, Debug)]
pub struct Neighbours {
    /// Kafka's.
    pub bootstrap: String,
    /// The registry's, for clients of Apicurio's own API.
    pub registry: String,
    /// The database's, for Java's clients.
    pub jdbc: String,
    /// The user there, and of the worker's own REST interface.
    pub user: &'static str,
    /// Their password.
    pub(crate) password: Password,
}

/// A worker of Kafka Connect that runs one connector, the sink.
pub struct Connect {
    downloads: Downloads,
    folder: PathBuf,
    port: u16,
    neighbours: Neighbours,
}

impl Connect {
    /// A worker that has only its configuration and its log in `folder`, which is absolute: what it
    /// must not forget is in topics of its own.
    pub fn new(downloads: &Downloads, folder: &Path, port: u16, neighbours: Neighbours) -> Self {
        Self { downloads: downloads.clone(), folder: folder.to_owned(), port, neighbours }
    }

    /// The address of its REST interface, with the user and the password. Without one, every user of the machine,
    /// and every page that its browsers open, could have the worker write and read what it may.
    pub fn url(&self) -> String {
        let Neighbours { user, password, .. } = &self.neighbours;
        format!("http://{user}:{}@127.0.0.1:{}", password.read(), self.port)
    }

    /// Whether the connector and its task run; if not, in Connect's own words.
    pub fn sink_state(&self) -> Result<(), String> {
        let url = format!("{}/connectors/{CONNECTOR}/status", self.url());
        let status = http()
            .get(&url)
            .call()
            .and_then(|answer| answer.into_body().read_to_string())
            .map_err(|error| error.to_string())?;
        // The connector and its one task each have a state. A word more in a trace does no harm.
        let running = status.matches(r#""state":"RUNNING""#).count();
        if running == 2 { Ok(()) } else { Err(status) }
    }

    /// Starts the sink afresh if it has failed, and says whether it had. It goes on where it was.
    ///
    /// A task that has failed stays so until somebody says that the cause is gone. It fails when
    /// PostgreSQL dies at a bad moment, and sometimes when Kafka does: Connect then starts it anew
    /// while the old one still ends, and Debezium 3.3 does not bear that.
    pub fn mend(&self) -> Result<bool, Error> {
        let connector = format!("{}/connectors/{CONNECTOR}", self.url());
        let failed = self.sink_state().is_err_and(|state| state.contains(r#""state":"FAILED""#));
        if failed {
            let url = format!("{connector}/restart?includeTasks=true&onlyFailed=true");
            http()
                .post(url)
                .send_empty()
                .map_err(|error| Error::Sink { url: connector, reason: error.to_string() })?;
        }
        Ok(failed)
    }

    fn jaas_file(&self) -> PathBuf {
        self.folder.join("jaas.conf")
    }

    fn properties(&self) -> String {
        let values = [
            ("bootstrap", self.neighbours.bootstrap.clone()),
            ("port", self.port.to_string()),
            ("plugins", self.downloads.plugins_folder().to_string_lossy().into_owned()),
        ];
        fill_in(PROPERTIES, &values)
    }

    fn sink(&self) -> String {
        let values = [
            ("registry_url", self.neighbours.registry.clone()),
            ("postgresql_url", self.neighbours.jdbc.clone()),
            ("postgresql_user", self.neighbours.user.to_owned()),
            ("postgresql_password", self.neighbours.password.read()),
        ];
        fill_in(SINK, &values)
    }
}

impl Service for Connect {
    fn name(&self) -> &'static str {
        "Connect"
    }

    fn key(&self) -> &'static str {
        "connect"
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn limits(&self) -> Limits {
        Limits {
            ready_within: Duration::from_secs(90),
            stop_signal: Signal::SIGTERM,
            stop_grace: Duration::from_secs(15),
        }
    }

    fn prepare(&self) -> Result<(), Error> {
        make_folder(&self.folder)?;
        write(&self.folder.join("log4j2.xml"), LOGGING)?;
        let Neighbours { user, password, .. } = &self.neighbours;
        let users = self.folder.join("users.properties");
        write(&users, &format!("{user}={}\n", password.read()))?;
        write(&self.jaas_file(), &fill_in(JAAS, &[("users", users.display().to_string())]))?;
        write(&self.folder.join("connect.properties"), &self.properties())
    }

    fn command(&self) -> Result<Command, Error> {
        let mut java = tool(&JAVA);
        java.arg(self.marker())
            .arg(format!("-Dlog4j2.configurationFile={}", self.folder.join("log4j2.xml").display()))
            .arg(format!("-Djava.security.auth.login.config={}", self.jaas_file().display()))
            // In another zone the sink writes times that are wrong by hours.
            .arg("-Duser.timezone=UTC")
            .args(["-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .arg("-cp")
            .arg(self.downloads.kafka_class_path())
            .arg("org.apache.kafka.connect.cli.ConnectDistributed")
            .arg(self.folder.join("connect.properties"));
        Ok(java)
    }

    fn is_ready(&self, _log: &str) -> bool {
        // It answers only when it has read its topics and can take connectors.
        http().get(format!("{}/health", self.url())).call().is_ok()
    }

    fn complaint(&self) -> Option<String> {
        self.sink_state().err()
    }

    /// Makes the sink, or gives it its configuration again; waits until it runs.
    fn settle(&self) -> Result<(), Error> {
        let connector = format!("{}/connectors/{CONNECTOR}", self.url());
        let failed = |reason: String| Error::Sink { url: connector.clone(), reason };
        http()
            .put(format!("{connector}/config"))
            .header("content-type", "application/json")
            .send(self.sink())
            .map_err(|error| failed(error.to_string()))?;
        let start = Instant::now();
        let mut mended: Option<Instant> = None;
        while let Err(state) = self.sink_state() {
            if start.elapsed() > SINK_RUNS_WITHIN {
                return Err(failed(state));
            }
            if mended.is_none_or(|last| last.elapsed() > MEND_EVERY) && self.mend()? {
                mended = Some(Instant::now());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_word_of_the_templates_is_filled_in() {
        let folder = tempfile::tempdir().unwrap();
        let neighbours = Neighbours {
            bootstrap: "127.0.0.1:1".to_owned(),
            registry: "http://127.0.0.1:2".to_owned(),
            jdbc: "jdbc:postgresql://127.0.0.1:3/x".to_owned(),
            user: "y",
            password: Password::in_file(folder.path().join("password")),
        };
        let downloads = Downloads::in_folder(folder.path());
        let connect = Connect::new(&downloads, folder.path(), 4, neighbours);
        for text in [connect.properties(), connect.sink()] {
            assert!(!text.contains("{{"), "{text}");
        }
    }
}
