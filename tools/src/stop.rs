//! Ending in order when somebody says so.

use crate::cli;
use anyhow::Context;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

/// Set at the first ctrl-c or SIGTERM: whoever works looks at it, and brings the work to an end. At the
/// second the program ends at once.
pub fn when_told() -> anyhow::Result<Arc<AtomicBool>> {
    let stopped = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let set = Arc::clone(&stopped);
    let mut terminate = {
        let _in_the_runtime = runtime.enter();
        signal(SignalKind::terminate())?
    };
    let wait = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = ctrl_c() => {}
        }
        set.store(true, Ordering::Relaxed);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = ctrl_c() => {}
        }
        std::process::exit(i32::from(cli::FAILED));
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(wait))
        .context("a thread")?;
    Ok(stopped)
}
