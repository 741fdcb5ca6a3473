//! `cargo xtask map`: makes the big screen's world map anew. It is committed, so nobody else needs to.

use crate::{map, paths, toolchain::atlas};
use std::fs;

/// Writes `live/src/world/world.txt`.
pub fn run() -> anyhow::Result<()> {
    let [coarse, fine] = atlas::ensure()?;
    let text = map::make(&coarse, &fine)?;
    let file = paths::root().join("live/src/world/world.txt");
    fs::write(&file, &text)?;
    println!("{}: {} bytes, {} lines", file.display(), text.len(), text.lines().count());
    Ok(())
}
