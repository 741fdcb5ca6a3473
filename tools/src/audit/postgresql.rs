//! The table that the sink writes.

use super::{Ledger, Sighting, report::Source};
use crate::{
    postgresql::{self, PostgresqlOptions},
    progress::{self, Ticks},
};
use anyhow::Context;
use futures_util::TryStreamExt;
use schemas::{Action, Event, Timestamp, Uuid};
use std::pin::pin;

/// As text, since the driver knows nothing of our UUID type; the rest as it is.
const SELECT: &str = r#"SELECT session_id::text, "timestamp", action, count FROM button_presses"#;

/// Reads all of it.
pub fn read(options: &PostgresqlOptions, ledger: &mut Ledger) -> anyhow::Result<Source> {
    let runtime = postgresql::runtime()?;
    let bar = progress::bar(None, "rows");
    let (rows, unreadable) = runtime.block_on(read_rows(options, ledger, &bar))?;
    bar.finish_and_clear();
    Ok(Source::Postgresql { rows, unreadable })
}

async fn read_rows(
    options: &PostgresqlOptions,
    ledger: &mut Ledger,
    bar: &indicatif::ProgressBar,
) -> anyhow::Result<(u64, u64)> {
    let (client, connection) = postgresql::connect(options).await?;
    let parameters: [&str; 0] = [];
    let found = client.query_raw(SELECT, parameters).await.context("PostgreSQL")?;
    let mut found = pin!(found);
    let mut ticks = Ticks::new(bar);
    let (mut rows, mut unreadable) = (0, 0);
    while let Some(row) = found.try_next().await.context("PostgreSQL")? {
        rows += 1;
        ticks.tick();
        match sighting(&row) {
            Some(sighting) => ledger.see(&sighting),
            None => unreadable += 1,
        }
    }
    drop(client);
    // Nothing is asked any more; how the connection ends does not matter.
    let _ = connection.await;
    Ok((rows, unreadable))
}

/// `None` for a row that no event has made.
fn sighting(row: &tokio_postgres::Row) -> Option<Sighting> {
    let action: &str = row.try_get(2).ok()?;
    Some(Sighting {
        session_id: Uuid::try_parse(row.try_get(0).ok()?).ok()?,
        event: Event {
            timestamp: Timestamp::from_micros(row.try_get(1).ok()?)?,
            action: Action::parse(action)?,
            count: u64::try_from(row.try_get::<_, i64>(3).ok()?).ok()?,
        },
        received_at: None,
    })
}
