//! Where a visitor roughly is.

use serde::{Deserialize, Serialize};

/// The approximate place that an IP address points to, and all that is kept of the address.
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
    /// The country code where there is no country.
    pub const NO_COUNTRY: &'static str = "--";

    /// The country name where the address belongs to a private network.
    pub const PRIVATE_NETWORK: &'static str = "Private Network";
    /// The country name where the visitor sits at the relay's own machine.
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

    /// The address is not known, or the database knows nothing about it.
    pub fn unknown() -> Self {
        Self::nowhere("Unknown")
    }

    /// The address belongs to a private network, which is in no database.
    pub fn private_network() -> Self {
        Self::nowhere(Self::PRIVATE_NETWORK)
    }

    /// The visitor sits at the relay's own machine.
    pub fn localhost() -> Self {
        Self::nowhere(Self::LOCALHOST)
    }
}
