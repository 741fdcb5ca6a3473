//! Closed segments move to the remote tier, leave the broker's disk, and are read as before.

use crate::{
    client::wait_until_delivering,
    crowd::Crowd,
    topic,
    world::{TOPIC, World, is_long},
};
use local_stack::Topic;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};
use tokio::task::block_in_place;

/// A topic of its own, as slow as a stand's and with shorter times, so that one can wait for it.
const FAST: &str = "tiered";

/// One that keeps messages for seconds.
const SHORT: &str = "short";

/// With a few visitors, segments move, are deleted from the disk, and nothing is missing for a
/// consumer that begins at the beginning.
pub async fn segments_move(world: &mut World) {
    let fast = Topic {
        name: FAST.to_owned(),
        partitions: 3,
        local_retention: Duration::from_secs(1),
        retention: Duration::from_secs(24 * 60 * 60),
        segment_age: Duration::from_secs(1),
    };
    block_in_place(|| world.stack.kafka.create_topic(&fast)).unwrap();
    let options = [world.options(), vec!["--topic".to_owned(), FAST.to_owned()]].concat();
    let relay = world.relay_with("tiering", &options).await;
    wait_until_delivering(&relay).await;
    let crowd = Crowd::start(&relay, 6);
    wait_until_tiered(world, FAST, Duration::from_secs(60)).await;
    let outcome = crowd.end().await;
    assert_eq!((outcome.no_answer, outcome.unavailable), (0, 0));

    let messages = block_in_place(|| topic::read(&world.stack.kafka.bootstrap(), FAST));
    topic::assert_in_order(&messages, &outcome.acknowledged);
    assert_eq!(messages.len(), outcome.acknowledged.len());
}

/// What is older than the topic's retention goes, from the remote tier too, once a later message has closed its
/// segment.
pub async fn old_messages_go(world: &mut World) {
    let short = Topic {
        name: SHORT.to_owned(),
        partitions: 3,
        retention: Duration::from_secs(10),
        local_retention: Duration::from_secs(1),
        segment_age: Duration::from_secs(1),
    };
    block_in_place(|| world.stack.kafka.create_topic(&short)).unwrap();
    let options = [world.options(), vec!["--topic".to_owned(), SHORT.to_owned()]].concat();
    let relay = world.relay_with("retention", &options).await;
    wait_until_delivering(&relay).await;
    let crowd = Crowd::start(&relay, 6);
    let start = Instant::now();
    loop {
        let first = block_in_place(|| offsets(world, SHORT, "earliest"));
        if first.len() == 3 && first.values().all(|offset| *offset > 0) {
            println!("      messages before {first:?} have gone");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "the topic begins at {first:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let outcome = crowd.end().await;
    assert_eq!((outcome.no_answer, outcome.unavailable), (0, 0));
}

/// The product's own topic has what it takes, and in the long form does it.
pub async fn the_products_topic_too(world: &mut World) {
    let described = block_in_place(|| {
        world.stack.kafka.tool(
            "org.apache.kafka.tools.TopicCommand",
            &["--bootstrap-server", &world.stack.kafka.bootstrap(), "--describe", "--topic", TOPIC],
        )
    })
    .unwrap();
    let settings = ["remote.storage.enable=true", "local.retention.ms=300000", "segment.ms=60000"];
    for setting in ["PartitionCount: 3", "retention.ms=7776000000"].iter().chain(&settings) {
        assert!(described.contains(setting), "{setting}: {described}");
    }
    if !is_long() {
        return;
    }
    let relay = world.relay("tiering-long").await;
    wait_until_delivering(&relay).await;
    let crowd = Crowd::start(&relay, 1);
    wait_until_tiered(world, TOPIC, Duration::from_secs(15 * 60)).await;
    let outcome = crowd.end().await;
    topic::assert_in_order(&world.messages(), &outcome.acknowledged);
    world.settle(&relay, outcome.acknowledged).await;
}

/// Waits until every partition has its first segments in the remote tier only.
async fn wait_until_tiered(world: &World, topic: &str, limit: Duration) {
    let start = Instant::now();
    loop {
        let local = block_in_place(|| earliest_local(world, topic));
        let moved = local.len() == 3 && local.values().all(|offset| *offset > 0);
        let remote = remote_segments(&world.stack.kafka.remote_folder(), topic);
        if moved && remote >= 6 {
            println!("      {remote} segments in the remote tier; on the disk from {local:?} on");
            break;
        }
        assert!(start.elapsed() < limit, "{remote} segments; on the disk from {local:?} on");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // The first segments really are gone from the disk.
    for partition in 0..3 {
        let folder = world.stack.kafka.data_folder().join(format!("{topic}-{partition}"));
        assert!(folder.is_dir());
        assert!(!folder.join("00000000000000000000.log").exists(), "{}", folder.display());
    }
}

/// The first offset of each partition that is on the broker's disk, as Kafka tells it.
fn earliest_local(world: &World, topic: &str) -> BTreeMap<String, i64> {
    offsets(world, topic, "earliest-local")
}

/// An offset of each partition, by Kafka's name for its time.
fn offsets(world: &World, topic: &str, time: &str) -> BTreeMap<String, i64> {
    let bootstrap = world.stack.kafka.bootstrap();
    let arguments = ["--bootstrap-server", &bootstrap, "--topic", topic, "--time", time];
    let printed =
        world.stack.kafka.tool("org.apache.kafka.tools.GetOffsetShell", &arguments).unwrap();
    let line = |line: &str| {
        let (partition, offset) = line.rsplit_once(':')?;
        Some((partition.to_owned(), offset.parse().ok()?))
    };
    printed.lines().filter_map(line).collect()
}

/// How many segments of a topic are in the folder that stands for the remote tier.
fn remote_segments(folder: &Path, topic: &str) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| {
            let path = entry.path();
            if path.is_dir() {
                return remote_segments(&path, topic);
            }
            let of_topic = path
                .components()
                .any(|part| part.as_os_str().to_string_lossy().contains(&format!("{topic}-")));
            usize::from(of_topic && path.extension().is_some_and(|end| end == "log"))
        })
        .sum()
}
