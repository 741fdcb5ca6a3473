-- Questions to the table of clickhouse.sql. FINAL counts each identity once, merged or not, as the event
-- that was first. {from} and {to} are parameters (clickhouse client --param_from='2026-03-01 00:00:00' …); the times are UTC.

-- presses_over_time: presses in each minute.
SELECT
    toStartOfMinute(timestamp) AS minute,
    count()                    AS presses
FROM button_presses FINAL
WHERE action = 'PressButton' AND timestamp BETWEEN {from:DateTime64(6, 'UTC')} AND {to:DateTime64(6, 'UTC')}
GROUP BY minute
ORDER BY minute;

-- presses_by_country: and in how many sessions. What has no country (code --) has several names.
SELECT
    country_code,
    country_name,
    count()               AS presses,
    uniqExact(session_id) AS sessions
FROM button_presses FINAL
WHERE action = 'PressButton' AND timestamp BETWEEN {from:DateTime64(6, 'UTC')} AND {to:DateTime64(6, 'UTC')}
GROUP BY country_code, country_name
ORDER BY presses DESC, country_name;

-- presses_by_country_without_final: the same number of presses. argMax picks the row that FINAL keeps.
SELECT
    first.3 AS country_code,
    first.4 AS country_name,
    count() AS presses
FROM
(
    SELECT argMax((action, timestamp, country_code, country_name), earliness) AS first
    FROM button_presses
    GROUP BY session_id, count
)
WHERE first.1 = 'PressButton' AND first.2 BETWEEN {from:DateTime64(6, 'UTC')} AND {to:DateTime64(6, 'UTC')}
GROUP BY country_code, country_name
ORDER BY presses DESC, country_name;

-- completeness: of the sessions that began then.
SELECT
    count()                                AS sessions,
    countIf(complete)                      AS complete_sessions,
    countIf(missing > 0)                   AS with_gaps,
    countIf(missing = 0 AND NOT complete)  AS unfinished,
    sum(events)                            AS known_events,
    sum(missing)                           AS lost_events
FROM session_completeness
WHERE started_at BETWEEN {from:DateTime64(6, 'UTC')} AND {to:DateTime64(6, 'UTC')};

-- lost_events: which counts of which session are not there, from the first to the last of each gap. Counts
-- that no page reaches are left out, as in session_completeness.
SELECT
    session_id,
    gap.1 AS first_lost,
    gap.2 AS last_lost
FROM
(
    SELECT
        session_id,
        min(timestamp)                                   AS started_at,
        arraySort(groupArray(toInt64(each.count)))       AS there,
        arrayPushFront(arrayPopBack(there), toInt64(-1)) AS before,
        arrayMap((low, high) -> (low + 1, high - 1), before, there) AS spaces
    FROM button_presses AS each FINAL
    WHERE each.count <= 9999999
    GROUP BY session_id
)
ARRAY JOIN arrayFilter(space -> space.1 <= space.2, spaces) AS gap
WHERE started_at BETWEEN {from:DateTime64(6, 'UTC')} AND {to:DateTime64(6, 'UTC')}
ORDER BY session_id, first_lost;

-- cohorts: null is what was generated, or had no cohort in its address.
SELECT
    cohort,
    count()                              AS sessions,
    sum(presses)                         AS presses,
    countIf(complete)                    AS complete_sessions
FROM session_completeness
WHERE started_at BETWEEN {from:DateTime64(6, 'UTC')} AND {to:DateTime64(6, 'UTC')}
GROUP BY cohort
ORDER BY cohort NULLS LAST;

-- latency: seconds from the press to the relay, by both clocks. It is negative where the visitor's clock
-- is ahead of the relay's.
SELECT
    quantileExact(0.5)(seconds)  AS half,
    quantileExact(0.95)(seconds) AS most,
    max(seconds)                 AS longest
FROM
(
    SELECT (toUnixTimestamp64Milli(received_at) * 1000 - toUnixTimestamp64Micro(timestamp)) / 1e6 AS seconds
    FROM button_presses FINAL
    WHERE timestamp BETWEEN {from:DateTime64(6, 'UTC')} AND {to:DateTime64(6, 'UTC')}
);
