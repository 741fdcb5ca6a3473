//! From the relay through Kafka into PostgreSQL, on real servers that die, hang and refuse.
//!
//! One test, as starting the servers takes long; its parts come one after the other and use relays
//! and sessions of their own. After each part the account has to be exact: every event that was ever
//! acknowledged is in PostgreSQL, once, and nothing else is. `cargo xtask test --long` does more of
//! everything.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod certificates;
mod client;
mod crowd;
mod disk_full;
mod evolution;
mod kafka_dies;
mod message;
mod privacy;
mod refusals;
mod relay_dies;
mod silence;
mod sink_dies;
mod tables;
mod tiering;
mod topic;
mod world;

use std::time::Instant;
use tokio::task::block_in_place;
use world::World;

/// Runs a part, unless `E2E_ONLY` names others, and says how long it took.
macro_rules! part {
    ($world:ident, $($part:ident)::+) => {
        let name = stringify!($($part)::+).replace(' ', "");
        if is_wanted(&name) {
            println!("part  {name}");
            let start = Instant::now();
            $($part)::+(&mut $world).await;
            println!("      {name}: {} s", start.elapsed().as_secs());
        }
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_whatever_happens() {
    let start = Instant::now();
    let mut world = block_in_place(World::start);
    println!("      the servers: {} s", start.elapsed().as_secs());
    part!(world, message::stored_before_there_was_a_kafka);
    part!(world, message::as_every_consumer_expects);
    part!(world, tables::sessions_are_complete_or_not);
    part!(world, tables::the_table_is_ready_for_dashboards);
    part!(world, tables::the_dashboards_queries_run);
    part!(world, kafka_dies::at_random_moments);
    part!(world, kafka_dies::for_long);
    part!(world, relay_dies::at_random_moments);
    part!(world, relay_dies::it_may_come_first);
    part!(world, relay_dies::the_registry_may_be_away);
    part!(world, sink_dies::by_turns);
    part!(world, silence::kafka_hangs);
    part!(world, disk_full::and_kafka_is_down);
    part!(world, refusals::the_topic_is_missing);
    part!(world, refusals::the_password_is_wrong);
    part!(world, refusals::the_registry_has_another_schema);
    part!(world, refusals::the_registrys_password_is_wrong);
    part!(world, certificates::let_in_who_has_one);
    part!(world, certificates::keep_out_who_has_none);
    part!(world, certificates::that_have_expired_are_replaced);
    part!(world, certificates::are_replaced_before_they_expire);
    part!(world, tiering::segments_move);
    part!(world, tiering::the_products_topic_too);
    part!(world, evolution::what_cannot_be_read_is_refused);
    part!(world, evolution::old_and_new_read_each_other);
    part!(world, evolution::junk_does_not_stop_the_sink);
    part!(world, privacy::no_address_is_anywhere);
    println!("      all: {} s", start.elapsed().as_secs());
}

/// `E2E_ONLY=kafka_dies,silence` picks parts, for whoever works on them.
fn is_wanted(name: &str) -> bool {
    let only = std::env::var("E2E_ONLY").unwrap_or_default();
    only.is_empty() || only.split(',').any(|wanted| name.contains(wanted))
}
