//! Errors with their causes, for logs and answers.

use std::{error::Error, iter::successors};

/// The error's text and those of its sources, separated by colons.
pub fn error_chain(error: &dyn Error) -> String {
    let sources = successors(error.source(), |source| (*source).source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
