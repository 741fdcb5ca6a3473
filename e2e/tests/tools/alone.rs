//! Into stores and out of them; through a relay without Kafka; options and errors.

use crate::{button, failure, found, json};
use e2e::{Relay, read_store};
use std::path::Path;
use tokio::task::block_in_place;

fn store(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

#[test]
fn the_same_seed_makes_the_same_events() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, seed: &str| {
        let file = store(folder.path(), name);
        let until = ["--since", "2026-03-01T00:00:00Z", "--until", "2026-03-02T00:00:00Z"];
        let options = ["generate", "--json", "--sessions", "300", "--seed", seed, "--store", &file];
        let made = json(0, &[&options[..], &until, &["--cohort", "-3"]].concat());
        assert_eq!(made["visits"], 300);
        assert_eq!(made["journey"]["stored"], made["happened"]);
        let events: Vec<_> =
            read_store(Path::new(&file)).into_iter().map(|row| row.press).collect();
        assert_eq!(events.len() as u64, made["happened"].as_u64().unwrap());
        let (first, last) = ("2026-03-01T00:00:00", "2026-03-02T00:00:01");
        assert!(events.iter().all(|press| {
            let time = press.event.timestamp.to_string();
            press.cohort == Some(-3) && *first <= *time && *time <= *last
        }));
        events
    };
    let first = make("1", "42");
    assert_eq!(first, make("2", "42"));
    assert_ne!(first, make("3", "43"));
}

#[test]
fn an_audit_of_a_store_finds_what_was_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = store(folder.path(), "lossy");
    let make = ["generate", "--json", "--sessions", "500", "--lose", "0.05", "--store", &file];
    let made = json(0, &make);
    let audit = json(3, &["audit", "--json", "--show", "1000", "--store", &file]);
    assert_eq!(found(&audit), made["audit"]);
    let gaps = audit["gaps"].as_array().unwrap();
    assert_eq!(gaps.len() as u64, audit["sessions"]["with_gaps"].as_u64().unwrap());

    let table =
        String::from_utf8(button(&["audit", "--show", "2", "--store", &file]).stdout).unwrap();
    assert!(table.contains("Sessions with gaps (2 of"), "{table}");

    // Nothing is missing, but ends are: that is an answer of its own.
    let file = store(folder.path(), "whole");
    json(0, &["generate", "--json", "--sessions", "50", "--store", &file]);
    let audit = json(0, &["audit", "--json", "--strict", "--store", &file]);
    assert_eq!(audit["sessions"]["complete"], 50);
    let store = rusqlite::Connection::open(&file).unwrap();
    let last = "DELETE FROM button_presses WHERE action = 'ExitPage' AND (session_id, count) IN \
                (SELECT session_id, max(count) FROM button_presses GROUP BY 1 LIMIT 1)";
    assert_eq!(store.execute(last, []).unwrap(), 1);
    drop(store);
    let audit = json(0, &["audit", "--json", "--store", &file]);
    assert_eq!((&audit["sessions"]["unfinished"], &audit["missing"]), (&1.into(), &0.into()));
    json(3, &["audit", "--json", "--strict", "--store", &file]);
}

#[tokio::test(flavor = "multi_thread")]
async fn visits_through_a_relay_wait_for_its_limits() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--trusted-proxies", "127.0.0.1", "--new-sessions", "5", "--events", "100"];
    let relay = Relay::start(folder.path(), &options).await;
    let url = relay.url();
    let make = ["generate", "--json", "--sessions", "60", "--relay", &url];
    let made = block_in_place(|| json(0, &make));
    assert_eq!(made["journey"]["acknowledged"], made["sent"]);
    assert_ne!(made["journey"]["tried_again"], 0, "it met a limit");
    assert_eq!(relay.stored().len() as u64, made["sent"].as_u64().unwrap());
}

#[test]
fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let letter = folder.path().join("letter.txt");
    std::fs::write(&letter, "Dear database, this is a letter and not one of your files.").unwrap();
    let letter = letter.to_str().unwrap();
    let kafka =
        ["--kafka-service-uri", "127.0.0.1:1", "--schema-registry-uri", "http://127.0.0.1:1"];
    let nowhere = "postgres://user:hunter2@127.0.0.1:1/button";
    for (status, arguments, expected) in [
        (1, vec!["generate"], "--relay URL"),
        (1, vec!["audit"], "--store FILE"),
        (1, vec!["tail"], "--kafka-service-uri"),
        (1, vec!["tail", "--kafka-service-uri", "127.0.0.1:1"], "--schema-registry-uri"),
        (1, vec!["audit", "--store", "nothing.sqlite"], "there is no store nothing.sqlite"),
        (1, vec!["audit", "--store", letter], "not a database"),
        (1, vec!["generate", "--relay", "http://127.0.0.1:1"], "there is no relay"),
        (1, [&["generate"], &kafka[..]].concat(), "the schema registry does not answer"),
        (1, [&["tail"], &kafka[..]].concat(), "Kafka does not answer"),
        (1, vec!["audit", "--postgresql", "--postgresql-uri", nowhere], "Connection refused"),
        (
            1,
            vec!["audit", "--postgresql", "--postgresql-uri", "hunter2"],
            "no address of a database",
        ),
        (1, vec!["generate", "--lose", "0.6", "--repeat", "0.6", "--store", "x"], "at most 1"),
        (1, vec!["generate", "--since", "1d", "--until", "2d", "--store", "x"], "after --until"),
        (1, vec!["generate", "--geo-database", letter, "--store", letter], "letter.txt"),
        (2, vec!["generate", "--lose", "2"], "not from 0 to 1"),
        (2, vec!["generate", "--rate", "0"], "not more than 0"),
        (2, vec!["generate", "--since", "yesterday"], "how long ago"),
        (2, vec!["tail", "--session", "Lisbon"], "session's id"),
        (2, vec!["tail", "--action", "Press"], "PressButton"),
        (2, vec!["audit", "--postgresql"], "--postgresql-uri"),
        (2, vec!["forget", "--session", "5e0aabbc"], "--store"),
        (2, vec!["forget", "--session", "5e0aabb", "--store", letter], "first 8 hex digits"),
        (2, vec!["forget", "--session", "5e0aabbc", "--postgresql"], "--postgresql-uri"),
        (1, vec!["forget", "--session", "5e0aabbc", "--store", letter], "not a database"),
        (1, vec!["forget", "--session", "5e0aabbc", "--store", "nothing.sqlite"], "no store"),
        (
            1,
            vec!["forget", "--session=5e0aabbc", "--postgresql", "--postgresql-uri", nowhere],
            "Connection refused",
        ),
        (
            1,
            vec!["forget", "--session=5e0aabbc", "--postgresql", "--postgresql-uri", "hunter2"],
            "no address of a database",
        ),
    ] {
        let said = failure(status, &arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("hunter2@") && !said.contains("panicked"), "{arguments:?}: {said}");
    }
}

#[test]
fn forgotten_session_is_in_the_store_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = store(folder.path(), "forgotten");
    json(0, &["generate", "--json", "--sessions", "20", "--store", &file]);
    let sessions = || -> Vec<_> {
        let rows = read_store(Path::new(&file)).into_iter();
        let mut sessions: Vec<_> = rows.map(|row| row.press.session_id.to_string()).collect();
        sessions.sort();
        sessions.dedup();
        sessions
    };
    let all = sessions();
    let forget = |status: i32, session: &str, options: &[&str]| {
        let arguments = [&["forget", "--store", &file, "--session", session], options].concat();
        let output = button(&arguments);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    // The last row of the store is of the last session.
    let last = read_store(Path::new(&file)).pop().unwrap().press.session_id.to_string();
    for session in [&all[3], &last] {
        let printed = forget(0, &session[..8], &[]);
        assert!(printed.contains(session) && printed.contains("with --delete"), "{printed}");
        assert!(sessions().contains(session));
        let printed = forget(0, &session[..8], &["--delete"]);
        assert!(printed.contains("events deleted") && printed.contains("ALTER TABLE"), "{printed}");
        assert!(!sessions().contains(session));
        assert!(forget(3, session, &["--delete"]).contains("no session begins with"));
    }
    assert!(sessions().len() >= all.len() - 2);

    // Another session that begins with the same digits.
    let other = rusqlite::Connection::open(&file).unwrap();
    let copy = format!(
        "CREATE TEMP TABLE copied AS SELECT * FROM button_presses WHERE session_id = '{0}';
         UPDATE copied SET session_id = substr(session_id, 1, 24) || '123456789abc';
         INSERT INTO button_presses SELECT * FROM copied;",
        all[5]
    );
    other.execute_batch(&copy).unwrap();
    drop(other);
    let printed = forget(1, &all[5][..8], &["--delete"]);
    assert!(printed.contains("several sessions") && printed.contains(&all[5]), "{printed}");
    assert!(sessions().contains(&all[5]));
    assert!(forget(0, &all[5], &["--delete"]).contains("events deleted"));
}

#[test]
fn shells_and_people_are_helped() {
    for shell in ["bash", "fish", "zsh"] {
        let output = button(&["completions", shell]);
        assert!(
            output.status.success() && String::from_utf8_lossy(&output.stdout).contains("audit")
        );
    }
    for command in ["generate", "tail", "audit"] {
        let help = String::from_utf8(button(&[command, "--help"]).stdout).unwrap();
        assert!(
            help.contains("--kafka-service-uri") && help.contains("KAFKA_SERVICE_URI"),
            "{help}"
        );
    }
}
