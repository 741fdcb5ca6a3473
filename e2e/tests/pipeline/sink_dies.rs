//! Connect and PostgreSQL are killed and come back.

use crate::{
    client::wait_until_delivering,
    crowd::Crowd,
    world::{World, rounds},
};
use e2e::until;
use std::time::Duration;
use tokio::task::block_in_place;

/// Killed with SIGKILL by turns, while events keep coming.
pub async fn by_turns(world: &mut World) {
    let relay = world.relay("sink-dies").await;
    wait_until_delivering(&relay).await;
    let crowd = Crowd::start(&relay, 4);
    for round in 0..rounds(2) {
        crowd.wait_for_kafka(50).await;
        arrives(world).await;
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..800))).await;
        if round % 2 == 0 {
            block_in_place(|| world.stack.connect.kill()).unwrap();
            crowd.wait_for_kafka(50).await;
            block_in_place(|| world.stack.connect.restart()).unwrap();
        } else {
            block_in_place(|| world.stack.postgresql.kill()).unwrap();
            crowd.wait_for_kafka(50).await;
            block_in_place(|| world.stack.postgresql.restart()).unwrap();
            goes_on(world).await;
        }
    }
    let outcome = crowd.end().await;
    assert_eq!((outcome.no_answer, outcome.unavailable), (0, 0));
    world.settle(&relay, outcome.acknowledged).await;
    // Nothing went to the dead letters instead.
    assert_eq!(world.dead_letters(), 0);
}

/// Waits until the sink writes again. It waits for PostgreSQL and goes on by itself; only a connection
/// that breaks in the middle of certain statements makes it fail, and then it is started afresh, as
/// `stack up` does.
async fn goes_on(world: &World) {
    let before = rows(world);
    until("the sink to go on", async || {
        world.mend_sink();
        let state = block_in_place(|| world.stack.connect.sink_state());
        if rows(world) > before { Ok(()) } else { Err(format!("{state:?}")) }
    })
    .await;
}

/// Waits until something new arrives, so that the next death meets a sink at work.
async fn arrives(world: &World) {
    let before = rows(world);
    until("the sink to write", async || {
        world.mend_sink();
        match rows(world) {
            now if now > before => Ok(()),
            _ => Err(format!("{:?}", block_in_place(|| world.stack.connect.sink_state()))),
        }
    })
    .await;
}

fn rows(world: &World) -> u64 {
    world.query("SELECT count(*) FROM button_presses").parse().unwrap()
}
