//! The store's disk is full while Kafka is down: nothing is acknowledged that is not durable.

use crate::{
    client::{readiness, wait_until_delivering},
    crowd::{Crowd, SHORT_PAUSE},
    topic,
    world::{World, words},
};
use e2e::{Relay, until};
use nix::{
    errno::Errno,
    mount::{MsFlags, mount, umount},
    sys::signal::Signal,
};
use serde_json::json;
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};
use tokio::task::block_in_place;

/// Kafka is back while the disk is still full: stored events are delivered once although the store cannot mark
/// them, and new ones go to Kafka.
pub async fn and_kafka_is_back(world: &mut World) {
    let Some(disk) = Disk::mount(&world.folder.path().join("full-disk")) else {
        println!("      NOT RUN: only root may mount a small disk");
        return;
    };
    let ballast = disk.folder.join("ballast");
    File::create(&ballast).unwrap().write_all(&vec![7; BALLAST_MB << 20]).unwrap();
    block_in_place(|| world.stack.kafka.kill()).unwrap();
    let store = disk.folder.join("button_presses.sqlite");
    let folder = world.relay_folder("disk-stays-full");
    let relay = Relay::start_with_store(&folder, &store, &words(&options(world))).await;
    let crowd = Crowd::start_at_pace(&relay, 16, SHORT_PAUSE);
    crowd.wait_for_unavailable(100).await;
    // To the last byte, as whatever else is on the disk may do.
    let mut rest = File::create(disk.folder.join("rest")).unwrap();
    while rest.write_all(&[7; 512]).is_ok() {}

    block_in_place(|| world.stack.kafka.restart()).unwrap();
    crowd.wait_for_kafka(50).await;
    wait_until_delivering(&relay).await;
    let state = readiness(&relay).await.unwrap();
    assert_eq!(state["store"]["writable"], json!(false), "{state}");
    assert_eq!(state["store"]["undelivered"], json!(0), "{state}");
    // Another pass of the forwarder delivers nothing again.
    relay.signal(Signal::SIGHUP);
    crowd.wait_for_kafka(50).await;
    let outcome = crowd.end().await;
    assert_eq!(outcome.no_answer, 0);
    let messages = world.messages();
    topic::assert_in_order(&messages, &outcome.acknowledged);
    let sent = messages
        .iter()
        .filter(|it| outcome.acknowledged.contains_key(&(it.session(), it.press().event.count)));
    let repeats = sent.count() - outcome.acknowledged.len();
    // Some were in flight when Kafka was killed; a pass that forgets what it delivered repeats all rows.
    let stored = relay.stored().len();
    assert!(repeats < stored / 2, "{repeats} repeats of {stored} stored events");

    fs::remove_file(&ballast).unwrap();
    until("the store to have marked what was delivered", async || {
        match relay.stored().iter().filter(|row| row.delivered_at.is_none()).count() {
            0 => Ok(()),
            waiting => Err(waiting.to_string()),
        }
    })
    .await;
    world.settle(&relay, outcome.acknowledged).await;
    drop(relay);
}

/// A disk so small that it is full within seconds, and the part of it that somebody else uses.
const DISK_MB: usize = 8;
const BALLAST_MB: usize = 7;

/// It fills up, stays full for a while, and gets space again.
pub async fn and_kafka_is_down(world: &mut World) {
    let Some(disk) = Disk::mount(&world.folder.path().join("disk")) else {
        println!("      NOT RUN: only root may mount a small disk");
        return;
    };
    let ballast = disk.folder.join("ballast");
    File::create(&ballast).unwrap().write_all(&vec![7; BALLAST_MB << 20]).unwrap();

    block_in_place(|| world.stack.kafka.kill()).unwrap();
    let store = disk.folder.join("button_presses.sqlite");
    let folder = world.relay_folder("disk-full");
    let mut relay = Relay::start_with_store(&folder, &store, &words(&options(world))).await;
    // As fast as in the long form: they have megabytes to fill.
    let crowd = Crowd::start_at_pace(&relay, 16, SHORT_PAUSE);
    crowd.wait_for_store(50).await;
    // Each refusal is checked for its Retry-After.
    crowd.wait_for_unavailable(100).await;
    let state = readiness(&relay).await.unwrap();
    assert_eq!((&state["ready"], &state["store"]["writable"]), (&json!(false), &json!(false)));
    let reason = state["store"]["reason"].as_str().unwrap();
    assert!(reason.contains("full"), "{reason}");

    assert!(relay.is_running());
    fs::remove_file(&ballast).unwrap();
    crowd.wait_for_store(50).await;
    until("the relay to be ready again", async || {
        let state = readiness(&relay).await?;
        if state["ready"] == json!(true) { Ok(()) } else { Err(state.to_string()) }
    })
    .await;
    block_in_place(|| world.stack.kafka.restart()).unwrap();
    crowd.wait_for_kafka(50).await;
    let outcome = crowd.end().await;
    assert_eq!(outcome.no_answer, 0, "refused, and never left without an answer");
    wait_until_delivering(&relay).await;
    topic::assert_in_order(&world.messages(), &outcome.acknowledged);
    world.settle(&relay, outcome.acknowledged).await;
    drop(relay);
}

/// It is the disk that is full, not the store by its own limit.
fn options(world: &World) -> Vec<String> {
    let mut options = world.options();
    options.extend(["--max-store-bytes", "1000000000"].map(str::to_owned));
    options
}

/// A small disk in memory, which is there until it is dropped.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// `None` for those who may not mount anything.
    fn mount(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let size = format!("size={DISK_MB}m");
        let (tmpfs, none) = (Some("tmpfs"), MsFlags::empty());
        match mount(tmpfs, folder, tmpfs, none, Some(size.as_str())) {
            Ok(()) => Some(Self { folder: folder.to_owned() }),
            Err(Errno::EPERM) => None,
            Err(error) => panic!("cannot mount a disk: {error}"),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(error) = umount(&self.folder) {
            eprintln!("{} stays mounted: {error}", self.folder.display());
        }
    }
}
