//! Downloads the stack through Maven, once for each set of versions.
//!
//! Touches the network (Maven's repositories) and the cache folder, nothing else.

use crate::{
    Error,
    error::io,
    kafka,
    process::{JAVA, MAVEN, tail, tool},
    topic,
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};

/// The one place that says what the stack consists of.
const POM: &str = include_str!("../pom.xml");

/// SHA-256 of every file of the stack, as `sha256sum` writes it.
const CHECKSUMS: &str = include_str!("../stack.sha256");

/// The folders that Maven fills.
const FILLED: [&str; 4] = ["kafka", "plugins", "registry", "tiered-storage"];

/// How the names of folders begin that are not whole.
const PART: &str = "part-";

/// Where the parts of a downloaded stack are.
#[derive(Clone, Debug)]
pub struct Downloads {
    folder: PathBuf,
}

impl Downloads {
    /// Where the parts are or would be, without downloading anything.
    pub(crate) fn in_cache() -> Result<Self, Error> {
        Ok(Self::in_stacks(&cache()?.join("stack")))
    }

    fn in_stacks(stacks: &Path) -> Self {
        // Of the whole files: another artifact in an old version is another stack, too, and one that was
        // downloaded without these checksums is not used.
        let hash = hex(Sha256::digest([POM, CHECKSUMS].concat()).into_iter().take(4));
        let folder = stacks.join(format!(
            "kafka-{}-registry-{}-sink-{}-{hash}",
            version("kafka.version"),
            version("registry.version"),
            version("debezium.version")
        ));
        Self { folder }
    }

    #[cfg(test)]
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The class path of the broker, of Connect and of Kafka's tools.
    pub fn kafka_class_path(&self) -> PathBuf {
        self.folder.join("kafka/*")
    }

    /// The plugin for the remote tier.
    pub fn tiered_storage_jar(&self) -> PathBuf {
        let version = version("kafka.version");
        self.folder.join(format!("tiered-storage/kafka-storage-{version}-test.jar"))
    }

    /// The registry's jar, which brings its own class path.
    pub fn registry_jar(&self) -> PathBuf {
        let version = version("registry.version");
        self.folder.join(format!("registry/apicurio-registry-app-{version}-runner.jar"))
    }

    /// The folder of Connect's plugins, a sub-folder for each.
    pub fn plugins_folder(&self) -> PathBuf {
        self.folder.join("plugins")
    }

    fn sink_jar(&self) -> PathBuf {
        let version = version("debezium.version");
        let name = "debezium-connector-jdbc";
        self.plugins_folder().join(format!("{name}/{name}-{version}.jar"))
    }

    fn converter_jar(&self) -> PathBuf {
        let version = version("registry.version");
        self.plugins_folder()
            .join(format!("apicurio-converter/apicurio-registry-utils-converter-{version}.jar"))
    }

    /// Maven succeeds as well when an artifact is laid out in another way than it was.
    fn check(&self) -> Result<(), Error> {
        let version = version("kafka.version");
        for file in [
            self.folder.join(format!("kafka/kafka_2.13-{version}.jar")),
            self.folder.join(format!("kafka/connect-runtime-{version}.jar")),
            self.folder.join(format!("kafka/connect-basic-auth-extension-{version}.jar")),
            self.tiered_storage_jar(),
            self.registry_jar(),
            self.sink_jar(),
            self.converter_jar(),
        ] {
            if !file.is_file() {
                return Err(Error::Incomplete(file));
            }
        }
        Ok(())
    }
}

/// The stack in the cache folder, downloaded if it is not there yet: `$KAFKA_BUTTON_CACHE`, else
/// `kafka-button` in `$XDG_CACHE_HOME` or `~/.cache`.
pub fn download() -> Result<Downloads, Error> {
    download_into(&cache()?)
}

fn cache() -> Result<PathBuf, Error> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("KAFKA_BUTTON_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("kafka-button")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/kafka-button")))
        .ok_or(Error::NoCacheFolder)
}

/// As [`download`], with the cache folder given.
///
/// A folder of the cache that has its final name is whole: it is filled under another one and
/// renamed at the end.
pub fn download_into(cache: &Path) -> Result<Downloads, Error> {
    let stacks = cache.join("stack");
    let downloads = Downloads::in_stacks(&stacks);
    if downloads.folder.is_dir() {
        return Ok(downloads);
    }

    fs::create_dir_all(&stacks).map_err(io(format!("make the folder {}", stacks.display())))?;
    // Whoever comes second waits here, and finds the stack afterwards. The lock ends with its file.
    let lock = stacks.join("lock");
    let lock = File::create(&lock).map_err(io(format!("make the file {}", lock.display())))?;
    lock.lock().map_err(io("wait for another download of the stack"))?;
    if downloads.folder.is_dir() {
        return Ok(downloads);
    }

    clear_up(&stacks)?;
    let part = tempfile::Builder::new()
        .prefix(PART)
        .tempdir_in(&stacks)
        .map_err(io(format!("make a folder in {}", stacks.display())))?;
    run_maven(part.path())?;
    let fetched = Downloads { folder: part.path().to_owned() };
    fetched.check()?;
    check_or_renew_checksums(part.path())?;
    write_manifests(&fetched)?;
    fs::rename(part.path(), &downloads.folder)
        .map_err(io(format!("give the download its name {}", downloads.folder.display())))?;
    Ok(downloads)
}

/// Removes what downloads left that were killed. The lock is held: no other is under way.
fn clear_up(stacks: &Path) -> Result<(), Error> {
    let looking = || io(format!("look into {}", stacks.display()));
    for entry in fs::read_dir(stacks).map_err(looking())? {
        let entry = entry.map_err(looking())?;
        if entry.file_name().to_string_lossy().starts_with(PART) {
            let part = entry.path();
            fs::remove_dir_all(&part).map_err(io(format!("remove {}", part.display())))?;
        }
    }
    Ok(())
}

fn run_maven(into: &Path) -> Result<(), Error> {
    let pom = into.join("pom.xml");
    fs::write(&pom, POM).map_err(io(format!("write {}", pom.display())))?;
    // Maven's own launcher says little when there is no Java.
    let java = tool(&JAVA).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    java.map_err(JAVA.missing())?;
    let output = tool(&MAVEN)
        .args(["--batch-mode", "--quiet", "--strict-checksums", "-Dstyle.color=never", "--file"])
        .arg(&pom)
        .arg(format!("-Dstack.folder={}", into.display()))
        .arg("generate-resources")
        .stdin(Stdio::null())
        .output()
        .map_err(MAVEN.missing())?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Err(Error::Download { status: output.status, tail: tail(&text) })
}

/// Compares the files with the list; with `KAFKA_BUTTON_RENEW` writes the list instead, after a change of
/// pom.xml.
fn check_or_renew_checksums(folder: &Path) -> Result<(), Error> {
    let found = checksums(folder)?;
    if env::var_os("KAFKA_BUTTON_RENEW").is_some() {
        let lines = found.iter().map(|(file, hash)| format!("{hash}  {file}\n"));
        let list = concat!(env!("CARGO_MANIFEST_DIR"), "/stack.sha256");
        return fs::write(list, lines.collect::<String>()).map_err(io(format!("write {list}")));
    }
    match difference(&found, CHECKSUMS) {
        Some(file) => Err(Error::Checksum(file)),
        None => Ok(()),
    }
}

/// SHA-256 of each file that Maven has put into this folder, by its path in it.
fn checksums(folder: &Path) -> Result<BTreeMap<String, String>, Error> {
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> = FILLED.iter().map(PathBuf::from).collect();
    while let Some(within) = folders.pop() {
        let reading = || io(format!("read {}", folder.join(&within).display()));
        for entry in fs::read_dir(folder.join(&within)).map_err(reading())? {
            let path = within.join(entry.map_err(reading())?.file_name());
            let file = folder.join(&path);
            if file.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&file).map_err(io(format!("read {}", file.display())))?;
            found.insert(path.to_string_lossy().into_owned(), hex(Sha256::digest(bytes)));
        }
    }
    Ok(found)
}

/// The first file that is not as in the list, is not in it, or is only in it.
fn difference(found: &BTreeMap<String, String>, list: &str) -> Option<String> {
    let listed: BTreeMap<_, _> = list
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(hash, file)| (file, hash))
        .collect();
    let is_other = |file: &&str| listed.get(file).copied() != found.get(*file).map(String::as_str);
    let files = listed.keys().copied().chain(found.keys().map(String::as_str));
    files.into_iter().find(is_other).map(str::to_owned)
}

fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lets Connect find its plugins without looking through every class at each start (KIP-898).
fn write_manifests(fetched: &Downloads) -> Result<(), Error> {
    const TOOL: &str = "org.apache.kafka.tools.ConnectPluginPath";
    let mut java = kafka::java(fetched);
    java.args([TOOL, "sync-manifests", "--plugin-path"]).arg(fetched.plugins_folder());
    topic::run(TOOL, java).map(drop)
}

/// A version as the POM pins it.
fn version(property: &str) -> &'static str {
    POM.split_once(&format!("<{property}>"))
        .and_then(|(_, rest)| rest.split_once('<'))
        .map_or("unknown", |(version, _)| version)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn changed_added_and_missing_files_are_found() {
        let folder = tempfile::tempdir().unwrap();
        for name in FILLED {
            fs::create_dir_all(folder.path().join(name).join("deep")).unwrap();
            fs::write(folder.path().join(name).join("deep/a.jar"), name).unwrap();
        }
        let found = || checksums(folder.path()).unwrap();
        let list: String = found().iter().map(|(file, hash)| format!("{hash}  {file}\n")).collect();
        assert_eq!(list.lines().count(), 4);
        // printf kafka | sha256sum
        assert!(list.starts_with("cbbf241eebedba6f"), "{list}");
        assert_eq!(difference(&found(), &list), None);
        let file = |name: &str| folder.path().join(name);
        fs::write(file("plugins/deep/a.jar"), "other").unwrap();
        assert_eq!(difference(&found(), &list).as_deref(), Some("plugins/deep/a.jar"));
        fs::write(file("plugins/deep/a.jar"), "plugins").unwrap();
        fs::write(file("registry/added.jar"), "").unwrap();
        assert_eq!(difference(&found(), &list).as_deref(), Some("registry/added.jar"));
        fs::remove_file(file("registry/added.jar")).unwrap();
        fs::remove_file(file("kafka/deep/a.jar")).unwrap();
        assert_eq!(difference(&found(), &list).as_deref(), Some("kafka/deep/a.jar"));
    }

    #[test]
    fn every_part_has_checksums() {
        let downloads = Downloads::in_folder(Path::new(""));
        for file in [
            downloads.tiered_storage_jar(),
            downloads.registry_jar(),
            downloads.sink_jar(),
            downloads.converter_jar(),
        ] {
            let line = format!("  {}\n", file.display());
            assert!(CHECKSUMS.contains(&line), "{line}");
        }
        let is_line = |line: &str| line.split_once("  ").is_some_and(|(hash, _)| hash.len() == 64);
        assert!(CHECKSUMS.lines().all(is_line));
    }

    #[test]
    fn the_versions_are_the_ones_that_the_pom_pins() {
        for property in ["kafka.version", "registry.version", "debezium.version"] {
            assert!(version(property).starts_with(|c: char| c.is_ascii_digit()), "{property}");
        }
    }
}
