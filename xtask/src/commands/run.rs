//! `cargo xtask run`: the whole product, from one command.

use super::{page, stack};
use crate::{
    paths,
    process::{Background, terminate},
    qr,
    toolchain::{geo, system},
};
use anyhow::{Context, bail};
use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::{Command, Stdio},
    thread,
};

/// Fast enough for a full hall, and built sooner than `release` (see Cargo.toml).
const PROFILE: &str = "local";

/// What the relay prints before its address.
const LISTENING: &str = "relay: listening on http://";

/// The options of the command.
#[derive(clap::Args)]
pub struct Options {
    /// Port of the page and the relay, with that of its metrics and its readiness behind it [default: 9000]
    #[arg(long)]
    port: Option<u16>,
    /// The page's URL for visitors, for the QR code [default: this machine's address in its network].
    /// Not for the relay: it answers at this machine's other addresses and names as well
    #[arg(long, value_name = "URL", value_parser = qr::parse_url)]
    public_url: Option<String>,
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
    // Options and variables that are set take precedence over this command's: the relay accepts no option
    // twice, and an argument would override a variable.
    let is_set = |option, variable| is_configured(&options.relay, option, variable);
    let own_geo = is_set("--geo-database", "RELAY_GEO_DATABASE");
    let geo = if own_geo { None } else { geo::ensure_recent()? };
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
    let lan_address = qr::lan_address();
    if options.port.is_some() || !is_set("--listen", "RELAY_LISTEN") {
        // IPv4 alone where there is a choice: not every system has IPv6.
        let ip: IpAddr = match lan_address {
            Some(IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
            _ => Ipv4Addr::UNSPECIFIED.into(),
        };
        let listen = SocketAddr::new(ip, options.port.unwrap_or(9000));
        relay.arg("--listen").arg(listen.to_string());
    }
    let own_management = is_set("--management-listen", "RELAY_MANAGEMENT_LISTEN");
    if let Some(port) = options.port.filter(|_| !own_management) {
        // A second relay on this machine needs another one too; 0 selects one.
        let management = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), management_port(port));
        relay.arg("--management-listen").arg(management.to_string());
    }
    if !is_set("--static-dir", "RELAY_STATIC_DIR") {
        relay.arg("--static-dir").arg(paths::dist());
    }
    if let Some(geo) = &geo {
        relay.arg("--geo-database").arg(geo);
    }
    let to_kafka = kafka.is_some() || kafka_is_configured(&options.relay);
    let has_geo = own_geo || geo.is_some();
    let own_pretend = has_option(&options.relay, "--pretend-local").then(|| "true".to_owned());
    let pretends = match own_pretend.or_else(|| variable("RELAY_PRETEND_LOCAL")) {
        Some(own) => own == "true",
        // A made-up place must never get into a real topic.
        None if has_geo && !to_kafka => {
            relay.arg("--pretend-local");
            true
        }
        None => false,
    };
    if let Some([kafka, registry]) = &kafka {
        relay.args(["--kafka-service-uri", kafka, "--schema-registry-uri", registry]);
    }
    // Made-up places need no protection, and each is that of one visit. Visitors from the internet have real ones.
    let is_local =
        options.public_url.is_none() && !is_set("--trusted-proxies", "RELAY_TRUSTED_PROXIES");
    if pretends && is_local && !to_kafka && !is_set("--live-min-visits", "RELAY_LIVE_MIN_VISITS") {
        relay.args(["--live-min-visits", "1"]);
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
        let places = places(has_geo, pretends);
        let summary =
            Summary { public_url: options.public_url.clone(), lan_address, events, places };
        // Ends with the relay's output. A closed standard output is no reason to stop the relay.
        thread::spawn(move || drop(summary.pass_on(output, io::stdout())));
    }
    let status = relay.wait()?;
    if !status.success() {
        bail!("the relay ended with {status}");
    }
    Ok(())
}

/// The port behind this one; 0, which selects a free one, if there is none.
fn management_port(port: u16) -> u16 {
    if port == 0 { 0 } else { port.wrapping_add(1) }
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

/// What is printed once the relay listens.
struct Summary {
    public_url: Option<String>,
    lan_address: Option<IpAddr>,
    events: String,
    places: &'static str,
}

impl Summary {
    /// Copies the output of the relay, and adds the summary after the line with its address.
    fn pass_on(&self, output: impl Read, mut to: impl Write) -> io::Result<()> {
        for line in BufReader::new(output).lines() {
            let line = line?;
            writeln!(to, "{line}")?;
            let listen = line.strip_prefix(LISTENING).and_then(|address| address.parse().ok());
            if let Some(listen) = listen {
                write!(to, "{}", self.text(listen))?;
            }
        }
        Ok(())
    }

    fn text(&self, listen: SocketAddr) -> String {
        let Self { public_url, lan_address, events, places } = self;
        let url = public_url.clone().unwrap_or_else(|| qr::page_url(listen, *lan_address));
        let (invitation, page) = (qr::invitation(&url), url.trim_end_matches('/'));
        format!(
            "{invitation}\n  \
             The button     {page}/\n  \
             The live map   {page}/live/\n  \
             The big screen {page}/live/#stand\n  \
             Events go to   {events}\n  \
             Places         {places}\n\n"
        )
    }
}

/// Where the relay will get places from.
fn places(has_geo: bool, pretends: bool) -> &'static str {
    match (has_geo, pretends) {
        (true, true) => "made up for visitors of your own network (--pretend-local)",
        (true, false) => "by the geo database; visitors of your own network have none",
        (false, _) => "none: there is no geo database",
    }
}

/// Whether the relay will find a Kafka in its arguments, in the environment or in `.env`.
fn kafka_is_configured(arguments: &[String]) -> bool {
    is_configured(arguments, "--kafka-service-uri", "KAFKA_SERVICE_URI")
}

fn is_configured(arguments: &[String], option: &str, name: &str) -> bool {
    has_option(arguments, option) || variable(name).is_some()
}

/// The value of a variable in the environment, or else in `.env`; an empty one counts as not set.
fn variable(name: &str) -> Option<String> {
    let file = fs::read_to_string(paths::root().join(".env")).unwrap_or_default();
    let value = env::var(name).ok().filter(|value| !value.is_empty());
    value.or_else(|| value_in(&file, name).map(str::to_owned))
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

/// The value that the text of a `.env` file gives a variable.
fn value_in<'a>(file: &'a str, variable: &str) -> Option<&'a str> {
    file.lines().find_map(|line| {
        let line = line.trim();
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']);
        (name.trim() == variable && !value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Summary, has_option, management_port, places, value_in};

    #[test]
    fn summary_follows_the_listening_line() {
        let printed = |public_url: Option<&str>| {
            let summary = Summary {
                public_url: public_url.map(str::to_owned),
                lan_address: Some("192.0.2.7".parse().unwrap()),
                events: "the store".to_owned(),
                places: "none",
            };
            let mut printed = Vec::new();
            let relay = "relay: listening on http://0.0.0.0:9000\nlater\n";
            summary.pass_on(relay.as_bytes(), &mut printed).unwrap();
            String::from_utf8(printed).unwrap()
        };
        let text = printed(None);
        assert!(text.starts_with("relay: listening on http://0.0.0.0:9000\n"), "{text}");
        assert!(text.ends_with("\nlater\n"), "{text}");
        for expected in [
            "█",
            "Scan it, or open http://192.0.2.7:9000/\n",
            "The button     http://192.0.2.7:9000/\n",
            "http://192.0.2.7:9000/live/\n",
            "http://192.0.2.7:9000/live/#stand\n",
            "Events go to   the store\n",
            "Places         none\n",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        let text = printed(Some("https://button.example.com/"));
        assert!(text.contains("Scan it, or open https://button.example.com/\n"), "{text}");
        assert!(text.contains("https://button.example.com/live/#stand\n"), "{text}");
    }

    #[test]
    fn management_port_is_the_next_or_any() {
        assert_eq!([9000, 9100, 65_535, 0].map(management_port), [9001, 9101, 0, 0]);
    }

    #[test]
    fn places_are_made_up_only_with_a_database() {
        assert!(places(true, true).starts_with("made up"));
        assert!(places(true, false).starts_with("by the geo database"));
        assert_eq!(places(false, true), places(false, false));
    }

    #[test]
    fn options_are_seen_in_both_spellings() {
        let arguments = ["--topic=a", "--kafka-property", "x=y"].map(str::to_owned);
        assert!(has_option(&arguments, "--topic") && has_option(&arguments, "--kafka-property"));
        assert!(!has_option(&arguments, "--top"));
    }

    #[test]
    fn a_kafka_in_the_env_file_is_seen() {
        assert_eq!(value_in("A=1\nexport X = 'kafka:9092'\n", "X"), Some("kafka:9092"));
        for file in ["", "#X=1", "X=", "X=''", "XY=1"] {
            assert_eq!(value_in(file, "X"), None, "{file}");
        }
    }
}
