//! `cargo xtask run`: the whole product, from one command.

use super::page;
use crate::{
    paths,
    process::{self, terminate},
    toolchain::{geo, system},
};
use anyhow::{Context, bail};
use std::{env, fs, process::Command};

/// What can be said about it.
#[derive(clap::Args)]
pub struct Options {
    /// Port of the page and the relay
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Options for the relay, after `--`; `cargo run -p relay -- --help` lists them
    #[arg(last = true)]
    relay: Vec<String>,
}

/// Builds and starts it; ends with the relay.
pub fn run(options: &Options) -> anyhow::Result<()> {
    system::ensure()?;
    page::run()?;
    let geo = geo::ensure()?;
    process::run(
        "Building the relay",
        Command::new("cargo")
            .args(["build", "--release", "--package", "relay"])
            .current_dir(paths::root()),
    )?;
    let mut relay = Command::new(paths::root().join("target/release/relay"));
    relay
        .current_dir(paths::root())
        .arg("--listen")
        .arg(format!("0.0.0.0:{}", options.port))
        .arg("--static-dir")
        .arg(paths::dist())
        .arg("--qr");
    if let Some(geo) = geo {
        relay.arg("--geo-database").arg(geo);
        // A made-up place must never get into a real topic.
        if !kafka_is_configured(&options.relay) {
            relay.arg("--pretend-local");
        }
    }
    relay.args(&options.relay);
    println!("── Starting the relay (ctrl-c ends it)");
    let mut relay = relay.spawn().context("cannot start the relay")?;
    // Whichever way this command is told to end, the relay ends in order first.
    let id = relay.id();
    ctrlc::set_handler(move || terminate(id))?;
    let status = relay.wait()?;
    if !status.success() {
        bail!("the relay ended with {status}");
    }
    Ok(())
}

/// Whether the relay will find a Kafka in its arguments, in the environment or in `.env`.
fn kafka_is_configured(arguments: &[String]) -> bool {
    const VARIABLE: &str = "KAFKA_SERVICE_URI";
    let file = fs::read_to_string(paths::root().join(".env")).unwrap_or_default();
    arguments.iter().any(|argument| argument.starts_with("--kafka-service-uri"))
        || env::var(VARIABLE).is_ok_and(|value| !value.is_empty())
        || names(&file, VARIABLE)
}

/// Whether the text of a `.env` file sets the variable.
fn names(file: &str, variable: &str) -> bool {
    file.lines().any(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        line.split_once('=').is_some_and(|(name, value)| {
            name.trim() == variable && !value.trim().trim_matches(['"', '\'']).is_empty()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_kafka_in_the_env_file_is_seen() {
        assert!(names("A=1\nexport X = 'kafka:9092'\n", "X"));
        for file in ["", "#X=1", "X=", "X=''", "XY=1"] {
            assert!(!names(file, "X"), "{file}");
        }
    }
}
