//! Running other programs, so that it is seen what is run and why it failed.

use anyhow::{Context, bail};
use std::process::{Command, Stdio};

/// Shows a heading and runs the program; an error if it fails.
pub fn run(heading: &str, command: &mut Command) -> anyhow::Result<()> {
    println!("── {heading}");
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{heading}: {} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs the program silently and gives what it prints; `None` if it is not there or fails.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether a program of this name can be started.
pub fn exists(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    found.is_ok()
}

/// Asks a process to end. One that has ended already is no error.
pub fn terminate(id: u32) {
    let _ = Command::new("kill").arg(id.to_string()).stderr(Stdio::null()).status();
}

/// The program and its arguments, for messages.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
