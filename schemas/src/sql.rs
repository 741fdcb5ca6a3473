//! SQL tables of the record.

/// PostgreSQL: the table of the JDBC sink.
pub const POSTGRESQL: &str = include_str!("../postgresql.sql");

/// SQLite: the relay's store.
pub const SQLITE: &str = include_str!("../sqlite.sql");

/// ClickHouse: the table and its views, one of which fills it from the topic.
pub const CLICKHOUSE: &str = include_str!("../clickhouse.sql");

/// ClickHouse: the topic as a table, with `{{kafka}}` and `{{registry}}` in place of addresses.
pub const CLICKHOUSE_KAFKA: &str = include_str!("../clickhouse-kafka.sql");

/// ClickHouse: queries from `{from}` to `{to}`, each with its name in the comment before it.
pub const CLICKHOUSE_QUERIES: &str = include_str!("../clickhouse-queries.sql");
