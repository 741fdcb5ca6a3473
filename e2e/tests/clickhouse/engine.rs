//! The engine in a process of its own.

use serde_json::Value;
use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clickhouse/engine.py");

/// ClickHouse, with a database in a folder. Dropping it ends it.
pub struct Engine {
    process: Child,
    statements: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Engine {
    /// Starts it by the Python that `$E2E_CLICKHOUSE` names, which has the library chdb; `None` without.
    pub fn start(folder: &Path) -> Option<Self> {
        let python = env::var_os("E2E_CLICKHOUSE").filter(|python| !python.is_empty())?;
        let mut process = Command::new(python)
            .arg(SCRIPT)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let statements = process.stdin.take();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, answers) = channel();
        // A thread, so that an engine that hangs fails the test instead of holding it up. It ends with
        // the engine's output.
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Some(Self { process, statements, answers })
    }

    /// Runs a statement, and gives its rows, or what the engine says against it.
    pub fn ask(&mut self, sql: &str) -> Result<Vec<Value>, String> {
        writeln!(self.statements.as_ref().unwrap(), "{}", Value::from(sql)).unwrap();
        let line = self.answers.recv_timeout(2 * e2e::PATIENCE);
        let line = line.unwrap_or_else(|error| panic!("no answer to {sql}: {error}"));
        let mut answer: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("no answer to {sql}: {error}: {line}"));
        match answer["rows"].take() {
            Value::Array(rows) => Ok(rows),
            _ => Err(answer["error"].as_str().unwrap_or_default().to_owned()),
        }
    }

    /// Runs a statement that must succeed, and gives its rows.
    pub fn rows(&mut self, sql: &str) -> Vec<Value> {
        self.ask(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Runs a statement whose answer is one number.
    pub fn number(&mut self, sql: &str) -> u64 {
        let rows = self.rows(sql);
        rows[0][0].as_u64().unwrap_or_else(|| panic!("{sql}: {rows:?}"))
    }

    /// Runs each statement of a text that makes tables.
    pub fn make(&mut self, definitions: &str) {
        for statement in statements(definitions) {
            match self.ask(statement) {
                // As a library the engine says this of the first table that needs its background
                // threads, in versions from 26. The table is there: making it again finds it.
                Err(error) if error.contains("Shutdown was called") => {
                    self.rows(statement);
                }
                answer => drop(answer.unwrap_or_else(|error| panic!("{statement}: {error}"))),
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.statements.take());
        // It may have ended by itself. Nobody needs what it would write at an orderly end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The statements of a text: each ends with a semicolon at the end of a line.
pub fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split(";\n").map(str::trim).filter(|statement| !statement.is_empty())
}
