//! Options of earlier versions, which have another way now.

use std::{env, ffi::OsString};

/// An option of an earlier version was given.
#[derive(Debug, thiserror::Error)]
#[error("there is no {option} any more: {replacement}")]
pub struct RemovedOption {
    /// The option or its variable.
    option: &'static str,
    /// What to do instead.
    replacement: &'static str,
}

/// Rejects the program's arguments and variables that are in this list of options, their variables (empty where
/// there was none), and their replacements. An empty variable counts as not set.
///
/// # Errors
/// For the first of them. A value, which may be a password, is not in the text.
pub fn reject_removed(
    options: &[(&'static str, &'static str, &'static str)],
) -> Result<(), RemovedOption> {
    reject(options, env::args_os(), |name| env::var_os(name))
}

fn reject(
    options: &[(&'static str, &'static str, &'static str)],
    arguments: impl Iterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<(), RemovedOption> {
    let arguments: Vec<String> =
        arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    for (option, name, replacement) in options {
        if arguments.iter().any(|argument| argument.split('=').next() == Some(option)) {
            return Err(RemovedOption { option, replacement });
        }
        if !name.is_empty() && variable(name).is_some_and(|value| !value.is_empty()) {
            return Err(RemovedOption { option: name, replacement });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_option_is_rejected_with_its_replacement() {
        let options =
            [("--qr", "RELAY_QR", "run `button qr`"), ("--check", "", "run `relay validate`")];
        let rejected = |argument: &str, variable: &str, value: &str| {
            let arguments = ["relay", argument].into_iter().map(OsString::from);
            let variable = |name: &str| (name == variable).then(|| value.into());
            let error = reject(&options, arguments, variable).err();
            error.map_or_else(String::new, |error| error.to_string())
        };
        for (option, variable, replacement) in options {
            let text = rejected(option, "", "");
            assert!(text.contains(option) && text.contains(replacement), "{text}");
            assert_eq!(rejected(&format!("{option}=hunter2"), "", ""), text);
            assert_eq!(rejected("validate", variable, ""), "");
            if !variable.is_empty() {
                assert_eq!(rejected("", variable, "hunter2"), text.replacen(option, variable, 1));
            }
        }
        assert_eq!(rejected("--qrcode", "RELAY_LISTEN", "x"), "");
    }
}
