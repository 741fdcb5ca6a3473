//! Client of the schema registry: registration of the schema, and schemas by their id.
//!
//! Two calls of its Confluent-compatible API, by plain HTTP.

use schemas::avro;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    io,
    time::{Duration, SystemTime},
};
use url::Url;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest response that is read. Schemas have some kilobytes.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// Error of the registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry rejects the schema, as incompatible or invalid.
    #[error(
        "the schema registry refuses the schema for the subject {subject} ({status}): {reason}. Compare the subject's schema with schemas/button_presses.avsc, or use another topic"
    )]
    Incompatible {
        /// The subject.
        subject: String,
        /// HTTP status code.
        status: u16,
        /// The registry's message.
        reason: String,
    },
    /// The registry denies the user access, to the subject or altogether.
    #[error("{}", access_advice(*.status, .subject.as_deref()))]
    Access {
        /// HTTP status code: 401, 403 or 404.
        status: u16,
        /// The subject of the request, if it had one.
        subject: Option<String>,
    },
    /// The address is not that of a registry.
    #[error(
        "there is no schema registry at the address in SCHEMA_REGISTRY_URI, which answers {0}: it takes the base of the Confluent-compatible API, before /subjects"
    )]
    NoRegistry(u16),
    /// The registry fails, or rate limits requests.
    #[error("the schema registry cannot answer at the moment ({0})")]
    Unavailable(u16),
    /// There is no response.
    #[error("the schema registry does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// There is one, but not a registry's.
    #[error("the response of the schema registry is invalid")]
    Invalid(#[source] io::Error),
}

impl RegistryError {
    /// Whether it stays until an operator changes something.
    pub fn is_misconfiguration(&self) -> bool {
        use RegistryError::{Invalid, Unavailable, Unreachable};
        !matches!(self, Unavailable(_) | Unreachable(_) | Invalid(_))
    }

    /// The error of a status code that is neither success nor about a schema.
    fn of_status(status: u16, subject: Option<String>) -> Self {
        match status {
            401 | 403 | 404 => RegistryError::Access { status, subject },
            // Timeouts, and too many requests.
            408 | 425 | 429 => RegistryError::Unavailable(status),
            300..=499 => RegistryError::NoRegistry(status),
            _ => RegistryError::Unavailable(status),
        }
    }
}

/// Advice for a registry that denies access. Karapace returns 401, 403 or 404 to a user without an entry for
/// the subject, depending on its version; others return 404 for an unknown path.
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

/// A schema that the registry has.
#[derive(Debug)]
pub struct RegisteredSchema {
    /// Its id.
    pub id: u32,
    /// The time of the response, by the registry's clock.
    pub date: Option<SystemTime>,
}

/// Client of the registry.
#[derive(Clone)]
pub struct Registry {
    client: reqwest::Client,
    base: Url,
}

#[derive(Deserialize)]
struct SchemaId {
    id: u32,
}

#[derive(Deserialize)]
struct SchemaText {
    schema: String,
}

#[derive(Deserialize)]
struct ErrorMessage {
    message: String,
}

impl Registry {
    /// Creates a client, which sends nothing yet.
    pub fn new(base: Url) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
        Ok(Self { client, base })
    }

    /// Registers the canonical schema for the topic's values, and returns its id. Registering what
    /// is registered already returns the same id.
    ///
    /// # Errors
    /// If the registry does not answer, or rejects the schema.
    pub async fn register(&self, topic: &str) -> Result<RegisteredSchema, RegistryError> {
        let subject = avro::subject(topic);
        let request = |url| {
            self.client
                .post(url)
                .header("content-type", "application/vnd.schemaregistry.v1+json")
                .body(serde_json::json!({ "schema": avro::SCHEMA_TEXT }).to_string())
        };
        let response = self.send(&["subjects", &subject, "versions"], request).await?;
        let date = response.headers().get("date").and_then(|date| parse_date(date.to_str().ok()?));
        match response.status().as_u16() {
            200..=299 => {
                let SchemaId { id } = parse(response).await?;
                Ok(RegisteredSchema { id, date })
            }
            // 409: incompatible with an earlier version; 422: not a valid schema.
            status @ (409 | 422) => {
                let error = parse::<ErrorMessage>(response).await;
                let reason = error.map_or_else(|_| "no reason given".to_owned(), |it| it.message);
                Err(RegistryError::Incompatible { subject, status, reason })
            }
            status => Err(RegistryError::of_status(status, Some(subject))),
        }
    }

    /// The schema that has this id; `None` if there is none.
    ///
    /// # Errors
    /// If the registry does not answer.
    pub async fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        let path = ["schemas", "ids", &id.to_string()];
        let response = self.send(&path, |url| self.client.get(url)).await?;
        match response.status().as_u16() {
            200..=299 => {
                let SchemaText { schema } = parse(response).await?;
                Ok(Some(schema))
            }
            404 => Ok(None),
            status => Err(RegistryError::of_status(status, None)),
        }
    }

    /// Sends a request to this path, with the credentials.
    async fn send(
        &self,
        path: &[&str],
        request: impl FnOnce(Url) -> reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, RegistryError> {
        let mut url = self.base.clone();
        // The password goes into a header, not into a URL that an error might print.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        // Every http or https URL has a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = request(url);
        if !self.base.username().is_empty() {
            let password = self.base.password().map(percent_decode);
            request = request.basic_auth(percent_decode(self.base.username()), password);
        }
        request.send().await.map_err(unreachable)
    }
}

/// Reads and parses a response.
async fn parse<T: DeserializeOwned>(mut response: reqwest::Response) -> Result<T, RegistryError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
            let problem = format!("it is longer than {MAX_RESPONSE_BYTES} bytes");
            return Err(RegistryError::Invalid(io::Error::other(problem)));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|error| RegistryError::Invalid(error.into()))
}

fn unreachable(error: reqwest::Error) -> RegistryError {
    RegistryError::Unreachable(error.without_url())
}

/// Parses the `Date` of a response (RFC 9110, section 5.6.7).
fn parse_date(text: &str) -> Option<SystemTime> {
    Some(chrono::DateTime::parse_from_rfc2822(text).ok()?.into())
}

/// Decodes a URL's user or password, in which `@` is `%40`.
fn percent_decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::{
        error::Error,
        io::{Read, Write},
        net::TcpListener,
        thread,
    };

    #[test]
    fn status_has_advice_if_it_is_a_misconfiguration() {
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

    /// A registry that sends this head and then a body without an end.
    fn endless_registry(head: &'static str) -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let _request = connection.read(&mut [0; 4096]).unwrap();
            connection.write_all(head.as_bytes()).unwrap();
            while connection.write_all(&[b' '; 4096]).is_ok() {}
        });
        Registry::new(Url::parse(&base).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn response_without_an_end_is_invalid() {
        let registry = endless_registry("HTTP/1.1 200 OK\r\n\r\n{");
        let error = registry.schema(1).await.unwrap_err();
        assert!(matches!(error, RegistryError::Invalid(_)), "{error}");
        assert!(error.source().unwrap().to_string().contains("longer than 1048576"));
        let registry = endless_registry("HTTP/1.1 409 Conflict\r\n\r\n{");
        let error = registry.register("topic").await.unwrap_err();
        assert!(matches!(error, RegistryError::Incompatible { .. }), "{error}");
    }

    #[test]
    fn date_header_is_parsed() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(time));
        assert_eq!(parse_date("yesterday"), None);
    }

    #[test]
    fn password_is_percent_decoded() {
        assert_eq!(percent_decode("a%40b+c%2Fd&e=f"), "a@b+c/d&e=f");
    }
}
