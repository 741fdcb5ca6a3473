//! `button forget`: deletes a session where that can be done.

use crate::{
    cli,
    postgresql::{self, PostgresqlOptions},
    printable::printable,
};
use anyhow::{Context, bail, ensure};
use clap::Args;
use schemas::{Timestamp, Uuid};
use std::{
    collections::BTreeMap,
    fmt::Write,
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// Sessions that are listed where a prefix is not unique.
const MAX_LISTED: usize = 10;

/// The fewest hex digits of a session's id: what the page shows.
const MIN_DIGITS: usize = 8;

/// As text, since the driver has no UUIDs without another crate.
const SELECT: &str = r#"SELECT session_id::text, count(*), min("timestamp") FROM button_presses
    WHERE session_id BETWEEN $1::text::uuid AND $2::text::uuid
    GROUP BY session_id ORDER BY session_id LIMIT $3"#;

const DELETE: &str = "DELETE FROM button_presses WHERE session_id = $1::text::uuid";

/// Deletes all events of one session from PostgreSQL and from a relay's store, also while the relay runs.
/// Without --delete, it prints what is there and deletes nothing.
///
/// Events in the store that Kafka does not have yet are not sent to it any more. What Kafka has cannot be
/// deleted one by one: the topic is not compacted, and its retention ends it. The statement for ClickHouse
/// is printed.
///
/// Exit status: 0 when the session is deleted or, without --delete, found; 3 when there is no such session,
/// 1 when it could not be done.
#[derive(Args)]
pub struct Options {
    /// The session's id, or its first 8 hex digits or more, as the page shows them under "What we
    /// keep", if no other begins so.
    #[arg(long, value_name = "UUID", value_parser = parse_ids)]
    session: RangeInclusive<Uuid>,

    #[command(flatten)]
    postgresql: PostgresqlOptions,

    /// Look into this store of a relay.
    #[arg(long, value_name = "FILE", required_unless_present = "postgresql")]
    store: Option<PathBuf>,

    /// Delete it.
    #[arg(long)]
    delete: bool,
}

/// Events of a session in one place.
#[derive(Debug, PartialEq)]
struct Found {
    place: String,
    events: u64,
    /// Those that Kafka does not have yet.
    undelivered: u64,
    first_at: Timestamp,
}

/// Sessions, and where their events are.
type Sessions = BTreeMap<Uuid, Vec<Found>>;

/// Runs the command, and returns its exit status.
pub fn run(options: &Options) -> anyhow::Result<u8> {
    let mut sessions = Sessions::new();
    if let Some(store) = &options.store {
        find_in_store(store, &options.session, &mut sessions)?;
    }
    let database = options.postgresql.postgresql.then_some(&options.postgresql);
    let runtime = postgresql::runtime()?;
    if let Some(database) = database {
        runtime.block_on(find_in_postgresql(database, &options.session, &mut sessions))?;
    }
    let Some(session_id) = only(&sessions)? else {
        eprintln!("button: no session begins with {}", digits(&options.session));
        return Ok(cli::MISSING);
    };
    print(&listing(&sessions))?;
    if !options.delete {
        print("Nothing is deleted: repeat the command with --delete.\n")?;
        return Ok(cli::FINE);
    }
    // First the store, so that none of its events reach the database behind the deletion there.
    if let Some(store) = &options.store {
        let deleted = event_store::forget(store, session_id)?;
        print(&format!("store {}: {deleted} events deleted\n", shown(store)))?;
    }
    if let Some(database) = database {
        let deleted = runtime.block_on(delete_from_postgresql(database, session_id))?;
        print(&format!("PostgreSQL: {deleted} events deleted\n"))?;
    }
    print(&remaining(session_id))?;
    Ok(cli::FINE)
}

/// Writes to standard output; a reader that has gone is no panic.
fn print(text: &str) -> anyhow::Result<()> {
    Ok(io::Write::write_all(&mut io::stdout(), text.as_bytes())?)
}

fn shown(file: &Path) -> String {
    printable(&file.display().to_string()).into_owned()
}

/// The first and the last id that begin with these hex digits.
fn parse_ids(text: &str) -> Result<RangeInclusive<Uuid>, String> {
    let digits: String = text.chars().filter(|character| *character != '-').collect();
    let is_hex = digits.chars().all(|character| character.is_ascii_hexdigit());
    if !is_hex || !(MIN_DIGITS..=32).contains(&digits.len()) {
        return Err(format!("not a session's id, or its first {MIN_DIGITS} hex digits or more"));
    }
    let padded = |digit| {
        let padded = format!("{digits}{}", String::from(digit).repeat(32 - digits.len()));
        Uuid::try_parse(&padded).map_err(|error| error.to_string())
    };
    Ok(padded('0')?..=padded('f')?)
}

/// The digits that all ids of a range begin with.
fn digits(ids: &RangeInclusive<Uuid>) -> String {
    let [first, last] = [ids.start(), ids.end()].map(|id| id.hyphenated().to_string());
    let common = first.chars().zip(last.chars()).take_while(|(one, other)| one == other);
    common.map(|(digit, _)| digit).collect()
}

/// The session, if there is one.
///
/// # Errors
/// If there are several.
fn only(sessions: &Sessions) -> anyhow::Result<Option<Uuid>> {
    if sessions.len() > 1 {
        bail!("several sessions begin so; name one of them:\n{}", listing(sessions).trim_end());
    }
    Ok(sessions.keys().next().copied())
}

fn listing(sessions: &Sessions) -> String {
    let mut text = String::new();
    for (session_id, found) in sessions {
        // Writing to a string does not fail.
        let _ = writeln!(text, "session {session_id}");
        for Found { place, events, undelivered, first_at } in found {
            let waiting = match undelivered {
                0 => String::new(),
                undelivered => format!(", {undelivered} of them not in Kafka yet"),
            };
            let _ = writeln!(text, "  {place}: {events} events, the first at {first_at}{waiting}");
        }
    }
    text
}

/// What is not deleted, and what ends it.
fn remaining(session_id: Uuid) -> String {
    format!(
        "Not deleted:
- Kafka: messages of one session cannot be deleted. They go with the topic's retention.ms.
- ClickHouse: {}
- Live numbers: they count the events until the relay restarts, and then those that the topic has.
- Events on their way, in the visitor's browser, the relay, or the topic before the sink: repeat this
  command when they have arrived.
- Backups and other programs that read the topic.
",
        clickhouse_statement(session_id)
    )
}

/// Deletes the session's rows for good, not only from answers.
fn clickhouse_statement(session_id: Uuid) -> String {
    format!("ALTER TABLE button_presses DELETE WHERE session_id = '{session_id}'")
}

fn find_in_store(
    file: &Path,
    ids: &RangeInclusive<Uuid>,
    sessions: &mut Sessions,
) -> anyhow::Result<()> {
    ensure!(file.is_file(), "there is no store {}", file.display());
    for session in event_store::sessions(file, ids.clone(), MAX_LISTED)? {
        sessions.entry(session.id).or_default().push(Found {
            place: format!("store {}", shown(file)),
            events: session.events,
            undelivered: session.undelivered,
            first_at: session.first_received_at,
        });
    }
    Ok(())
}

async fn find_in_postgresql(
    options: &PostgresqlOptions,
    ids: &RangeInclusive<Uuid>,
    sessions: &mut Sessions,
) -> anyhow::Result<()> {
    let (client, _connection) = postgresql::connect(options).await?;
    let [first, last] = [ids.start(), ids.end()].map(Uuid::to_string);
    let limit = MAX_LISTED as i64;
    let rows = client.query(SELECT, &[&first, &last, &limit]).await.context("PostgreSQL")?;
    for row in rows {
        let session_id = Uuid::try_parse(row.try_get(0)?)?;
        sessions.entry(session_id).or_default().push(Found {
            place: "PostgreSQL".to_owned(),
            events: row.try_get::<_, i64>(1)?.unsigned_abs(),
            undelivered: 0,
            first_at: Timestamp::from_micros(row.try_get(2)?).unwrap_or(Timestamp::EPOCH),
        });
    }
    Ok(())
}

async fn delete_from_postgresql(
    options: &PostgresqlOptions,
    session_id: Uuid,
) -> anyhow::Result<u64> {
    let (client, _connection) = postgresql::connect(options).await?;
    client.execute(DELETE, &[&session_id.to_string()]).await.context("PostgreSQL")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ID: &str = "5e0aabbc-1234-4abc-8def-0123456789ab";

    #[test]
    fn prefix_of_an_id_is_a_range_of_ids() {
        let range = parse_ids("5E0AABBC").unwrap();
        assert_eq!(range.start().to_string(), "5e0aabbc-0000-0000-0000-000000000000");
        assert_eq!(range.end().to_string(), "5e0aabbc-ffff-ffff-ffff-ffffffffffff");
        assert_eq!(digits(&range), "5e0aabbc-");
        assert_eq!(parse_ids("5e0aabbc-12").unwrap(), parse_ids("5e0aabbc12").unwrap());
        let whole = parse_ids(ID).unwrap();
        assert_eq!(whole.start(), whole.end());
        assert_eq!(digits(&whole), ID);
        for wrong in ["", "5e0aabb", "5e0aabbg", "5e0aabbc%", &format!("{ID}0"), "äöüäöüäö"]
        {
            assert!(parse_ids(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn prefix_of_several_sessions_is_an_error_that_lists_them() {
        let found = |place: &str, undelivered| Found {
            place: place.to_owned(),
            events: 3,
            undelivered,
            first_at: Timestamp::EPOCH,
        };
        let id = Uuid::try_parse(ID).unwrap();
        let mut sessions = Sessions::new();
        assert_eq!(only(&sessions).unwrap(), None);
        sessions.insert(id, vec![found("store x", 2), found("PostgreSQL", 0)]);
        assert_eq!(only(&sessions).unwrap(), Some(id));
        assert_eq!(
            listing(&sessions),
            format!(
                "session {ID}\n  store x: 3 events, the first at 1970-01-01T00:00:00.000000+00:00, \
                 2 of them not in Kafka yet\n  PostgreSQL: 3 events, the first at \
                 1970-01-01T00:00:00.000000+00:00\n"
            )
        );
        sessions.insert(Uuid::nil(), vec![found("PostgreSQL", 0)]);
        let error = only(&sessions).unwrap_err().to_string();
        assert!(error.contains(ID) && error.contains(&Uuid::nil().to_string()), "{error}");
    }

    #[test]
    fn what_remains_is_printed_with_the_statement_for_clickhouse() {
        let text = remaining(Uuid::try_parse(ID).unwrap());
        let statement = format!("ALTER TABLE button_presses DELETE WHERE session_id = '{ID}'\n");
        assert!(text.contains(&statement) && text.contains("retention.ms"), "{text}");
    }
}
