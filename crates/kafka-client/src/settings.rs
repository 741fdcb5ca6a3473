//! Kafka options of the command line, and librdkafka's properties for them.

use crate::{
    certificates::{CertificateError, CertificateFolder, Certificates},
    sasl::{self, SaslError},
};
use clap::Args;
use rdkafka::{
    ClientConfig,
    config::{FromClientConfig, FromClientConfigAndContext, RDKafkaLogLevel},
    error::KafkaError,
    producer::BaseProducer,
    types::RDKafkaConfRes,
};
use std::{path::PathBuf, time::Duration};
use url::Url;

/// Timeout of an acknowledgement, after which the relay keeps the event in its store. It is shorter than the
/// handler's timeout, which is shorter than the page's.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(4);

/// Kafka options that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The certificate files are missing, or do not belong together.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// A `--kafka-property` without `=`.
    #[error("--kafka-property takes key=value, as in sasl.mechanism=PLAIN; this one has no '='")]
    PropertyWithoutValue,
    /// Kafka without a registry: the messages need the id of their schema.
    #[error(
        "Kafka is configured, but no schema registry: set --schema-registry-uri (SCHEMA_REGISTRY_URI) too"
    )]
    NoRegistry,
    /// A registry without Kafka.
    #[error(
        "a schema registry is configured, but no Kafka: set --kafka-service-uri (KAFKA_SERVICE_URI) too"
    )]
    NoKafka,
    /// The registry's address is not a URL. It is not in the text, as it may contain a password.
    #[error("--schema-registry-uri is not an http or https URL")]
    RegistryUri,
    /// SASL settings with which no client can log in.
    #[error(transparent)]
    Sasl(#[from] SaslError),
    /// A property that librdkafka does not have.
    #[error(
        "librdkafka has no property {0}: see --kafka-property (KAFKA_PROPERTIES), and the list in librdkafka's CONFIGURATION.md"
    )]
    UnknownProperty(String),
    /// A value that librdkafka rejects. It is not in the text, as it may be a password.
    #[error(
        "librdkafka rejects the value of {0}: see --kafka-property (KAFKA_PROPERTIES), and the list in librdkafka's CONFIGURATION.md"
    )]
    Value(String),
    /// librdkafka rejects the properties. Its error is without the secrets in them.
    #[error("librdkafka rejects these Kafka properties")]
    Client(#[source] KafkaError),
}

impl SettingsError {
    /// The error for librdkafka's, without secret values of the properties.
    fn of(error: KafkaError, config: &ClientConfig) -> Self {
        let (result, key) = match error {
            KafkaError::ClientConfig(result, _, key, _) => (result, key),
            KafkaError::ClientCreation(text) => {
                let properties = config.config_map();
                let secrets = properties.iter().filter(|(name, _)| is_secret(name));
                let text = secrets
                    .filter_map(|(name, _)| config.get(name))
                    .filter(|secret| !secret.is_empty())
                    .fold(text, |text, secret| text.replace(secret, "(not shown)"));
                return Self::Client(KafkaError::ClientCreation(text));
            }
            error => return Self::Client(error),
        };
        match result {
            RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN => Self::UnknownProperty(key),
            _ => Self::Value(key),
        }
    }
}

/// Whether the value of a property is a secret.
fn is_secret(name: &str) -> bool {
    ["password", "secret", "key.pem", "oauthbearer.config"].iter().any(|it| name.contains(it))
}

/// How to reach Kafka and the registry.
#[derive(Clone)]
pub struct KafkaSettings {
    /// The topic that is produced to.
    pub topic: String,
    /// Base URL of the registry's Confluent-compatible API, with its credentials.
    pub registry: Url,
    /// Properties of every client, in this order. Not a `ClientConfig`, which does not return its secrets.
    properties: Properties,
    /// Folder of the certificates, if Kafka requires any.
    certificates: Option<CertificateFolder>,
}

/// Options of the connection to Kafka, the same for every program of the Kafka button. Nothing of
/// them is printed: addresses and properties may hold passwords.
#[derive(Args, Clone, Default)]
pub struct KafkaOptions {
    /// Kafka's bootstrap servers, as host:port, separated by commas.
    #[arg(long, env = "KAFKA_SERVICE_URI", value_name = "HOST:PORT", hide_env_values = true)]
    pub kafka_service_uri: Option<String>,

    /// Address of the schema registry (its Confluent-compatible API), with user and password if it
    /// asks for them: https://user:password@host:port.
    #[arg(long, env = "SCHEMA_REGISTRY_URI", value_name = "URL", hide_env_values = true)]
    pub schema_registry_uri: Option<String>,

    /// Folder with ca.pem, service.cert and service.key, for a Kafka that asks for client
    /// certificates. The relay takes up newer files in their place while it runs.
    #[arg(long, env = "KAFKA_CERTIFICATES", value_name = "FOLDER")]
    pub kafka_certificates: Option<PathBuf>,

    /// Any property of librdkafka, as in sasl.mechanism=SCRAM-SHA-256; can be given several times
    /// (in the environment: one a line).
    #[arg(
        long,
        env = "KAFKA_PROPERTIES",
        value_name = "KEY=VALUE",
        value_delimiter = '\n',
        hide_env_values = true
    )]
    pub kafka_property: Vec<String>,

    /// The topic. Its schema's subject is the same with -value behind it.
    #[arg(long, env = "KAFKA_TOPIC", value_name = "NAME", default_value = "button_presses")]
    pub topic: String,
}

impl KafkaSettings {
    /// Checks the options; `None` if neither Kafka nor a registry is configured.
    pub fn resolve(options: &KafkaOptions) -> Result<Option<Self>, SettingsError> {
        // An empty variable, as in a copied .env file, means "not set".
        let service_uri = options.kafka_service_uri.as_deref().filter(|uri| !uri.is_empty());
        let registry_uri = options.schema_registry_uri.as_deref().filter(|uri| !uri.is_empty());
        let (service_uri, registry_uri) = match (service_uri, registry_uri) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(SettingsError::NoRegistry),
            (None, Some(_)) => return Err(SettingsError::NoKafka),
            (Some(kafka), Some(registry)) => (kafka, registry),
        };
        let registry = Url::parse(registry_uri)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or(SettingsError::RegistryUri)?;
        let properties = properties(service_uri, options)?;
        let certificates = options.kafka_certificates.as_deref().map(|path| {
            let passphrase = properties.iter().rev().find(|(key, _)| key == "ssl.key.password");
            CertificateFolder::new(path, passphrase.map(|(_, value)| value.as_str()))
        });
        let topic = options.topic.clone();
        let settings = Self { topic, registry, properties, certificates };
        // Unknown names and unusable values are found here, before anything is started. Certificates may
        // have expired: then the relay runs, and waits for newer ones.
        let client = settings.client_config(&PRODUCER)?;
        sasl::check(&client)?;
        BaseProducer::from_config(&client).map_err(|error| SettingsError::of(error, &client))?;
        Ok(Some(settings))
    }

    /// Creates a client of a kind, which connects in the background.
    pub(crate) fn client<C, T>(
        &self,
        kind: &[(&str, &str)],
        certificates: Option<&Certificates>,
        context: C,
    ) -> Result<T, SettingsError>
    where
        C: rdkafka::ClientContext,
        T: FromClientConfigAndContext<C>,
    {
        let config = self.config(kind, certificates);
        T::from_config_and_context(&config, context)
            .map_err(|error| SettingsError::of(error, &config))
    }

    /// Properties of a kind of client, with the certificates as they are now.
    ///
    /// # Errors
    /// If the certificates cannot be used.
    pub fn client_config(&self, kind: &[(&str, &str)]) -> Result<ClientConfig, CertificateError> {
        Ok(self.config(kind, self.load_certificates()?.as_ref()))
    }

    /// Loads the certificates, if Kafka requires any.
    pub(crate) fn load_certificates(&self) -> Result<Option<Certificates>, CertificateError> {
        self.certificates.as_ref().map(CertificateFolder::load).transpose()
    }

    /// Properties of the kind of client, then those of all, then the operator's.
    fn config(&self, kind: &[(&str, &str)], certificates: Option<&Certificates>) -> ClientConfig {
        let mut client = ClientConfig::new();
        // By default librdkafka calls back only with lines that the program logs. The reason for a closed
        // connection is in lines of this level only.
        if (client.log_level as i32) < RDKafkaLogLevel::Info as i32 {
            client.set_log_level(RDKafkaLogLevel::Info);
        }
        for (key, value) in kind {
            client.set(*key, *value);
        }
        for (key, value) in &self.properties {
            client.set(key, value);
        }
        if let Some(certificates) = certificates {
            certificates.apply(&mut client);
        }
        client
    }
}

/// Properties of the relay's producer; the operator's override them.
pub const PRODUCER: [(&str, &str); 9] = [
    ("client.id", "kafka-button-relay"),
    // Durable before it is acknowledged, and in order: KIP-98.
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("compression.type", "lz4"),
    // A session is in the partition that Java's producers would choose for it.
    ("partitioner", "murmur2_random"),
    // BENCHMARKS.md: as cheap as longer, half as slow as 5 ms.
    ("linger.ms", "2"),
    // As MESSAGE_TIMEOUT; a test compares them.
    ("message.timeout.ms", "4000"),
    // Beyond this the relay keeps events in the store rather than in memory.
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "65536"),
];

/// Properties of a topic reader, beside its `client.id` and `group.id`. librdkafka requires the latter;
/// nothing is committed for it.
pub(crate) const CONSUMER: [(&str, &str); 8] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // The end of a partition is reported, whose last messages may have been compacted.
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "earliest"),
    // A busy topic would be fetched message by message. Kafka answers when there are 64 kB, or after
    // 50 ms, which the live numbers can wait: they are published every 150 ms.
    ("fetch.min.bytes", "65536"),
    ("fetch.wait.max.ms", "50"),
    // Prefetched messages; by default up to 64 MB.
    ("queued.max.messages.kbytes", "16384"),
    // By default fetching stops for a second when that is full.
    ("fetch.queue.backoff.ms", "10"),
];

/// Later ones override earlier ones of the same name.
type Properties = Vec<(String, String)>;

fn properties(uri: &str, options: &KafkaOptions) -> Result<Properties, SettingsError> {
    let mut properties = vec![
        ("bootstrap.servers", uri),
        // By default attempts grow to 10 s apart, and a broker that is back is found late.
        ("reconnect.backoff.max.ms", "2000"),
        ("socket.keepalive.enable", "true"),
    ];
    if options.kafka_certificates.is_some() {
        properties.push(("security.protocol", "ssl"));
    }
    for property in options.kafka_property.iter().filter(|property| !property.is_empty()) {
        let (key, value) = property.split_once('=').ok_or(SettingsError::PropertyWithoutValue)?;
        properties.push((key.trim(), value.trim()));
    }
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    Ok(properties.into_iter().map(owned).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::{BEGIN, END, Issued, write};

    /// Options for a Kafka and a registry.
    fn options() -> KafkaOptions {
        KafkaOptions {
            kafka_service_uri: Some("127.0.0.1:9093".to_owned()),
            schema_registry_uri: Some("http://user:pass@127.0.0.1:8081/base".to_owned()),
            ..KafkaOptions::default()
        }
    }

    /// The text of the error of these options.
    fn error(options: &KafkaOptions) -> String {
        KafkaSettings::resolve(options).err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn message_timeout_is_the_producers() {
        let millis = MESSAGE_TIMEOUT.as_millis().to_string();
        assert!(PRODUCER.contains(&("message.timeout.ms", millis.as_str())));
    }

    #[test]
    fn property_error_names_property_without_value() {
        for (property, name) in [
            ("sasl.pasword=hunter2", "sasl.pasword"),
            ("security.protocol=hunter2", "security.protocol"),
            ("socket.keepalive.enable=hunter2", "socket.keepalive.enable"),
            ("message.timeout.ms=hunter2", "message.timeout.ms"),
            ("linger.ms=-77hunter2", "linger.ms"),
            ("ssl.key.password=hunter2", ""),
            ("sasl.password=hunter2", "sasl.password"),
            ("hunter2", "--kafka-property"),
        ] {
            let error =
                error(&KafkaOptions { kafka_property: vec![property.to_owned()], ..options() });
            assert!(error.contains(name), "{property}: {error}");
            assert!(!error.contains("hunter2"), "{property}: {error}");
        }
    }

    #[test]
    fn kafka_needs_a_registry_and_a_registry_needs_kafka() {
        let no_registry = KafkaOptions { schema_registry_uri: None, ..options() };
        let no_kafka = KafkaOptions { kafka_service_uri: None, ..options() };
        let neither = KafkaOptions { schema_registry_uri: None, ..no_kafka.clone() };
        let resolve = KafkaSettings::resolve;
        assert!(matches!(resolve(&no_registry), Err(SettingsError::NoRegistry)));
        assert!(matches!(resolve(&no_kafka), Err(SettingsError::NoKafka)));
        assert!(resolve(&neither).unwrap().is_none());
        assert!(resolve(&options()).unwrap().is_some());
    }

    #[test]
    fn registry_url_error_shows_no_secret() {
        let registry = Some("user:hunter2@registry".to_owned());
        let error = error(&KafkaOptions { schema_registry_uri: registry, ..options() });
        assert!(!error.is_empty() && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn client_error_keeps_its_source_without_secrets() {
        let mut config = ClientConfig::new();
        config.set("sasl.password", "hunter2");
        let source = KafkaError::ClientCreation("cannot use hunter2 as password".to_owned());
        let error = SettingsError::of(source, &config);
        let text = format!("{:#}", anyhow::Error::new(error));
        assert!(text.contains("cannot use (not shown) as password"), "{text}");
    }

    #[test]
    fn expired_certificates_are_accepted_and_mismatched_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Some(folder.path().to_owned());
        let options = KafkaOptions { kafka_certificates: certificates, ..options() };
        assert!(error(&options).contains("ca.pem"));
        let authority = Issued::authority(BEGIN, END);
        write(folder.path(), &authority, &authority.user(BEGIN, BEGIN + 1));
        assert!(KafkaSettings::resolve(&options).unwrap().is_some());
        std::fs::write(folder.path().join("service.key"), authority.key()).unwrap();
        let error = KafkaSettings::resolve(&options).err().unwrap();
        assert!(matches!(error, SettingsError::Certificates(CertificateError::Mismatch { .. })));
    }
}
