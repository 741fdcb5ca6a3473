//! A cluster of three nodes that replicate to each other, each a broker and a controller (KRaft).

use crate::{
    Downloads, Error, Server, Topic, download,
    error::io,
    kafka::{self, address, text},
    ports::free_port,
    service::{Limits, Service, fill_in, make_folder},
    topic,
};
use nix::sys::signal::Signal;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The nodes' ids, with their names in messages.
const NODES: [(i32, &str); 3] = [(1, "Kafka node 1"), (2, "Kafka node 2"), (3, "Kafka node 3")];

const PROPERTIES: &str = include_str!("../cluster.properties");

/// Three nodes with the product's topic, of which each has a copy; a message is acknowledged when two have
/// it. Dropping it kills them, and leaves their data where it is.
pub struct Cluster {
    nodes: Vec<Server<Node>>,
}

impl Cluster {
    /// Downloads Kafka if it is not there yet, starts the nodes with their data in sub-folders of `folder`,
    /// and waits until all answer and the topic `button_presses` is there.
    pub fn start(folder: &Path) -> Result<Self, Error> {
        let (folder, downloads) = (make_folder(folder)?, download()?);
        let nodes = Node::all(&folder, &downloads)?.into_iter().map(Server::launch);
        let mut nodes = nodes.collect::<Result<Vec<_>, _>>()?;
        for node in &mut nodes {
            node.wait_until_ready()?;
        }
        let cluster = Self { nodes };
        cluster.create_topic(&downloads, &Topic::button_presses())?;
        Ok(cluster)
    }

    /// On the brokers alone: there is no remote tier.
    fn create_topic(&self, downloads: &Downloads, topic: &Topic) -> Result<(), Error> {
        let mut java = kafka::java(downloads);
        java.arg(topic::TOOL)
            .args(["--bootstrap-server", &self.bootstrap(), "--create", "--topic", &topic.name])
            .args(["--partitions", &topic.partitions.to_string()])
            .args(["--replication-factor", "3"])
            .args(["--config", "min.insync.replicas=2"])
            .args(["--config", &format!("retention.ms={}", topic.retention.as_millis())]);
        topic::run(topic::TOOL, java).map(drop)
    }

    /// The addresses for clients, `HOST:PORT,…`.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(|node| node.address()).collect();
        addresses.join(",")
    }

    /// The node with this id, if it is 1, 2 or 3.
    pub fn node(&mut self, id: i32) -> Option<&mut Server<Node>> {
        self.nodes.iter_mut().find(|node| node.id == id)
    }
}

/// A node of a [`Cluster`].
pub struct Node {
    id: i32,
    name: &'static str,
    downloads: Downloads,
    folder: PathBuf,
    port: u16,
    controller_port: u16,
    /// All nodes as controllers, `ID@HOST:PORT,…`.
    voters: String,
}

impl Node {
    fn all(folder: &Path, downloads: &Downloads) -> Result<Vec<Self>, Error> {
        let mut nodes = Vec::new();
        for (id, name) in NODES {
            nodes.push(Self {
                id,
                name,
                downloads: downloads.clone(),
                folder: folder.join(format!("node-{id}")),
                port: free_port()?,
                controller_port: free_port()?,
                voters: String::new(),
            });
        }
        let voter = |node: &Self| format!("{}@{}", node.id, address(node.controller_port));
        let voters: Vec<_> = nodes.iter().map(voter).collect();
        let with_voters = |node| Self { voters: voters.join(","), ..node };
        Ok(nodes.into_iter().map(with_voters).collect())
    }

    /// Removes all that the node has: log segments and metadata. The node must not run; its next start
    /// formats the folder again.
    pub fn remove_data(&self) -> Result<(), Error> {
        let data = kafka::data_folder(&self.folder);
        fs::remove_dir_all(&data).map_err(io(format!("remove {}", data.display())))
    }

    fn properties(&self) -> String {
        let values = [
            ("id", self.id.to_string()),
            ("voters", self.voters.clone()),
            ("port", self.port.to_string()),
            ("controller_port", self.controller_port.to_string()),
            ("data_folder", text(&kafka::data_folder(&self.folder))),
        ];
        fill_in(PROPERTIES, &values)
    }
}

impl Service for Node {
    fn name(&self) -> &'static str {
        self.name
    }

    fn key(&self) -> &'static str {
        "kafka"
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn address(&self) -> String {
        address(self.port)
    }

    fn limits(&self) -> Limits {
        Limits {
            ready_within: Duration::from_secs(90),
            stop_signal: Signal::SIGTERM,
            // It hands its partitions over to other nodes first.
            stop_grace: Duration::from_secs(30),
        }
    }

    fn prepare(&self) -> Result<(), Error> {
        make_folder(&self.folder)?;
        kafka::configure(&self.downloads, &self.folder, &self.properties())
    }

    fn command(&self) -> Result<Command, Error> {
        Ok(kafka::broker(&self.downloads, self, &["-Xmx256m"]))
    }

    fn is_ready(&self, log: &str) -> bool {
        kafka::has_started(log, self.port)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn properties_have_every_word_filled_in_and_name_all_voters() {
        let folder = tempfile::tempdir().unwrap();
        let nodes = Node::all(folder.path(), &Downloads::in_folder(folder.path())).unwrap();
        for node in &nodes {
            let properties = node.properties();
            assert!(!properties.contains("{{"), "{properties}");
            for Node { id, controller_port, .. } in &nodes {
                let voter = format!("{id}@127.0.0.1:{controller_port}");
                assert!(properties.contains(&voter), "{properties}");
            }
        }
    }
}
