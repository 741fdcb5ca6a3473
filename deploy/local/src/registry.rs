//! Apicurio Registry, by its API that is compatible with Confluent's Schema Registry.

use crate::{
    Downloads, Error,
    error::io,
    process::{JAVA, Life, Process, marker, tool},
};
use std::{fs, path::PathBuf, time::Duration};

pub(crate) const NAME: &str = "The registry";

pub(crate) const READY_WITHIN: Duration = Duration::from_secs(60);
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(10);

/// For each single request while it starts.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);

/// A schema registry. Dropping it kills it, and leaves its data where it is.
pub struct Registry {
    downloads: Downloads,
    folder: PathBuf,
    port: u16,
    process: Process,
}

impl Registry {
    /// Starts a registry that keeps its schemas in `folder`, waits until it answers, and makes FULL
    /// its compatibility level: only schemas that old and new readers understand are taken.
    pub fn start(
        downloads: &Downloads,
        folder: impl Into<PathBuf>,
        port: u16,
    ) -> Result<Self, Error> {
        let mut registry = Self::launch(downloads, folder.into(), port, Life::WithItsOwner)?;
        registry.wait_until_ready()?;
        Ok(registry)
    }

    pub(crate) fn launch(
        downloads: &Downloads,
        folder: PathBuf,
        port: u16,
        life: Life,
    ) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(io(format!("make the folder {}", folder.display())))?;
        // H2 takes no relative paths.
        let folder =
            folder.canonicalize().map_err(io(format!("find the folder {}", folder.display())))?;
        let process = spawn(downloads, &folder, port, life)?;
        Ok(Self { downloads: downloads.clone(), folder, port, process })
    }

    pub(crate) fn wait_until_ready(&mut self) -> Result<(), Error> {
        // The log says that it is this registry that answers, not another one on the same port.
        self.process.wait_until(READY_WITHIN, |log| has_started(log) && answers(self.port))?;
        require_full(self.port)
    }

    /// Lets the registry go on by itself; its process id is what remains of it here.
    pub(crate) fn detach(self) -> u32 {
        self.process.detach()
    }

    /// The address for clients of Confluent's Schema Registry.
    pub fn url(&self) -> String {
        url(self.port)
    }

    /// The registry's log.
    pub fn log_file(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// Ends the registry as a power cut would (SIGKILL).
    pub fn kill(&mut self) -> Result<(), Error> {
        self.process.kill()
    }

    /// Ends the registry in order (SIGTERM; SIGKILL if it does not end).
    pub fn stop(&mut self) -> Result<(), Error> {
        self.process.stop(STOP_GRACE)
    }

    /// Starts the registry again, on the same data and the same port, and waits until it answers.
    /// One that still runs is stopped first.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.stop()?;
        self.process = spawn(&self.downloads, &self.folder, self.port, Life::WithItsOwner)?;
        self.wait_until_ready()
    }
}

const LOG: &str = "registry.log";

fn spawn(
    downloads: &Downloads,
    folder: &std::path::Path,
    port: u16,
    life: Life,
) -> Result<Process, Error> {
    let mut java = tool(&JAVA);
    java.arg(marker(folder))
        .args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-Dquarkus.http.host=127.0.0.1")
        .arg(format!("-Dquarkus.http.port={port}"))
        // It opens twenty connections to its own database otherwise.
        .args(["-Dquarkus.datasource.jdbc.initial-size=1", "-Dquarkus.datasource.jdbc.min-size=1"])
        .arg("-jar")
        .arg(downloads.registry_jar())
        // By default its database is in memory, and ids would begin again at 1 after a restart,
        // while messages with the old ids are still in Kafka. WRITE_DELAY: H2 would keep a commit
        // for half a second before it writes it.
        .env(
            "REGISTRY_DATASOURCE_URL",
            format!("jdbc:h2:file:{}/schemas;WRITE_DELAY=0", folder.display()),
        );
    Process::start(NAME, java, folder.join(LOG), life)
}

pub(crate) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/apis/ccompat/v7")
}

/// Whether the log says that it listens.
pub(crate) fn has_started(log: &str) -> bool {
    log.contains("Listening on:")
}

/// Whether a registry answers at this port.
pub(crate) fn answers(port: u16) -> bool {
    http().get(format!("{}/subjects", url(port))).call().is_ok()
}

/// Makes FULL the compatibility level. The default is to take everything.
pub(crate) fn require_full(port: u16) -> Result<(), Error> {
    let url = format!("{}/config", url(port));
    http()
        .put(&url)
        .header("content-type", "application/vnd.schemaregistry.v1+json")
        .send(r#"{"compatibility":"FULL"}"#)
        .map_err(|source| Error::Compatibility { url, source: Box::new(source) })?;
    Ok(())
}

fn http() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(REQUEST_WITHIN))
        // It is on this machine.
        .proxy(None)
        .build()
        .into()
}
