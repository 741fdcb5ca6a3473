//! The live numbers come from the topic: every relay shows the same, also one that has just started.

use crate::{
    client,
    world::{Ledger, World},
};
use e2e::{Engine, PRESSES, Relay, assert_whole_visit, dist, measure_presses, until};
use schemas::{Action, Event, Uuid, avro, frame};
use serde_json::Value;
use std::collections::BTreeMap;

/// They are those of all that was ever acknowledged, by whichever relay.
pub async fn are_the_same_on_every_relay(world: &mut World) {
    let ledger = world.ledger();
    let presses = ledger.values().filter(|event| event.action == Action::PressButton).count();
    let mut sessions = BTreeMap::<Uuid, Vec<Action>>::new();
    // In the order of their counts.
    for ((session, _), event) in ledger {
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

/// From the finger in one browser through Kafka to the screen in another. That visit too has to be in
/// the topic as a whole, and then in the account.
pub async fn a_press_is_on_the_screen_at_once(world: &mut World) {
    if Engine::Chromium.is_wanted("a_press_is_on_the_screen_at_once") {
        let page = ["--static-dir".to_owned(), dist().to_string_lossy().into_owned()];
        let options = [&world.options()[..], &page].concat();
        let relay = world.relay_with("live-page", &options).await;
        client::wait_until_delivering(&relay).await;
        let ledger = world.ledger().values();
        let before = ledger.filter(|event| event.action == Action::PressButton).count();
        measure_presses(Engine::Chromium, &relay.url(), before).await;
        let visit = until("the visit in the topic", async || {
            let visit = strangers(world);
            let is_whole = visit.len() == PRESSES + 2;
            if is_whole { Ok(visit) } else { Err(format!("{} events", visit.len())) }
        })
        .await;
        let events: Vec<Event> = visit.values().copied().collect();
        assert_whole_visit(&events, PRESSES as u64);
        for ((session, _), event) in visit {
            world.acknowledged(session, &[event]);
        }
    }
}

/// Events in the topic that are not in the ledger, by identity.
fn strangers(world: &World) -> Ledger {
    let presses = world.messages().into_iter().filter_map(|message| {
        let (_, datum) = frame::split(&message.value).ok()?;
        avro::decode(avro::schema(), datum).ok()
    });
    presses
        .map(|press| ((press.session_id, press.event.count), press.event))
        .filter(|(identity, _)| !world.ledger().contains_key(identity))
        .collect()
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
