//! The records of the databases, and what is taken from them.

use super::country_names::english_name;
use schemas::Place;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::fmt;

/// A record in MaxMind's layout. DB-IP uses it too, with names but no codes for subdivisions.
#[derive(Deserialize)]
pub(super) struct Standard<'a> {
    #[serde(borrow, default)]
    country: Area<'a>,
    #[serde(borrow, default, rename = "subdivisions", deserialize_with = "first")]
    subdivision: Option<Area<'a>>,
    #[serde(borrow, default)]
    city: Area<'a>,
    #[serde(default)]
    location: Location,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Area<'a> {
    #[serde(borrow)]
    iso_code: Option<&'a str>,
    #[serde(borrow, rename = "names")]
    name: Name<'a>,
}

/// The name in the best language that there is. English is what the product uses; some places have
/// only another one.
#[derive(Default)]
struct Name<'a>(Option<&'a str>);

/// The best first.
const LANGUAGES: [&str; 8] = ["en", "de", "es", "fr", "pt-BR", "ja", "ru", "zh-CN"];

/// By hand, because names are most of a record: those in worse languages are passed over unread.
impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Best;
        impl<'de> Visitor<'de> for Best {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names by language")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut names: M) -> Result<Name<'de>, M::Error> {
                let mut best = None;
                let mut better = LANGUAGES.len();
                while better > 0
                    && let Some(language) = names.next_key::<&str>()?
                {
                    match LANGUAGES[..better].iter().position(|known| *known == language) {
                        Some(rank) => (best, better) = (Some(names.next_value()?), rank),
                        None => drop(names.next_value::<IgnoredAny>()?),
                    }
                }
                while names.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Name(best))
            }
        }
        deserializer.deserialize_map(Best)
    }
}

/// The first of a list, the others passed over: the largest of the subdivisions.
fn first<'de: 'a, 'a, D: Deserializer<'de>>(list: D) -> Result<Option<Area<'a>>, D::Error> {
    struct First;
    impl<'de> Visitor<'de> for First {
        type Value = Option<Area<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
            let first = list.next_element()?;
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(first)
        }
    }
    list.deserialize_seq(First)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// A record in the layout of the ip-location-db collection.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Flat<'a> {
    country_code: Option<&'a str>,
    state1: Option<&'a str>,
    city: Option<&'a str>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl Standard<'_> {
    /// Whether the record really is of this layout: all its fields are optional.
    pub(super) fn is_telling(&self) -> bool {
        self.country.iso_code.is_some()
    }

    pub(super) fn into_place(self) -> Option<Place> {
        let subdivision = self.subdivision.unwrap_or_default();
        place(Parts {
            country_code: self.country.iso_code,
            country_name: self.country.name.0,
            subdivision_name: subdivision.name.0,
            subdivision_code: subdivision.iso_code,
            city_name: self.city.name.0,
            latitude: self.location.latitude,
            longitude: self.location.longitude,
        })
    }
}

impl Flat<'_> {
    pub(super) fn is_telling(&self) -> bool {
        self.country_code.is_some()
    }

    pub(super) fn into_place(self) -> Option<Place> {
        place(Parts {
            country_code: self.country_code,
            country_name: None,
            subdivision_name: self.state1,
            subdivision_code: None,
            city_name: self.city,
            latitude: self.latitude,
            longitude: self.longitude,
        })
    }
}

struct Parts<'a> {
    country_code: Option<&'a str>,
    country_name: Option<&'a str>,
    subdivision_name: Option<&'a str>,
    subdivision_code: Option<&'a str>,
    city_name: Option<&'a str>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// Takes only what every sink can hold; `None` if nothing is left that says where.
fn place(parts: Parts<'_>) -> Option<Place> {
    let code = parts.country_code.filter(|code| {
        code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    });
    let country_name = text(parts.country_name).or_else(|| english_name(code?).map(str::to_owned));
    let coordinates = parts.latitude.zip(parts.longitude).filter(|(latitude, longitude)| {
        (-90.0..=90.0).contains(latitude) && (-180.0..=180.0).contains(longitude)
    });
    if code.is_none() && country_name.is_none() && coordinates.is_none() {
        return None;
    }
    Some(Place {
        country_name: country_name.unwrap_or_else(|| "Unknown".to_owned()),
        country_code: code.unwrap_or(Place::NO_COUNTRY).to_owned(),
        subdivision_name: text(parts.subdivision_name),
        subdivision_code: text(parts.subdivision_code)
            .filter(|code| (1..=3).contains(&code.chars().count())),
        city_name: text(parts.city_name),
        latitude: coordinates.map(|(latitude, _)| tenth(latitude)),
        longitude: coordinates.map(|(_, longitude)| tenth(longitude)),
    })
}

/// A name, unless it is empty or holds U+0000, which PostgreSQL cannot store.
fn text(name: Option<&str>) -> Option<String> {
    name.filter(|name| !name.is_empty() && !name.contains('\0')).map(str::to_owned)
}

/// One decimal of a degree is about 11 km: a town, not a street. Adding 0 makes 0 of −0.
fn tenth(degrees: f64) -> f64 {
    (degrees * 10.0).round() / 10.0 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Parts<'_> = Parts {
        country_code: None,
        country_name: None,
        subdivision_name: None,
        subdivision_code: None,
        city_name: None,
        latitude: None,
        longitude: None,
    };

    #[test]
    fn coordinates_are_rounded_to_tenths_and_stay_on_the_globe() {
        assert_eq!([31.2069, -81.9749, -0.04].map(tenth), [31.2, -82.0, 0.0]);
        assert!(tenth(-0.04).is_sign_positive());
        let off = place(Parts { latitude: Some(91.0), longitude: Some(0.0), ..NOTHING });
        assert_eq!(off, None);
    }

    #[test]
    fn odd_codes_never_reach_a_column_that_cannot_hold_them() {
        let Some(odd) = place(Parts {
            country_code: Some("usa"),
            country_name: Some("Somewhere"),
            subdivision_code: Some("LONG"),
            city_name: Some("a\0b"),
            ..NOTHING
        }) else {
            panic!("a name is enough for a place")
        };
        assert_eq!((odd.country_code.as_str(), odd.country_name.as_str()), ("--", "Somewhere"));
        assert_eq!((odd.subdivision_code, odd.city_name), (None, None));
    }

    #[test]
    fn the_best_language_and_the_first_subdivision_are_taken() {
        let record = r#"{"country": {"iso_code": "FR", "names": {"zh-CN": "-", "fr": "La France", "de": "Frankreich", "xx": "-"}},
            "city": {"names": {"ja": "-", "en": "Lyons", "de": "-"}},
            "subdivisions": [{"iso_code": "ARA", "names": {"en": "Rhone-Alpes"}}, {"iso_code": "69", "names": {"en": "-"}}]}"#;
        let place =
            serde_json::from_str::<Standard<'_>>(record).ok().and_then(Standard::into_place);
        let Some(place) = place else { panic!("a record") };
        assert_eq!(
            (place.country_name.as_str(), place.country_code.as_str()),
            ("Frankreich", "FR")
        );
        assert_eq!(place.city_name.as_deref(), Some("Lyons"));
        assert_eq!(place.subdivision_name.as_deref(), Some("Rhone-Alpes"));
        assert_eq!(place.subdivision_code.as_deref(), Some("ARA"));
    }

    #[test]
    fn a_code_alone_gets_its_name() {
        let kosovo = place(Parts { country_code: Some("XK"), ..NOTHING });
        assert_eq!(kosovo.map(|place| place.country_name).as_deref(), Some("Kosovo"));
    }
}
