//! The command line of the local stack; `cargo xtask stack` calls it.

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use local_stack::{Background, KafkaPorts, Ports, State, Status};
use std::{io, path::PathBuf, process::ExitCode};

/// A real Apache Kafka, schema registry, Connect with a JDBC sink, and PostgreSQL on this machine,
/// without Docker.
///
/// Needs Java 17 or newer, Maven and PostgreSQL 15 or newer; the first start downloads about 200 MB.
/// All listens on 127.0.0.1 alone.
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
    ///
    /// Without options, each part gets the port that it had, or its usual one.
    Up(Wanted),
    /// Tell how each part is; the exit status is 0 only if all are ready
    Status,
    /// Stop all, and keep topics, messages, schemas and tables for the next time
    Down,
    /// Stop all, and delete topics, messages, schemas and tables
    Reset,
    /// Start all on free ports, and stop them when standard input ends: for a run of tests
    ///
    /// Prints what `up` prints for programs, once all are ready. They stop, too, when the process that
    /// started this one dies.
    Hold,
}

/// The ports that are asked for.
#[derive(Args)]
struct Wanted {
    /// Port of Kafka [usual: 9092]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    kafka_port: Option<u16>,
    /// Port of Kafka for clients with a certificate [usual: 9093]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    kafka_tls_port: Option<u16>,
    /// Port of Kafka for clients with a password [usual: 9094]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    kafka_sasl_port: Option<u16>,
    /// Port of the registry [usual: 8081]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    registry_port: Option<u16>,
    /// Port of PostgreSQL [usual: 5433]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    postgresql_port: Option<u16>,
    /// Port of Connect's REST interface [usual: 8083]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    connect_port: Option<u16>,
}

impl Wanted {
    fn or(&self, had: Ports) -> Ports {
        Ports {
            kafka: KafkaPorts {
                plaintext: self.kafka_port.unwrap_or(had.kafka.plaintext),
                tls: self.kafka_tls_port.unwrap_or(had.kafka.tls),
                sasl: self.kafka_sasl_port.unwrap_or(had.kafka.sasl),
                controller: had.kafka.controller,
            },
            registry: self.registry_port.unwrap_or(had.registry),
            postgresql: self.postgresql_port.unwrap_or(had.postgresql),
            connect: self.connect_port.unwrap_or(had.connect),
        }
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let Arguments { folder, command } = Arguments::parse();
    let stack = Background::at(&folder)?;
    match command {
        Command::Up(wanted) => up(&stack, &wanted)?,
        Command::Status => return Ok(status(&stack)),
        Command::Down => {
            ended(&stack.down()?);
            println!("The data is kept; `stack up` continues with it, `stack reset` deletes it.");
        }
        Command::Hold => stack.hold(|env| {
            println!("{env}");
            // Its end, or an error: either way the process that held the stack is gone.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
        })?,
        Command::Reset => {
            ended(&stack.reset()?);
            println!("The data is deleted; `stack up` begins afresh.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn up(stack: &Background, wanted: &Wanted) -> anyhow::Result<()> {
    if stack.status().iter().any(|status| status.state != State::Ready) {
        println!(
            "Starting Kafka, the registry, PostgreSQL and Connect: half a minute; a minute more \
             for the first download"
        );
    }
    let started = stack.up(|had| wanted.or(had)).context("the local stack is not up")?;
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
    for Status { name, complaint, log, .. } in parts.iter().filter(|s| s.state == State::Running) {
        let log = log.display();
        match complaint {
            Some(complaint) => println!("{name} answers, but: {complaint}; its log: {log}"),
            None => println!("{name} does not answer; its log: {log}"),
        }
    }
    if parts.iter().all(|status| status.state == State::Ready) {
        return ExitCode::SUCCESS;
    }
    println!("`stack up` starts what is missing, and repairs what it can.");
    ExitCode::FAILURE
}

fn show(status: &Status) {
    let Status { name, state, pid, address, .. } = status;
    let word = match state {
        State::Ready => "ready",
        State::Running => "running",
        State::Stopped => "stopped",
    };
    match pid {
        Some(pid) => println!("{name:<12} {word:<8} {address} (process {pid})"),
        None => println!("{name:<12} {word}"),
    }
}

fn ended(names: &[&str]) {
    if names.is_empty() {
        println!("Nothing was running.");
    }
    for name in names {
        println!("{name} has ended.");
    }
}
