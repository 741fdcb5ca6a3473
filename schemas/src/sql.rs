//! The record as SQL tables.

/// PostgreSQL: the table that the JDBC sink upserts into.
pub const POSTGRESQL: &str = include_str!("../postgresql.sql");

/// SQLite: the relay's store.
pub const SQLITE: &str = include_str!("../sqlite.sql");
