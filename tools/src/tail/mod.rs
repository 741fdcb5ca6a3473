//! `button tail`: events as they stand in Kafka.

mod filter;
mod line;

use crate::{
    cli,
    moment::{Moment, now},
    stop,
    topic::{Found, SchemasById, Start, Topic},
};
use anyhow::{Context, bail};
use clap::Args;
use filter::Filter;
use kafka_client::{KafkaOptions, KafkaSettings};
use schemas::ButtonPress;
use std::{
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    sync::atomic::Ordering,
};

/// Prints events as they come, one a line, until it is stopped with ctrl-c.
///
/// Each message is read by the schema that it was written with, which the registry gives by its id.
/// What is no event is told on standard error, with partition and offset, and passed over.
#[derive(Args)]
pub struct Options {
    /// Begin with the oldest event, instead of with what comes from now on.
    #[arg(long)]
    from_beginning: bool,

    /// Begin with what a relay received then: how long ago (90m), or a time (2026-03-07T10:00:00Z).
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse, conflicts_with = "from_beginning")]
    since: Option<Moment>,

    /// End at what is the topic's end now, instead of waiting for more.
    #[arg(long)]
    to_end: bool,

    /// End after so many events.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,

    #[command(flatten)]
    filter: Filter,

    /// Print JSON, one object a line: the fields of the schema, the time as ISO 8601, and partition,
    /// offset and received_at.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    kafka: KafkaOptions,
}

/// Runs the command; gives its exit status.
pub fn run(options: &Options) -> anyhow::Result<u8> {
    let Some(settings) = KafkaSettings::resolve(&options.kafka)? else {
        bail!(
            "say where Kafka is: --kafka-service-uri and --schema-registry-uri, or their variables"
        );
    };
    let start = match options.since {
        Some(since) => Start::At(since.time(now())),
        None if options.from_beginning => Start::Beginning,
        None => Start::End,
    };
    let stopped = stop::when_told()?;
    let mut topic = Topic::open(&settings, start)?;
    let mut schemas = SchemasById::new(settings.registry.clone())?;
    let out = std::cell::RefCell::new(BufWriter::with_capacity(1 << 16, io::stdout().lock()));
    let (mut printed, mut unreadable) = (0_u64, 0_u64);
    let mut failed = None;
    topic.read(
        options.to_end,
        |found| {
            match schemas.decode(found.value).context("the schema registry")? {
                Ok(press) if options.filter.lets_through(&press) => {
                    print(&mut *out.borrow_mut(), options.json, found, &press)?;
                    printed += 1;
                }
                Ok(_) => {}
                Err(reason) => {
                    unreadable += 1;
                    let (partition, offset) = (found.partition, found.offset);
                    eprintln!("passed over: partition {partition}, offset {offset}: {reason}");
                }
            }
            let is_over = options.limit.is_some_and(|limit| printed >= limit)
                || stopped.load(Ordering::Relaxed);
            Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        },
        || {
            // Nothing comes at the moment: what is printed is to be seen.
            if let Err(error) = out.borrow_mut().flush() {
                failed = Some(error);
            }
            match failed.is_some() || stopped.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        },
    )?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    out.into_inner().flush()?;
    if unreadable > 0 {
        eprintln!("{unreadable} messages were passed over");
    }
    Ok(cli::FINE)
}

fn print(
    out: &mut impl Write,
    json: bool,
    found: &Found<'_>,
    press: &ButtonPress,
) -> anyhow::Result<()> {
    if json {
        line::write_json(out, found, press)?;
    } else {
        line::write(out, found, press)?;
    }
    Ok(())
}
