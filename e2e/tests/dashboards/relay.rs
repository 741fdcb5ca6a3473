//! The expressions of the dashboard for Prometheus, against what a real relay says of itself.

use crate::{dashboard, targets};
use e2e::Relay;
use std::collections::{BTreeMap, BTreeSet};

/// A relay that has accepted, rejected and refused something has every label.
#[tokio::test]
async fn every_metric_and_label_is_one_of_the_relays() {
    let folder = tempfile::tempdir().unwrap();
    let relay = Relay::start(folder.path(), &[]).await;
    let client = reqwest::Client::new();
    let post = async |body: String, expected: u16| {
        let url = format!("{}/api/events", relay.url());
        let answer = client.post(url).body(body).send().await.unwrap();
        assert_eq!(answer.status(), expected);
    };
    let press = e2e::press(schemas::Uuid::from_u128(7), 1, 1_772_000_000_000_000);
    let good = serde_json::to_string(&press).unwrap();
    post(good.clone(), 200).await;
    post(good.replace("PressButton", "KickButton"), 200).await;
    post("what?".into(), 400).await;
    let metrics = client.get(format!("{}/metrics", relay.management_url())).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let mut known = labels_by_metric(&metrics);
    // What Prometheus adds to all that it reads, and what it says of the reading itself.
    known.values_mut().for_each(|labels| labels.extend(["instance".into(), "job".into()]));
    known.insert("up".into(), ["instance".into(), "job".into()].into());

    let dashboard = dashboard("relay");
    // The version needs no picture.
    let mut unseen: BTreeSet<_> = known.keys().map(String::as_str).collect();
    unseen.remove("kafka_button_relay_info");
    for (title, target) in targets(&dashboard) {
        let expression = target["expr"].as_str().unwrap();
        let legend = target["legendFormat"].as_str().unwrap();
        let metrics: Vec<_> = words(expression).filter(|word| is_metric(word)).collect();
        assert!(!metrics.is_empty(), "{title}: {expression}");
        unseen.retain(|name| !metrics.contains(name));
        for metric in metrics {
            let labels = known.get(metric).unwrap_or_else(|| panic!("{title}: no {metric}"));
            let legend = legend.split("{{").skip(1).map(|it| it.split_once("}}").unwrap().0);
            for label in labels_in(expression).chain(legend) {
                assert!(labels.contains(label), "{title}: {metric} has no label {label}");
            }
        }
    }
    assert!(unseen.is_empty(), "in no panel: {unseen:?}");
    // The value of a label that an expression selects.
    assert!(metrics.contains(r#"durable_in="kafka""#));
    assert!(dashboard.to_string().contains(r#"durable_in=\"kafka\""#));
}

/// Each metric with the labels of its samples.
fn labels_by_metric(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut metrics: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in text.lines().filter(|line| !line.starts_with('#')) {
        let end = sample.find(['{', ' ']).unwrap();
        let labels = metrics.entry(sample[..end].to_owned()).or_default();
        if let Some((inside, _)) = sample[end..].strip_prefix('{').and_then(|it| it.split_once('}'))
        {
            let names = inside.split(',').filter_map(|label| Some(label.split_once('=')?.0));
            labels.extend(names.map(str::to_owned));
        }
    }
    metrics
}

fn words(expression: &str) -> impl Iterator<Item = &str> {
    expression.split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
}

fn is_metric(word: &str) -> bool {
    word.starts_with("kafka_button_") || word == "up"
}

/// The labels that an expression names: in `{…}`, and in `by (…)`. `le` is the histogram's own.
fn labels_in(expression: &str) -> impl Iterator<Item = &str> {
    let selected = expression.split('{').skip(1).filter_map(|it| it.split_once('}'));
    let selected = selected
        .flat_map(|(inside, _)| inside.split(','))
        .filter_map(|label| Some(label.split_once('=')?.0));
    let grouped = expression.split("by (").skip(1).filter_map(|it| it.split_once(')'));
    selected.chain(grouped.flat_map(|(inside, _)| inside.split(", ")))
}
