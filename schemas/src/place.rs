//! Approximate place of a visitor.

use serde::{Deserialize, Serialize};

/// Approximate place of an IP address, the only information that is stored about the address.
///
/// The fields have the names and meanings of `button_presses.avsc`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// English name of the country, or `Private Network`, `Localhost`, `Unknown`.
    pub country_name: String,
    /// ISO 3166-1 alpha-2 code (`XK` for Kosovo too), or `--`.
    pub country_code: String,
    /// State, province or the like, in English.
    pub subdivision_name: Option<String>,
    /// ISO 3166-2 code without the country: 1 to 3 characters.
    pub subdivision_code: Option<String>,
    /// City, in English.
    pub city_name: Option<String>,
    /// Degrees north, rounded to one decimal.
    pub latitude: Option<f64>,
    /// Degrees east, rounded to one decimal.
    pub longitude: Option<f64>,
}

impl Place {
    /// Country code without a country.
    pub const NO_COUNTRY: &'static str = "--";

    /// Country name of addresses of private networks.
    pub const PRIVATE_NETWORK: &'static str = "Private Network";
    /// Country name of the relay's own host.
    pub const LOCALHOST: &'static str = "Localhost";

    fn nowhere(name: &str) -> Self {
        Self {
            country_name: name.to_owned(),
            country_code: Self::NO_COUNTRY.to_owned(),
            subdivision_name: None,
            subdivision_code: None,
            city_name: None,
            latitude: None,
            longitude: None,
        }
    }

    /// Place of an address that is unknown or not in the database.
    pub fn unknown() -> Self {
        Self::nowhere("Unknown")
    }

    /// Place of an address of a private network, which is in no database.
    pub fn private_network() -> Self {
        Self::nowhere(Self::PRIVATE_NETWORK)
    }

    /// Place of the relay's own host.
    pub fn localhost() -> Self {
        Self::nowhere(Self::LOCALHOST)
    }
}
