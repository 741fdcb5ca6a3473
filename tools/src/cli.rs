//! The command line.

use crate::{audit, forget, generate, qr, tail};
use clap::{Parser, Subcommand};
use clap_complete::Shell;

/// Exit status: all is well.
pub const FINE: u8 = 0;
/// Exit status: it could not be done; the last line on standard error says why. (2 is a wrong
/// option.)
pub const FAILED: u8 = 1;
/// Exit status of `audit`: events are missing; of `forget`: there is no such session.
pub const MISSING: u8 = 3;

/// Tools for the Kafka button's events: make them, read them, and find out whether any are missing.
///
/// An event is a press of the button, or the beginning or end of a visit to its page. A visit is a
/// session; its events are counted from 0, so that (session_id, count) names an event for good, and
/// everybody can tell which are missing.
#[derive(Parser)]
#[command(name = "button", version, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str =
    "Options with a variable beside them can be set in the environment, or in a \
file named .env in the current folder, as for the relay.

Exit status: 0 when all is well, 1 when it could not be done, 2 for a wrong option, 3 when `audit` \
finds that events are missing, or `forget` no such session.";

/// What can be done.
#[derive(Subcommand)]
pub enum Command {
    /// Make visits as people make them, into Kafka, through a relay, or into a store
    Generate(generate::Options),
    /// Print events as they stand in Kafka
    Tail(tail::Options),
    /// Find out which events are missing, and what else is odd
    Audit(audit::Options),
    /// Delete a session from PostgreSQL and a relay's store
    Forget(forget::Options),
    /// Print the QR code of the page for phones: of a URL, or of the page on this machine
    Qr {
        /// The page's URL; without it, this machine's address in its network.
        #[arg(value_name = "URL", value_parser = qr::parse_url)]
        url: Option<String>,
        /// Port of the page on this machine.
        #[arg(long, value_name = "NUMBER", default_value_t = 9000, conflicts_with = "url")]
        port: u16,
    },
    /// Print the completions for a shell, as in: button completions bash > /etc/bash_completion.d/button
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }
}
