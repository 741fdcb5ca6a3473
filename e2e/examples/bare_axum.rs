//! The least that a relay could do: reads the body of a request, and answers so many bytes. `cargo
//! xtask bench relay` compares the relay's processor time with that of this one.
//!
//! `bare_axum BYTES [MILLIS]`: how long its answers are, with their head, and how long it waits before it
//! answers, as one does who asks somebody else first.

use anyhow::Context;
use axum::{
    Router, body::Bytes, extract::State, http::header, response::IntoResponse, routing::post,
};
use std::time::Duration;
use tokio::net::TcpListener;

/// What hyper puts before the body of such an answer: status, type, length and date.
const HEAD: usize = 108;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let length = std::env::args().nth(1).context("usage: bare_axum BYTES [MILLIS]")?;
    let length: usize = length.parse().context("BYTES is a number")?;
    let millis = std::env::args().nth(2).unwrap_or_else(|| "0".to_owned());
    let wait = Duration::from_millis(millis.parse().context("MILLIS is a number")?);
    let answer = Bytes::from(vec![b' '; length.saturating_sub(HEAD)]);
    let router = Router::new().route("/api/events", post(read)).with_state((answer, wait));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("bare_axum: listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn read(State((answer, wait)): State<(Bytes, Duration)>, body: Bytes) -> impl IntoResponse {
    // As if it were looked at.
    std::hint::black_box(&body);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    ([(header::CONTENT_TYPE, "application/json")], answer)
}
