//! What an answer means. Only the relay's own signature is success. Pure.

use crate::json::Json;
use schemas::Uuid;

/// What came back for a request, as far as the page could see it.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nothing: no network, a timeout, a redirect, an opaque answer, a body that broke off.
    Nothing,
    /// An HTTP answer.
    Http {
        /// The status code.
        status: u16,
        /// Whether the header [`schemas::RECEIPT_HEADER`] was there.
        signed: bool,
        /// `Retry-After` in seconds, where there was one.
        retry_after: Option<f64>,
        /// The body as text.
        body: String,
    },
}

/// What the page reads of a [`schemas::Receipt`]: whatever it does not read is not in its download.
#[derive(Debug, PartialEq)]
pub(super) struct Receipt {
    pub session_id: Uuid,
    pub accepted: Vec<u64>,
    pub rejected: Vec<Rejection>,
    pub durable_in: String,
    pub location: Location,
    pub geo_database: Option<String>,
}

/// What the page reads of a [`schemas::EventRejection`].
#[derive(Debug, PartialEq)]
pub(super) struct Rejection {
    pub index: usize,
    pub count: Option<u64>,
}

/// A [`schemas::Place`], as the receipt spells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Location {
    /// English name of the country, or what there is in its place.
    pub country_name: String,
    /// ISO 3166-1 alpha-2 code, or [`schemas::Place::NO_COUNTRY`].
    pub country_code: String,
    /// State, province or the like, in English.
    pub subdivision_name: Option<String>,
    /// ISO 3166-2 code without the country.
    pub subdivision_code: Option<String>,
    /// City, in English.
    pub city_name: Option<String>,
    /// Degrees north, as they are written.
    pub latitude: Option<String>,
    /// Degrees east, as they are written.
    pub longitude: Option<String>,
}

impl From<schemas::Place> for Location {
    fn from(place: schemas::Place) -> Self {
        Self {
            country_name: place.country_name,
            country_code: place.country_code,
            subdivision_name: place.subdivision_name,
            subdivision_code: place.subdivision_code,
            city_name: place.city_name,
            latitude: place.latitude.map(|degrees| degrees.to_string()),
            longitude: place.longitude.map(|degrees| degrees.to_string()),
        }
    }
}

impl Location {
    /// Names and values in the schema's order; `None` stands for null.
    pub fn fields(&self) -> [(&'static str, Option<&str>); 7] {
        [
            ("country_name", Some(&self.country_name)),
            ("country_code", Some(&self.country_code)),
            ("subdivision_name", self.subdivision_name.as_deref()),
            ("subdivision_code", self.subdivision_code.as_deref()),
            ("city_name", self.city_name.as_deref()),
            ("latitude", self.latitude.as_deref()),
            ("longitude", self.longitude.as_deref()),
        ]
    }
}

impl Receipt {
    fn parse(text: &str) -> Option<Self> {
        let json = Json::parse(text)?;
        let said = |json: &Json| json.text().map(str::to_owned);
        let place = json.get("location");
        let degrees = |name| match place.get(name) {
            Json::Number(text) => Some(text.clone()),
            _ => None,
        };
        let rejection = |json: &Json| {
            let index = usize::try_from(json.get("index").count()?).ok()?;
            Some(Rejection { index, count: json.get("count").count() })
        };
        Some(Self {
            session_id: Uuid::try_parse(json.get("session_id").text()?).ok()?,
            accepted: json
                .get("accepted")
                .list()?
                .iter()
                .map(Json::count)
                .collect::<Option<_>>()?,
            rejected: json.get("rejected").list()?.iter().map(rejection).collect::<Option<_>>()?,
            durable_in: said(json.get("durable_in"))?,
            location: Location {
                country_name: said(place.get("country_name"))?,
                country_code: said(place.get("country_code"))?,
                subdivision_name: said(place.get("subdivision_name")),
                subdivision_code: said(place.get("subdivision_code")),
                city_name: said(place.get("city_name")),
                latitude: degrees("latitude"),
                longitude: degrees("longitude"),
            },
            geo_database: said(json.get("geo_database")),
        })
    }
}

/// What the outbox does about it.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The relay's own receipt for this session.
    Receipt(Box<Receipt>),
    /// The request as a whole can never succeed; a part of it may. `by_relay`: the relay says so
    /// itself, so even a single event is refused for good.
    Split { by_relay: bool },
    /// Keep everything, try again later.
    Later { retry_after: Option<f64> },
}

impl Answer {
    pub(super) fn judge(self, session_id: Uuid) -> Verdict {
        let Answer::Http { status, signed, retry_after, body } = self else {
            return Verdict::Later { retry_after: None };
        };
        match status {
            200 if signed => match Receipt::parse(&body) {
                Some(receipt) if receipt.session_id == session_id => {
                    Verdict::Receipt(Box::new(receipt))
                }
                // Signed, and not what was asked: somebody mixed up answers. Nothing is known.
                _ => Verdict::Later { retry_after: None },
            },
            // Any proxy on the way may find a request too large: smaller ones may pass.
            413 => Verdict::Split { by_relay: signed },
            400 | 422 if signed => Verdict::Split { by_relay: true },
            _ => Verdict::Later { retry_after },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use schemas::{EventRejection, Place, RejectReason};

    #[test]
    fn reads_the_receipt_that_the_contract_says() {
        let place = Place {
            country_name: "Österreich \"\\\u{7}".to_owned(),
            country_code: "AT".to_owned(),
            subdivision_name: Some("Vienna".to_owned()),
            subdivision_code: Some("9".to_owned()),
            latitude: Some(48.2),
            longitude: Some(-0.5),
            ..Place::unknown()
        };
        let whole = schemas::Receipt {
            session_id: Uuid::from_u128(7),
            accepted: vec![0, schemas::MAX_COUNT],
            rejected: vec![EventRejection {
                index: 2,
                count: None,
                reason: RejectReason::BadCount,
                detail: "{[\"1.5\"]}, is not whole".to_owned(),
            }],
            durable_in: "store".to_owned(),
            location: place.clone(),
            geo_database: Some("GeoLite2-City".to_owned()),
        };
        let read = Receipt {
            session_id: whole.session_id,
            accepted: whole.accepted.clone(),
            rejected: vec![Rejection { index: 2, count: None }],
            durable_in: whole.durable_in.clone(),
            location: place.into(),
            geo_database: whole.geo_database.clone(),
        };
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(Receipt::parse(&text), Some(read));
    }
}
