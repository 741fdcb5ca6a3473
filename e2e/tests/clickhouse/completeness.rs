//! The view of complete sessions, case by case, as PostgreSQL's is tested. No Kafka.

use crate::engine::{Engine, statements};
use e2e::completeness::{CASES, Case};
use schemas::sql;
use serde_json::json;

#[test]
fn sessions_are_complete_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut engine) = Engine::start(&folder.path().join("clickhouse")) else {
        println!("left out: E2E_CLICKHOUSE names no Python with the library chdb");
        return;
    };
    for statement in statements(sql::CLICKHOUSE) {
        if !statement.contains("FROM button_presses_kafka") {
            engine.rows(statement);
        }
    }
    engine.rows("SYSTEM STOP MERGES button_presses");
    let session = "7b0d5a3e-3c1e-4a53-9d53-6b6b5d1c7d10";
    for case in CASES {
        let counted = case.counted();
        let Case { events, presses, expected, missing, complete } = case;
        // Twice, in writes of their own: a repeat must change nothing.
        for _ in 0..2 {
            for (count, action) in events {
                engine.rows(&format!(
                    "INSERT INTO button_presses (session_id, timestamp, action, count, \
                     country_name, country_code, received_at) VALUES \
                     ('{session}', 0, '{action}', {count}, 'Unknown', '--', 0)"
                ));
            }
        }
        let found = engine
            .rows("SELECT events, presses, expected, missing, complete FROM session_completeness");
        let number = u64::from(complete);
        assert_eq!(found, [json!([counted, presses, expected, missing, number])]);
        engine.rows("TRUNCATE TABLE button_presses");
    }
}
