//! `cargo xtask run`: the whole product, from one command.

use super::{page, stack};
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
    /// Port of the page and the relay [default: 9000]
    #[arg(long)]
    port: Option<u16>,
    /// With a real Kafka, registry, Connect and PostgreSQL on this machine; they go on afterwards,
    /// until `cargo xtask stack down`
    #[arg(long)]
    stack: bool,
    /// Options for the relay, after `--`; they go before what this command would choose.
    /// `cargo run -p relay -- --help` lists them
    #[arg(last = true)]
    relay: Vec<String>,
}

/// Builds and starts it; ends with the relay.
pub fn run(options: &Options) -> anyhow::Result<()> {
    if options.stack {
        refuse_other_kafka(&options.relay)?;
    }
    system::ensure()?;
    let kafka = if options.stack { Some(stack::ensure()?) } else { None };
    page::run(&page::Options::default())?;
    // The person's word goes before this command's: the relay takes no option twice, and an
    // argument would go before a variable.
    let said = |option, variable| is_configured(&options.relay, option, variable);
    let own_geo = said("--geo-database", "RELAY_GEO_DATABASE");
    let geo = if own_geo { None } else { geo::ensure()? };
    process::run(
        "Building the relay",
        Command::new("cargo")
            .args(["build", "--release", "--package", "relay"])
            .current_dir(paths::root()),
    )?;
    let mut relay = Command::new(paths::target().join("release/relay"));
    relay.current_dir(paths::root());
    if options.port.is_some() || !said("--listen", "RELAY_LISTEN") {
        relay.arg("--listen").arg(format!("0.0.0.0:{}", options.port.unwrap_or(9000)));
    }
    if !said("--static-dir", "RELAY_STATIC_DIR") {
        relay.arg("--static-dir").arg(paths::dist());
    }
    if !said("--qr", "RELAY_QR") {
        relay.arg("--qr");
    }
    if let Some(geo) = &geo {
        relay.arg("--geo-database").arg(geo);
    }
    // A made-up place must never get into a real topic.
    if (own_geo || geo.is_some())
        && kafka.is_none()
        && !kafka_is_configured(&options.relay)
        && !said("--pretend-local", "RELAY_PRETEND_LOCAL")
    {
        relay.arg("--pretend-local");
    }
    if let Some([kafka, registry]) = kafka {
        relay.args(["--kafka-service-uri", &kafka, "--schema-registry-uri", &registry]);
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
    is_configured(arguments, "--kafka-service-uri", "KAFKA_SERVICE_URI")
}

fn is_configured(arguments: &[String], option: &str, variable: &str) -> bool {
    let file = fs::read_to_string(paths::root().join(".env")).unwrap_or_default();
    has_option(arguments, option)
        || env::var(variable).is_ok_and(|value| !value.is_empty())
        || names(&file, variable)
}

fn has_option(arguments: &[String], option: &str) -> bool {
    arguments.iter().any(|argument| argument.split('=').next() == Some(option))
}

/// The certificates, properties or topic of another Kafka would keep the relay from the local one.
/// Another address in `.env` or in the environment does not: arguments come first.
fn refuse_other_kafka(arguments: &[String]) -> anyhow::Result<()> {
    for option in ["--kafka-service-uri", "--schema-registry-uri"] {
        if has_option(arguments, option) {
            bail!("--stack brings a Kafka and a registry; leave out --stack or {option}");
        }
    }
    for (option, variable) in [
        ("--kafka-certificates", "KAFKA_CERTIFICATES"),
        ("--kafka-property", "KAFKA_PROPERTIES"),
        ("--topic", "KAFKA_TOPIC"),
    ] {
        if is_configured(arguments, option, variable) {
            bail!(
                "with --stack the relay uses the local Kafka, but {variable} (or {option}) is set \
                 for another one: remove it from .env, the environment and the arguments"
            );
        }
    }
    Ok(())
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
    use super::{has_option, names};

    #[test]
    fn options_are_seen_in_both_spellings() {
        let arguments = ["--topic=a", "--kafka-property", "x=y"].map(str::to_owned);
        assert!(has_option(&arguments, "--topic") && has_option(&arguments, "--kafka-property"));
        assert!(!has_option(&arguments, "--top"));
    }

    #[test]
    fn a_kafka_in_the_env_file_is_seen() {
        assert!(names("A=1\nexport X = 'kafka:9092'\n", "X"));
        for file in ["", "#X=1", "X=", "X=''", "XY=1"] {
            assert!(!names(file, "X"), "{file}");
        }
    }
}
