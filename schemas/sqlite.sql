-- The relay's store. The columns are the fields of button_presses.avsc, as in PostgreSQL, and those of
-- the relay's own. Running this text again is harmless.

CREATE TABLE IF NOT EXISTS button_presses (
    session_id       TEXT    NOT NULL,
    "timestamp"      INTEGER NOT NULL, -- microseconds since 1970, UTC, by the visitor's clock
    action           TEXT    NOT NULL, -- EnterPage, PressButton, ExitPage
    count            INTEGER NOT NULL, -- place of the event in its session, from 0
    country_name     TEXT    NOT NULL,
    country_code     TEXT    NOT NULL, -- ISO 3166-1 alpha-2, or --
    subdivision_name TEXT,
    subdivision_code TEXT,             -- 1 to 3 characters
    city_name        TEXT,
    latitude         REAL,             -- rounded to one decimal
    longitude        REAL,
    cohort           INTEGER,
    received_at      INTEGER NOT NULL, -- microseconds since 1970, by the relay's clock
    delivered_at     INTEGER,          -- when Kafka acknowledged it; null: it is here alone
    kafka_partition  INTEGER,          -- where it is in the topic then, as far as Kafka told
    kafka_offset     INTEGER,
    schema_id        INTEGER,          -- with which it was written
    message_bytes    INTEGER,          -- the length of the value
    PRIMARY KEY (session_id, count)
);

-- What is still to be delivered to Kafka. SQLite keeps the rows of an index with equal values in
-- the order of rowid, which is the order of arrival.
CREATE INDEX IF NOT EXISTS button_presses_undelivered
    ON button_presses (delivered_at) WHERE delivered_at IS NULL;
