//! Where the things under test are.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The folder of the built page: `$E2E_DIST`, else `dist` in the repository.
pub fn dist() -> PathBuf {
    let dist = from_env("E2E_DIST").unwrap_or_else(|| repository().join("dist"));
    assert!(
        dist.join("index.html").is_file(),
        "there is no built page in {}: run `cargo xtask test`, which builds it, or set E2E_DIST",
        dist.display()
    );
    dist
}

/// The relay's program: `$E2E_RELAY`, else the debug build in the repository.
pub fn relay() -> PathBuf {
    program("relay", "E2E_RELAY")
}

/// The tools' program: `$E2E_BUTTON`, else the debug build in the repository.
pub fn button() -> PathBuf {
    program("button", "E2E_BUTTON")
}

fn program(name: &str, variable: &str) -> PathBuf {
    let program =
        from_env(variable).unwrap_or_else(|| repository().join("target/debug").join(name));
    assert!(
        program.is_file(),
        "there is no {name} at {}: run `cargo xtask test`, which builds it, or set {variable}",
        program.display()
    );
    program
}

/// A GeoLite2 City database, if `$E2E_GEO_DATABASE` names one: its licence does not let us bring
/// one along.
pub fn geo_database() -> Option<PathBuf> {
    let database = from_env("E2E_GEO_DATABASE")?;
    assert!(database.is_file(), "E2E_GEO_DATABASE: {} is no file", database.display());
    Some(database)
}

/// The script of axe-core, which finds what people with disabilities would stumble over:
/// `$E2E_AXE`, the path of `axe.min.js`.
pub fn axe() -> String {
    let script = from_env("E2E_AXE").expect(
        "E2E_AXE names no axe.min.js: run `cargo xtask test`, which fetches it, or `npm install axe-core`",
    );
    std::fs::read_to_string(&script)
        .unwrap_or_else(|error| panic!("E2E_AXE: {}: {error}", script.display()))
}

/// Whether the long forms are wanted (`cargo xtask test --long`).
pub fn is_long() -> bool {
    env::var_os("E2E_LONG").is_some_and(|value| !value.is_empty())
}

/// Made absolute, since the programs under test run in folders of their own.
fn from_env(name: &str) -> Option<PathBuf> {
    let path = env::var_os(name).filter(|path| !path.is_empty())?;
    Some(repository().join(path))
}

/// The repository's folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
