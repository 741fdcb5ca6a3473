-- The events of the Kafka button in ClickHouse, each identity counted once, and what is asked of them
-- often. Running this text again is harmless. Questions to ask are in clickhouse-queries.sql.
--
-- Tables of an earlier version: first DROP VIEW button_presses_refused, then DROP VIEW
-- button_presses_arriving, and run this text. While there is no view the topic is not read; the new ones
-- continue where the old ones were.
--
-- The last two statements read from button_presses_kafka, which has to be there before:
--   * your own ClickHouse: clickhouse-kafka.sql makes it;
--   * Aiven for ClickHouse: its integration with Aiven for Apache Kafka makes it, with the columns, the
--     format and the handling of errors of clickhouse-kafka.sql, in the database `service_NAME`, where
--     NAME is the Kafka service's. Write that before the name, in both statements:
--     FROM `service_NAME`.button_presses_kafka.

-- Delivery is at least once. A repeat has the same session_id and count, so the sorting key is the
-- event's identity, and merges keep one row of each: the first that was written here, whatever later
-- ones contain. Until merges have happened repeats are there: FINAL leaves them out at any time.
--
-- There are no partitions on purpose: rows meet only within one, and the visitor's clock, of which a
-- key by month would be made, may say anything from 1970 to 9999.
CREATE TABLE IF NOT EXISTS button_presses
(
    session_id       UUID,
    timestamp        DateTime64(6, 'UTC'),              -- when it happened, by the visitor's clock
    action           LowCardinality(String),            -- EnterPage, PressButton, ExitPage
    count            UInt64,                            -- place of the event in its session, from 0
    country_name     LowCardinality(String),
    country_code     LowCardinality(String),            -- ISO 3166-1 alpha-2, or --
    subdivision_name LowCardinality(Nullable(String)),
    subdivision_code LowCardinality(Nullable(String)),  -- 1 to 3 characters
    city_name        LowCardinality(Nullable(String)),
    latitude         Nullable(Float64),                 -- rounded to one decimal
    longitude        Nullable(Float64),
    cohort           Nullable(Int32),
    received_at      DateTime64(3, 'UTC'),              -- Kafka's timestamp: when the relay had it
    offset           UInt64,                            -- Kafka's offset in the session's partition
    -- Of several rows with one identity the one with the highest earliness is kept. It is higher the
    -- earlier the row was written here, in seconds; in the same second, the lower its offset. Kafka's
    -- timestamp does not decide: its writers choose it, and several events can have the same. Nor does
    -- the offset alone: in a topic that was made again it begins at 0.
    earliness        UInt64 MATERIALIZED bitNot(bitOr(bitShiftLeft(toUInt64(toUnixTimestamp(now())), 32), bitAnd(offset, 4294967295)))
)
ENGINE = ReplacingMergeTree(earliness)
ORDER BY (session_id, count);

-- A table of an earlier version gets both columns as they are above. Its rows have a higher earliness than
-- all new ones, and stay.
ALTER TABLE button_presses
    ADD COLUMN IF NOT EXISTS offset UInt64 AFTER received_at;
ALTER TABLE button_presses
    MODIFY COLUMN earliness UInt64 MATERIALIZED bitNot(bitOr(bitShiftLeft(toUInt64(toUnixTimestamp(now())), 32), bitAnd(offset, 4294967295)));
-- How long events are kept; merges delete them some hours later. To change it, change it here and in the other
-- table below, and run this text again. See docs/privacy.md.
ALTER TABLE button_presses MODIFY TTL toDateTime(received_at) + INTERVAL 90 DAY;

-- Each session, and whether all of it has arrived, as in PostgreSQL: a session is complete when its
-- highest-count event is an ExitPage and every count below it is there. Counts that no page reaches are
-- left out.
DROP VIEW IF EXISTS session_completeness;
CREATE VIEW session_completeness AS
SELECT
    session_id,
    min(each.cohort)                AS cohort,
    min(timestamp)                  AS started_at,
    max(timestamp)                  AS ended_at,
    count()                         AS events,
    countIf(action = 'PressButton') AS presses,
    max(each.count) + 1             AS expected,
    expected - events               AS missing,
    missing = 0 AND argMax(action, each.count) = 'ExitPage' AS complete
FROM button_presses AS each FINAL
WHERE each.count <= 9999999
GROUP BY session_id;

-- Messages that are no events, or whose schema the registry did not give. They hold nothing up; they
-- are here, to be looked at.
--
-- If the registry is away when ClickHouse starts, and so does not know the schema yet, events end here
-- too, one every few seconds. To get them back, drop the two views below and button_presses_kafka, and
-- make them again with another kafka_group_name: all of the topic is read once more, and what the table
-- has already stays there once.
CREATE TABLE IF NOT EXISTS button_presses_unreadable
(
    topic       LowCardinality(String),
    partition   UInt64,
    offset      UInt64,
    received_at DateTime64(3, 'UTC'),
    error       String,
    message     String
)
ENGINE = MergeTree
ORDER BY (topic, partition, offset);

ALTER TABLE button_presses_unreadable MODIFY TTL toDateTime(received_at) + INTERVAL 90 DAY;

-- Reading begins with the first view on the topic, and what has been read does not come again for the
-- second. So the events come first.
CREATE MATERIALIZED VIEW IF NOT EXISTS button_presses_arriving TO button_presses AS
SELECT
    session_id, timestamp, action, count, country_name, country_code, subdivision_name,
    subdivision_code, city_name, latitude, longitude, cohort, _timestamp_ms AS received_at,
    _offset AS offset
FROM button_presses_kafka
WHERE _error = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS button_presses_refused TO button_presses_unreadable AS
SELECT
    _topic AS topic, _partition AS partition, _offset AS offset, _timestamp_ms AS received_at,
    _error AS error, _raw_message AS message
FROM button_presses_kafka
WHERE _error != '';
