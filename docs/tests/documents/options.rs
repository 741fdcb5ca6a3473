//! `docs/configuration.md` has every option of every command, made from what clap knows of them.

use clap::{Arg, Command, CommandFactory};
use std::fmt::Write;

fn relay() -> Command {
    relay::config::Cli::command()
}

fn button() -> Command {
    tools::cli::Options::command()
}

#[test]
fn the_page_has_every_option() {
    let relay = relay();
    docs::hold("docs/configuration.md", "relay", &table(&relay, None));
    docs::hold("docs/configuration.md", "relay-commands", &commands(&relay, Some(&relay)));
    docs::hold("docs/configuration.md", "button", &commands(&button(), Some(&relay)));
    docs::hold("docs/configuration.md", "xtask", &commands(&xtask::command_line(), None));
}

/// The README has some of them, by their right names and variables.
#[test]
fn the_readmes_options_are_the_relays() {
    let readme = docs::read("README.md");
    let (relay, mut seen) = (relay(), 0);
    for row in readme.lines().filter(|line| line.starts_with("| `--")) {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let option = cells[1].strip_prefix("--").unwrap();
        let argument = relay.get_arguments().find(|argument| argument.get_long() == Some(option));
        let argument = argument.unwrap_or_else(|| panic!("the relay has no --{option}"));
        assert_eq!(Some(cells[2]), argument.get_env().map(|name| name.to_str().unwrap()), "{row}");
        seen += 1;
    }
    assert!(seen >= 5, "the README's table of options is not where it was");
}

#[test]
fn every_command_and_option_says_what_it_is_for() {
    for command in [relay(), button(), xtask::command_line()] {
        every(&command, &mut |command| {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in shown(command) {
                let id = argument.get_id();
                assert!(argument.get_help().is_some(), "{} {id}", command.get_name());
            }
        });
    }
}

fn every(command: &Command, see: &mut impl FnMut(&Command)) {
    see(command);
    command.get_subcommands().for_each(|command| every(command, see));
}

/// A heading for each command that does something, and its options.
fn commands(parent: &Command, known: Option<&Command>) -> String {
    let name = parent.get_bin_name().unwrap_or(parent.get_name()).to_owned();
    let mut text = String::new();
    for command in parent.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("{name} {}", command.get_name());
        if command.has_subcommands() {
            text += &commands(&command.clone().bin_name(name), known);
            continue;
        }
        let about = sentence(&command.get_about().unwrap().to_string());
        write!(text, "### `{name}`\n\n{about}\n\n").unwrap();
        let table = table(command, known);
        if !table.is_empty() {
            text += &table;
            text += "\n";
        }
    }
    text
}

/// The options of one command; those that `known` has just so are only named.
fn table(command: &Command, known: Option<&Command>) -> String {
    let is_known = |argument: &Arg| {
        let Some(known) = known else { return false };
        known.get_arguments().any(|other| {
            other.get_long().is_some()
                && other.get_long() == argument.get_long()
                && other.get_env() == argument.get_env()
                && help(other) == help(argument)
        })
    };
    let (same, own): (Vec<_>, Vec<_>) = shown(command).partition(|argument| is_known(argument));
    let mut text = String::new();
    if !own.is_empty() {
        text += "| option | variable | default | |\n|---|---|---|---|\n";
    }
    for argument in own {
        let variable = argument.get_env().map(|name| format!("`{}`", name.to_str().unwrap()));
        let (variable, help) = (variable.unwrap_or_default(), help(argument));
        let (name, default) = (name(argument), default(argument));
        writeln!(text, "| {name} | {variable} | {default} | {help} |").unwrap();
    }
    if !text.is_empty() && !same.is_empty() {
        text += "\n";
    }
    if known.is_some_and(|known| shown(known).count() == same.len()) {
        text += "The options of the relay.\n";
    } else if !same.is_empty() {
        let names: Vec<_> = same.iter().map(|argument| name(argument)).collect();
        writeln!(text, "As for the relay: {}.", names.join(", ")).unwrap();
    }
    text
}

fn shown(command: &Command) -> impl Iterator<Item = &Arg> {
    let own = |argument: &&Arg| !matches!(argument.get_id().as_str(), "help" | "version");
    command.get_arguments().filter(|argument| !argument.is_hide_set()).filter(own)
}

fn name(argument: &Arg) -> String {
    let value = argument.get_value_names().and_then(|names| names.first());
    let value = value.map(|name| name.to_string());
    let takes_one = argument.get_action().takes_values();
    match (argument.get_long(), value) {
        (Some(long), Some(value)) if takes_one => format!("`--{long} {value}`"),
        (Some(long), None) if takes_one => format!("`--{long} {}`", upper(argument)),
        (Some(long), _) => format!("`--{long}`"),
        (None, _) if argument.is_last_set() => format!("`-- {}…`", upper(argument)),
        (None, value) => format!("`{}`", value.unwrap_or_else(|| upper(argument))),
    }
}

fn upper(argument: &Arg) -> String {
    argument.get_id().as_str().to_uppercase().replace('-', "_")
}

fn default(argument: &Arg) -> String {
    if !argument.get_action().takes_values() {
        return "off".to_owned();
    }
    let values: Vec<_> =
        argument.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
    if values.is_empty() { String::new() } else { format!("`{}`", values.join(",")) }
}

/// All that `--help` says of it, in one line.
fn help(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help()).unwrap();
    let mut text = sentence(&help.to_string());
    let values = argument.get_possible_values();
    if argument.get_action().takes_values() && !values.is_empty() {
        let names: Vec<_> = values.iter().map(|value| format!("`{}`", value.get_name())).collect();
        write!(text, " One of {}.", names.join(", ")).unwrap();
    }
    text
}

/// One paragraph that can stand in a table, with a full stop.
fn sentence(help: &str) -> String {
    let text = help.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    if text.ends_with(['.', ']']) { text } else { text + "." }
}
