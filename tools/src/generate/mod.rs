//! `button generate`: visits as people make them, with mischief on request.
//!
//! ```text
//!  crowd (visit, origin) ──► mischief ──► kafka | relay | store
//! ```

mod crowd;
mod kafka;
mod mischief;
mod origin;
mod relay;
mod report;
mod store;
mod visit;

use crate::{
    cli,
    moment::{Moment, now},
    progress, stop,
};
use anyhow::{bail, ensure};
use clap::Args;
use crowd::{Crowd, Starts};
use kafka_client::{KafkaOptions, KafkaSettings};
use mischief::{Mischief, Prankster};
use origin::{Origins, Shares};
use rand::{SeedableRng, rngs::SysRng};
use rand_chacha::ChaCha8Rng;
use report::Report;
use schemas::{ButtonPress, Timestamp};
use std::{
    net::IpAddr,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use url::Url;
use visit::Visitors;

/// Makes visits to the page as people make them: they come, look, press in bursts, some look away and
/// come back, and go. All over the world, in proportion to internet users, fewer where it is night.
///
/// Sent straight to Kafka; or through a relay, with --relay URL, which has to trust this machine
/// (--trusted-proxies 127.0.0.1), since the visitors' made-up addresses are in the forwarded header; or
/// into a relay's store, with --store FILE. What was made is told in the end, with what an audit of it
/// must find.
#[derive(Args)]
pub struct Options {
    /// How many visits.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, conflicts_with = "forever")]
    sessions: u64,

    /// Visits that happen now, until ctrl-c; then everybody leaves in order.
    #[arg(long, conflicts_with_all = ["since", "until"])]
    forever: bool,

    /// Events a second: with --forever how many happen (5 if not said), else how fast they are sent (as
    /// fast as possible if not said).
    #[arg(long, value_name = "EVENTS", value_parser = rate)]
    rate: Option<f64>,

    /// The most presses of one visit.
    #[arg(long, value_name = "NUMBER", default_value_t = 60)]
    max_presses: u32,

    /// The same number, the same visits: times too, if --until is a time.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Mark the visits as this group.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    cohort: Option<i32>,

    /// The visits begin after this: how long ago (2d), or a time (2026-03-07T10:00:00Z).
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse, default_value = "1h")]
    since: Moment,

    /// And before this.
    #[arg(long, value_name = "WHEN", value_parser = Moment::parse, default_value = "0s")]
    until: Moment,

    /// Share of visitors with an IPv6 address.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.4)]
    ipv6: f64,

    /// Share of visitors whose address is in no geo database.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.02)]
    unknown: f64,

    /// Share of visitors in a private network.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.03)]
    private: f64,

    /// MaxMind database (.mmdb) with cities, for addresses and places as a relay with it finds them.
    /// Without one, places are some cities, and a relay finds whatever it finds.
    #[arg(long, env = "RELAY_GEO_DATABASE", value_name = "FILE")]
    geo_database: Option<PathBuf>,

    /// Chance of each event to be left out, from 0 to 1.
    #[arg(long, value_name = "CHANCE", value_parser = share, default_value_t = 0.0)]
    lose: f64,

    /// Chance of each event to be sent twice.
    #[arg(long, value_name = "CHANCE", value_parser = share, default_value_t = 0.0)]
    repeat: f64,

    /// Chance of each event to be sent after the next one of its session.
    #[arg(long, value_name = "CHANCE", value_parser = share, default_value_t = 0.0)]
    reorder: f64,

    /// Send to the relay at this address instead of Kafka.
    #[arg(long, value_name = "URL", conflicts_with = "store")]
    relay: Option<Url>,

    /// Connections to the relay.
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,

    /// Put them into this store of a relay instead of Kafka.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,

    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    kafka: KafkaOptions,
}

/// Where events go.
trait Destination {
    /// Sends an event, or begins to: it waits while too many are on their way.
    fn send(
        &mut self,
        press: &ButtonPress,
        address: IpAddr,
        received_at: Timestamp,
    ) -> anyhow::Result<()>;
    /// Waits until all have arrived; what can be told of the journey.
    fn finish(self: Box<Self>) -> anyhow::Result<report::Journey>;
}

/// Runs the command; gives its exit status.
pub fn run(options: &Options) -> anyhow::Result<u8> {
    ensure!(
        options.lose + options.repeat + options.reorder <= 1.0,
        "--lose, --repeat and --reorder are chances of the same event: together at most 1"
    );
    ensure!(
        options.unknown + options.private <= 1.0,
        "--unknown and --private are together at most 1"
    );
    let seed = match options.seed {
        Some(seed) => seed,
        None => {
            ChaCha8Rng::try_from_rng(&mut SysRng).map(|mut rng| rand::RngExt::random(&mut rng))?
        }
    };
    // Before the geo database is read, which takes a while.
    let mut destination = destination(options)?;
    let mut crowd = crowd(options, seed)?;
    let mischief =
        Mischief { lose: options.lose, repeat: options.repeat, reorder: options.reorder };
    let mut prankster = Prankster::new(mischief, seed);
    let stopped = stop::when_told()?;

    let bar = progress::bar((!options.forever).then_some(options.sessions), "visits");
    let started = Instant::now();
    let mut pace = Pace::new(options.rate.filter(|_| !options.forever));
    let mut told = 0;
    let until = options.until.time(now()).micros();
    let mut closing = until;
    while let Some(at) = crowd.next_at() {
        if !options.forever && at > until {
            break; // Who is still there at the end leaves then: nothing happens in the future.
        }
        if options.forever && !wait_until(at, &stopped) || stopped.load(Ordering::Relaxed) {
            closing = if options.forever { now().micros() } else { at };
            break;
        }
        let taken = crowd.advance(|happening| {
            prankster.take(happening, |press, address, received_at| {
                pace.wait();
                // What happens now is received now.
                let received_at = if options.forever { now() } else { received_at };
                destination.send(press, address, received_at)
            })
        });
        taken.transpose()?;
        if crowd.begun() - told >= 128 || options.forever {
            bar.inc(crowd.begun() - told);
            told = crowd.begun();
        }
    }
    let mut failed = Ok(());
    let closing = Timestamp::from_micros(closing).unwrap_or(Timestamp::EPOCH);
    crowd.close(closing, |happening| {
        let sent =
            prankster.take(happening, |press, address, at| destination.send(press, address, at));
        if failed.is_ok() {
            failed = sent;
        }
    });
    failed?;
    let journey = destination.finish()?;
    bar.finish_and_clear();
    let report = Report {
        seed,
        visits: crowd.begun(),
        account: prankster.account(),
        seconds: started.elapsed().as_secs_f64(),
        journey,
    };
    if options.json {
        report.print_json()?
    } else {
        report.print()?
    }
    Ok(cli::FINE)
}

fn destination(options: &Options) -> anyhow::Result<Box<dyn Destination>> {
    if let Some(relay) = &options.relay {
        return Ok(Box::new(relay::Relay::start(relay, options.connections.into())?));
    }
    if let Some(store) = &options.store {
        return Ok(Box::new(store::Store::open(store)?));
    }
    let Some(settings) = KafkaSettings::resolve(&options.kafka)? else {
        bail!(
            "say where to send them: to Kafka with --kafka-service-uri and --schema-registry-uri, \
             through a relay with --relay URL, or into a store with --store FILE"
        );
    };
    Ok(Box::new(kafka::Kafka::connect(&settings)?))
}

fn crowd(options: &Options, seed: u64) -> anyhow::Result<Crowd> {
    let visitors = Visitors::new(options.max_presses)?;
    let now = now();
    let starts = if options.forever {
        let events = crowd::mean_events(&visitors);
        let every = events * 1e6 / options.rate.unwrap_or(5.0);
        Starts::Forever { every, at: now.micros() }
    } else {
        let (since, until) = (options.since.time(now), options.until.time(now));
        ensure!(since <= until, "--since is after --until");
        Starts::Within { left: options.sessions, at: since.micros(), end: until.micros() }
    };
    let shares = Shares { ipv6: options.ipv6, unknown: options.unknown, private: options.private };
    let origins = match &options.geo_database {
        Some(file) => {
            let bar = progress::bar(None, "reading the geo database");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(2);
            let origins = Origins::from_database(file, shares, &mut rng)?;
            bar.finish_and_clear();
            origins
        }
        None => Origins::built_in(shares)?,
    };
    Crowd::new(seed, visitors, origins, options.cohort, starts)
}

/// Waits for a moment, in microseconds since 1970; `false` when somebody stops it before.
fn wait_until(at: i64, stopped: &AtomicBool) -> bool {
    loop {
        let left = at - now().micros();
        if left <= 0 {
            return true;
        }
        if stopped.load(Ordering::Relaxed) {
            return false;
        }
        std::thread::sleep(
            Duration::from_micros(left.unsigned_abs()).min(Duration::from_millis(100)),
        );
    }
}

/// So many a second, and no more.
struct Pace {
    rate: Option<f64>,
    started: Instant,
    passed: u64,
}

impl Pace {
    fn new(rate: Option<f64>) -> Self {
        Self { rate, started: Instant::now(), passed: 0 }
    }

    fn wait(&mut self) {
        if let Some(rate) = self.rate {
            let due = self.passed as f64 / rate;
            let ahead = due - self.started.elapsed().as_secs_f64();
            // Below that, sleeping takes longer than it should.
            if ahead > 0.002 {
                std::thread::sleep(Duration::from_secs_f64(ahead));
            }
        }
        self.passed += 1;
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("not from 0 to 1".to_owned()) }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if rate.is_finite() && rate > 0.0 { Ok(rate) } else { Err("not more than 0".to_owned()) }
}
