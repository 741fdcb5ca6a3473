//! Health check of a running relay over HTTP, so that a container needs no other program for it.

use anyhow::Context;
use std::{net::SocketAddr, time::Duration};

/// Shorter than the timeout of the container's health check, whose error would not name the cause.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Queries `/healthz` of the relay that listens on this address. The system connects to the loopback
/// address for the unspecified one (0.0.0.0 or ::).
///
/// # Errors
/// If it does not respond in time, or not with success.
pub async fn query(listen: SocketAddr) -> anyhow::Result<()> {
    let url = format!("http://{listen}/healthz");
    let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).no_proxy().build()?;
    let response = client.get(&url).send().await;
    let status = response.with_context(|| format!("no response from {url}"))?.status();
    anyhow::ensure!(status.is_success(), "{url} returned {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::{Router, routing::get};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn query_of_unspecified_address_reaches_the_relay_until_it_ends() {
        for address in ["0.0.0.0:0", "[::]:0", "127.0.0.1:0"] {
            // Not every system has IPv6.
            let Ok(listener) = TcpListener::bind(address).await else { continue };
            let address = listener.local_addr().unwrap();
            let router = Router::new().route("/healthz", get(|| async { "ok" }));
            let server = tokio::spawn(axum::serve(listener, router).into_future());
            query(address).await.unwrap();
            server.abort();
            let _ = server.await;
            assert!(query(address).await.is_err());
        }
    }
}
