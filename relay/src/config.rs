//! The options, as they are given and as they are used.
//!
//! [`Options`] is what the command line and the environment say; [`Config`] is what follows from
//! them, checked. Nothing here prints a value: addresses may hold passwords.

use crate::{
    http::AllowedOrigins,
    ingest::client_ip::{ForwardedHeader, TrustedProxies},
    limits::LimitOptions,
    telemetry::LogFormat,
};
use axum::http::HeaderValue;
use clap::Parser;
use ipnet::IpNet;
use kafka_client::{KafkaOptions, KafkaSettings, SettingsError};
use live_stats::Capacity;
use std::{net::SocketAddr, path::PathBuf};
use url::Url;

/// Takes the events of the Kafka button's page, adds the approximate place of the visitor's
/// address, forgets the address, and makes the events durable: in Apache Kafka, or in a SQLite
/// store until Kafka takes them.
///
/// Without --kafka-service-uri the store is the destination.
///
/// Every option can also be set by the environment variable that stands beside it, and variables
/// also in a file named .env in the current folder.
#[derive(Parser)]
#[command(name = "relay", version, max_term_width = 100)]
pub struct Options {
    /// Address and port to listen on. 0.0.0.0:9000 lets phones on the network in; port 0 takes a
    /// free one.
    #[arg(
        long,
        env = "RELAY_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9000",
        value_parser = address_and_port
    )]
    pub listen: SocketAddr,

    /// SQLite file for events that are not (or not yet) in Kafka; made when missing. Any SQLite
    /// tool can open it.
    #[arg(
        long,
        env = "RELAY_STORE",
        value_name = "FILE",
        default_value = "data/button_presses.sqlite"
    )]
    pub store: PathBuf,

    /// Folder with the built page, to serve it too.
    #[arg(long, env = "RELAY_STATIC_DIR", value_name = "FOLDER")]
    pub static_dir: Option<PathBuf>,

    /// MaxMind database (.mmdb) with cities: GeoLite2, GeoIP2, DB-IP or ip-location-db. Reloaded when
    /// the file changes, and on SIGHUP. Without one, places are unknown.
    #[arg(long, env = "RELAY_GEO_DATABASE", value_name = "FILE")]
    pub geo_database: Option<PathBuf>,

    /// Networks of trusted proxies, such as 10.0.0.0/8 or 127.0.0.1, separated by commas. Forwarding
    /// headers are honoured only for requests from these networks.
    #[arg(long, env = "RELAY_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Header in which trusted proxies report the client's address.
    #[arg(
        long,
        env = "RELAY_FORWARDED_HEADER",
        value_name = "HEADER",
        value_enum,
        default_value_t
    )]
    pub forwarded_header: ForwardedHeader,

    /// Sites whose pages may post events, as https://button.example.com, separated by commas, besides
    /// the relay's own page. Without it, every page may: all that it can do is to press. It binds
    /// browsers; a program can claim anything.
    #[allow(rustdoc::bare_urls, reason = "this is the help of a command line")]
    #[arg(long, env = "RELAY_ALLOWED_ORIGINS", value_name = "ORIGIN", value_delimiter = ',', value_parser = AllowedOrigins::parse)]
    pub allowed_origins: Vec<HeaderValue>,

    /// What one session, and all together, may ask for.
    #[command(flatten)]
    pub limits: LimitOptions,

    /// Give clients on this machine or its network a demo place, the same for a whole session. For
    /// demonstrations: such events cannot be distinguished from real ones.
    #[arg(long, env = "RELAY_PRETEND_LOCAL")]
    pub pretend_local: bool,

    /// Where Kafka is. Without it, the store is the destination.
    #[command(flatten)]
    pub kafka: KafkaOptions,

    /// Sessions whose events the live numbers tell from repeats; with more, the oldest are
    /// forgotten. A million of them take about 100 MB.
    #[arg(long, env = "RELAY_LIVE_SESSIONS", value_name = "NUMBER", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub live_sessions: u32,

    /// Address under which visitors reach the page, for the QR code. Default: this machine's
    /// address in its network.
    #[arg(long, env = "RELAY_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<Url>,

    /// Print the page's address as a QR code.
    #[arg(long, env = "RELAY_QR")]
    pub qr: bool,

    /// Say whether these options can be used, and end. Nothing is opened that others would notice;
    /// Kafka need not answer.
    #[arg(long)]
    pub check_config: bool,

    /// Ask the relay that listens at --listen whether it is well, and end: with exit status 0 if it is.
    /// For health checks of containers.
    #[arg(long, conflicts_with = "check_config")]
    pub check_health: bool,

    /// Log filter: a level (error, warn, info, debug, trace), or levels by target, as in
    /// info,relay::sink=debug. No level logs a client's address.
    #[arg(long, env = "RELAY_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// Log format: text, or JSON with one object on each line.
    #[arg(long, env = "RELAY_LOG_FORMAT", value_enum, value_name = "FORMAT", default_value_t)]
    pub log_format: LogFormat,
}

/// Why the options cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The folder of the page is not one.
    #[error("--static-dir {0} has no index.html: build the page with `cargo xtask page`")]
    NoPage(PathBuf),
    /// Something about Kafka.
    #[error(transparent)]
    Kafka(#[from] SettingsError),
}

/// What the relay runs with.
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// The store's file.
    pub store: PathBuf,
    /// The page's folder.
    pub static_dir: Option<PathBuf>,
    /// The geo database's file.
    pub geo_database: Option<PathBuf>,
    /// Whether local clients get a demo place.
    pub pretend_local: bool,
    /// The proxies whose forwarding header is honoured.
    pub proxies: TrustedProxies,
    /// Whose pages may post events.
    pub origins: AllowedOrigins,
    /// What is too much.
    pub limits: LimitOptions,
    /// How to reach Kafka, if it is configured.
    pub kafka: Option<KafkaSettings>,
    /// What the live numbers may remember.
    pub live: Capacity,
    /// The page's address, if it was given.
    pub public_url: Option<Url>,
    /// Whether to print the QR code.
    pub qr: bool,
}

impl Config {
    /// Checks the options.
    pub fn resolve(options: Options) -> Result<Self, ConfigError> {
        let kafka = KafkaSettings::resolve(&options.kafka)?;
        if let Some(folder) =
            options.static_dir.as_ref().filter(|dir| !dir.join("index.html").is_file())
        {
            return Err(ConfigError::NoPage(folder.clone()));
        }
        Ok(Self {
            listen: options.listen,
            store: options.store,
            static_dir: options.static_dir,
            geo_database: options.geo_database,
            pretend_local: options.pretend_local,
            proxies: TrustedProxies {
                networks: options.trusted_proxies,
                header: options.forwarded_header,
            },
            origins: AllowedOrigins::new(options.allowed_origins),
            limits: options.limits,
            kafka,
            live: Capacity::for_sessions(options.live_sessions as usize),
            public_url: options.public_url,
            qr: options.qr,
        })
    }
}

fn address_and_port(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "not an address with a port, such as 127.0.0.1:9000, or 0.0.0.0:9000 for the whole network"
            .to_owned()
    })
}

/// A network, or a single address as a network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| "not a network such as 10.0.0.0/8 or an address such as 127.0.0.1".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    fn resolve(args: &[&str]) -> Result<Config, ConfigError> {
        Config::resolve(Options::try_parse_from([&["relay"], args].concat()).unwrap())
    }

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn secrets_are_not_shown_in_the_help() {
        let command = Options::command();
        for id in ["schema_registry_uri", "kafka_property", "kafka_service_uri"] {
            let argument =
                command.get_arguments().find(|argument| argument.get_id() == id).unwrap();
            assert!(argument.is_hide_env_values_set(), "{id}");
        }
    }

    #[test]
    fn kafka_and_the_registry_come_together() {
        assert!(resolve(&[]).unwrap().kafka.is_none());
        let kafka = "--kafka-service-uri=localhost:9092";
        let registry = "--schema-registry-uri=http://user:pass@localhost:8081/base";
        assert!(matches!(resolve(&[kafka]), Err(ConfigError::Kafka(SettingsError::NoRegistry))));
        assert!(matches!(resolve(&[registry]), Err(ConfigError::Kafka(SettingsError::NoKafka))));
        assert!(resolve(&[kafka, registry]).unwrap().kafka.is_some());
    }

    #[test]
    fn errors_say_what_is_wrong_without_showing_secrets() {
        let kafka = "--kafka-service-uri=localhost:9092";
        let broken = resolve(&[kafka, "--schema-registry-uri=user:hunter2@registry"]);
        assert!(!broken.err().unwrap().to_string().contains("hunter2"));
        let registry = "--schema-registry-uri=http://localhost:8081";
        let error =
            resolve(&[kafka, registry, "--kafka-property=no.such.property=1"]).err().unwrap();
        assert!(error.to_string().contains("no.such.property"), "{error}");
        let error = resolve(&[kafka, registry, "--kafka-certificates=/nowhere"]).err().unwrap();
        assert!(error.to_string().contains("ca.pem"), "{error}");
    }
}
