//! Apicurio Registry, by its API that is compatible with Confluent's Schema Registry.

use crate::{
    Downloads, Error,
    process::{JAVA, tool},
    service::{Limits, Service, make_folder},
};
use nix::sys::signal::Signal;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// For each single request.
const REQUEST_WITHIN: Duration = Duration::from_secs(5);

/// A schema registry that takes only schemas which old and new readers understand (FULL).
pub struct Registry {
    downloads: Downloads,
    folder: PathBuf,
    port: u16,
}

impl Registry {
    /// A registry that keeps its schemas in `folder`, which is absolute.
    pub fn new(downloads: &Downloads, folder: &Path, port: u16) -> Self {
        Self { downloads: downloads.clone(), folder: folder.to_owned(), port }
    }

    /// The address for clients of Confluent's Schema Registry.
    pub fn url(&self) -> String {
        format!("{}/ccompat/v7", self.apis())
    }

    /// The address for clients of Apicurio's own API.
    pub fn native_url(&self) -> String {
        format!("{}/registry/v2", self.apis())
    }

    fn apis(&self) -> String {
        format!("http://127.0.0.1:{}/apis", self.port)
    }
}

impl Service for Registry {
    fn name(&self) -> &'static str {
        "The registry"
    }

    fn key(&self) -> &'static str {
        "registry"
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn address(&self) -> String {
        self.url()
    }

    fn limits(&self) -> Limits {
        Limits {
            ready_within: Duration::from_secs(60),
            stop_signal: Signal::SIGTERM,
            stop_grace: Duration::from_secs(10),
        }
    }

    fn prepare(&self) -> Result<(), Error> {
        make_folder(&self.folder).map(drop)
    }

    fn command(&self) -> Result<Command, Error> {
        let mut java = tool(&JAVA);
        java.arg(self.marker())
            .args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .arg("-Dquarkus.http.host=127.0.0.1")
            .arg(format!("-Dquarkus.http.port={}", self.port))
            // It opens twenty connections to its own database otherwise.
            .arg("-Dquarkus.datasource.jdbc.initial-size=1")
            .arg("-Dquarkus.datasource.jdbc.min-size=1")
            .arg("-jar")
            .arg(self.downloads.registry_jar())
            // By default its database is in memory, and ids would begin again at 1 after a restart,
            // while messages with the old ids are still in Kafka. WRITE_DELAY: H2 would keep a
            // commit for half a second before it writes it.
            .env(
                "REGISTRY_DATASOURCE_URL",
                format!("jdbc:h2:file:{}/schemas;WRITE_DELAY=0", self.folder.display()),
            );
        Ok(java)
    }

    fn is_ready(&self, log: &str) -> bool {
        log.contains("Listening on:")
            && http().get(format!("{}/subjects", self.url())).call().is_ok()
    }

    /// Makes FULL the compatibility level. The default is to take everything.
    fn settle(&self) -> Result<(), Error> {
        let url = format!("{}/config", self.url());
        http()
            .put(&url)
            .header("content-type", "application/vnd.schemaregistry.v1+json")
            .send(r#"{"compatibility":"FULL"}"#)
            .map_err(|source| Error::Compatibility { url, source: Box::new(source) })?;
        Ok(())
    }
}

pub(crate) fn http() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(REQUEST_WITHIN))
        // It is on this machine.
        .proxy(None)
        .build()
        .into()
}
