//! The examples that changes begin with.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of a target's examples.
fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The examples of a target, with their names, in the order of these: what follows from a seed must not
/// depend on the file system.
///
/// # Panics
/// If there are none.
pub fn examples(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read(&path).unwrap())
    };
    let mut examples: Vec<_> = entries.map(|entry| read(entry.unwrap().path())).collect();
    examples.sort();
    assert!(!examples.is_empty(), "there is nothing in {folder:?}");
    examples
}
