//! Registering the schema, and asking for those of others.
//!
//! The relay makes two calls of the registry's Confluent-compatible API, so it makes them itself.

use schemas::avro;
use serde::Deserialize;
use std::time::Duration;
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
    /// The registry does not let the relay in.
    #[error(
        "the schema registry does not accept the credentials ({0}): check the user and password in SCHEMA_REGISTRY_URI"
    )]
    Credentials(u16),
    /// The registry does not answer, or not as one: it may later.
    #[error("the schema registry does not answer: {0}")]
    Unreachable(String),
}

/// A registry that can be asked.
#[derive(Clone)]
pub struct Registry {
    client: reqwest::Client,
    base: Url,
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
    pub async fn register(&self, topic: &str) -> Result<u32, RegistryError> {
        let subject = avro::subject(topic);
        let request = |url| {
            self.client
                .post(url)
                .header("content-type", "application/vnd.schemaregistry.v1+json")
                .body(serde_json::json!({ "schema": avro::SCHEMA_TEXT }).to_string())
        };
        let (status, body) = self.ask(&["subjects", &subject, "versions"], request).await?;
        match status {
            200..=299 => serde_json::from_slice::<Registered>(&body)
                .map(|registered| registered.id)
                .map_err(|_| RegistryError::Unreachable("its answer has no schema id".to_owned())),
            401 | 403 => Err(RegistryError::Credentials(status)),
            // 409: incompatible with an earlier version; 422: not a valid schema.
            409 | 422 => {
                let reason = serde_json::from_slice::<Failure>(&body)
                    .map_or_else(|_| "no reason given".to_owned(), |failure| failure.message);
                Err(RegistryError::Refused { subject, status, reason })
            }
            _ => Err(RegistryError::Unreachable(format!("it answered {status}"))),
        }
    }

    /// The schema that has this id; `None` if there is none.
    pub async fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        let path = ["schemas", "ids", &id.to_string()];
        let (status, body) = self.ask(&path, |url| self.client.get(url)).await?;
        match status {
            200..=299 => serde_json::from_slice::<Known>(&body)
                .map(|known| Some(known.schema))
                .map_err(|_| RegistryError::Unreachable("its answer has no schema".to_owned())),
            401 | 403 => Err(RegistryError::Credentials(status)),
            404 => Ok(None),
            _ => Err(RegistryError::Unreachable(format!("it answered {status}"))),
        }
    }

    /// Sends a request to this path, with the credentials, and gives the answer.
    async fn ask(
        &self,
        path: &[&str],
        request: impl FnOnce(Url) -> reqwest::RequestBuilder,
    ) -> Result<(u16, Vec<u8>), RegistryError> {
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
        let body = response.bytes().await.map_err(unreachable)?;
        Ok((status, body.to_vec()))
    }
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
    fn passwords_may_hold_any_character() {
        assert_eq!(percent_decode("a%40b+c%2Fd&e=f"), "a@b+c/d&e=f");
    }
}
