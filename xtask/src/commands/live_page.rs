//! The big screen, an application of its own in `live/`. Built by `cargo xtask page`.

use crate::{document, optimize, paths, process, toolchain::Page};

/// Its folder in the built page.
pub const FOLDER: &str = "live";

/// Builds `dist/live/`. After the button page: trunk empties `dist/` for that.
pub fn build(page: &Page) -> anyhow::Result<()> {
    let dist = paths::dist().join(FOLDER);
    let mut trunk = page.trunk();
    trunk.arg("build").arg("--config").arg(paths::root().join("live/Trunk.toml"));
    trunk.args(["--release", "--offline", "--skip-version-check", "--dist"]).arg(&dist);
    process::run("Building the big screen", &mut trunk)?;
    if let Some(tools) = page.optimizers() {
        optimize::big_screen(&dist, tools)?;
    }
    document::inline(&dist)
}
