//! Real servers for a test that leaves them as they are, apart from topics, schemas and rows of its own.

use local_stack::{Background, Kafka, Ports, PostgreSql, Registry, Services, Stack};
use std::{env, path::Path};
use tempfile::TempDir;

/// A broker, registry and database, with the sink between them: those of the whole run (`$E2E_STACK`, the
/// folder of a stack that `local-stack hold` runs), else the test's own, which end with it.
///
/// Tests that kill, pause or exactly count what all others produce start a [`Stack`] instead.
pub struct Servers(Running);

enum Running {
    OfTheRun(Box<Services>),
    Own(Box<Stack>, #[expect(dead_code, reason = "deleted when it is dropped")] TempDir),
}

impl Servers {
    /// Finds or starts them.
    pub fn start() -> Self {
        if let Some(folder) = env::var_os("E2E_STACK").filter(|folder| !folder.is_empty()) {
            let stack =
                Background::at(Path::new(&folder)).unwrap_or_else(|e| panic!("E2E_STACK: {e}"));
            return Self(Running::OfTheRun(Box::new(stack.servers())));
        }
        let folder = tempfile::tempdir().unwrap();
        let stack = Stack::start(folder.path(), Ports::free().unwrap());
        Self(Running::Own(Box::new(stack.unwrap_or_else(|error| panic!("{error}"))), folder))
    }

    /// The broker.
    pub fn kafka(&self) -> &Kafka {
        match &self.0 {
            Running::OfTheRun(services) => &services.kafka,
            Running::Own(stack, _) => &stack.kafka,
        }
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        match &self.0 {
            Running::OfTheRun(services) => &services.registry,
            Running::Own(stack, _) => &stack.registry,
        }
    }

    /// The database with the product's table.
    pub fn postgresql(&self) -> &PostgreSql {
        match &self.0 {
            Running::OfTheRun(services) => &services.postgresql,
            Running::Own(stack, _) => &stack.postgresql,
        }
    }
}
