//! The live numbers come from the topic: every relay shows the same, also one that has just started.

use crate::world::{Ledger, World};
use e2e::{Relay, until};
use schemas::{Action, MAX_COUNT, Uuid};
use serde_json::Value;
use std::collections::BTreeMap;

/// They are those of all that was ever acknowledged, by whichever relay.
pub async fn are_the_same_on_every_relay(world: &mut World) {
    let ledger = world.ledger();
    let presses = ledger.values().filter(|event| event.action == Action::PressButton).count();
    let mut sessions = BTreeMap::<Uuid, Vec<Action>>::new();
    // In the order of their counts, without those that no page reaches.
    for ((session, _), event) in ledger.iter().filter(|((_, count), _)| *count <= MAX_COUNT) {
        sessions.entry(*session).or_default().push(event.action);
    }
    // Nothing acknowledged is missing, so that a session is complete if it ends with an exit.
    let complete = sessions.values().filter(|events| events.last() == Some(&Action::ExitPage));
    let (sessions, complete) = (sessions.len(), complete.count());

    let (one, other) = (world.relay("live-one").await, world.relay("live-other").await);
    let (one, other) = (numbers(&one, presses).await, numbers(&other, presses).await);
    for stats in [&one, &other] {
        assert_eq!(stats["sessions"], sessions);
        assert_eq!(stats["complete_sessions"], complete);
    }
    for number in ["countries", "elsewhere", "places", "latest", "not_counted"] {
        assert_eq!(one[number], other[number], "{number}");
    }
    println!("      {presses} presses in {sessions} sessions, {complete} of them complete");
}

/// The numbers of a relay that has read all, which must know of so many presses.
async fn numbers(relay: &Relay, presses: usize) -> Value {
    let stats = until("the live numbers", async || {
        let answer = reqwest::get(format!("{}/api/stats", relay.url())).await;
        let stats: Value = answer.unwrap().json().await.unwrap();
        if stats["catching_up"].is_null() {
            Ok(stats)
        } else {
            Err(stats["catching_up"].to_string())
        }
    })
    .await;
    assert_eq!(stats["presses"], presses);
    stats
}

/// Waits until the relay's live numbers count every press of the ledger, once.
pub async fn numbers_are_exact(relay: &Relay, ledger: &Ledger) {
    let presses = ledger.values().filter(|event| event.action == Action::PressButton).count();
    until("the live numbers", async || {
        let stats = reqwest::get(format!("{}/api/stats", relay.url())).await.unwrap();
        let stats: Value = stats.json().await.unwrap();
        if stats["presses"] == presses { Ok(()) } else { Err(format!("{presses}: {stats}")) }
    })
    .await;
}
