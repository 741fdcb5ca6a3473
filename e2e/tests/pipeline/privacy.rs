//! The address of a visitor is in nothing that any of the servers has written.

use crate::{
    client::{post, session, wait_until_delivering},
    world::World,
};
use e2e::{
    addresses::{
        assert_no_address_among_servers, assert_no_address_in, assert_no_address_under,
        forwarded_for,
    },
    button,
};
use std::process::Command;
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
    for path in ["metrics", "readyz", "api/stats"] {
        let answer = reqwest::get(format!("{}/{path}", relay.url())).await.unwrap();
        assert_no_address_in(path, &answer.bytes().await.unwrap());
    }
    block_in_place(|| tools_say_nothing(world));
    drop(relay);
    // Little is written by a relay, so the four bytes of an IPv4 address are looked for too.
    assert_no_address_under(&world.relay_folder("privacy"));
    // Data, logs, segments, indexes, and what has moved to the remote tier.
    block_in_place(|| world.stack.stop()).unwrap();
    let searched = assert_no_address_among_servers(world.folder.path());
    println!("      {} MB searched", searched >> 20);
    assert!(searched > 10 << 20, "PostgreSQL alone has more");
}

/// What is printed for people about the topic and the table.
fn tools_say_nothing(world: &World) {
    let (kafka, registry) = (world.stack.kafka.bootstrap(), world.stack.registry.url());
    let topic = ["--kafka-service-uri", &kafka, "--schema-registry-uri", &registry];
    for command in [
        &["tail", "--from-beginning", "--to-end"][..],
        &["tail", "--from-beginning", "--to-end", "--json"],
        &["audit"],
        &["audit", "--json"],
    ] {
        let output = Command::new(button()).env_clear().args(command).args(topic).output().unwrap();
        assert!(output.stdout.len() > 100, "{command:?}: {output:?}");
        assert_no_address_in("what a tool prints", &output.stdout);
        assert_no_address_in("a tool's log", &output.stderr);
    }
}
