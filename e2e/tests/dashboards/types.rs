//! The files against Grafana's own types: a dashboard is a `Dashboard`, and each panel's options are
//! those of its kind of panel. A field that Grafana does not know is an error.

use crate::{ALL, dashboard, panels};
use std::{env, fmt::Write, fs, os::unix::fs::symlink, path::Path, process::Command};

/// `$E2E_GRAFANA_SCHEMA` is a folder with `node_modules` of `@grafana/schema` and `typescript`.
#[test]
fn they_are_what_grafana_takes() {
    let Some(modules) = env::var_os("E2E_GRAFANA_SCHEMA").filter(|folder| !folder.is_empty())
    else {
        println!("left out: E2E_GRAFANA_SCHEMA names no folder with @grafana/schema");
        return;
    };
    let modules = Path::new(&modules).join("node_modules");
    let folder = tempfile::tempdir().unwrap();
    symlink(&modules, folder.path().join("node_modules")).unwrap();
    for name in ALL {
        fs::write(folder.path().join(format!("{name}.ts")), program(name)).unwrap();
    }
    // One that must be refused, so that the check is known to be one.
    let wrong = program("button").replace("\"schemaVersion\":41", "\"schemaVersion\":\"41\"");
    let wrong = wrong.replace("\"mouseWheelZoom\":", "\"mouseWheelSpin\":");
    fs::write(folder.path().join("wrong.ts"), wrong).unwrap();

    for name in ALL {
        let errors = check(&modules, folder.path(), name);
        assert!(errors.is_empty(), "{name}: {errors}");
    }
    let errors = check(&modules, folder.path(), "wrong");
    for expected in ["Type 'string' is not assignable to type 'number'", "mouseWheelSpin"] {
        assert!(errors.contains(expected), "{expected} was taken: {errors}");
    }
}

/// A text of TypeScript that has the dashboard in it.
fn program(name: &str) -> String {
    let dashboard = dashboard(name);
    let raw = "@grafana/schema/dist/types/raw";
    let mut program = format!(
        "import type {{ Dashboard }} from '{raw}/dashboard/x/dashboard_types.gen.d.ts';\n\
         // Texts stand for the enumerations that have them for values.\n\
         type Json<T> = T extends string ? `${{T}}` : T extends (infer E)[] ? Json<E>[]\n\
           : T extends object ? {{ [K in keyof T]?: Json<T[K]> }} : T;\n\
         export const dashboard: Json<Dashboard> = {dashboard};\n"
    );
    for panel in panels(&dashboard) {
        let kind = panel["type"].as_str().unwrap();
        let module = match kind {
            "barchart" => "BarChartPanelCfg",
            "gauge" => "GaugePanelCfg",
            "geomap" => "GeomapPanelCfg",
            "stat" => "StatPanelCfg",
            "table" => "TablePanelCfg",
            "timeseries" => "TimeSeriesPanelCfg",
            other => panic!("no types for {other}"),
        };
        let (id, options) = (&panel["id"], &panel["options"]);
        writeln!(
            program,
            "export const options{id}: Json<import('{raw}/composable/{kind}/panelcfg/x/{module}_types.gen.d.ts').Options> = {options};"
        )
        .unwrap();
        if ["barchart", "timeseries"].contains(&kind) {
            let custom = &panel["fieldConfig"]["defaults"]["custom"];
            if custom.is_object() {
                writeln!(
                    program,
                    "export const custom{id}: Json<import('@grafana/schema').GraphFieldConfig> = {custom};"
                )
                .unwrap();
            }
        }
    }
    program
}

/// What TypeScript says against it.
fn check(modules: &Path, folder: &Path, name: &str) -> String {
    let output = Command::new("node")
        .arg(modules.join("typescript/bin/tsc"))
        .args(["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022"])
        .args(["--module", "esnext", "--moduleResolution", "bundler", "--preserveSymlinks"])
        .arg(format!("{name}.ts"))
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.success(), said.is_empty(), "{output:?}");
    said
}
