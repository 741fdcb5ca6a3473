//! The connection to the PostgreSQL that the sink writes into.

use anyhow::Context;
use clap::Args;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use postgres_openssl::MakeTlsConnector;
use std::path::{Path, PathBuf};
use tokio::{runtime::Runtime, task::JoinHandle};
use tokio_postgres::Client;

/// Where the database is, and whether it is meant.
#[derive(Args)]
pub struct PostgresqlOptions {
    /// Look into the table button_presses of a PostgreSQL.
    #[arg(long, requires = "postgresql_uri")]
    pub postgresql: bool,

    /// That PostgreSQL, as in postgres://user:password@host:port/database?sslmode=require.
    #[arg(long, env = "POSTGRESQL_URI", value_name = "URL", hide_env_values = true)]
    postgresql_uri: Option<String>,

    /// Certificate authority (PEM) that the database's certificate has to be signed by. Without it,
    /// sslmode=require encrypts, and does not check the server's identity.
    #[arg(long, env = "POSTGRESQL_CA", value_name = "FILE")]
    postgresql_ca: Option<PathBuf>,
}

/// A runtime for one connection.
pub fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Connects. The connection's task ends when the client is dropped.
pub async fn connect(
    options: &PostgresqlOptions,
) -> anyhow::Result<(Client, JoinHandle<Result<(), tokio_postgres::Error>>)> {
    let url = options.postgresql_uri.as_deref().unwrap_or_default();
    // Its own error shows no part of the URL, which may hold a password.
    let config: tokio_postgres::Config =
        url.parse().context("--postgresql-uri is no address of a database")?;
    let tls = tls(options.postgresql_ca.as_deref())?;
    let (client, connection) = config.connect(tls).await.context("PostgreSQL")?;
    Ok((client, tokio::spawn(connection)))
}

/// As libpq does it: a certificate is asked for who it is only if there is somebody to vouch for it.
fn tls(ca: Option<&Path>) -> anyhow::Result<MakeTlsConnector> {
    let mut connector = SslConnector::builder(SslMethod::tls_client())?;
    match ca {
        Some(ca) => connector
            .set_ca_file(ca)
            .with_context(|| format!("--postgresql-ca {}", ca.display()))?,
        None => connector.set_verify(SslVerifyMode::NONE),
    }
    Ok(MakeTlsConnector::new(connector.build()))
}
