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
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};

/// The one place that says what the stack consists of.
const POM: &str = include_str!("../pom.xml");

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
        // Of the whole file: another artifact in an old version is another stack, too.
        let hash: String = Sha256::digest(POM).iter().take(4).map(|b| format!("{b:02x}")).collect();
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
        .args(["--batch-mode", "--quiet", "-Dstyle.color=never", "--file"])
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
    use super::version;

    #[test]
    fn the_versions_are_the_ones_that_the_pom_pins() {
        for property in ["kafka.version", "registry.version", "debezium.version"] {
            assert!(version(property).starts_with(|c: char| c.is_ascii_digit()), "{property}");
        }
    }
}
