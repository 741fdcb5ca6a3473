-- The events of the Kafka button in PostgreSQL, one row for each.
--
-- The columns are the fields of button_presses.avsc; the JDBC sink upserts on the primary key, so
-- that a repeat of an event changes nothing. Running this text again is harmless.

CREATE TABLE IF NOT EXISTS button_presses (
    session_id       uuid             NOT NULL,
    "timestamp"      bigint           NOT NULL, -- microseconds since 1970, UTC, by the visitor's clock
    action           text             NOT NULL, -- EnterPage, PressButton, ExitPage
    count            bigint           NOT NULL, -- place of the event in its session, from 0
    country_name     text             NOT NULL,
    country_code     text             NOT NULL, -- ISO 3166-1 alpha-2, or --
    subdivision_name text,
    subdivision_code text,                      -- 1 to 3 characters
    city_name        text,
    latitude         double precision,          -- rounded to one decimal
    longitude        double precision,
    cohort           integer,
    -- Kafka Connect has no type for microseconds, so they arrive as a bigint; this is the real time.
    happened_at      timestamptz GENERATED ALWAYS AS (to_timestamp("timestamp" / 1000000.0)) STORED,
    PRIMARY KEY (session_id, count)
);
