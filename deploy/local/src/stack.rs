//! All servers together, for as long as their owner lives.

use crate::{
    Connect, Downloads, Error, Kafka, Ports, PostgreSql, Registry, Server,
    connect::Neighbours,
    download,
    service::{Service, make_folder_with},
};
use std::path::{Path, PathBuf};

/// A server of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The broker.
    Kafka,
    /// The schema registry.
    Registry,
    /// The database.
    PostgreSql,
    /// Kafka Connect with the sink.
    Connect,
}

impl Part {
    /// In the order in which they are started. Connect comes last: it needs all others. A sink that
    /// starts while the registry is away would put all that it reads to the dead letters.
    pub const ALL: [Self; 4] = [Self::Kafka, Self::Registry, Self::PostgreSql, Self::Connect];
}

/// What the servers are: addresses, folders and tools, whether they run or not.
pub struct Services {
    /// The broker.
    pub kafka: Kafka,
    /// The registry.
    pub registry: Registry,
    /// The database.
    pub postgresql: PostgreSql,
    /// Kafka Connect with the sink.
    pub connect: Connect,
}

impl Services {
    /// `folder` is absolute.
    pub(crate) fn in_folder(folder: &Path, downloads: &Downloads, ports: Ports) -> Self {
        let certificates = folder.join("certificates");
        let kafka = Kafka::new(downloads, &folder.join("kafka"), ports.kafka, &certificates);
        let registry = Registry::new(downloads, &folder.join("registry"), ports.registry);
        let postgresql = PostgreSql::new(&folder.join("postgresql"), ports.postgresql);
        let neighbours = Neighbours {
            bootstrap: kafka.bootstrap(),
            registry: registry.native_url(),
            jdbc: postgresql.jdbc_url(),
            user: postgresql.user(),
            password: postgresql.password(),
        };
        let connect = Connect::new(downloads, &folder.join("connect"), ports.connect, neighbours);
        Self { kafka, registry, postgresql, connect }
    }

    pub(crate) fn of(&self, part: Part) -> &dyn Service {
        match part {
            Part::Kafka => &self.kafka,
            Part::Registry => &self.registry,
            Part::PostgreSql => &self.postgresql,
            Part::Connect => &self.connect,
        }
    }
}

/// Makes the folder of a stack. Other users can pass through it, as PostgreSQL does where it has a user of its own,
/// but not list it.
pub(crate) fn make_stack_folder(folder: &Path) -> Result<PathBuf, Error> {
    make_folder_with(folder, 0o711)
}

/// A broker with the product's topic, a registry, a database with the product's table, and the sink
/// between them. Dropping it kills all, and leaves their data where it is.
pub struct Stack {
    /// The broker.
    pub kafka: Server<Kafka>,
    /// The registry.
    pub registry: Server<Registry>,
    /// The database.
    pub postgresql: Server<PostgreSql>,
    /// Kafka Connect with the sink.
    pub connect: Server<Connect>,
}

impl Stack {
    /// Downloads what is not there yet, starts all with their data in sub-folders of `folder`, and
    /// waits until all are ready, with the topic `button_presses`, the table and the sink.
    pub fn start(folder: &Path, ports: Ports) -> Result<Self, Error> {
        let services = Services::in_folder(&make_stack_folder(folder)?, &download()?, ports);
        let mut kafka = Server::launch(services.kafka)?;
        let mut registry = Server::launch(services.registry)?;
        let mut postgresql = Server::launch(services.postgresql)?;
        kafka.wait_until_ready()?;
        kafka.settle()?;
        postgresql.wait_until_ready()?;
        postgresql.settle()?;
        registry.wait_until_ready()?;
        registry.settle()?;
        let connect = Server::start(services.connect)?;
        Ok(Self { kafka, registry, postgresql, connect })
    }

    /// Ends all in order.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.connect.stop()?;
        self.postgresql.stop()?;
        self.registry.stop()?;
        self.kafka.stop()
    }
}
