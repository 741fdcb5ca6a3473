//! Checks of SASL settings that librdkafka accepts and with which it can never log in.

use rdkafka::ClientConfig;

/// SASL settings with which no client can log in.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SaslError {
    /// SASL is on, and no mechanism is named.
    #[error(
        "security.protocol is {protocol}, and no sasl.mechanism is named: set it with --kafka-property (KAFKA_PROPERTIES) to PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )]
    NoMechanism {
        /// The protocol.
        protocol: String,
    },
    /// The mechanism needs what this program does not have.
    #[error(
        "sasl.mechanism {mechanism} cannot be used: {reason}. Set it to PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, or use client certificates (--kafka-certificates)"
    )]
    Mechanism {
        /// Its name.
        mechanism: String,
        /// The reason.
        reason: &'static str,
    },
    /// A user or a password is missing.
    #[error(
        "sasl.mechanism {mechanism} needs {property}: set it with --kafka-property (KAFKA_PROPERTIES)"
    )]
    NoCredentials {
        /// The mechanism.
        mechanism: String,
        /// The property that is not set, or empty.
        property: &'static str,
    },
    /// There are SASL settings, and SASL is off.
    #[error(
        "{property} is set, and security.protocol is {protocol}, so it would not be used: set security.protocol to SASL_SSL (or SASL_PLAINTEXT), or leave it out"
    )]
    Unused {
        /// The property that is set.
        property: &'static str,
        /// The protocol.
        protocol: String,
    },
}

/// Checks the SASL settings of a client.
///
/// # Errors
/// If it can never log in.
pub(crate) fn check(client: &ClientConfig) -> Result<(), SaslError> {
    let get = |name: &str| client.get(name).filter(|value| !value.is_empty());
    let protocol = get("security.protocol").unwrap_or("plaintext").to_owned();
    let mechanism = get("sasl.mechanism").or_else(|| get("sasl.mechanisms"));
    if !protocol.to_ascii_lowercase().starts_with("sasl_") {
        const SETTINGS: [&str; 4] =
            ["sasl.username", "sasl.password", "sasl.mechanism", "sasl.mechanisms"];
        return match SETTINGS.into_iter().find(|name| get(name).is_some()) {
            Some(property) => Err(SaslError::Unused { property, protocol }),
            None => Ok(()),
        };
    }
    let Some(mechanism) = mechanism.map(str::to_ascii_uppercase) else {
        return Err(SaslError::NoMechanism { protocol });
    };
    let reason = match &*mechanism {
        "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
            let missing =
                ["sasl.username", "sasl.password"].into_iter().find(|name| get(name).is_none());
            return match missing {
                Some(property) => Err(SaslError::NoCredentials { mechanism, property }),
                None => Ok(()),
            };
        }
        // For tests: librdkafka makes the token itself.
        "OAUTHBEARER" if get("enable.sasl.oauthbearer.unsecure.jwt") == Some("true") => {
            return Ok(());
        }
        "OAUTHBEARER" => "it needs a token, and there is nothing here that gets one",
        "GSSAPI" => "Kerberos is not built in",
        _ => "librdkafka does not have it",
    };
    Err(SaslError::Mechanism { mechanism, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(properties: &[(&str, &str)]) -> String {
        let mut client = ClientConfig::new();
        for (name, value) in properties {
            client.set(*name, *value);
        }
        check(&client).err().map_or_else(String::new, |error| error.to_string())
    }

    const SASL: (&str, &str) = ("security.protocol", "SASL_SSL");
    const USER: (&str, &str) = ("sasl.username", "button");
    const PASSWORD: (&str, &str) = ("sasl.password", "hunter2");

    #[test]
    fn complete_settings_are_accepted() {
        assert_eq!(checked(&[]), "");
        assert_eq!(checked(&[("security.protocol", "ssl")]), "");
        for mechanism in ["PLAIN", "plain", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            for name in ["sasl.mechanism", "sasl.mechanisms"] {
                assert_eq!(checked(&[SASL, (name, mechanism), USER, PASSWORD]), "");
            }
        }
    }

    #[test]
    fn mechanism_without_credentials_is_rejected() {
        for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let mechanism = ("sasl.mechanism", mechanism);
            for lacking in [&[SASL, mechanism, USER][..], &[SASL, mechanism, PASSWORD]] {
                let text = checked(lacking);
                assert!(text.contains(mechanism.1) && text.contains("needs sasl."), "{text}");
                assert!(!text.contains("hunter2"), "{text}");
            }
        }
        for mechanism in ["OAUTHBEARER", "GSSAPI", "AWS_MSK_IAM"] {
            let text = checked(&[SASL, ("sasl.mechanism", mechanism), USER, PASSWORD]);
            assert!(text.contains(mechanism) && text.contains("cannot be used"), "{text}");
        }
        assert!(checked(&[SASL, USER, PASSWORD]).contains("no sasl.mechanism"));
        let empty = ("sasl.password", "");
        assert!(
            checked(&[SASL, ("sasl.mechanism", "PLAIN"), USER, empty]).contains("sasl.password")
        );
    }

    #[test]
    fn unused_settings_are_rejected() {
        for protocol in [&[][..], &[("security.protocol", "ssl")]] {
            let text = checked(&[protocol, &[USER, PASSWORD]].concat());
            assert!(text.contains("sasl.username is set") && text.contains("SASL_SSL"), "{text}");
        }
    }
}
