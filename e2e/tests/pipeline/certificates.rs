//! TLS with client certificates, as a hosted Kafka hands them out: ca.pem, service.cert, service.key.

use crate::{
    client::{post, session, wait_for_state, wait_until_delivering},
    crowd::Crowd,
    records::assert_found,
    refusals::waits_for_a_person,
    topic,
    world::{TOPIC, World},
};
use e2e::{Relay, until};
use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};
use tokio::task::block_in_place;

const A_YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Producing and consuming with them.
pub async fn let_in_who_has_one(world: &mut World) {
    let folder = world.folder.path().join("visitor-certificates");
    issue(world, &folder, SystemTime::now() + A_YEAR);
    let relay = world.relay_with("tls", &options(world, &folder)).await;
    wait_until_delivering(&relay).await;
    let batch = session(30, Some(3));
    assert_eq!(post(&relay, &batch, None).await.durable_in, "kafka");
    world.acknowledged(batch.session_id, &batch.events);

    let settings = topic::settings(&world.stack.kafka.tls_bootstrap(), TOPIC, Some(&folder));
    let messages = block_in_place(|| topic::read_with(&settings));
    let expected: Vec<u64> = (0..=31).collect();
    assert_eq!(topic::counts(&messages, batch.session_id), expected);
    world.settle_in_postgresql().await;
}

/// None, or one of somebody else's authority: not let in, and told so.
pub async fn keep_out_who_has_none(world: &mut World) {
    // Without any: the CA alone, by librdkafka's own properties.
    let ca = world.stack.kafka.authority().unwrap().folder().join("ca.pem");
    let mut none = world.common_options();
    none.extend([
        format!("--kafka-service-uri={}", world.stack.kafka.tls_bootstrap()),
        format!("--schema-registry-uri={}", world.stack.registry.url()),
        "--kafka-property=security.protocol=ssl".to_owned(),
        format!("--kafka-property=ssl.ca.location={}", ca.display()),
    ]);
    let mut relay = world.relay_with("no-certificate", &none).await;
    waits_for_a_person(&mut relay, &["certificate"]).await;

    let strange = world.folder.path().join("strange-certificates");
    let stranger = local_stack::Authority::at(&world.folder.path().join("stranger")).unwrap();
    stranger.issue_client(&strange, SystemTime::now() + A_YEAR).unwrap();
    let mut relay = world.relay_with("strange", &options(world, &strange)).await;
    let batch = waits_for_a_person(&mut relay, &["ca.pem"]).await;
    // The right ones in their place are taken up while it runs.
    issue(world, &strange, SystemTime::now() + A_YEAR);
    wait_until_delivering(&relay).await;
    world.acknowledged(batch.session_id, &batch.events);
    world.settle_in_postgresql().await;
}

/// One that has expired before the relay is started; a new one is taken up while it runs.
pub async fn that_have_expired_are_replaced(world: &mut World) {
    let folder = world.folder.path().join("expired-certificates");
    issue(world, &folder, SystemTime::now() - Duration::from_secs(3 * 24 * 3600));
    let mut relay = world.relay_with("expired", &options(world, &folder)).await;
    let words = ["service.cert", "expired on", "download"];
    let batch = waits_for_a_person(&mut relay, &words).await;
    // One file after the other: half of a set is not taken.
    let new = world.folder.path().join("new-certificates");
    issue(world, &new, SystemTime::now() + A_YEAR);
    fs::copy(new.join("service.cert"), folder.join("service.cert")).unwrap();
    wait_for_state(&relay, "misconfigured", "does not belong").await;
    fs::copy(new.join("service.key"), folder.join("service.key")).unwrap();
    wait_until_delivering(&relay).await;
    assert!(relay.is_running());
    world.acknowledged(batch.session_id, &batch.events);
    world.settle_in_postgresql().await;
}

/// One that expires while the relay delivers: new ones come in time, and are what the relay has when
/// Kafka asks again.
pub async fn are_replaced_before_they_expire(world: &mut World) {
    let folder = world.folder.path().join("short-certificates");
    let end = SystemTime::now() + Duration::from_secs(20);
    issue(world, &folder, end);
    let relay = world.relay_with("short", &options(world, &folder)).await;
    wait_until_delivering(&relay).await;
    let crowd = Crowd::start(&relay, 4);
    crowd.wait_for_kafka(50).await;
    issue(world, &folder, SystemTime::now() + A_YEAR);
    taken_up(&relay).await;
    // Kafka looks at a certificate when a connection is made, so all are made again after its end.
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
    tokio::time::sleep(left + Duration::from_secs(1)).await;
    block_in_place(|| world.stack.kafka.restart()).unwrap();
    crowd.wait_for_kafka(50).await;
    // The new producer's receipts locate events as the old one's did.
    let batch = session(3, None);
    let records = post(&relay, &batch, None).await.kafka;
    world.acknowledged(batch.session_id, &batch.events);
    let outcome = crowd.end().await;
    assert_eq!((outcome.no_answer, outcome.unavailable), (0, 0));
    wait_until_delivering(&relay).await;
    if let Some(records) = records {
        assert_found(&records, &batch, &world.messages());
    }
    topic::assert_in_order(&world.messages(), &outcome.acknowledged);
    world.settle(&relay, outcome.acknowledged).await;
}

async fn taken_up(relay: &Relay) {
    until("the certificates to be taken up", async || {
        let log = fs::read_to_string(relay.log_file()).unwrap();
        if log.contains("certificates for Kafka were replaced") {
            Ok(())
        } else {
            Err(String::new())
        }
    })
    .await;
}

fn issue(world: &World, folder: &Path, valid_until: SystemTime) {
    world.stack.kafka.authority().unwrap().issue_client(folder, valid_until).unwrap();
}

fn options(world: &World, certificates: &Path) -> Vec<String> {
    let mut options = world.common_options();
    options.extend([
        format!("--kafka-service-uri={}", world.stack.kafka.tls_bootstrap()),
        format!("--schema-registry-uri={}", world.stack.registry.url()),
        format!("--kafka-certificates={}", certificates.display()),
    ]);
    options
}
