//! What can be said of a dashboard from its file alone.

use crate::{ALL, dashboard, panels, targets};
use serde_json::Value;
use std::{collections::HashSet, fs};

#[test]
fn every_file_is_a_known_dashboard() {
    let files = fs::read_dir(e2e::repository().join("deploy/grafana/dashboards")).unwrap();
    let mut files: Vec<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ALL.map(|name| format!("{name}.json")));
}

#[test]
fn they_can_be_told_apart_and_found() {
    let all = ALL.map(dashboard);
    for name in ["uid", "title"] {
        let names: HashSet<_> = all.iter().map(|it| it[name].as_str().unwrap()).collect();
        assert_eq!(names.len(), ALL.len(), "{name}");
    }
    for (name, dashboard) in ALL.iter().zip(&all) {
        // 41 is Grafana 12's. A dashboard from a file has no id: Grafana gives it one.
        assert_eq!(dashboard["schemaVersion"], 41, "{name}");
        assert_eq!(dashboard.get("id"), None, "{name}");
        assert_eq!(dashboard["tags"], serde_json::json!(["kafka-button"]), "{name}");
    }
}

#[test]
fn panels_have_ids_and_queries_of_their_own() {
    for name in ALL {
        let dashboard = dashboard(name);
        let ids: HashSet<_> =
            panels(&dashboard).iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels(&dashboard).len(), "{name}");
        let queries: HashSet<_> = targets(&dashboard)
            .into_iter()
            .map(|(title, target)| (title, target["refId"].as_str().unwrap()))
            .collect();
        assert_eq!(queries.len(), targets(&dashboard).len(), "{name}");
    }
}

/// Grafana would move panels that overlap, and what is beside the grid.
#[test]
fn panels_have_a_place_of_their_own() {
    for name in ALL {
        let dashboard = dashboard(name);
        let mut taken = HashSet::new();
        for panel in panels(&dashboard) {
            let side = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            let (x, y, w, h) = (side("x"), side("y"), side("w"), side("h"));
            assert!(w > 0 && h > 0 && x + w <= 24, "{name}: {} leaves the grid", panel["title"]);
            for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(place), "{name}: {} lies on another", panel["title"]);
            }
        }
        // No holes, either: with as many places as their rectangle has.
        let bottom = taken.iter().map(|(_, y)| y + 1).max().unwrap();
        assert_eq!(taken.len() as u64, 24 * bottom, "{name} has holes");
    }
}

/// Every panel, query and variable names a data source that the provisioning has, or, for ClickHouse,
/// that its README names.
#[test]
fn data_sources_are_there() {
    let folder = e2e::repository().join("deploy/grafana/provisioning/datasources");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let provisioned: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    let readme = fs::read_to_string(e2e::repository().join("deploy/grafana/README.md")).unwrap();
    for name in ALL {
        let dashboard = dashboard(name);
        let mut sources: Vec<&Value> = Vec::new();
        for panel in panels(&dashboard) {
            sources.push(&panel["datasource"]);
        }
        sources.extend(targets(&dashboard).into_iter().map(|(_, target)| &target["datasource"]));
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        sources.extend(variables.iter().map(|variable| &variable["datasource"]));
        for source in sources {
            let (uid, kind) = (source["uid"].as_str().unwrap(), source["type"].as_str().unwrap());
            if uid == "clickhouse" {
                assert!(readme.contains("`clickhouse`") && readme.contains(&format!("`{kind}`")));
            } else {
                let both = format!("    uid: {uid}\n    type: {kind}\n");
                assert!(provisioned.contains(&both), "{name}: {source}");
            }
        }
    }
}
