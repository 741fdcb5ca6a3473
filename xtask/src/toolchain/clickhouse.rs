//! ClickHouse's engine as a library for Python, chdb: 180 MB through pip, once, and 560 MB on disk. It
//! has the table engines and formats of the server, Kafka and AvroConfluent too.

use crate::{paths, process};
use std::{fs, path::PathBuf, process::Command, time::Duration};

/// The engine is ClickHouse 26.9.
const VERSION: &str = "26.9.0";

/// pip's requirements, with the version and hashes.
const REQUIREMENTS: &str = include_str!("../../requirements-clickhouse.txt");

/// For one package over a bad line.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Gives a Python that has it; `None` where there is no Python 3.9 or no wheel for this machine, which
/// is said: the tests of ClickHouse are left out then.
pub fn ensure() -> anyhow::Result<Option<PathBuf>> {
    let folder = paths::tool("chdb-core", VERSION)?;
    let python = folder.join("bin/python3");
    // Written last: what was interrupted is begun again.
    let whole = folder.join("whole");
    if whole.is_file() {
        return Ok(Some(python));
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let made = process::run_within(
        LIMIT,
        "Making a folder for ClickHouse's engine (python3 -m venv)",
        Command::new("python3").args(["-m", "venv"]).arg(&folder),
    );
    // Without what it depends on, pandas and pyarrow, which only other ways to ask it need.
    let install = || {
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, REQUIREMENTS)?;
        process::run_within(
            LIMIT,
            "Fetching ClickHouse's engine (pip, 180 MB)",
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement"])
                .arg(&requirements),
        )
    };
    if let Err(error) = made.and_then(|()| install()) {
        println!("The tests of ClickHouse are left out: {error:#}");
        return Ok(None);
    }
    fs::write(whole, VERSION)?;
    Ok(Some(python))
}

#[cfg(test)]
mod tests {
    use super::{REQUIREMENTS, VERSION};

    #[test]
    fn engine_is_pinned_by_version_and_hash() {
        assert!(REQUIREMENTS.contains(&format!("\nchdb-core=={VERSION} \\\n")), "{VERSION}");
        assert_eq!(REQUIREMENTS.matches("==").count(), 1);
        assert_eq!(REQUIREMENTS.matches("--hash=sha256:").count(), 4);
    }
}
