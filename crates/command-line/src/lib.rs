//! Options from the command line, the environment and `.env`, with errors that contain no secret.
//!
//! A program first calls [`load_env_file`], which validates `.env` and sets its variables, then [`parse`].
//! [`reject_removed`] comes between them where options were removed. Errors of all name the line, variable or option, and leave out values that may be passwords.

mod removed;

pub use removed::{RemovedOption, reject_removed};

use clap::{
    Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::{
    collections::BTreeSet,
    env, fs, io,
    path::{Path, PathBuf},
};

/// File with environment variables, in the current folder or one above it.
const ENV_FILE: &str = ".env";

/// Parses the command line and the environment. Exits after printing help, the version or an error.
pub fn parse<T: Parser>() -> T {
    T::try_parse().unwrap_or_else(|error| redact(error, &T::command()).exit())
}

/// Sets the variables of `.env` that the environment does not have.
///
/// # Errors
/// If the file cannot be read or parsed.
pub fn load_env_file() -> Result<(), EnvFileError> {
    let folder = env::current_dir()
        .map_err(|source| EnvFileError::Unreadable { path: ENV_FILE.into(), source })?;
    let file = folder.ancestors().map(|folder| folder.join(ENV_FILE)).find(|file| file.is_file());
    file.map_or(Ok(()), |file| load(&file))
}

/// Why `.env` cannot be used. Lines are not quoted, as they may contain passwords.
#[derive(Debug, thiserror::Error)]
pub enum EnvFileError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A line is invalid.
    #[error("line {line} of {path}{}: {problem}", in_parentheses(.name))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The variable that the line sets, if any.
        name: Option<String>,
        /// The problem, and how to fix it.
        problem: &'static str,
    },
}

const NOT_AN_ASSIGNMENT: &str = "expected NAME=value; put a value with spaces, # or quotes into single \
    quotes, and write a backslash outside of them twice";

const UNSET_VARIABLE: &str = "$ refers to a variable that is not set; put the value into single quotes, \
    or write \\$";

fn in_parentheses(name: &Option<String>) -> String {
    name.as_ref().map_or_else(String::new, |name| format!(" ({name})"))
}

fn load(path: &Path) -> Result<(), EnvFileError> {
    let text = fs::read_to_string(path)
        .map_err(|source| EnvFileError::Unreadable { path: path.to_owned(), source })?;
    validate(path, &text, |name| env::var_os(name).is_some())?;
    // Cannot fail after the validation.
    dotenvy::from_read(text.as_bytes()).map_err(|_| EnvFileError::Invalid {
        path: path.to_owned(),
        line: 1,
        name: None,
        problem: NOT_AN_ASSIGNMENT,
    })
}

/// Validates every assignment. dotenvy's errors have no line number, and it replaces unset variables by
/// empty text.
fn validate(path: &Path, text: &str, is_set: impl Fn(&str) -> bool) -> Result<(), EnvFileError> {
    // Windows editors write a byte order mark, which dotenvy skips as well.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let invalid = |line, name, problem| {
        let path = path.to_owned();
        Err(EnvFileError::Invalid { path, line, name, problem })
    };
    let mut set = BTreeSet::new();
    // A quoted value may span lines; dotenvy returns an error until it is complete.
    let (mut assignment, mut first_line) = (String::new(), 1);
    for (line, content) in (1..).zip(text.split_inclusive('\n')) {
        if assignment.is_empty() {
            first_line = line;
        }
        assignment += content;
        match dotenvy::from_read_iter(assignment.as_bytes()).next() {
            Some(Err(_)) => continue,
            Some(Ok((name, _))) => {
                if references(&assignment).iter().any(|name| !set.contains(name) && !is_set(name)) {
                    return invalid(first_line, Some(name), UNSET_VARIABLE);
                }
                set.insert(name);
            }
            // A comment or an empty line.
            None => {}
        }
        assignment.clear();
    }
    if assignment.is_empty() {
        return Ok(());
    }
    let name = assignment.lines().next().and_then(variable_name);
    invalid(first_line, name, NOT_AN_ASSIGNMENT)
}

/// The text before `=`, if it is a valid name.
fn variable_name(line: &str) -> Option<String> {
    let (name, _) = line.split_once('=')?;
    let name = name.trim().strip_prefix("export ").unwrap_or(name).trim();
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(is_name_char)).then(|| name.to_owned())
}

/// Names that a value refers to by `$NAME` or `${NAME}`, as dotenvy parses it: everywhere but in single
/// quotes and after a backslash. The name after a lone `$` is empty.
fn references(assignment: &str) -> Vec<String> {
    let value = assignment.split_once('=').map_or("", |(_, value)| value);
    let mut names = Vec::new();
    let (mut single, mut double) = (false, false);
    let mut chars = value.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if !single => drop(chars.next()),
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            '$' if !single => {
                let name = &value[at + 1..];
                let name = name.strip_prefix('{').unwrap_or(name);
                let end = name.find(|c: char| !c.is_alphanumeric()).unwrap_or(name.len());
                names.push(name[..end].to_owned());
            }
            // The rest is a comment.
            '#' if !single && !double && value[..at].ends_with([' ', '\t']) => break,
            _ => {}
        }
    }
    names
}

/// Redacts possible secrets: a word that is not an option, such as the end of an unquoted value with a
/// space, and values with `@` or `=`, which may be a URI with a password or a property.
fn redact(mut error: clap::Error, command: &clap::Command) -> clap::Error {
    let context = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let word_kind = match error.kind() {
        ErrorKind::UnknownArgument => Some(ContextKind::InvalidArg),
        // A word in the position of a subcommand.
        ErrorKind::InvalidSubcommand | ErrorKind::ArgumentConflict => {
            Some(ContextKind::InvalidSubcommand)
        }
        _ => None,
    };
    if let Some(kind) = word_kind
        && let Some(word) = context(&error, kind)
        && !word.starts_with('-')
        && command.find_subcommand(&word).is_none()
    {
        let text = "(a word that belongs to no option: put a value with spaces into quotes)";
        error.insert(kind, ContextValue::String(text.to_owned()));
    }
    if context(&error, ContextKind::InvalidValue).is_some_and(|value| value.contains(['@', '='])) {
        let value = ContextValue::String("(not shown)".to_owned());
        error.insert(ContextKind::InvalidValue, value);
    }
    error
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::{CommandFactory, Subcommand, ValueEnum};
    use std::net::{IpAddr, SocketAddr};

    /// Options of every kind that the programs have.
    #[derive(Parser)]
    #[command(args_conflicts_with_subcommands = true)]
    #[allow(dead_code)]
    struct Cli {
        #[command(subcommand)]
        command: Option<Command>,
        #[command(flatten)]
        options: Options,
    }

    #[derive(Subcommand)]
    enum Command {
        Validate(Options),
    }

    #[derive(clap::Args)]
    #[allow(dead_code)]
    struct Options {
        #[arg(long)]
        kafka_property: Vec<String>,
        #[arg(long)]
        listen: Option<SocketAddr>,
        #[arg(long, value_delimiter = ',')]
        trusted_proxies: Vec<IpAddr>,
        #[arg(long)]
        log_format: Option<LogFormat>,
    }

    #[derive(Clone, ValueEnum)]
    enum LogFormat {
        Text,
        Json,
    }

    fn error(text: &str) -> String {
        let result = validate(Path::new("/x/.env"), text, |name| name == "HOME");
        result.err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn env_file_with_valid_syntax_is_accepted() {
        for text in [
            "",
            "A=b",
            "A=",
            "export A=b\r\nB = c # comment\n",
            "# A comment: it's $here\n\nA='pa$word'\n",
            "A='one\ntwo $three'\nB=\"$A/x\"\n",
            "A=$HOME/certificates\nB=${HOME}\n",
            "A=pa\\$word\nB=\"pa\\$word\"\n",
            "A=b # costs $5\n",
            "A=pa#word\n",
            "\u{feff}A=b\n",
        ] {
            assert_eq!(error(text), "", "{text}");
        }
    }

    #[test]
    fn env_file_error_contains_line_and_variable_but_no_value() {
        let cases = [
            ("URI=https://button:hunter2 swordfish@registry.example.com", 1, "(URI)"),
            ("A=b\n# comment\n\nexport PASSWORD=hunter2 swordfish\nC=d", 4, "(PASSWORD)"),
            ("A='one\ntwo'\nPASSWORD='hunter2\nB=c\n", 3, "(PASSWORD)"),
            ("PASSWORD=\"hunter2\nB=c", 1, "(PASSWORD)"),
            ("A=b\nhunter2\n", 2, ""),
            ("PASSWORD: hunter2", 1, ""),
            ("1PASSWORD=hunter2", 1, "(1PASSWORD)"),
            ("PASS WORD=hunter2", 1, ""),
            ("hunter2@swordfish=x", 1, ""),
            ("PASSWORD=hunter2\\swordfish", 1, "(PASSWORD)"),
            ("A=b\nPASSWORD=hunter2$swordfish", 2, "(PASSWORD)"),
            ("A=b\n# a comment\nPASSWORD=\"hunter2${swordfish}\"\n", 3, "(PASSWORD)"),
            ("PASSWORD=hunter2$", 1, "(PASSWORD)"),
            ("PASSWORD=hunter2$$swordfish", 1, "(PASSWORD)"),
        ];
        for (text, line, name) in cases {
            let error = error(text);
            assert!(error.starts_with(&format!("line {line} of /x/.env")), "{text}: {error}");
            assert!(error.contains(name), "{text}: {error}");
            assert!(!error.contains("hunter2") && !error.contains("swordfish"), "{text}: {error}");
        }
    }

    #[test]
    fn unreadable_env_file_is_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, b"PASSWORD=hunter2\xff\n").unwrap();
        let error = format!("{:#}", anyhow::Error::from(load(&path).unwrap_err()));
        assert!(
            error.starts_with("cannot read ")
                && error.contains(".env")
                && !error.contains("hunter2"),
            "{error}"
        );
    }

    fn option_error(arguments: &[&str]) -> String {
        let error = Cli::try_parse_from([&["relay"], arguments].concat()).err().unwrap();
        redact(error, &Cli::command()).to_string()
    }

    #[test]
    fn option_error_contains_no_secret() {
        for words in [
            &["--kafka-property", "sasl.password=hunter2", "swordfish"][..],
            &["sasl.password=hunter2"],
            &["--kafka-propery=sasl.password=hunter2"],
            &["--kafka-propery", "sasl.password=hunter2"],
            &["validate", "--kafka-property", "sasl.password=hunter2", "swordfish"],
            &["validate", "swordfish"],
            &["swordfish"],
            &["validates=hunter2"],
            &["--trusted-proxies", "button@hunter2"],
            &["--listen", "sasl.password=hunter2"],
            &["--log-format=sasl.password=hunter2"],
        ] {
            let text = option_error(words);
            assert!(!text.contains("hunter2") && !text.contains("swordfish"), "{words:?}: {text}");
            assert!(text.contains("--help"), "{text}");
        }
        assert!(option_error(&["--listen", "9000"]).contains("'9000'"));
        assert!(option_error(&["--log-format=json", "validate"]).contains("'validate'"));
    }
}
