//! Every command of ours in any document is one that there is, with options that there are.

use super::shell;
use clap::{Command, CommandFactory, error::ErrorKind};

#[test]
fn the_commands_in_the_documents_are_taken() {
    let (mut wrong, mut taken) = (Vec::new(), 0);
    for file in docs::files(".md") {
        for words in shell::commands(&docs::read(&file)) {
            let Some((command, arguments)) = ours(&words) else { continue };
            taken += 1;
            let arguments = [&[command.get_name().to_owned()], arguments].concat();
            match command.try_get_matches_from(arguments) {
                Ok(_) => {}
                Err(error) if is_fine(error.kind()) => {}
                Err(error) => wrong.push(format!("{file}: {}\n  {error}", words.join(" "))),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(taken > 50, "only {taken} commands are found");
}

fn is_fine(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            // A command that has others below it, named as such.
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            // What is left to a variable.
            | ErrorKind::MissingRequiredArgument
    )
}

/// Gives what clap knows of a command line.
type Parser = fn() -> Command;

/// The command line that these words are for, and the words behind its name.
fn ours(words: &[String]) -> Option<(Command, &[String])> {
    let starts =
        |with: &[&str]| words.len() >= with.len() && words.iter().zip(with).all(|(a, b)| a == b);
    let relay = relay::config::Cli::command;
    let button = tools::cli::Options::command;
    let known: [(&[&str], Parser); 6] = [
        (&["cargo", "xtask"], xtask::command_line),
        (&["cargo", "run", "-p", "relay", "--"], relay),
        (&["cargo", "run", "-p", "tools", "--"], button),
        (&["target/release/relay"], relay),
        (&["relay"], relay),
        (&["button"], button),
    ];
    let (name, command) = known.into_iter().find(|(name, _)| starts(name))?;
    Some((command(), &words[name.len()..]))
}
