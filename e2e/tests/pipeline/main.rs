//! From the relay through Kafka into PostgreSQL, on real servers that die, hang and refuse.
//!
//! One test, as starting the servers takes long; its parts come one after the other and use relays
//! and sessions of their own. After each part the account has to be exact: every event that was ever
//! acknowledged is in PostgreSQL, once, and nothing else is. `cargo xtask test --long` does more of
//! everything, and a second test: a cluster of three brokers, up to the topic.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod certificates;
mod client;
mod cluster;
mod crowd;
mod disk_full;
mod evolution;
mod first;
mod kafka_dies;
mod live;
mod message;
mod privacy;
mod records;
mod refusals;
mod relay_dies;
mod silence;
mod sink_dies;
mod soak;
mod tables;
mod tiering;
mod topic;
mod world;

use cluster::Brokers;
use std::time::Instant;
use tokio::task::block_in_place;
use world::World;

/// Runs parts one after the other, unless `E2E_ONLY` names others, and says how long each took.
macro_rules! parts {
    ($world:ident: $($file:ident::$part:ident),+ $(,)?) => {
        let mut took = Vec::new();
        $(
            let name = concat!(stringify!($file), "::", stringify!($part));
            if is_wanted(name) {
                println!("part  {name}");
                let start = Instant::now();
                $file::$part(&mut $world).await;
                took.push((name, start.elapsed().as_secs()));
            }
        )+
        println!("\nAll parts passed");
        took.iter().for_each(|(name, seconds)| println!("{seconds:>6} s  {name}"));
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_whatever_happens() {
    let start = Instant::now();
    let mut world = block_in_place(World::start);
    println!("      the servers: {} s", start.elapsed().as_secs());
    parts!(world:
        message::stored_before_there_was_a_kafka,
        message::stored_with_a_clock_that_was_ahead,
        message::one_that_kafka_rejects_holds_up_nothing,
        message::as_every_consumer_expects,
        records::of_receipts_are_in_the_topic,
        records::of_stored_events_are_known_after_delivery,
        tables::sessions_are_complete_or_not,
        tables::the_table_is_ready_for_dashboards,
        first::event_stays_when_another_has_its_name,
        first::event_stays_in_the_store,
        first::table_of_an_earlier_version_is_upgraded,
        first::count_beyond_the_maximum_makes_nothing_missing,
        soak::everything_at_once,
        kafka_dies::at_random_moments,
        kafka_dies::for_long,
        relay_dies::at_random_moments,
        relay_dies::it_may_come_first,
        relay_dies::the_registry_may_be_away,
        sink_dies::by_turns,
        silence::kafka_hangs,
        disk_full::and_kafka_is_down,
        disk_full::and_kafka_is_back,
        refusals::the_topic_is_missing,
        refusals::the_password_is_wrong,
        refusals::the_registry_has_another_schema,
        refusals::the_registrys_password_is_wrong,
        certificates::let_in_who_has_one,
        certificates::keep_out_who_has_none,
        certificates::that_have_expired_are_replaced,
        certificates::are_replaced_before_they_expire,
        tiering::segments_move,
        tiering::old_messages_go,
        tiering::the_products_topic_too,
        evolution::what_cannot_be_read_is_refused,
        evolution::old_and_new_read_each_other,
        evolution::junk_does_not_stop_the_sink,
        live::are_the_same_on_every_relay,
        privacy::no_address_is_anywhere,
    );
    println!("{:>6} s  in all", start.elapsed().as_secs());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a cluster of three brokers: `cargo xtask test --long` runs it"]
async fn nothing_acknowledged_is_lost_in_a_cluster() {
    let mut brokers = block_in_place(Brokers::start);
    parts!(brokers:
        cluster::leader_is_killed,
        cluster::nodes_restart_in_turn,
        cluster::two_nodes_are_away,
        cluster::log_folder_is_lost,
    );
}

/// `E2E_ONLY=kafka_dies,silence` picks parts, for whoever works on them.
fn is_wanted(name: &str) -> bool {
    let only = std::env::var("E2E_ONLY").unwrap_or_default();
    only.is_empty() || only.split(',').any(|wanted| name.contains(wanted))
}
