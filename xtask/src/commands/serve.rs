//! `cargo xtask serve`: working on the page.

use crate::{
    paths,
    process::terminate,
    toolchain::{Page, geo, system},
};
use anyhow::{Context, bail};
use std::{
    process::{Child, Command},
    sync::mpsc,
    thread,
    time::Duration,
};

/// What can be said about it.
#[derive(clap::Args)]
pub struct Options {
    /// Address for `trunk serve`; 0.0.0.0 lets phones in the network in
    #[arg(long, default_value = "127.0.0.1")]
    address: String,
}

/// Starts both, and ends both when one ends or on ctrl-c.
pub fn run(options: &Options) -> anyhow::Result<()> {
    system::ensure()?;
    let page = Page::ensure()?;
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Told before already: then it is ending.
        let _ = stop.send(());
    })?;

    let mut relay = Command::new("cargo");
    relay.args(["run", "--package", "relay", "--"]).current_dir(paths::root());
    if let Some(geo) = geo::ensure_recent()? {
        relay.arg("--geo-database").arg(geo);
        relay.args(["--pretend-local", "--live-min-visits", "1"]);
    }
    let mut relay = relay.spawn().context("cannot start cargo")?;
    let trunk = page
        .trunk()
        .args(["serve", "--offline", "--skip-version-check", "--address", &options.address])
        // Not `dist/`: that is the page as visitors get it, which this one is not.
        .arg("--dist")
        .arg(paths::root().join("target/page/serve"))
        .spawn();
    let mut trunk = match trunk {
        Ok(trunk) => trunk,
        Err(error) => {
            end(&mut relay);
            return Err(error).context("cannot start trunk");
        }
    };

    let ended = loop {
        if stopped.try_recv().is_ok() {
            break None;
        }
        if let Some(status) = relay.try_wait()? {
            break Some(("the relay", status));
        }
        if let Some(status) = trunk.try_wait()? {
            break Some(("trunk", status));
        }
        thread::sleep(Duration::from_millis(100));
    };
    end(&mut trunk);
    end(&mut relay);
    match ended {
        Some((who, status)) if !status.success() => bail!("{who} ended with {status}"),
        _ => Ok(()),
    }
}

/// Asks the program to end, and waits. One that has ended already is no error.
fn end(child: &mut Child) {
    terminate(child.id());
    let _ = child.wait();
}
