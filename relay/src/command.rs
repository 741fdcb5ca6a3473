//! The command `relay`: runs the relay until SIGTERM or SIGINT, validates its configuration, or checks
//! its health.

use crate::{
    app::App,
    config::{self, Cli, Command, Config, Options},
    health_check, rlimit,
};
use event_store::Store;
use geo_ip::Geo;
use std::{io::Write, process::ExitCode};
use telemetry::LogFormat;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Executes the command line. Returns the exit status of the process.
pub fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(error) => {
            // Returning it from main would add a stack backtrace if RUST_BACKTRACE is set, while the
            // cause is an option, a file or another program.
            eprintln!("relay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn start() -> anyhow::Result<ExitCode> {
    command_line::load_env_file()?;
    command_line::reject_removed(&config::REMOVED_OPTIONS)?;
    let Cli { command, options } = command_line::parse();
    match command {
        None => {
            let format = start_logging(&options)?;
            match run(options).await {
                // Programs that read the log expect JSON in every line.
                Err(error) if format == LogFormat::Json => {
                    tracing::error!("stopped: {error:#}");
                    return Ok(ExitCode::FAILURE);
                }
                result => result?,
            }
        }
        Some(Command::Validate(options)) => {
            validate(*options)?;
            println!("relay: the configuration is valid");
        }
        Some(Command::Healthcheck(listen)) => health_check::query(listen.address).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn start_logging(options: &Options) -> anyhow::Result<LogFormat> {
    telemetry::init(&options.log, options.log_format)?;
    rlimit::disable_core_dumps();
    Ok(options.log_format)
}

/// Checks everything that a start needs and that can be checked without side effects.
fn validate(options: Options) -> anyhow::Result<()> {
    start_logging(&options)?;
    let options = Config::resolve(options)?.options;
    Geo::open(options.geo)?;
    Store::check(&options.store.store)?;
    Ok(())
}

/// Runs the relay until SIGTERM or SIGINT.
async fn run(options: Options) -> anyhow::Result<()> {
    rlimit::raise_open_files();
    let config = Config::resolve(options)?;
    let shutdown = CancellationToken::new();
    let app = App::build(config, shutdown.clone()).await?;
    // For programs that start the relay. A closed standard output is no reason to stop.
    let mut output = std::io::stdout();
    if let Some(address) = app.management_address()? {
        let _ = writeln!(output, "relay: metrics and readiness on http://{address}");
    }
    let _ = writeln!(output, "relay: listening on http://{}", app.address()?);

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        shutdown.cancel();
    });
    app.run().await;
    Ok(())
}
