//! Command line options and their validation.
//!
//! [`Cli`] is the command line with its environment variables, [`Config`] the validated configuration.
//! Nothing here prints a value: URLs and properties may contain passwords.

use crate::ingest::limits::LimitOptions;
use clap::{Args, Parser, Subcommand};
use event_store::StoreOptions;
use geo_ip::GeoOptions;
use kafka_client::{KafkaOptions, KafkaSettings, SettingsError};
use live_stats::LiveOptions;
use origin_check::OriginOptions;
use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};
use telemetry::LogFormat;

/// Receives the events of the Kafka button's page, adds the approximate place of the client's
/// address, discards the address, and makes the events durable: in Apache Kafka, or in a SQLite
/// store until Kafka accepts them.
///
/// Without --kafka-service-uri the store is the destination.
///
/// Every option can also be set by its environment variable, and variables also in a file named
/// .env in the current folder or one above it.
#[derive(Parser)]
#[command(name = "relay", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// Without a command, the relay runs.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The options of a relay that runs.
    #[command(flatten)]
    pub options: Options,
}

/// What the program does instead of running the relay.
#[derive(Subcommand)]
pub enum Command {
    /// Validate the configuration and exit without binding ports or contacting Kafka
    Validate(Box<Options>),
    /// Query /healthz of the relay at --listen; exit status 0 means healthy. For container health checks
    Healthcheck(ListenOptions),
}

/// The options of the relay.
#[derive(Args)]
pub struct Options {
    /// Where the relay listens.
    #[command(flatten)]
    pub listen: ListenOptions,

    /// Address and port of /metrics, /readyz and /healthz, which visitors must not reach; port 0
    /// selects a free port, and off serves neither of the first two.
    #[arg(
        long,
        env = "RELAY_MANAGEMENT_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9001",
        value_parser = management_address
    )]
    pub management_listen: ManagementAddress,

    /// Where events wait for Kafka.
    #[command(flatten)]
    pub store: StoreOptions,

    /// Time after which events are deleted wherever they are kept, as in 90days: the longest of the
    /// topic, the databases behind it, and copies. The page shows it to visitors. By default, it shows
    /// --keep-events without Kafka, and nothing with Kafka.
    #[arg(long, env = "RELAY_KEPT_FOR", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub kept_for: Option<Duration>,

    /// Folder with the built page, which the relay serves too.
    #[arg(long, env = "RELAY_STATIC_DIR", value_name = "FOLDER")]
    pub static_dir: Option<PathBuf>,

    /// The places of clients.
    #[command(flatten)]
    pub geo: GeoOptions,

    /// Hosts of the relay, and origins whose pages may post.
    #[command(flatten)]
    pub origins: OriginOptions,

    /// What the live numbers show.
    #[command(flatten)]
    pub live: LiveOptions,

    /// Limits per session and for all requests.
    #[command(flatten)]
    pub limits: LimitOptions,

    /// The connection to Kafka. Without it, the store is the destination.
    #[command(flatten)]
    pub kafka: KafkaOptions,

    /// Log filter: error, warn, info, debug or trace, or one per module, as in
    /// info,relay::sink=debug. No level logs a client's address.
    #[arg(long, env = "RELAY_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// Log format: text, or one JSON object per line.
    #[arg(long, env = "RELAY_LOG_FORMAT", value_enum, value_name = "FORMAT", default_value_t)]
    pub log_format: LogFormat,
}

/// The address of the relay, for the relay itself and for its health check.
#[derive(Args)]
pub struct ListenOptions {
    /// Address and port to listen on. 0.0.0.0:9000 accepts connections from the network; port 0
    /// selects a free port.
    #[arg(
        id = "listen",
        long = "listen",
        env = "RELAY_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9000",
        value_parser = address_and_port
    )]
    pub address: SocketAddr,
}

/// Address of the management listener, if it is on. The alias keeps clap from making the option optional.
pub type ManagementAddress = Option<SocketAddr>;

/// Options of earlier versions, their variables, and what replaces them.
pub const REMOVED_OPTIONS: [(&str, &str, &str); 6] = [
    ("--check-config", "", "run `relay validate` with the other options"),
    ("--check-health", "", "run `relay healthcheck`"),
    ("--qr", "RELAY_QR", "`cargo xtask run` and `button qr` print the QR code"),
    ("--max-viewers", "RELAY_MAX_VIEWERS", "it is half of --max-connections"),
    ("--max-requests-in-flight", "RELAY_MAX_REQUESTS_IN_FLIGHT", "it is always 4,096"),
    ("--live-sessions", "RELAY_LIVE_SESSIONS", "it is always 1,000,000"),
];

/// Why the configuration is invalid.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The folder of the page does not contain one, or the sources of one beside other files.
    #[error(
        "--static-dir {0} has no index.html, or only the sources of one: build the page with `cargo xtask page`"
    )]
    NoPage(PathBuf),
    /// The Kafka options are invalid.
    #[error(transparent)]
    Kafka(#[from] SettingsError),
}

/// The validated configuration.
pub struct Config {
    /// The options as given.
    pub options: Options,
    /// The connection to Kafka, if it is configured.
    pub kafka: Option<KafkaSettings>,
    /// Days, rounded up, after which events are deleted wherever they are kept, if that is known.
    pub kept_days: Option<u64>,
}

impl Config {
    /// Validates the options.
    ///
    /// # Errors
    /// If the page's folder has no page, or the Kafka options are invalid.
    pub fn resolve(options: Options) -> Result<Self, ConfigError> {
        let kafka = KafkaSettings::resolve(&options.kafka)?;
        // trunk takes its attributes out of what it builds.
        let has_page = |folder: &&PathBuf| {
            fs::read_to_string(folder.join("index.html"))
                .is_ok_and(|page| !page.contains("data-trunk"))
        };
        if let Some(folder) = options.static_dir.as_ref().filter(|folder| !has_page(folder)) {
            return Err(ConfigError::NoPage(folder.clone()));
        }
        let kept_for = options.kept_for.or(kafka.is_none().then_some(options.store.keep_events));
        let kept_days = kept_for.map(|time| time.as_secs().div_ceil(24 * 60 * 60).max(1));
        Ok(Self { options, kafka, kept_days })
    }
}

fn address_and_port(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "not an address with a port, such as 127.0.0.1:9000, or 0.0.0.0:9000 for the whole network"
            .to_owned()
    })
}

fn management_address(text: &str) -> Result<ManagementAddress, String> {
    match text {
        "off" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| {
            "not an address with a port, such as 127.0.0.1:9001, and not off".to_owned()
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    fn parse(arguments: &[&str]) -> Cli {
        Cli::try_parse_from([&["relay"], arguments].concat()).unwrap()
    }

    #[test]
    fn command_line_passes_the_assertions_of_clap() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_without_a_command_run_the_relay() {
        let cli = parse(&["--listen", "127.0.0.1:1", "--log=debug"]);
        assert!(cli.command.is_none());
        assert_eq!(cli.options.listen.address.port(), 1);
    }

    #[test]
    fn management_listener_is_on_loopback_or_off() {
        let address = |arguments: &[&str]| parse(arguments).options.management_listen;
        assert_eq!(address(&[]), Some(SocketAddr::from(([127, 0, 0, 1], 9001))));
        assert_eq!(address(&["--management-listen=[::1]:1"]).unwrap().port(), 1);
        assert_eq!(address(&["--management-listen=off"]), None);
        assert!(Cli::try_parse_from(["relay", "--management-listen=9001"]).is_err());
    }

    #[test]
    fn commands_take_their_options_and_no_options_before_them() {
        let cli = parse(&["validate", "--listen", "127.0.0.1:1", "--log=debug"]);
        let Some(Command::Validate(options)) = cli.command else { panic!("not validate") };
        assert_eq!((options.listen.address.port(), options.log.as_str()), (1, "debug"));
        let cli = parse(&["healthcheck", "--listen", "127.0.0.1:1"]);
        assert!(matches!(cli.command, Some(Command::Healthcheck(it)) if it.address.port() == 1));
        for wrong in [
            &["relay", "--log=debug", "validate"][..],
            &["relay", "healthcheck", "--log=debug"],
            &["relay", "run"],
        ] {
            assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn kept_days_are_known_without_kafka_or_by_their_option() {
        let kept_days =
            |arguments: &[&str]| Config::resolve(parse(arguments).options).unwrap().kept_days;
        let kafka = ["--kafka-service-uri=k:1", "--schema-registry-uri=http://r"];
        let with_kafka = |argument| kept_days(&[&kafka[..], argument].concat());
        assert_eq!(kept_days(&[]), Some(90));
        assert_eq!(kept_days(&["--keep-events", "25h"]), Some(2));
        assert_eq!(with_kafka(&[]), None);
        assert_eq!(with_kafka(&["--keep-events", "25h"]), None);
        assert_eq!(with_kafka(&["--kept-for", "30days"]), Some(30));
    }

    #[test]
    fn secrets_are_not_shown_in_the_help() {
        let command = Cli::command();
        for id in ["schema_registry_uri", "kafka_property", "kafka_service_uri"] {
            let argument =
                command.get_arguments().find(|argument| argument.get_id() == id).unwrap();
            assert!(argument.is_hide_env_values_set(), "{id}");
        }
    }
}
