//! `cargo xtask run`: the whole product, from one command.

use super::{page, stack};
use crate::{
    paths,
    process::{Background, terminate},
    toolchain::{geo, system},
};
use anyhow::{Context, bail};
use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    thread,
};

/// Fast enough for a full hall, and built sooner than `release` (see Cargo.toml).
const PROFILE: &str = "local";

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
    let mut steps = Numbered { number: 0, of: if options.stack { 5 } else { 4 } };
    steps.next("what building needs");
    system::ensure()?;
    // The relay and the page share nothing that is built, so they are built side by side. The page takes
    // longer, and its last steps leave a core idle: so it goes first.
    steps.next("the relay (about 6 minutes the first time, beside the next step)");
    let mut cargo = Command::new("nice");
    cargo.args(["-n", "10", "cargo", "build", "--profile", PROFILE, "--package", "relay"]);
    let relay = Background::start(cargo.current_dir(paths::root()))?;
    steps.next("the page (about 7 minutes the first time, most of them for its tools)");
    page::run(&page::Options::default())?;
    steps.next("the geo database (32 MB the first time)");
    // The person's word goes before this command's: the relay takes no option twice, and an
    // argument would go before a variable.
    let said = |option, variable| is_configured(&options.relay, option, variable);
    let own_geo = said("--geo-database", "RELAY_GEO_DATABASE");
    let geo = if own_geo { None } else { geo::ensure()? };
    println!("── Waiting for the relay");
    relay.wait(false).context("building the relay")?;
    let kafka = if options.stack {
        steps.next("Kafka, registry, PostgreSQL and Connect (a minute the first time)");
        Some(stack::ensure()?)
    } else {
        None
    };

    let mut relay = Command::new(paths::target().join(PROFILE).join("relay"));
    relay.current_dir(paths::root());
    if options.port.is_some() || !said("--listen", "RELAY_LISTEN") {
        relay.arg("--listen").arg(format!("0.0.0.0:{}", options.port.unwrap_or(9000)));
    }
    if !said("--static-dir", "RELAY_STATIC_DIR") {
        relay.arg("--static-dir").arg(paths::dist());
    }
    let qr = !said("--qr", "RELAY_QR");
    if qr {
        relay.arg("--qr");
    }
    if let Some(geo) = &geo {
        relay.arg("--geo-database").arg(geo);
    }
    let to_kafka = kafka.is_some() || kafka_is_configured(&options.relay);
    let has_geo = own_geo || geo.is_some();
    let pretends = said("--pretend-local", "RELAY_PRETEND_LOCAL");
    // A made-up place must never get into a real topic.
    let pretend = has_geo && !to_kafka && !pretends;
    if pretend {
        relay.arg("--pretend-local");
    }
    if let Some([kafka, registry]) = &kafka {
        relay.args(["--kafka-service-uri", kafka, "--schema-registry-uri", registry]);
    }
    relay.args(&options.relay);
    println!("\n━━ The relay (ctrl-c ends it)");
    let mut relay = relay.stdout(Stdio::piped()).spawn().context("cannot start the relay")?;
    // Whichever way this command is told to end, the relay ends in order first.
    let id = relay.id();
    ctrlc::set_handler(move || terminate(id))?;
    if let Some(output) = relay.stdout.take() {
        let events = match &kafka {
            Some([kafka, _]) => format!("the local Kafka at {kafka}"),
            None if to_kafka => "Kafka, as configured".to_owned(),
            None => "the relay's store: no Kafka is configured".to_owned(),
        };
        let places = match (pretend || pretends, has_geo) {
            (true, _) => "made up for visitors of your own network (--pretend-local)",
            (false, true) => "by the geo database; visitors of your own network have none",
            (false, false) => "none: there is no geo database",
        };
        let before_url = if qr { "Scan it, or open " } else { "relay: listening on " };
        let summary = Summary { events, places, before_url };
        // It ends with the relay's output. A closed standard output is no reason to end the relay.
        thread::spawn(move || drop(summary.pass_on(output, io::stdout())));
    }
    let status = relay.wait()?;
    if !status.success() {
        bail!("the relay ended with {status}");
    }
    Ok(())
}

/// Steps with their number of how many.
struct Numbered {
    number: u8,
    of: u8,
}

impl Numbered {
    fn next(&mut self, what: &str) {
        self.number += 1;
        println!("\n━━ {} of {}: {what}", self.number, self.of);
    }
}

/// What a person wants to know once the relay runs, beside its addresses.
struct Summary {
    events: String,
    places: &'static str,
    /// What the relay prints before the address.
    before_url: &'static str,
}

impl Summary {
    /// Passes on what the relay prints, and prints the summary behind the line that has its address.
    fn pass_on(&self, output: impl Read, mut to: impl Write) -> io::Result<()> {
        for line in BufReader::new(output).lines() {
            let line = line?;
            writeln!(to, "{line}")?;
            if let Some((_, url)) = line.split_once(self.before_url) {
                writeln!(to, "{}", self.text(url.trim().trim_end_matches('/')))?;
            }
        }
        Ok(())
    }

    fn text(&self, page: &str) -> String {
        let Self { events, places, .. } = self;
        format!(
            "\n  The button     {page}/\n  \
             The live map   {page}/live/\n  \
             The big screen {page}/live/#stand\n  \
             Events go to   {events}\n  \
             Places         {places}\n"
        )
    }
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
    #![allow(clippy::unwrap_used)]
    use super::{Summary, has_option, names};

    #[test]
    fn summary_follows_the_address() {
        let summary = Summary {
            events: "the store".to_owned(),
            places: "none",
            before_url: "Scan it, or open ",
        };
        let relay = "relay: listening on http://0.0.0.0:9000\n\n  Scan it, or open http://192.0.2.7:9000/\n";
        let mut printed = Vec::new();
        summary.pass_on(relay.as_bytes(), &mut printed).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        let (before, after) = printed.split_at(relay.len());
        assert_eq!(before, relay);
        for expected in ["http://192.0.2.7:9000/live/#stand\n", "Events go to   the store\n"] {
            assert!(after.contains(expected), "{after}");
        }
    }

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
