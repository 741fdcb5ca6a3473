//! The documents say what the code does.
#![allow(clippy::unwrap_used, missing_docs)]

mod add_a_field;
mod commands;
mod links;
mod modules;
mod options;
mod shell;
mod walkthrough;
