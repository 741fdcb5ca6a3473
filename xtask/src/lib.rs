//! Developer commands. `cargo xtask` lists them; each has its file in `commands`.
//!
//! ```text
//!  cargo xtask … ──► commands/… ──► toolchain   what a command needs and does not find
//!                        │
//!                        ├──► cargo, trunk ──► optimize, document   the page, smaller
//!                        ├──► relay, button, local-stack, e2e: as programs
//!                        └──► map   the world map of the big screen
//! ```
//!
//! Depends on no part of the workspace that has dependencies, so that it is built in seconds. What a command needs
//! and does not find, it installs (see `toolchain`), or says in one line what to install.
//!
//! It is a library only for the tests of the documents, which ask it for its [`command_line`].

mod browser_test;
mod commands;
mod document;
mod held_stack;
mod map;
mod optimize;
mod page_cache;
mod paths;
mod process;
#[path = "../../tools/src/qr.rs"]
mod qr;
mod sbom;
mod served;
mod slow_phone;
mod steps;
mod test_build;
mod toolchain;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Developer commands of the Kafka button.
///
/// A newcomer needs two: `cargo xtask run` starts the whole thing, `cargo xtask test` runs every
/// test. Both install what is missing.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and start it, for this machine and for phones in its network
    Run(commands::run::Options),
    /// Work on the page: `trunk serve` with live reload, beside the relay
    Serve(commands::serve::Options),
    /// A real Kafka, registry, Connect and PostgreSQL on this machine, without Docker
    #[command(subcommand)]
    Stack(commands::stack::Action),
    /// From what Terraform made at Aiven to what the relay needs
    #[command(subcommand)]
    Aiven(commands::aiven::Action),
    /// Run all tests
    Test(commands::test::Options),
    /// Build the page into dist/
    Page(commands::page::Options),
    /// Show what the page weighs, and fail if it is too much
    Size,
    /// Measure how fast the parts are, on this machine: one of them, or all
    Bench(commands::bench::Options),
    /// Give nonsense to whatever reads what strangers wrote, guided by the code that it reaches
    Fuzz(commands::fuzz::Options),
    /// Everything at once for long, with faults: nothing may be lost, and nothing may grow
    Soak(commands::soak::Options),
    /// Whether what others have written may be in here: licences, sources, second versions, advisories
    Deny(commands::deny::Options),
    /// What is in a program, as CycloneDX (JSON)
    Sbom(commands::sbom::Options),
    /// Judge the page as a slow phone meets it (Lighthouse), and fail if it is not good enough
    Lighthouse(commands::lighthouse::Options),
    /// Make the big screen's world map anew, from Natural Earth
    Map,
    /// Take pictures of the page and the big screen, into docs/
    Screenshots(commands::screenshots::Options),
    /// Write anew what follows from the code: lists of options, modules and fields
    Renew,
    /// Install what the other commands need
    Setup,
}

/// All commands with their options, as a page about them needs them.
pub fn command_line() -> clap::Command {
    Arguments::command()
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not by returning it from main, which adds a stack backtrace where RUST_BACKTRACE is
            // set: what went wrong is in another program or in the person's machine.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Run(options) => commands::run::run(&options),
        Command::Serve(options) => commands::serve::run(&options),
        Command::Stack(action) => commands::stack::run(&action),
        Command::Aiven(action) => commands::aiven::run(&action),
        Command::Test(options) => commands::test::run(&options),
        Command::Page(options) => commands::page::run(&options),
        Command::Size => commands::size::run(),
        Command::Bench(options) => commands::bench::run(&options),
        Command::Fuzz(options) => commands::fuzz::run(&options),
        Command::Soak(options) => commands::soak::run(&options),
        Command::Deny(options) => commands::deny::run(&options),
        Command::Sbom(options) => commands::sbom::run(&options),
        Command::Lighthouse(options) => commands::lighthouse::run(&options),
        Command::Map => commands::map::run(),
        Command::Screenshots(options) => commands::screenshots::run(&options),
        Command::Renew => commands::renew::run(),
        Command::Setup => commands::setup::run(),
    }
}
