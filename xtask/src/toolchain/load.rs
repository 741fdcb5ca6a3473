//! wrk, which makes the load of the relay's benchmark, and strace, which counts what it asks the disk for.

use super::system;
use crate::process;
use anyhow::ensure;

/// Programs; Debian's packages have the same names.
const PROGRAMS: [&str; 2] = ["wrk", "strace"];

/// Installs what is missing.
pub fn ensure() -> anyhow::Result<()> {
    let missing: Vec<&str> =
        PROGRAMS.into_iter().filter(|program| process::find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    ensure!(
        system::can_install(),
        "the relay's benchmark needs {}: install it with `sudo apt-get install {}`",
        missing.join(" and "),
        missing.join(" ")
    );
    system::install(&missing)
}
