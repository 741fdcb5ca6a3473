//! `cargo xtask stack`: a real Kafka and what is behind it on this machine, without Docker. What it
//! does is in `deploy/local`; this is the short way there.

use crate::{
    paths,
    toolchain::{java, postgresql},
};
use anyhow::{Context, bail};
use std::{
    fs,
    process::{Command, exit},
};

/// What to do with it.
#[derive(clap::Subcommand)]
pub enum Action {
    /// Start what does not run yet, and wait until all is ready
    ///
    /// Kafka with the topic button_presses at 127.0.0.1:9092 (9093 for clients with a certificate,
    /// 9094 with a password), a registry with compatibility FULL at 8081, PostgreSQL with the table
    /// button_presses at 5433, and Connect with the sink between them at 8083. They go on until
    /// `cargo xtask stack down`. The addresses are printed, and also written to data/stack/env:
    /// `. data/stack/env` gives them to a shell.
    Up {
        /// Other ports: --kafka-port, --kafka-tls-port, --kafka-sasl-port, --registry-port,
        /// --postgresql-port, --connect-port, each with a PORT
        #[arg(value_name = "OPTIONS", trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Tell how each part is; the exit status is 0 only if all are ready
    Status,
    /// Stop all, and keep topics, messages, schemas and tables for the next time
    Down,
    /// Stop all, and delete topics, messages, schemas and tables
    Reset,
}

/// Installs what it needs.
pub fn ensure_tools() -> anyhow::Result<()> {
    java::ensure()?;
    postgresql::ensure()
}

/// Does it; ends with the same exit status.
pub fn run(action: &Action) -> anyhow::Result<()> {
    let mut stack = stack();
    match action {
        Action::Up { options } => {
            ensure_tools()?;
            stack.arg("up").args(options);
        }
        Action::Status => drop(stack.arg("status")),
        Action::Down => drop(stack.arg("down")),
        Action::Reset => drop(stack.arg("reset")),
    }
    let status = stack.status().context("cannot start cargo")?;
    if !status.success() {
        // It has said why.
        exit(status.code().unwrap_or(1));
    }
    Ok(())
}

/// Brings it up, and gives its addresses: Kafka's and the registry's.
pub fn ensure() -> anyhow::Result<[String; 2]> {
    ensure_tools()?;
    println!("── Kafka, the registry, PostgreSQL and Connect");
    if !stack().arg("up").status().context("cannot start cargo")?.success() {
        bail!("the local Kafka is not up; it said why");
    }
    let file = paths::root().join("data/stack/env");
    let env =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let value = |name| {
        variable(&env, name).with_context(|| format!("{} does not name {name}", file.display()))
    };
    Ok([value("KAFKA_SERVICE_URI")?, value("SCHEMA_REGISTRY_URI")?])
}

fn stack() -> Command {
    let mut command = Command::new("cargo");
    command
        .args(["run", "--quiet", "--package", "local-stack", "--"])
        .arg("--folder")
        .arg(paths::root().join("data/stack"))
        .current_dir(paths::root());
    command
}

/// The value of an exported variable.
fn variable(env: &str, name: &str) -> Option<String> {
    env.lines().find_map(|line| {
        let (found, value) = line.strip_prefix("export ")?.split_once('=')?;
        (found == name).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::variable;

    #[test]
    fn variables_are_found_by_their_whole_name() {
        let env = "export AB=1\nexport A=http://x/?y=2\n";
        assert_eq!(variable(env, "A").as_deref(), Some("http://x/?y=2"));
        assert_eq!(variable(env, "B"), None);
    }
}
