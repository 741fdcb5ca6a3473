//! The record as SQL tables.

/// PostgreSQL: the table that the JDBC sink upserts into.
pub const POSTGRESQL: &str = include_str!("../postgresql.sql");

/// SQLite: the relay's store.
pub const SQLITE: &str = include_str!("../sqlite.sql");

/// ClickHouse: the table, its views, and what fills it from the topic.
pub const CLICKHOUSE: &str = include_str!("../clickhouse.sql");

/// ClickHouse: the topic itself as a table. `{{kafka}}` and `{{registry}}` stand for addresses.
pub const CLICKHOUSE_KAFKA: &str = include_str!("../clickhouse-kafka.sql");

/// ClickHouse: questions, each with its name in the comment before it, for `{from}` and `{to}`.
pub const CLICKHOUSE_QUERIES: &str = include_str!("../clickhouse-queries.sql");
