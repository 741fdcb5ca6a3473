//! `cargo xtask size`: what a phone has to download before the button is there.

use super::{
    live_page,
    page::{files, with_ending},
};
use crate::paths;
use anyhow::{Context, ensure};
use std::{fs, path::Path};

/// The most that a visitor's files together may have, compressed by brotli. It is to go down, never
/// up.
const BUDGET_BYTES: usize = 80_000;

/// Prints the table.
pub fn run() -> anyhow::Result<()> {
    let (mut total, mut language) = ([0; 3], [0; 3]);
    let (mut big_screen, mut big_screen_language) = ([0; 3], [0; 3]);
    println!("{:<44} {:>9} {:>9} {:>9}", "bytes", "plain", "gzip", "brotli");
    for file in files(&paths::dist())? {
        let sizes = [
            length(&file)?,
            length(&with_ending(&file, "gz"))?,
            length(&with_ending(&file, "br"))?,
        ];
        let name = file.strip_prefix(paths::dist())?;
        row(&name.to_string_lossy(), sizes);
        // No page loads it.
        if name == Path::new("404.html") {
            continue;
        }
        // Nobody who presses the button loads the big screen.
        let is_big_screen = name.starts_with(live_page::FOLDER);
        let is_language = name.starts_with("texts");
        let is_big_screen_language = name.starts_with(Path::new(live_page::FOLDER).join("texts"));
        for i in 0..3 {
            // Of the languages a visitor loads one: here the largest.
            if is_language {
                language[i] = language[i].max(sizes[i]);
            } else if is_big_screen_language {
                big_screen_language[i] = big_screen_language[i].max(sizes[i]);
            } else if is_big_screen {
                big_screen[i] += sizes[i];
            } else {
                total[i] += sizes[i];
            }
        }
    }
    for (sum, size) in total.iter_mut().zip(language) {
        *sum += size;
    }
    for (sum, size) in big_screen.iter_mut().zip(big_screen_language) {
        *sum += size;
    }
    row("the big screen, with one language", big_screen);
    row("the button page, with one language", total);
    ensure!(
        total[2] <= BUDGET_BYTES,
        "the page has {} bytes in brotli, {BUDGET_BYTES} are allowed",
        total[2]
    );
    Ok(())
}

fn length(file: &Path) -> anyhow::Result<usize> {
    let metadata = fs::metadata(file);
    let metadata =
        metadata.with_context(|| format!("{}: cargo xtask page makes it", file.display()))?;
    Ok(usize::try_from(metadata.len())?)
}

fn row(name: &str, [plain, gzip, brotli]: [usize; 3]) {
    println!("{name:<44} {plain:>9} {gzip:>9} {brotli:>9}");
}
