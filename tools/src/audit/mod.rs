//! `button audit`: which events are missing.

mod ledger;
mod postgresql;
mod report;

pub use ledger::{Clocks, Gap, Ledger, Sessions, Sighting, Tally, Verdict};

use crate::{
    cli,
    moment::{Moment, now},
    postgresql::PostgresqlOptions,
    printable::printable,
    progress::{self, Ticks},
    topic::{self, BlockingDecoder, POLL_INTERVAL},
};
use anyhow::{bail, ensure};
use clap::Args;
use kafka_client::{End, KafkaOptions, KafkaSettings, Start, received_at};
use rdkafka::Message;
use report::{Report, Source};
use std::path::{Path, PathBuf};

/// Unreadable messages that are printed one by one.
const MAX_PRINTED: u64 = 10;

/// Reads every event once, and says for each session whether all of it is there.
///
/// A session's events are counted from 0, so a count that is not there while a higher one is has been
/// lost. A session is complete when nothing is missing and its last event is an ExitPage; without one
/// it is unfinished: it still runs, or its end has not arrived (yet). Repeats are harmless: delivery is
/// at least once, and the same session and count is the same event.
///
/// Reads the topic from its beginning to where its end was at the start; or, with --store, a relay's
/// SQLite store; or, with --postgresql, the table that the sink writes. Memory: about 50 bytes for each
/// session, 73 while the table of sessions grows.
///
/// Exit status: 0 when nothing is missing, 3 when something is, 1 when it could not be found out.
#[derive(Args)]
pub struct Options {
    /// Look into this store of a relay instead of Kafka.
    #[arg(long, value_name = "FILE", conflicts_with = "postgresql")]
    store: Option<PathBuf>,

    #[command(flatten)]
    postgresql: PostgresqlOptions,

    /// Begin with what a relay received then: how long ago (2d), or a time (2026-03-07T10:00:00Z).
    /// Sessions that began before seem to lack their beginning.
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse, conflicts_with_all = ["store", "postgresql"])]
    since: Option<Moment>,

    /// An unfinished session counts as missing something: for a day that is over.
    #[arg(long)]
    strict: bool,

    /// How many sessions with gaps are listed.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    show: usize,

    /// Print the findings as one JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    kafka: KafkaOptions,
}

/// Runs the command, and returns its exit status.
pub fn run(options: &Options) -> anyhow::Result<u8> {
    let mut ledger = Ledger::new(!options.postgresql.postgresql);
    let source = match &options.store {
        Some(file) => read_store(file, &mut ledger)?,
        None if options.postgresql.postgresql => {
            postgresql::read(&options.postgresql, &mut ledger)?
        }
        None => read_topic(options, &mut ledger)?,
    };
    let report = Report { source, verdict: ledger.verdict(options.show) };
    if options.json {
        report.print_json()?;
    } else {
        report.print()?;
    }
    let Sessions { unfinished, .. } = report.verdict.sessions;
    let is_missing = report.verdict.missing > 0 || (options.strict && unfinished > 0);
    Ok(if is_missing { cli::MISSING } else { cli::FINE })
}

fn read_store(file: &Path, ledger: &mut Ledger) -> anyhow::Result<Source> {
    ensure!(file.is_file(), "there is no store {}", file.display());
    let bar = progress::bar(None, "events");
    let mut ticks = Ticks::new(&bar);
    let unreadable = event_store::read(file, |event| {
        ticks.tick();
        ledger.see(&Sighting {
            session_id: event.press.session_id,
            event: event.press.event,
            received_at: Some(event.received_at),
        });
    })?;
    bar.finish_and_clear();
    Ok(Source::Store { file: file.to_owned(), unreadable })
}

fn read_topic(options: &Options, ledger: &mut Ledger) -> anyhow::Result<Source> {
    let Some(settings) = KafkaSettings::resolve(&options.kafka)? else {
        bail!(
            "say where to look: in Kafka with --kafka-service-uri and --schema-registry-uri, in a \
             relay's store with --store FILE, or in PostgreSQL with --postgresql and its --postgresql-uri"
        );
    };
    let start = options.since.map_or(Start::Beginning, |since| Start::At(since.time(now())));
    let mut reader = topic::open(&settings, start, End::Current)?;
    let mut decoder = BlockingDecoder::new(&settings)?;
    let total = reader.progress().map_or(0, |(_, total)| total);
    let bar = progress::bar(Some(total), "messages");
    let mut ticks = Ticks::new(&bar);
    let (mut messages, mut unreadable) = (0, 0);
    while reader.progress().is_some() {
        let Some(message) = reader.poll(POLL_INTERVAL)? else { continue };
        messages += 1;
        ticks.tick();
        match decoder.decode(message.payload())? {
            Ok(press) => ledger.see(&Sighting {
                session_id: press.session_id,
                event: press.event,
                received_at: Some(received_at(&message)),
            }),
            Err(reason) => {
                unreadable += 1;
                if unreadable <= MAX_PRINTED {
                    let (partition, offset) = (message.partition(), message.offset());
                    let reason = reason.to_string();
                    let reason = printable(&reason);
                    bar.suspend(|| {
                        eprintln!("passed over: partition {partition}, offset {offset}: {reason}");
                    });
                }
            }
        }
    }
    drop(ticks);
    bar.finish_and_clear();
    Ok(Source::Topic {
        topic: settings.topic.clone(),
        partitions: reader.partitions(),
        messages,
        unreadable,
    })
}
