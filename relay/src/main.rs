//! The relay's command: reads the options, starts the relay, stops it on SIGTERM or ctrl-c.

use mimalloc::MiMalloc;
use relay::{
    address,
    app::App,
    command_line,
    config::{Config, Options},
    health_check,
    ingest::geo::Geo,
    rlimit,
    store::Store,
    telemetry::{self, LogFormat},
};
use std::{io::Write, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A message is made in one thread and thrown away in another, which glibc's allocator is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(error) => {
            // Not by returning it from main, which adds a stack backtrace where RUST_BACKTRACE is
            // set: what went wrong is in an option, a file or another program.
            eprintln!("relay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn start() -> anyhow::Result<ExitCode> {
    let options: Options = command_line::parse()?;
    if options.check_health {
        return health_check::ask(options.listen).await.map(|()| ExitCode::SUCCESS);
    }
    let format = options.log_format;
    telemetry::init(&options.log, format)?;
    rlimit::disable_core_dumps();
    match (run(options).await, format) {
        (Ok(()), _) => Ok(ExitCode::SUCCESS),
        (Err(error), LogFormat::Text) => Err(error),
        // Whoever reads the log reads each line as JSON.
        (Err(error), LogFormat::Json) => {
            tracing::error!("ended: {error:#}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Does what the options ask for, until it is told to stop.
async fn run(options: Options) -> anyhow::Result<()> {
    let check_only = options.check_config;
    rlimit::raise_open_files();
    let config = Config::resolve(options)?;
    if check_only {
        Geo::open(config.geo_database, config.pretend_local)?;
        Store::check(&config.store)?;
        println!("relay: these options can be used");
        return Ok(());
    }
    let qr = config.qr;
    let shutdown = CancellationToken::new();
    let app = App::build(config, shutdown.clone()).await?;
    announce(&app, qr);

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        shutdown.cancel();
    });
    app.run().await
}

/// Tells on standard output where the relay is, for people and for the programs that start it.
fn announce(app: &App, qr: bool) {
    let mut text = format!("relay: listening on http://{}\n", app.address());
    if qr {
        let code = address::qr_code(app.page_url()).unwrap_or_default();
        text += &format!("\n{code}\n  Scan it, or open {}\n\n", app.page_url());
    }
    // A closed standard output is no reason not to run.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
