//! Reading options from the command line, the environment and `.env`, without printing a secret when one of
//! them is wrong.

use anyhow::Context;
use clap::{
    Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::{
    collections::BTreeSet,
    env, fs, io,
    path::{Path, PathBuf},
};

/// The file with variables, in the current folder or one above it.
const ENV_FILE: &str = ".env";

/// Reads `.env`, then the options. Prints help, the version, or what is wrong with an option, and exits
/// then.
///
/// # Errors
/// If `.env` cannot be used.
pub fn parse<T: Parser>() -> anyhow::Result<T> {
    let folder = env::current_dir().context("cannot find the current folder")?;
    if let Some(file) =
        folder.ancestors().map(|folder| folder.join(ENV_FILE)).find(|file| file.is_file())
    {
        load(&file)?;
    }
    Ok(T::try_parse().unwrap_or_else(|error| without_secrets(error).exit()))
}

/// Why the file with variables cannot be used. The text of a line is not shown, as it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum EnvFileError {
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is no assignment.
    #[error(
        "line {line} of {path}{} cannot be read: it has to be NAME=value; a value with spaces, # or quotes stands in single quotes, and a backslash in double quotes or none is written twice",
        of(.name)
    )]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The variable, if the line has one.
        name: Option<String>,
    },
    /// A `$` that would be taken for the beginning of a variable's name.
    #[error(
        "line {line} of {path}{}: a $ begins the name of a variable, and there is none of that name: put the value into single quotes, or write \\$",
        of(.name)
    )]
    Dollar {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The variable that the line sets.
        name: Option<String>,
    },
}

fn of(name: &Option<String>) -> String {
    name.as_ref().map_or_else(String::new, |name| format!(" ({name})"))
}

/// Sets the variables of the file that are not set yet.
fn load(path: &Path) -> Result<(), EnvFileError> {
    let unreadable = |source| EnvFileError::Unreadable { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    check(path, &text, |name| env::var_os(name).is_some())?;
    dotenvy::from_path(path).map_err(|error| match error {
        dotenvy::Error::Io(source) => unreadable(source),
        // Checked above.
        _ => EnvFileError::Syntax { path: path.to_owned(), line: 1, name: None },
    })
}

/// Checks the text of a file, in an environment that has some variables.
fn check(path: &Path, text: &str, is_set: impl Fn(&str) -> bool) -> Result<(), EnvFileError> {
    // Editors on Windows begin a file with it; dotenvy passes it over as well.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (assignments, is_sound) = read(text);
    let mut set = BTreeSet::new();
    let mut from = 0;
    for (index, name) in assignments.into_iter().enumerate() {
        // It ends with the first line behind which there is one assignment more: quoted values can have
        // several lines.
        let to = (from..lines.len()).find(|to| read(&lines[..=*to].concat()).0.len() > index);
        let Some(to) = to else { break };
        let assignment = lines[from..=to].concat();
        if variables(&assignment).iter().any(|name| !set.contains(name) && !is_set(name)) {
            // Comments and empty lines in front of it are not it.
            let is_comment = |line: &&&str| line.trim().is_empty() || line.trim().starts_with('#');
            let skipped = lines[from..].iter().take_while(is_comment).count();
            let (path, line) = (path.to_owned(), from + skipped + 1);
            return Err(EnvFileError::Dollar { path, line, name: Some(name) });
        }
        set.insert(name);
        from = to + 1;
    }
    if is_sound {
        return Ok(());
    }
    // The first line with which there is an error behind all assignments.
    let wrong = (from..lines.len()).find(|to| !read(&lines[from..=*to].concat()).1);
    let line = wrong.unwrap_or(from);
    let name = lines.get(line).and_then(|line| name_of(line));
    Err(EnvFileError::Syntax { path: path.to_owned(), line: line + 1, name })
}

/// The names that a text assigns to, up to the first error; whether there is none.
fn read(text: &str) -> (Vec<String>, bool) {
    let mut names = Vec::new();
    for assignment in dotenvy::from_read_iter(text.as_bytes()) {
        match assignment {
            Ok((name, _)) => names.push(name),
            Err(_) => return (names, false),
        }
    }
    (names, true)
}

/// The name in front of `=`, if there is one.
fn name_of(line: &str) -> Option<String> {
    let (name, _) = line.split_once('=')?;
    let name = name.trim().strip_prefix("export ").unwrap_or(name).trim();
    let part_of_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let is_name = !name.is_empty() && name.chars().all(part_of_name);
    is_name.then(|| name.to_owned())
}

/// The variables that a value names by `$NAME` or `${NAME}`, as dotenvy reads it: everywhere but in single
/// quotes and behind a backslash. A `$` alone names one without letters.
fn variables(assignment: &str) -> Vec<String> {
    let value = assignment.split_once('=').map_or("", |(_, value)| value);
    let mut names = Vec::new();
    let (mut single, mut double) = (false, false);
    let mut rest = value.char_indices();
    while let Some((at, it)) = rest.next() {
        match it {
            '\\' if !single => drop(rest.next()),
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            '$' if !single => {
                let name = &value[at + 1..];
                let name = name.strip_prefix('{').unwrap_or(name);
                let end = name.find(|it: char| !it.is_alphanumeric()).unwrap_or(name.len());
                names.push(name[..end].to_owned());
            }
            // A comment, which may name what it likes.
            '#' if !single && !double && value[..at].ends_with([' ', '\t']) => break,
            _ => {}
        }
    }
    names
}

/// The error without what may be a secret: a value that stands alone, as one with a space that is not in
/// quotes does, and one with a user or a property in it.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    let shown = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    if error.kind() == ErrorKind::UnknownArgument
        && shown(&error, ContextKind::InvalidArg).is_some_and(|word| !word.starts_with('-'))
    {
        let word = "(a word that belongs to no option: put a value with spaces into quotes)";
        error.insert(ContextKind::InvalidArg, ContextValue::String(word.to_owned()));
    }
    if shown(&error, ContextKind::InvalidValue).is_some_and(|value| value.contains(['@', '='])) {
        let value = ContextValue::String("(not shown)".to_owned());
        error.insert(ContextKind::InvalidValue, value);
    }
    error
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::Options;

    fn error(text: &str) -> String {
        let checked = check(Path::new("/x/.env"), text, |name| name == "HOME");
        checked.err().map_or_else(String::new, |error| error.to_string())
    }

    #[test]
    fn env_file_in_every_sound_spelling_is_read() {
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
    fn env_file_errors_name_line_and_variable_and_no_value() {
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
    fn unreadable_env_file_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, b"PASSWORD=hunter2\xff\n").unwrap();
        let error = format!("{:#}", anyhow::Error::from(load(&path).unwrap_err()));
        assert!(error.contains(".env cannot be read") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn option_errors_show_no_secret() {
        for words in [
            &["--kafka-property", "sasl.password=hunter2", "swordfish"][..],
            &["sasl.password=hunter2"],
            &["--kafka-propery=sasl.password=hunter2"],
            &["--kafka-propery", "sasl.password=hunter2"],
            &["--public-url", "button@hunter2"],
            &["--allowed-origins", "https://button:hunter2@registry.example.com"],
            &["--listen", "sasl.password=hunter2"],
            &["--log-format=sasl.password=hunter2"],
        ] {
            let error = Options::try_parse_from([&["relay"], words].concat()).err().unwrap();
            let text = without_secrets(error).to_string();
            assert!(!text.contains("hunter2") && !text.contains("swordfish"), "{words:?}: {text}");
            assert!(text.contains("--help"), "{text}");
        }
        let error = Options::try_parse_from(["relay", "--listen", "9000"]).err().unwrap();
        assert!(without_secrets(error).to_string().contains("'9000'"));
    }
}
