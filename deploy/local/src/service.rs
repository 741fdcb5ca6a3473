//! What makes a server of the stack the one that it is. Starting, waiting, killing and ending are
//! the same for all (see [`crate::server`]).

use crate::{
    Error,
    error::io,
    process::{JAVA, Program},
};
use nix::sys::signal::Signal;
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// A server's times, and the signal that ends it in order.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long it may take until it is ready.
    pub ready_within: Duration,
    /// The signal for an orderly end.
    pub stop_signal: Signal,
    /// How long it may take to end; SIGKILL comes afterwards.
    pub stop_grace: Duration,
}

/// A server of the stack, with what it needs to run: its downloads, its folder, its ports.
pub trait Service {
    /// As it is called in messages.
    fn name(&self) -> &'static str;

    /// The name of its log, and of its files outside of its folder.
    fn key(&self) -> &'static str;

    /// The folder of its data and its log.
    fn folder(&self) -> &Path;

    /// Its address, as its clients take it.
    fn address(&self) -> String;

    /// Its times.
    fn limits(&self) -> Limits;

    /// The program that it is run by.
    fn program(&self) -> &'static Program {
        &JAVA
    }

    /// The folders to delete when its data is reset.
    fn folders(&self) -> Vec<PathBuf> {
        vec![self.folder().to_owned()]
    }

    /// Makes its folder, and writes its configuration and whatever else has to be there before it
    /// starts.
    fn prepare(&self) -> Result<(), Error>;

    /// The command that runs it.
    fn command(&self) -> Result<Command, Error>;

    /// Words of its command line that no other process has: they tell whether a process id still
    /// means this server.
    fn marker(&self) -> String {
        java_marker(self.folder())
    }

    /// Whether it answers. `log` is what it has printed so far: it says that it is this server that
    /// answers, not another one on the same port.
    fn is_ready(&self, log: &str) -> bool;

    /// What is wrong with a server that answers, in its own words.
    fn complaint(&self) -> Option<String> {
        None
    }

    /// Whether a start that ended with this log may succeed when it is simply tried again.
    fn is_worth_another_try(&self, _log: &str) -> bool {
        false
    }

    /// Gives a server that is ready what the product needs of it. Harmless when it is done again.
    fn settle(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Its log file.
    fn log_file(&self) -> PathBuf {
        self.folder().join(format!("{}.log", self.key()))
    }
}

/// An argument for a JVM that tells which folder's server it is. It ends in a slash, so that one
/// folder's name is not the beginning of another's.
pub(crate) fn java_marker(folder: &Path) -> String {
    format!("-Dlocal-stack.folder={}/", folder.display())
}

/// Makes the folder, which no other user can read, and gives its full name: servers resolve relative ones
/// against wherever they were started from, or refuse them.
pub(crate) fn make_folder(folder: &Path) -> Result<PathBuf, Error> {
    make_folder_with(folder, 0o700)
}

/// Makes the folder, and gives it these permissions.
pub(crate) fn make_folder_with(folder: &Path, mode: u32) -> Result<PathBuf, Error> {
    fs::create_dir_all(folder).map_err(io(format!("make the folder {}", folder.display())))?;
    fs::set_permissions(folder, Permissions::from_mode(mode))
        .map_err(io(format!("set the permissions of {}", folder.display())))?;
    folder.canonicalize().map_err(io(format!("find the folder {}", folder.display())))
}

/// Writes a file that no other user can read.
pub(crate) fn write(file: &Path, text: &str) -> Result<(), Error> {
    create_private(file)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(io(format!("write {}", file.display())))
}

/// Makes an empty file that no other user can read.
pub(crate) fn create_private(file: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    let created = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    // An earlier version made it with the usual permissions.
    created.set_permissions(Permissions::from_mode(0o600))?;
    Ok(created)
}

/// The template with its words in double braces filled in.
pub(crate) fn fill_in(template: &str, values: &[(&str, String)]) -> String {
    let fill = |text: String, (word, value): &(&str, String)| {
        text.replace(&format!("{{{{{word}}}}}"), value)
    };
    values.iter().fold(template.to_owned(), fill)
}
