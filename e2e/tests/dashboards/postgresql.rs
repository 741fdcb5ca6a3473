//! The statements of the dashboard for PostgreSQL, run by the user whom Grafana has.

use crate::{
    dashboard,
    macros::{Choice, expand, seconds},
    panels, targets,
};
use e2e::{
    read_store,
    truth::{Session, Sums, Truth, span},
};
use local_stack::{PostgreSql, Server, free_port};
use serde_json::{Value, json};
use std::{cmp::Reverse, collections::BTreeMap, fs, path::Path, process::Command};

/// What is chosen, from the widest to the narrowest: part of the time, and a cohort alone.
const CHOICES: [Choice<'_>; 3] = [
    Choice {
        window: ["2026-03-01T00:00:00.000000", "2026-03-03T00:00:00.000000"],
        interval: "10m",
        cohorts: &["none", "7", "-3"],
    },
    Choice {
        window: ["2026-03-01T22:30:00.000000", "2026-03-01T23:45:00.000000"],
        interval: "30s",
        cohorts: &["none", "7", "-3"],
    },
    Choice {
        window: ["2026-03-01T22:30:00.000000", "2026-03-02T00:00:00.000000"],
        interval: "1m",
        cohorts: &["7"],
    },
];

#[test]
fn every_panel_gives_the_right_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let server = PostgreSql::new(folder.path(), free_port().unwrap());
    let server = Server::start(server).unwrap_or_else(|error| panic!("{error}"));
    let reader = e2e::repository().join("deploy/compose/reader.sql");
    server.query_as_superuser(&fs::read_to_string(reader).unwrap()).unwrap();
    let truth = fill(&server, folder.path());

    let dashboard = dashboard("button");
    for choice in &CHOICES {
        let chosen = truth.only(|event| {
            let cohort = event["cohort"].as_i64().map_or("none".into(), |it| it.to_string());
            choice.cohorts.contains(&cohort.as_str())
        });
        for (title, target) in targets(&dashboard) {
            let rows = ask(&server, &expand(target["rawSql"].as_str().unwrap(), choice));
            let expected = expected(title, &chosen, choice);
            assert!(!expected.is_empty(), "{title} has nothing to compare");
            assert_eq!(rows, expected, "{title}");
        }
    }
    nothing_is_no_error(&server, &dashboard);
    cohorts_can_be_chosen(&server, &dashboard);
}

/// A time in which nothing happened: the numbers are zero, or there are none.
fn nothing_is_no_error(server: &PostgreSql, dashboard: &Value) {
    let window = ["2001-01-01T00:00:00.000000", "2001-01-02T00:00:00.000000"];
    let choice = Choice { window, interval: "1m", cohorts: &["none"] };
    for (title, target) in targets(dashboard) {
        let rows = ask(server, &expand(target["rawSql"].as_str().unwrap(), &choice));
        let expected = match title {
            "Presses" => vec![json!({ "presses": 0 })],
            "Sessions" => vec![json!({ "sessions": 0 })],
            "Sessions that arrived completely" => vec![json!({ "complete": null })],
            "Lost events" => vec![json!({ "lost": 0 })],
            _ => vec![],
        };
        assert_eq!(rows, expected, "{title}");
    }
}

fn cohorts_can_be_chosen(server: &PostgreSql, dashboard: &Value) {
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let [cohort] = &variables[..] else { panic!("one variable: {variables:?}") };
    assert_eq!((&cohort["name"], &cohort["multi"]), (&json!("cohort"), &json!(true)));
    let rows = ask(server, cohort["query"].as_str().unwrap());
    let values: Vec<_> = rows.iter().map(|row| row["coalesce"].as_str().unwrap()).collect();
    assert_eq!(values, ["-3", "7", "none"]);
    for panel in panels(dashboard) {
        let sql = panel["targets"][0]["rawSql"].as_str().unwrap();
        assert!(sql.contains("IN ($cohort)"), "{} ignores the cohort", panel["title"]);
    }
}

/// Visits of three cohorts, some events lost, into a store, and from there into the table.
fn fill(server: &PostgreSql, folder: &Path) -> Truth {
    let store = folder.join("store.sqlite");
    for (seed, cohort) in [("21", None), ("22", Some("7")), ("23", Some("-3"))] {
        let mut button = Command::new(e2e::button());
        button.args(["generate", "--sessions", "120", "--seed", seed, "--lose", "0.04"]);
        button.args(["--since", "2026-03-01T22:00:00Z", "--until", "2026-03-02T00:00:00Z"]);
        button.args(cohort.map(|cohort| ["--cohort", cohort]).into_iter().flatten());
        let output = button.arg("--store").arg(&store).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let rows = read_store(&store);
    let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let maybe = |it: &Option<String>| it.as_deref().map_or("NULL".into(), text);
    let degrees = |it: Option<f64>| it.map_or("NULL".into(), |it| it.to_string());
    let mut events = Vec::new();
    let mut values = Vec::new();
    for row in &rows {
        let (event, place) = (&row.press.event, &row.press.place);
        let (session, action) = (row.press.session_id.to_string(), event.action.name());
        events.push(json!({
            "session_id": session, "timestamp": event.timestamp.to_string(), "action": action,
            "count": event.count, "country_name": place.country_name,
            "country_code": place.country_code, "cohort": row.press.cohort,
            "received_at": row.received_at.to_string(),
        }));
        let columns = [
            text(&session),
            event.timestamp.micros().to_string(),
            text(action),
            event.count.to_string(),
            text(&place.country_name),
            text(&place.country_code),
            maybe(&place.subdivision_name),
            maybe(&place.subdivision_code),
            maybe(&place.city_name),
            degrees(place.latitude),
            degrees(place.longitude),
            row.press.cohort.map_or("NULL".into(), |cohort| cohort.to_string()),
        ];
        values.push(format!("({})", columns.join(",")));
    }
    let columns = "session_id, timestamp, action, count, country_name, country_code, \
                   subdivision_name, subdivision_code, city_name, latitude, longitude, cohort";
    let values = values.join(",");
    server.query(&format!("INSERT INTO button_presses ({columns}) VALUES {values}")).unwrap();
    Truth::of(&events)
}

/// The rows, by names and in their order, as the user who can only read.
fn ask(server: &PostgreSql, sql: &str) -> Vec<Value> {
    let json = format!("SET ROLE reader; SELECT row_to_json(answer) FROM ({sql}) AS answer");
    let answer = server.query_as_superuser(&json).unwrap_or_else(|error| panic!("{sql}: {error}"));
    answer.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the panel has to show, counted without SQL.
fn expected(title: &str, truth: &Truth, choice: &Choice<'_>) -> Vec<Value> {
    let (window, every) = (choice.window, seconds(choice.interval));
    let sessions = truth.sessions(window);
    let sums = Sums::of(&sessions);
    let countries = truth.presses_by_country(window).into_iter();
    match title {
        "Presses" => vec![json!({ "presses": truth.presses(window).len() })],
        "Sessions" => vec![json!({ "sessions": sums.sessions })],
        "Sessions that arrived completely" => {
            let share = sums.complete as f64 / sums.sessions as f64;
            vec![json!({ "complete": share })]
        }
        "Lost events" => vec![json!({ "lost": sums.lost })],
        "Presses over time" => {
            let spans = truth.presses_by_time(window, every).into_iter();
            spans.map(|(time, presses)| json!({ "time": time, "presses": presses })).collect()
        }
        "Countries" => countries
            .map(|row| json!({ "country": row[1], "presses": row[2] }))
            .fold(BTreeMap::<(Reverse<u64>, String), Value>::new(), |mut rows, row| {
                let name = row["country"].as_str().unwrap().to_owned();
                rows.insert((Reverse(row["presses"].as_u64().unwrap()), name), row);
                rows
            })
            .into_values()
            .take(15)
            .collect(),
        "Presses by country" => countries
            .filter(|row| row[0] != "--")
            .map(|row| json!({ "country_code": row[0], "country": row[1], "presses": row[2] }))
            .collect(),
        "Cohorts" => by(&sessions, cohort)
            .into_iter()
            .map(|(cohort, sums)| {
                let Sums { sessions, presses, complete, lost, .. } = sums;
                let row = json!({
                    "cohort": cohort, "sessions": sessions, "presses": presses,
                    "complete": complete, "lost": lost,
                });
                ((Reverse(sessions), cohort), row)
            })
            .collect::<BTreeMap<_, _>>()
            .into_values()
            .collect(),
        "Sessions by how they arrived" => by(&sessions, |session| span(&session.started, every))
            .into_iter()
            .map(|(time, Sums { complete, with_gaps, unfinished, .. })| {
                json!({
                    "time": time, "complete": complete, "with gaps": with_gaps,
                    "unfinished": unfinished,
                })
            })
            .collect(),
        "Lost events over time" => by(&sessions, |session| span(&session.started, every))
            .into_iter()
            .map(|(time, sums)| json!({ "time": time, "lost": sums.lost }))
            .collect(),
        "Sessions with lost events" => {
            let mut sessions: Vec<_> =
                sessions.iter().filter(|session| !session.lost.is_empty()).collect();
            sessions.sort_by_key(|session| (Reverse(&session.started), &session.id));
            sessions.into_iter().take(50).map(with_lost_events).collect()
        }
        other => panic!("nothing to compare {other} with"),
    }
}

fn with_lost_events(session: &Session) -> Value {
    let lost = session.lost.len() as u64;
    json!({
        "session_id": session.id, "cohort": cohort(session), "started_at": shown(&session.started),
        "ended_at": shown(&session.ended), "events": session.events, "presses": session.presses,
        "expected": session.events + lost, "missing": lost,
    })
}

/// A time as PostgreSQL writes it into JSON: without zeros at the end of the fraction.
fn shown(time: &str) -> String {
    format!("{}+00:00", time.trim_end_matches('0').trim_end_matches('.'))
}

fn cohort(session: &Session) -> String {
    session.cohort.map_or("none".into(), |cohort| cohort.to_string())
}

fn by<K: Ord>(sessions: &[Session], key: impl Fn(&Session) -> K) -> BTreeMap<K, Sums> {
    let mut groups: BTreeMap<K, Sums> = BTreeMap::new();
    for session in sessions {
        groups.entry(key(session)).or_default().add(session);
    }
    groups
}
