//! Records of geo databases, reduced to the fields of a [`Place`].

use schemas::Place;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use std::{collections::HashMap, fmt, sync::LazyLock};

/// Country names for databases that have only codes: ISO 3166-1 alpha-2 code (and `XK`), tab, name. The
/// names are those of GeoLite2, so that changing the database does not split a country in two.
const COUNTRIES: &str = include_str!("countries.tsv");

static COUNTRY_NAMES: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| COUNTRIES.lines().filter_map(|line| line.split_once('\t')).collect());

/// Languages of names, best first: English, as everywhere in the product. Some places have names only in
/// others.
const LANGUAGES: [&str; 8] = ["en", "de", "es", "fr", "pt-BR", "ja", "ru", "zh-CN"];

/// A record of GeoLite2, GeoIP2 or DB-IP: the fields that a place needs. A look-up by the types of
/// [`maxminddb::geoip2`], which decode every name in every language, takes twice the time.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StandardRecord<'a> {
    #[serde(borrow)]
    country: Area<'a>,
    subdivisions: Vec<Area<'a>>,
    city: Area<'a>,
    location: Location,
}

/// A country, subdivision or city.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Area<'a> {
    iso_code: Option<&'a str>,
    #[serde(borrow, rename = "names")]
    name: Name<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// The name in the best language of a map from languages to names.
#[derive(Default)]
struct Name<'a>(Option<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names by language")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut names: A) -> Result<Name<'de>, A::Error> {
        let (mut best, mut name) = (LANGUAGES.len(), None);
        while let Some(language) = names.next_key::<&str>()? {
            match LANGUAGES[..best].iter().position(|better| *better == language) {
                Some(rank) => (best, name) = (rank, Some(names.next_value()?)),
                None => drop(names.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Name(name))
    }
}

/// The fields of a record that a place needs.
///
/// Deserializes from the flat layout of ip-location-db, which has no country names and no subdivision
/// codes, and converts from the standard layout.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Record<'a> {
    pub(super) country_code: Option<&'a str>,
    #[serde(skip)]
    country_name: Option<&'a str>,
    #[serde(skip)]
    subdivision_code: Option<&'a str>,
    #[serde(rename = "state1")]
    subdivision_name: Option<&'a str>,
    #[serde(rename = "city")]
    city_name: Option<&'a str>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl<'a> From<StandardRecord<'a>> for Record<'a> {
    fn from(record: StandardRecord<'a>) -> Self {
        // The first subdivision is the largest.
        let subdivision = record.subdivisions.first();
        Self {
            country_code: record.country.iso_code,
            country_name: record.country.name.0,
            subdivision_code: subdivision.and_then(|subdivision| subdivision.iso_code),
            subdivision_name: subdivision.and_then(|subdivision| subdivision.name.0),
            city_name: record.city.name.0,
            latitude: record.location.latitude,
            longitude: record.location.longitude,
        }
    }
}

impl Record<'_> {
    /// The place, without fields that a sink cannot store. `None` if neither country nor coordinates are
    /// left.
    pub(super) fn into_place(self) -> Option<Place> {
        let code = self.country_code.filter(|code| {
            code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        });
        let country_name = storable(self.country_name)
            .or_else(|| COUNTRY_NAMES.get(code?).copied().map(str::to_owned));
        let coordinates = self.latitude.zip(self.longitude).filter(|(latitude, longitude)| {
            (-90.0..=90.0).contains(latitude) && (-180.0..=180.0).contains(longitude)
        });
        if code.is_none() && country_name.is_none() && coordinates.is_none() {
            return None;
        }
        Some(Place {
            country_name: country_name.unwrap_or_else(|| "Unknown".to_owned()),
            country_code: code.unwrap_or(Place::NO_COUNTRY).to_owned(),
            subdivision_name: storable(self.subdivision_name),
            subdivision_code: storable(self.subdivision_code)
                .filter(|code| (1..=3).contains(&code.chars().count())),
            city_name: storable(self.city_name),
            latitude: coordinates.map(|(latitude, _)| round_to_tenth(latitude)),
            longitude: coordinates.map(|(_, longitude)| round_to_tenth(longitude)),
        })
    }
}

fn storable(text: Option<&str>) -> Option<String> {
    text.filter(|text| is_storable(text)).map(str::to_owned)
}

/// Whether a name is not empty and does not contain U+0000, which PostgreSQL cannot store.
pub(super) fn is_storable(text: &str) -> bool {
    !text.is_empty() && !text.contains('\0')
}

/// A tenth of a degree is about 11 km: a town, not a street. Adding 0 turns −0 into 0.
fn round_to_tenth(degrees: f64) -> f64 {
    (degrees * 10.0).round() / 10.0 + 0.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn coordinates_are_rounded_to_tenths() {
        assert_eq!([31.2069, -81.9749, -0.04].map(round_to_tenth), [31.2, -82.0, 0.0]);
        assert!(round_to_tenth(-0.04).is_sign_positive());
    }

    #[test]
    fn coordinates_out_of_range_are_dropped() {
        for (latitude, longitude) in [(91.0, 0.0), (0.0, -180.1), (f64::NAN, 0.0)] {
            let (latitude, longitude) = (Some(latitude), Some(longitude));
            let record = Record { latitude, longitude, ..Record::default() };
            assert_eq!(record.into_place(), None);
        }
    }

    #[test]
    fn invalid_codes_and_names_are_dropped() {
        let record = Record {
            country_code: Some("usa"),
            country_name: Some("Somewhere"),
            subdivision_code: Some("LONG"),
            city_name: Some("a\0b"),
            ..Record::default()
        };
        let place = record.into_place().unwrap();
        assert_eq!((place.country_code.as_str(), place.country_name.as_str()), ("--", "Somewhere"));
        assert_eq!((place.subdivision_code, place.city_name), (None, None));
    }

    #[test]
    fn standard_record_yields_best_language_and_first_subdivision() {
        let record = r#"{"country": {"iso_code": "FR", "names": {"zh-CN": "-", "fr": "La France", "de": "Frankreich", "xx": "-"}},
            "city": {"names": {"ja": "-", "en": "Lyons", "de": "-"}},
            "subdivisions": [{"iso_code": "ARA", "names": {"en": "Rhone-Alpes"}}, {"iso_code": "69", "names": {"en": "-"}}]}"#;
        let record: StandardRecord<'_> = serde_json::from_str(record).unwrap();
        let place = Record::from(record).into_place().unwrap();
        assert_eq!(
            (place.country_name.as_str(), place.country_code.as_str()),
            ("Frankreich", "FR")
        );
        assert_eq!(place.city_name.as_deref(), Some("Lyons"));
        assert_eq!(place.subdivision_name.as_deref(), Some("Rhone-Alpes"));
        assert_eq!(place.subdivision_code.as_deref(), Some("ARA"));
    }

    /// Each language is used if all better ones are missing.
    #[test]
    fn best_name_follows_order_of_languages() {
        let mut languages = ["en", "de", "es", "fr", "pt-BR", "ja", "ru", "zh-CN"].as_slice();
        while let Some((best, worse)) = languages.split_first() {
            let names: HashMap<_, _> =
                languages.iter().map(|language| (language, language)).collect();
            let names = serde_json::to_string(&names).unwrap();
            assert_eq!(serde_json::from_str::<Name<'_>>(&names).unwrap().0, Some(*best));
            languages = worse;
        }
        assert_eq!(serde_json::from_str::<Name<'_>>(r#"{"xx": "-"}"#).unwrap().0, None);
    }

    #[test]
    fn country_code_without_name_gets_its_name() {
        let record = Record { country_code: Some("XK"), ..Record::default() };
        assert_eq!(record.into_place().unwrap().country_name, "Kosovo");
    }

    #[test]
    fn country_list_has_one_valid_name_for_each_code() {
        let mut codes = HashSet::new();
        for line in COUNTRIES.lines() {
            let (code, name) = line.split_once('\t').unwrap();
            assert!(code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()), "{line}");
            assert!(!name.is_empty() && name.trim() == name && !name.contains('\t'), "{line}");
            assert!(codes.insert(code), "{line}");
        }
        assert_eq!((codes.len(), COUNTRY_NAMES.len()), (250, 250));
    }

    proptest! {
        /// Two characters for a country code, three for a subdivision code, no U+0000, and tenths of degrees.
        #[test]
        fn place_of_any_record_is_storable(
            texts in proptest::array::uniform5(proptest::option::of("[\\x00-z]{0,4}")),
            latitude in proptest::option::of(-100.0..100.0),
            longitude in proptest::option::of(-200.0..200.0),
        ) {
            let [country_code, country_name, subdivision_code, subdivision_name, city_name] =
                texts.each_ref().map(Option::as_deref);
            let record = Record {
                country_code,
                country_name,
                subdivision_code,
                subdivision_name,
                city_name,
                latitude,
                longitude,
            };
            let Some(place) = record.into_place() else { return Ok(()) };
            let code = place.subdivision_code.unwrap_or_default();
            prop_assert!(place.country_code.len() == 2 && code.chars().count() <= 3);
            prop_assert!(!place.country_name.is_empty());
            let names = [Some(place.country_name), place.subdivision_name, place.city_name];
            for text in names.into_iter().flatten().chain([place.country_code, code]) {
                prop_assert!(!text.contains('\0'), "{:?}", text);
            }
            prop_assert_eq!(place.latitude.is_some(), place.longitude.is_some());
            for (degrees, limit) in [(place.latitude, 90.0), (place.longitude, 180.0)] {
                let degrees = degrees.unwrap_or_default();
                prop_assert!(degrees.abs() <= limit && round_to_tenth(degrees) == degrees);
            }
        }
    }
}
