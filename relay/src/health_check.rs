//! Health check of a running relay over HTTP, so that a container needs no other program for it.

use anyhow::{Context, bail};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// Shorter than the timeout of the container's health check, whose error would not name the cause.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Queries `/healthz` of the relay that listens on this address.
///
/// # Errors
/// If it does not respond in time, or not with success.
pub async fn query(listen: SocketAddr) -> anyhow::Result<()> {
    let url = format!("http://{}/healthz", reachable(listen));
    let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).no_proxy().build()?;
    let response =
        client.get(&url).send().await.with_context(|| format!("no response from {url}"))?;
    if !response.status().is_success() {
        bail!("{url} returned {}", response.status());
    }
    Ok(())
}

/// Replaces the unspecified address, which is only for listening, by the loopback address.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn unspecified_address_becomes_loopback() {
        for (listen, queried) in [
            ("0.0.0.0:9000", "127.0.0.1:9000"),
            ("[::]:9000", "[::1]:9000"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), queried.parse().unwrap());
        }
    }

    #[tokio::test]
    async fn closed_port_is_an_error() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        assert!(query(address).await.is_err());
    }
}
