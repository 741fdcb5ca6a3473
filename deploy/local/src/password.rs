//! A random password in a file that its owner alone can read.

use crate::{Error, service::write};
use std::{fs, path::PathBuf};
use uuid::Uuid;

/// The password in a file, which is made once and kept.
#[derive(Clone, Debug)]
pub(crate) struct Password(PathBuf);

impl Password {
    pub(crate) fn in_file(file: PathBuf) -> Self {
        Self(file)
    }

    /// Makes one, unless there is one.
    pub(crate) fn ensure(&self) -> Result<(), Error> {
        // A version 4 UUID has 122 random bits, from the operating system.
        if self.0.is_file() { Ok(()) } else { write(&self.0, &Uuid::new_v4().simple().to_string()) }
    }

    /// The password; empty before it is made.
    pub(crate) fn read(&self) -> String {
        fs::read_to_string(&self.0).unwrap_or_default()
    }

    pub(crate) fn file(&self) -> &PathBuf {
        &self.0
    }
}
