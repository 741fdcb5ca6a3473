//! `button tail`: events as they stand in Kafka.

mod filter;
mod line;

use crate::{
    cli,
    moment::{Moment, now},
    printable::printable,
    stop,
    topic::{self, BlockingDecoder, POLL_INTERVAL},
};
use anyhow::bail;
use clap::Args;
use filter::Filter;
use kafka_client::{End, KafkaOptions, KafkaSettings, Start};
use rdkafka::Message;
use std::{
    io::{self, BufWriter, Write},
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

/// Runs the command, and returns its exit status.
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
    let end = if options.to_end { End::Current } else { End::Never };
    let stopped = stop::when_told()?;
    let mut reader = topic::open(&settings, start, end)?;
    let mut decoder = BlockingDecoder::new(&settings)?;
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let (mut printed, mut unreadable) = (0_u64, 0_u64);
    let is_over = |printed: u64| {
        options.limit.is_some_and(|limit| printed >= limit) || stopped.load(Ordering::Relaxed)
    };
    while !is_over(printed) && (!options.to_end || reader.progress().is_some()) {
        let message = match reader.poll(POLL_INTERVAL) {
            Ok(Some(message)) => message,
            Err(error) if error.is_misconfiguration() || options.to_end => return Err(error.into()),
            // Without an end, it waits until Kafka is back.
            Ok(None) | Err(_) => {
                out.flush()?;
                continue;
            }
        };
        match decoder.decode(message.payload())? {
            Ok(press) if options.filter.lets_through(&press) => {
                match options.json {
                    true => line::write_json(&mut out, &message, &press)?,
                    false => line::write(&mut out, &message, &press)?,
                }
                printed += 1;
            }
            Ok(_) => {}
            Err(reason) => {
                unreadable += 1;
                let (partition, offset) = (message.partition(), message.offset());
                let reason = reason.to_string();
                let reason = printable(&reason);
                eprintln!("passed over: partition {partition}, offset {offset}: {reason}");
            }
        }
    }
    out.flush()?;
    if unreadable > 0 {
        eprintln!("{unreadable} messages were passed over");
    }
    Ok(cli::FINE)
}
