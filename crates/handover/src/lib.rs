//! The numbers of a visit, as the button page hands them over to the map: presses and place. Pure.
//!
//! They are an item of the tab's `sessionStorage`, which both pages share. So they are in no URL, no request and
//! no entry of the history, and neither the relay nor a host of the pages learns which visit looks at the map.
//! The session's id is no part of them.

use schemas::Place;

/// The prefix of the item's key.
const KEY_PREFIX: &str = "kafka-button.visit";

/// The key of the item for the map in this folder, such as `/events/live/`: pages in other folders of the origin
/// have items of their own.
pub fn key(map_folder: &str) -> String {
    [KEY_PREFIX, map_folder].concat()
}

/// What the map shows to the visitor alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Visit {
    /// The button page has just opened the map, which has not read this yet. The map's entry in the history then
    /// follows that of the button page.
    pub is_new: bool,
    /// Presses of this visit.
    pub presses: u64,
    /// Place of the visitor by the latest receipt; `None` before the first one.
    pub place: Option<OwnPlace>,
}

/// A visitor's own place.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnPlace {
    /// ISO 3166-1 alpha-2 code, or `--`.
    pub country_code: String,
    /// English name, or why there is none.
    pub country_name: String,
    /// Name of the city in the visitor's language, if available, or in English.
    pub city_name: Option<String>,
    /// Degrees north and east, rounded to one decimal.
    pub point: Option<(f64, f64)>,
}

impl OwnPlace {
    /// The place of a receipt, with the city's name in the visitor's language.
    pub fn new(place: &Place, place_name: Option<&str>) -> Self {
        Self {
            country_code: place.country_code.clone(),
            country_name: place.country_name.clone(),
            city_name: place_name.or(place.city_name.as_deref()).map(str::to_owned),
            point: place.latitude.zip(place.longitude),
        }
    }
}

impl Visit {
    /// The item's text: a line for each field. JSON would need a writer of strings, which the button page does
    /// without.
    pub fn to_text(&self) -> String {
        let presses = self.presses.to_string();
        let mut lines = vec![if self.is_new { "new" } else { "read" }.to_owned(), presses];
        if let Some(place) = &self.place {
            let tenths = |degrees: f64| ((degrees * 10.0).round() as i32).to_string();
            let (north, east) =
                place.point.map(|(n, e)| (tenths(n), tenths(e))).unwrap_or_default();
            let city = place.city_name.clone().unwrap_or_default();
            let names = [&place.country_code, &place.country_name, &city];
            lines.extend(names.map(|name| name.replace('\n', " ")));
            lines.extend([north, east]);
        }
        lines.join("\n")
    }

    /// Parses such a text; `None` for any other.
    pub fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.split('\n').collect();
        let (state, presses, place) = match lines[..] {
            [state, presses] => (state, presses, None),
            [state, presses, country_code, country_name, city, north, east] => {
                let degrees = |tenths: &str| Some(f64::from(tenths.parse::<i32>().ok()?) / 10.0);
                let place = OwnPlace {
                    country_code: country_code.to_owned(),
                    country_name: country_name.to_owned(),
                    city_name: (!city.is_empty()).then(|| city.to_owned()),
                    point: degrees(north).zip(degrees(east)),
                };
                (state, presses, Some(place))
            }
            _ => return None,
        };
        let is_new = match state {
            "new" => true,
            "read" => false,
            _ => return None,
        };
        Some(Self { is_new, presses: presses.parse().ok()?, place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            country_code: "SE".to_owned(),
            country_name: "Sweden".to_owned(),
            city_name: Some("Säffle".to_owned()),
            latitude: Some(59.1),
            longitude: Some(-0.3),
            ..Place::unknown()
        }
    }

    #[test]
    fn visit_is_parsed_as_it_was_written() {
        let nowhere = OwnPlace::new(&Place::localhost(), None);
        let sweden = OwnPlace::new(&place(), None);
        for place in [None, Some(nowhere), Some(sweden)] {
            for is_new in [true, false] {
                let visit = Visit { is_new, presses: 12, place: place.clone() };
                assert_eq!(Visit::parse(&visit.to_text()), Some(visit));
            }
        }
    }

    #[test]
    fn city_has_the_visitors_language() {
        let city = |name| OwnPlace::new(&place(), name).city_name;
        assert_eq!(city(None).as_deref(), Some("Säffle"));
        assert_eq!(city(Some("セフレ")).as_deref(), Some("セフレ"));
    }

    #[test]
    fn line_breaks_in_names_add_no_fields() {
        let hostile = Place { city_name: Some("new\n7\n".to_owned()), ..place() };
        let visit = Visit { place: Some(OwnPlace::new(&hostile, None)), ..Visit::default() };
        let read = Visit::parse(&visit.to_text()).and_then(|visit| visit.place?.city_name);
        assert_eq!(read.as_deref(), Some("new 7 "));
    }

    #[test]
    fn other_texts_are_rejected() {
        for text in ["", "new", "new\n-1", "new\nx", "old\n1", "new\n1\nSE", "{\"presses\":1}"] {
            assert_eq!(Visit::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn key_has_the_folder() {
        assert_eq!(key("/events/live/"), "kafka-button.visit/events/live/");
    }
}
