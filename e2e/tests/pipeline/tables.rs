//! The table's companions in PostgreSQL: the view of complete sessions, the indexes.

use crate::world::World;
use e2e::completeness::{CASES, Case};
use local_stack::Service;
use tokio::task::block_in_place;

/// The view knows which sessions are complete.
pub async fn sessions_are_complete_or_not(world: &mut World) {
    for case in CASES {
        let counted = case.counted();
        let Case { events, presses, expected, missing, complete } = case;
        let rows: Vec<_> = events
            .iter()
            .map(|(count, action)| {
                format!("(gen, {}, '{action}', {count}, 'Unknown', '--')", 1_000_000 + count)
            })
            .collect();
        let rows = rows.join(", ").replace("gen", "'7b0d5a3e-3c1e-4a53-9d53-6b6b5d1c7d10'");
        // Nothing of it stays.
        let found = world.query(&format!(
            r#"BEGIN;
               INSERT INTO button_presses
                   (session_id, "timestamp", action, count, country_name, country_code)
                   VALUES {rows};
               SELECT events, presses, expected, missing, complete FROM session_completeness
                   WHERE session_id = '7b0d5a3e-3c1e-4a53-9d53-6b6b5d1c7d10';
               ROLLBACK;"#
        ));
        let complete = if complete { "t" } else { "f" };
        assert_eq!(found, format!("{counted}|{presses}|{expected}|{missing}|{complete}"));
    }
}

/// Making the table again changes nothing, and the window of a dashboard is found by an index.
pub async fn the_table_is_ready_for_dashboards(world: &mut World) {
    let before = world.query("SELECT count(*) FROM button_presses");
    block_in_place(|| world.stack.postgresql.settle()).unwrap();
    assert_eq!(world.query("SELECT count(*) FROM button_presses"), before);
    for (condition, index) in [
        ("happened_at > now() - interval '1 hour'", "button_presses_by_time"),
        ("country_code = 'PT' AND happened_at > now() - interval '1 hour'", "by_country"),
        ("cohort = 7 AND happened_at > now() - interval '1 hour'", "by_cohort"),
    ] {
        // In a small table PostgreSQL reads all of it, whatever indexes there are.
        let plan = world.query(&format!(
            "SET enable_seqscan = off; EXPLAIN SELECT count(*) FROM button_presses WHERE {condition}"
        ));
        assert!(plan.contains(index), "{condition}: {plan}");
    }
}
