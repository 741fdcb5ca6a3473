//! The local stack for one run of tests: it ends with this process, however that ends.

use crate::paths;
use anyhow::{Context, bail};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};
use tempfile::TempDir;

/// A stack on free ports with its data in a temporary folder.
pub struct HeldStack {
    /// It stops when its standard input is closed, which the system does for a process that dies.
    process: Child,
    output: Option<BufReader<ChildStdout>>,
    folder: TempDir,
}

impl HeldStack {
    /// Starts it by the program that is built already; [`HeldStack::wait_until_ready`] waits for it.
    pub fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut process = Command::new(paths::target().join("debug/local-stack"))
            .arg("--folder")
            .arg(folder.path())
            .arg("hold")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start local-stack")?;
        let output = process.stdout.take().map(BufReader::new);
        Ok(Self { process, output, folder })
    }

    /// Waits until all its servers are ready.
    pub fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let mut line = String::new();
        if let Some(output) = &mut self.output {
            output.read_line(&mut line)?;
        }
        if line.is_empty() {
            bail!("the local stack did not start ({})", self.process.wait()?);
        }
        Ok(())
    }

    /// Its folder, by which tests find it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for HeldStack {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
