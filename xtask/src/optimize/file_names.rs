//! File names with the hash of their content.

use anyhow::{Context, bail};
use std::{
    fs,
    hash::{DefaultHasher, Hasher},
    path::{Path, PathBuf},
};

/// Files whose address must stay.
const KEEP: [&str; 3] = ["404.html", "index.html", "sw.js"];

/// Renames every file of the page after its content, in the document, the manifest and the service worker
/// too.
pub fn add_hashes(dist: &Path) -> anyhow::Result<()> {
    let mut files = Vec::new();
    collect(dist, &mut files)?;
    // The manifest names others, so it comes after them.
    files.sort_by_key(|file| (file.extension().is_some_and(|e| e == "webmanifest"), file.clone()));
    let index = dist.join("index.html");
    let manifest = dist.join("manifest.webmanifest");
    let mut html = fs::read_to_string(&index)?;
    let mut kept = Vec::new();
    for file in files {
        let old = file.strip_prefix(dist)?.to_string_lossy().into_owned();
        if KEEP.contains(&old.as_str()) {
            continue;
        }
        let new = hashed(&old, hash(&[&fs::read(&file)?]))?;
        fs::rename(&file, dist.join(&new))?;
        html = html.replace(&old, &new);
        if manifest.exists() {
            let text = fs::read_to_string(&manifest)?;
            fs::write(&manifest, text.replace(&old, &new))?;
        }
        // A language is kept as the one that the visitor has; pictures are for installing only.
        if !old.starts_with("texts/") && !old.ends_with(".png") {
            kept.push(new);
        }
    }
    fs::write(&index, &html)?;
    let worker = dist.join("sw.js");
    let text = fs::read_to_string(&worker)?;
    let list = kept.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(",");
    let version = format!("{:016x}", hash(&[list.as_bytes(), html.as_bytes(), text.as_bytes()]));
    if ["VERSION", "\"FILES\""].iter().any(|place| text.matches(place).count() != 1) {
        bail!("sw.js has not one place for its version and one for the names of the files");
    }
    let filled = text.replace("VERSION", &version).replace("\"FILES\"", &list);
    fs::write(&worker, filled)?;
    Ok(())
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}

fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write(part);
    }
    hasher.finish()
}

/// `texts/en.txt` with a hash is `texts/en-1f2e3d4c5b6a7980.txt`. A hash that is there already is
/// trunk's, of the content before.
fn hashed(name: &str, hash: u64) -> anyhow::Result<String> {
    let (stem, ending) = name.rsplit_once('.').with_context(|| format!("{name} has no ending"))?;
    let parts: Vec<&str> = stem.split('-').collect();
    let is_hash = |part: &str| part.len() >= 8 && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts = parts.iter().map(|part| {
        let (hash, rest) = part.split_once('_').unwrap_or((part, ""));
        if is_hash(hash) { rest } else { part }
    });
    let stem: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    Ok(format!("{}-{hash:016x}.{ending}", stem.join("-")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_file_gets_one_hash() {
        for (old, new) in [
            ("texts/en.txt", "texts/en-00000000000000ab.txt"),
            ("icon-192.png", "icon-192-00000000000000ab.png"),
            ("frontend-1f2e3d4c5b6a7980.js", "frontend-00000000000000ab.js"),
            ("frontend-1f2e3d4c5b6a7980_bg.wasm", "frontend-bg-00000000000000ab.wasm"),
        ] {
            assert_eq!(hashed(old, 0xab).unwrap(), new);
        }
    }
}
