//! The address of a visitor is in nothing that any of the servers has written.

use crate::{
    client::{post, session, wait_until_delivering},
    world::World,
};
use e2e::addresses::{assert_no_address_in, assert_no_address_under, forwarded_for};
use tokio::task::block_in_place;

/// Comes last: it searches all data and logs of all parts, and ends the servers for it.
pub async fn no_address_is_anywhere(world: &mut World) {
    let relay = world.relay("privacy").await;
    wait_until_delivering(&relay).await;
    for address in forwarded_for() {
        let batch = session(1, None);
        let receipt = post(&relay, &batch, Some(&address)).await;
        assert_eq!(receipt.durable_in, "kafka");
        world.acknowledged(batch.session_id, &batch.events);
    }
    world.settle_in_postgresql().await;
    for message in world.messages() {
        assert_no_address_in("a message", &message.key);
        assert_no_address_in("a message", &message.value);
        assert_no_address_in("a message", &message.headers);
    }
    drop(relay);
    block_in_place(|| world.stack.stop()).unwrap();
    let searched = assert_no_address_under(world.folder.path());
    println!("      {} MB searched", searched >> 20);
    assert!(searched > 10 << 20, "PostgreSQL alone has more");
}
