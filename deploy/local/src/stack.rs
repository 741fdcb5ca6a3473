//! Kafka and the registry together.

use crate::{Error, Kafka, KafkaPorts, Registry, Topic, download, free_port, process::Life};
use std::path::Path;

/// The ports of the whole stack.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Kafka's.
    pub kafka: KafkaPorts,
    /// The registry's.
    pub registry: u16,
}

impl Ports {
    /// Ports that nobody uses.
    pub fn free() -> Result<Self, Error> {
        Ok(Self { kafka: KafkaPorts::free()?, registry: free_port()? })
    }
}

/// A broker, with the product's topic, and a registry. Dropping it kills both, and leaves their
/// data where it is.
pub struct Stack {
    /// The broker.
    pub kafka: Kafka,
    /// The registry.
    pub registry: Registry,
}

impl Stack {
    /// Downloads what is not there yet, starts both at the same time with their data in
    /// sub-folders of `folder`, waits until both are ready, and makes the topic `button_presses`
    /// unless it is there.
    pub fn start(folder: &Path, ports: Ports) -> Result<Self, Error> {
        let downloads = download()?;
        let mut kafka =
            Kafka::launch(&downloads, folder.join("kafka"), ports.kafka, Life::WithItsOwner)?;
        let mut registry = Registry::launch(
            &downloads,
            folder.join("registry"),
            ports.registry,
            Life::WithItsOwner,
        )?;
        kafka.wait_until_ready()?;
        kafka.create_topic(&Topic::button_presses())?;
        registry.wait_until_ready()?;
        Ok(Self { kafka, registry })
    }

    /// Ends both in order.
    pub fn stop(&mut self) -> Result<(), Error> {
        self.registry.stop()?;
        self.kafka.stop()
    }
}
