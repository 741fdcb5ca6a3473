//! Command-line options.

use axum::http::HeaderValue;
use clap::Args;
use url::Url;

/// Hosts of the relay, and origins whose pages may post events.
#[derive(Args, Clone, Debug, Default)]
pub struct OriginOptions {
    /// Addresses at which visitors reach the relay, such as https://button.example.com, separated
    /// by commas. Requests with another host get 421, but for /healthz. Without this option, a
    /// site whose name leads to the relay counts as the relay's own page.
    #[allow(rustdoc::bare_urls, reason = "this is the help of a command line")]
    #[arg(long, env = "RELAY_PUBLIC_URL", value_name = "URL", value_delimiter = ',', value_parser = crate::parse_public_url)]
    pub public_url: Vec<Url>,

    /// Origins whose pages may post events, such as https://button.example.com, separated by
    /// commas; the relay's own page always may, and * stands for all. Without this option, pages of
    /// every origin may if --static-dir is not set, and no others if it is. Only browsers enforce
    /// it: other clients can send any origin.
    #[allow(rustdoc::bare_urls, reason = "this is the help of a command line")]
    #[arg(long, env = "RELAY_ALLOWED_ORIGINS", value_name = "ORIGIN", value_delimiter = ',', value_parser = crate::parse_origin)]
    pub allowed_origins: Vec<HeaderValue>,
}
