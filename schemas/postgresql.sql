-- The events of the Kafka button in PostgreSQL, one row for each, and what is asked of them often.
--
-- The columns are the fields of button_presses.avsc. The JDBC sink upserts on the primary key; the
-- trigger skips the updates, so that the first event of each session_id and count stays. Running this
-- text again is harmless, and gives a table of an earlier version the trigger and the view of today.

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
    -- By the database's clock, for delete_old_events: a visitor's clock may say anything.
    stored_at        timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, count)
);

-- The first event of an identity counts, whatever a later one with the same identity contains. The JDBC
-- sinks cannot ignore a conflict themselves: their upsert is ON CONFLICT DO UPDATE, and plain inserts
-- fail at each redelivery. To update rows by hand: ALTER TABLE button_presses DISABLE TRIGGER
-- button_presses_keep_first, in the same transaction as the update, and ENABLE it afterwards.
CREATE OR REPLACE FUNCTION button_presses_keep_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL; -- skips the update of this row
END
$$;
CREATE OR REPLACE TRIGGER button_presses_keep_first
    BEFORE UPDATE ON button_presses FOR EACH ROW EXECUTE FUNCTION button_presses_keep_first();
-- A table of an earlier version lacks it; its rows get the time of now.
ALTER TABLE button_presses ADD COLUMN IF NOT EXISTS stored_at timestamptz NOT NULL DEFAULT now();

-- What dashboards ask: what happened in a window of time, overall, by place, and by group.
CREATE INDEX IF NOT EXISTS button_presses_by_time
    ON button_presses (happened_at);
CREATE INDEX IF NOT EXISTS button_presses_by_country
    ON button_presses (country_code, happened_at);
CREATE INDEX IF NOT EXISTS button_presses_by_cohort
    ON button_presses (cohort, happened_at) WHERE cohort IS NOT NULL;

-- What delete_old_events looks for.
CREATE INDEX IF NOT EXISTS button_presses_by_age
    ON button_presses (stored_at);

-- Deletes events that were stored so long ago; returns how many. To be run every day, by cron with psql or by
-- pg_cron: SELECT delete_old_events('90 days'). See docs/privacy.md.
CREATE OR REPLACE FUNCTION delete_old_events(keep interval DEFAULT '90 days') RETURNS bigint
LANGUAGE sql AS $$
    WITH deleted AS (DELETE FROM button_presses WHERE stored_at < now() - keep RETURNING 1)
    SELECT count(*) FROM deleted
$$;

-- Each session, and whether all of it has arrived. A session is complete when its highest-count event
-- is an ExitPage and every count below it is there. One that still runs, or whose last events are
-- still on their way, is not complete (yet), though nothing is missing so far.
--
-- Counts that no page reaches are left out, as by `button audit`: one such event, of another writer or
-- of a relay of an earlier version, would make any number of others missing.
CREATE OR REPLACE VIEW session_completeness AS
SELECT
    session_id,
    min(cohort)                                       AS cohort,
    min(happened_at)                                  AS started_at,
    max(happened_at)                                  AS ended_at,
    count(*)                                          AS events,
    count(*) FILTER (WHERE action = 'PressButton')    AS presses,
    max(count) + 1                                    AS expected,
    max(count) + 1 - count(*)                         AS missing,
    max(count) + 1 = count(*)
        AND coalesce(max(count) FILTER (WHERE action = 'ExitPage') = max(count), false) AS complete
FROM button_presses
WHERE count <= 9999999
GROUP BY session_id;
