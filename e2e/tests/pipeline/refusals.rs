//! What stays until somebody changes something: the relay says what, keeps events in its store, is
//! not ready, does not end, and goes on by itself when it has been changed.

use crate::{
    client::{post, readiness, session, wait_for_state, wait_until_delivering},
    topic,
    world::{World, words},
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
};
use e2e::Relay;
use local_stack::{SASL_USER, Topic};
use schemas::EventBatch;
use serde_json::json;
use std::time::Duration;
use tokio::{net::TcpListener, task::block_in_place};

/// Checks all that is promised of a relay that waits for a person, and gives what it has stored.
pub async fn waits_for_a_person(relay: &mut Relay, words: &[&str]) -> EventBatch {
    let state = wait_for_state(relay, "misconfigured", words[0]).await;
    for word in words {
        assert!(state["kafka"]["reason"].as_str().unwrap().contains(word), "{word}: {state}");
    }
    let batch = session(5, None);
    assert_eq!(post(relay, &batch, None).await.durable_in, "store");
    // It stays so: no flicker between states, and no end.
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(relay.is_running());
        let state = readiness(relay).await.unwrap();
        assert_eq!(state["ready"], json!(false), "{state}");
        assert_eq!(state["kafka"]["state"], json!("misconfigured"), "{state}");
    }
    let answer = reqwest::get(format!("{}/readyz", relay.management_url())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE.as_u16());
    batch
}

/// A topic that is not there, until somebody makes it.
pub async fn the_topic_is_missing(world: &mut World) {
    const LATER: &str = "made-later";
    let options = [world.options(), vec!["--topic".to_owned(), LATER.to_owned()]].concat();
    let mut relay = world.relay_with("no-topic", &options).await;
    let batch = waits_for_a_person(&mut relay, &[LATER, "does not exist", "create it"]).await;
    let topic = Topic { name: LATER.to_owned(), ..Topic::button_presses() };
    block_in_place(|| world.stack.kafka.create_topic(&topic)).unwrap();
    wait_until_delivering(&relay).await;
    let messages = block_in_place(|| topic::read(&world.stack.kafka.bootstrap(), LATER));
    assert_eq!(topic::counts(&messages, batch.session_id), [0, 1, 2, 3, 4, 5, 6]);
}

/// A password that Kafka refuses, until the relay is started with the right one.
pub async fn the_password_is_wrong(world: &mut World) {
    let (user, password) = SASL_USER;
    let ca = world.stack.kafka.authority().unwrap().folder().join("ca.pem");
    let options = |password: &str| {
        let mut options = world.common_options();
        options.extend([
            format!("--kafka-service-uri={}", world.stack.kafka.sasl_bootstrap()),
            format!("--schema-registry-uri={}", world.stack.registry.url()),
            "--kafka-property=security.protocol=SASL_SSL".to_owned(),
            "--kafka-property=sasl.mechanism=PLAIN".to_owned(),
            format!("--kafka-property=sasl.username={user}"),
            format!("--kafka-property=sasl.password={password}"),
            format!("--kafka-property=ssl.ca.location={}", ca.display()),
        ]);
        options
    };
    let (wrong, right) = (options("hunter-22"), options(password));
    let mut relay = world.relay_with("password", &wrong).await;
    let batch = waits_for_a_person(&mut relay, &["password", "sasl.password"]).await;
    relay.stop();
    relay.start_again(&words(&right)).await;
    wait_until_delivering(&relay).await;
    world.acknowledged(batch.session_id, &batch.events);
    world.settle_in_postgresql().await;
    let log = std::fs::read_to_string(relay.log_file()).unwrap();
    for secret in ["hunter-22", password] {
        assert!(!log.contains(secret), "a password is in the log");
    }
}

/// The subject has another schema already, until another topic is named.
pub async fn the_registry_has_another_schema(world: &mut World) {
    const TAKEN: &str = "taken";
    let topic = Topic { name: TAKEN.to_owned(), ..Topic::button_presses() };
    block_in_place(|| world.stack.kafka.create_topic(&topic)).unwrap();
    let other = json!({"type": "record", "name": TAKEN, "fields": [{"name": "x", "type": "int"}]});
    let answer = reqwest::Client::new()
        .post(format!("{}/subjects/{TAKEN}-value/versions", world.stack.registry.url()))
        .json(&json!({"schema": other.to_string()}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let options = world.options();
    let taken = [options.clone(), vec!["--topic".to_owned(), TAKEN.to_owned()]].concat();
    let mut relay = world.relay_with("incompatible", &taken).await;
    let batch = waits_for_a_person(&mut relay, &["refuses the schema", "taken-value", "409"]).await;
    relay.stop();
    relay.start_again(&words(&options)).await;
    wait_until_delivering(&relay).await;
    world.acknowledged(batch.session_id, &batch.events);
    world.settle_in_postgresql().await;
}

/// A registry that asks for a user and a password. Apicurio does not by itself: in front of it is a
/// proxy that does, as hosted registries do.
pub async fn the_registrys_password_is_wrong(world: &mut World) {
    const USER: &str = "avnadmin";
    const PASSWORD: &str = "p@ss/word";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // avnadmin:p@ss/word in Base64 (RFC 7617).
    let guard =
        Guard { expected: "Basic YXZuYWRtaW46cEBzcy93b3Jk", behind: world.stack.registry.url() };
    let proxy = Router::new().fallback(pass_on).with_state(guard);
    let proxy = tokio::spawn(async move { axum::serve(listener, proxy).await });

    let options = |password: &str| {
        let mut options = world.common_options();
        options.push(format!("--kafka-service-uri={}", world.stack.kafka.bootstrap()));
        options.push(format!("--schema-registry-uri=http://{USER}:{password}@{address}"));
        options
    };
    let mut relay = world.relay_with("registry-password", &options("wrong-word")).await;
    let batch = waits_for_a_person(&mut relay, &["credentials", "SCHEMA_REGISTRY_URI"]).await;
    relay.stop();
    relay.start_again(&words(&options("p%40ss%2Fword"))).await;
    wait_until_delivering(&relay).await;
    world.acknowledged(batch.session_id, &batch.events);
    world.settle_in_postgresql().await;
    let log = std::fs::read_to_string(relay.log_file()).unwrap();
    for secret in ["wrong-word", PASSWORD, "p%40ss%2Fword"] {
        assert!(!log.contains(secret), "a password is in the log");
    }
    proxy.abort();
}

#[derive(Clone)]
struct Guard {
    expected: &'static str,
    behind: String,
}

async fn pass_on(
    State(guard): State<Guard>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != guard.expected) {
        return (StatusCode::UNAUTHORIZED, b"who are you?".to_vec());
    }
    let answer = reqwest::Client::new()
        .post(format!("{}{}", guard.behind, uri.path()))
        .header("content-type", "application/vnd.schemaregistry.v1+json")
        .body(body.to_vec())
        .send()
        .await
        .unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    (status, answer.bytes().await.unwrap().to_vec())
}
