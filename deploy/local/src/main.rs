//! The command line of the local stack; `cargo xtask stack` calls it.

use anyhow::Context;
use clap::{Parser, Subcommand};
use local_stack::{Background, Part, State, Status, WantedPorts};
use std::{path::PathBuf, process::ExitCode};

/// A real Apache Kafka and a schema registry on this machine, without Docker.
///
/// Needs Java 17 or newer and Maven; the first start downloads about 150 MB. All listens on
/// 127.0.0.1 alone.
#[derive(Parser)]
#[command(name = "local-stack", max_term_width = 100)]
struct Arguments {
    /// Folder for data, logs and process ids; each folder is a stack of its own
    #[arg(long, default_value = "data/stack", global = true)]
    folder: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start what does not run yet, and wait until all is ready; it goes on after this command
    Up {
        /// Port of Kafka [default: the one it had when it died, else 9092]
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        kafka_port: Option<u16>,
        /// Port of the registry [default: the one it had when it died, else 8081]
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        registry_port: Option<u16>,
    },
    /// Tell how each part is; the exit status is 0 only if all are ready
    Status,
    /// Stop all, and keep topics, messages and schemas for the next time
    Down,
    /// Stop all, and delete topics, messages and schemas
    Reset,
}

fn main() -> anyhow::Result<ExitCode> {
    let Arguments { folder, command } = Arguments::parse();
    let stack = Background::at(&folder)?;
    match command {
        Command::Up { kafka_port, registry_port } => {
            up(&stack, WantedPorts { kafka: kafka_port, registry: registry_port })?;
        }
        Command::Status => return Ok(status(&stack)),
        Command::Down => {
            ended(&stack.down()?);
            println!("The data is kept; `stack up` continues with it, `stack reset` deletes it.");
        }
        Command::Reset => {
            ended(&stack.reset()?);
            println!("The data is deleted; `stack up` begins afresh.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn up(stack: &Background, ports: WantedPorts) -> anyhow::Result<()> {
    if stack.status().iter().any(|status| status.state != State::Ready) {
        println!(
            "Starting Kafka and the registry: some 20 s; a minute more for the first download"
        );
    }
    let started = stack.up(ports).context("the local stack is not up")?;
    if started.is_empty() {
        println!("It was up already.");
    }
    stack.status().iter().for_each(show);
    print!(
        "\nWhat programs need to know, also in {}:\n\n{}",
        stack.env_file().display(),
        stack.env()
    );
    Ok(())
}

fn status(stack: &Background) -> ExitCode {
    let parts = stack.status();
    parts.iter().for_each(show);
    for status in parts.iter().filter(|status| status.state == State::Running) {
        let log = stack.log_file(status.part);
        println!("{} does not answer; its log: {}", status.part.name(), log.display());
    }
    if parts.iter().all(|status| status.state == State::Ready) {
        return ExitCode::SUCCESS;
    }
    println!("`stack up` starts what is missing.");
    ExitCode::FAILURE
}

fn show(status: &Status) {
    let Status { part, state, pid, port } = *status;
    let name = part.name();
    let word = match state {
        State::Ready => "ready",
        State::Running => "running",
        State::Stopped => "stopped",
    };
    match pid {
        Some(pid) => println!("{name:<12} {word:<8} {} (process {pid})", part.address(port)),
        None => println!("{name:<12} {word}"),
    }
}

fn ended(parts: &[Part]) {
    if parts.is_empty() {
        println!("Nothing was running.");
    }
    for part in parts {
        println!("{} has ended.", part.name());
    }
}
