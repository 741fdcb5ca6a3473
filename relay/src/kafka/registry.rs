//! Registering the schema, and asking for those of others.
//!
//! The relay makes two calls of the registry's Confluent-compatible API, so it makes them itself.

use schemas::avro;
use serde::Deserialize;
use std::time::{Duration, SystemTime};
use url::Url;

const PATIENCE: Duration = Duration::from_secs(5);

/// Why the schema has no id.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry will never take this schema; somebody has to decide what to do.
    #[error(
        "the schema registry refuses the schema for the subject {subject} ({status}): {reason}. Compare the subject's schema with schemas/button_presses.avsc, or use another topic"
    )]
    Refused {
        /// The subject.
        subject: String,
        /// HTTP status code.
        status: u16,
        /// The registry's own words.
        reason: String,
    },
    /// The registry does not let the relay in, or not to the subject.
    #[error("{}", access_advice(*.status, .subject.as_deref()))]
    Access {
        /// HTTP status code: 401, 403 or 404.
        status: u16,
        /// The subject, if one was asked for.
        subject: Option<String>,
    },
    /// Whatever answers at the address is no registry.
    #[error(
        "there is no schema registry at the address in SCHEMA_REGISTRY_URI, which answers {0}: it takes the base of the Confluent-compatible API, before /subjects"
    )]
    NoRegistry(u16),
    /// The registry does not answer, or not as one: it may later.
    #[error("the schema registry does not answer: {0}")]
    Unreachable(String),
}

impl RegistryError {
    /// Whether it stays until an operator changes something.
    pub fn is_misconfiguration(&self) -> bool {
        !matches!(self, RegistryError::Unreachable(_))
    }

    /// The error of a status code that is neither success nor about a schema.
    fn of_status(status: u16, subject: Option<String>) -> Self {
        match status {
            401 | 403 | 404 => RegistryError::Access { status, subject },
            // Timeouts, and too many requests.
            408 | 425 | 429 => RegistryError::Unreachable(format!("it answered {status}")),
            300..=499 => RegistryError::NoRegistry(status),
            _ => RegistryError::Unreachable(format!("it answered {status}")),
        }
    }
}

/// What to do when a registry refuses. Karapace answers a user without an entry for the subject 401, 403
/// or 404, depending on its version; others use 404 for a path that they do not know.
fn access_advice(status: u16, subject: Option<&str>) -> String {
    let entry = match subject {
        Some(subject) => format!(
            "give the user an entry that permits to write the subject {subject} (at Aiven a schema \
             registry ACL entry, schema_registry_write on Subject:{subject})"
        ),
        None => {
            "give the user an entry that permits to read the schemas (at Aiven a schema registry \
                 ACL entry, schema_registry_read on Subject:*)"
                .to_owned()
        }
    };
    match status {
        401 => format!(
            "the schema registry does not accept the credentials (401): check the user and password \
             in SCHEMA_REGISTRY_URI; if they are right, {entry}"
        ),
        403 => format!("the schema registry forbids it to this user (403): {entry}"),
        _ => format!(
            "the schema registry has nothing there for this user ({status}): {entry}, or check the \
             path in SCHEMA_REGISTRY_URI"
        ),
    }
}

/// An id that the registry has given to the schema.
#[derive(Debug)]
pub struct RegisteredSchema {
    /// The id.
    pub id: u32,
    /// When the registry answered, by its clock.
    pub date: Option<SystemTime>,
}

/// A registry that can be asked.
#[derive(Clone)]
pub struct Registry {
    client: reqwest::Client,
    base: Url,
}

/// What the registry has answered.
struct Answer {
    status: u16,
    date: Option<SystemTime>,
    body: Vec<u8>,
}

#[derive(Deserialize)]
struct Registered {
    id: u32,
}

#[derive(Deserialize)]
struct Known {
    schema: String,
}

#[derive(Deserialize)]
struct Failure {
    message: String,
}

impl Registry {
    /// Nothing is sent yet.
    pub fn new(base: Url) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { client, base })
    }

    /// Registers the canonical schema for the topic's values, and gives its id. Registering what
    /// is registered already gives the same id.
    pub async fn register(&self, topic: &str) -> Result<RegisteredSchema, RegistryError> {
        let subject = avro::subject(topic);
        let request = |url| {
            self.client
                .post(url)
                .header("content-type", "application/vnd.schemaregistry.v1+json")
                .body(serde_json::json!({ "schema": avro::SCHEMA_TEXT }).to_string())
        };
        let Answer { status, date, body } =
            self.ask(&["subjects", &subject, "versions"], request).await?;
        match status {
            200..=299 => serde_json::from_slice::<Registered>(&body)
                .map(|Registered { id }| RegisteredSchema { id, date })
                .map_err(|_| RegistryError::Unreachable("its answer has no schema id".to_owned())),
            // 409: incompatible with an earlier version; 422: not a valid schema.
            409 | 422 => {
                let reason = serde_json::from_slice::<Failure>(&body)
                    .map_or_else(|_| "no reason given".to_owned(), |failure| failure.message);
                Err(RegistryError::Refused { subject, status, reason })
            }
            _ => Err(RegistryError::of_status(status, Some(subject))),
        }
    }

    /// The schema that has this id; `None` if there is none.
    pub async fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        let path = ["schemas", "ids", &id.to_string()];
        let Answer { status, body, .. } = self.ask(&path, |url| self.client.get(url)).await?;
        match status {
            200..=299 => serde_json::from_slice::<Known>(&body)
                .map(|known| Some(known.schema))
                .map_err(|_| RegistryError::Unreachable("its answer has no schema".to_owned())),
            404 => Ok(None),
            _ => Err(RegistryError::of_status(status, None)),
        }
    }

    /// Sends a request to this path, with the credentials, and gives the answer.
    async fn ask(
        &self,
        path: &[&str],
        request: impl FnOnce(Url) -> reqwest::RequestBuilder,
    ) -> Result<Answer, RegistryError> {
        let mut url = self.base.clone();
        // The password goes into a header, not into a URL that an error might print.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.path_segments_mut()
            .map_err(|()| RegistryError::Unreachable("its address cannot have a path".to_owned()))?
            .pop_if_empty()
            .extend(path);
        let mut request = request(url);
        if !self.base.username().is_empty() {
            let decode = |text| percent_decode(text);
            request =
                request.basic_auth(decode(self.base.username()), self.base.password().map(decode));
        }
        let unreachable =
            |error: reqwest::Error| RegistryError::Unreachable(chain(&error.without_url()));
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let date = response.headers().get("date").and_then(|date| parse_date(date.to_str().ok()?));
        let body = response.bytes().await.map_err(unreachable)?.to_vec();
        Ok(Answer { status, date, body })
    }
}

/// Reads the `Date` of an answer (RFC 9110, section 5.6.7).
fn parse_date(text: &str) -> Option<SystemTime> {
    Some(chrono::DateTime::parse_from_rfc2822(text).ok()?.into())
}

/// URLs hold `%40` for an `@` in a password.
fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// An error with its causes: the outermost alone says too little.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_what_the_operator_has_to_do() {
        let text = |status| {
            let error = RegistryError::of_status(status, Some("button_presses-value".to_owned()));
            assert!(error.is_misconfiguration(), "{status}");
            error.to_string()
        };
        for status in [401, 403, 404] {
            let text = text(status);
            assert!(text.contains("button_presses-value") && text.contains("entry"), "{text}");
        }
        assert!(text(401).contains("user and password in SCHEMA_REGISTRY_URI"));
        assert!(text(404).contains("path in SCHEMA_REGISTRY_URI"));
        for status in [301, 400, 405, 415] {
            assert!(text(status).contains("no schema registry at the address"), "{status}");
        }
        for status in [408, 429, 500, 502, 503] {
            assert!(!RegistryError::of_status(status, None).is_misconfiguration(), "{status}");
        }
    }

    #[test]
    fn dates_of_answers_are_read() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(time));
        assert_eq!(parse_date("yesterday"), None);
    }

    #[test]
    fn passwords_may_hold_any_character() {
        assert_eq!(percent_decode("a%40b+c%2Fd&e=f"), "a@b+c/d&e=f");
    }
}
