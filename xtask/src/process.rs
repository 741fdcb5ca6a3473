//! Running other programs, so that it is seen what is run and why it failed.

use anyhow::{Context, anyhow, bail};
use std::{
    env,
    ffi::OsStr,
    fs::File,
    io,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tempfile::NamedTempFile;

/// Shows a heading and runs the program; an error if it fails.
pub fn run(heading: &str, command: &mut Command) -> anyhow::Result<()> {
    println!("── {heading}");
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{heading}: {} ended with {status}", shown(command));
    }
    Ok(())
}

/// A program that runs in the background, with its output in a file. Dropping it terminates it.
pub struct Background {
    id: u32,
    program: String,
    output: NamedTempFile,
    /// Waits for the program, so that the moment of its end is known however late it is asked for.
    waiter: Option<JoinHandle<io::Result<(ExitStatus, Instant)>>>,
}

impl Background {
    /// Starts the program.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let output = NamedTempFile::new()?;
        command.stdin(Stdio::null()).stdout(output.reopen()?).stderr(output.reopen()?);
        let program = shown(command);
        let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let id = child.id();
        let waiter = thread::spawn(move || Ok((child.wait()?, Instant::now())));
        Ok(Self { id, program, output, waiter: Some(waiter) })
    }

    /// Waits for its end, and returns when that was. Prints its output if it failed, or if `show` is set.
    ///
    /// # Errors
    /// If it failed.
    pub fn wait(mut self, show: bool) -> anyhow::Result<Instant> {
        let (status, at) = match self.waiter.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended?,
            // The thread does nothing that panics.
            _ => return Err(anyhow!("lost track of {}", self.program)),
        };
        if show || !status.success() {
            io::copy(&mut File::open(self.output.path())?, &mut io::stdout())?;
        }
        if !status.success() {
            bail!("{} ended with {status}", self.program);
        }
        Ok(at)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            terminate(self.id);
            let _ = waiter.join();
        }
    }
}

/// Lets a command find the programs in these folders, besides those that it finds already.
pub fn add_to_path(command: &mut Command, folders: &[PathBuf]) {
    let set = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value);
    let path = set.map(OsStr::to_owned).or_else(|| env::var_os("PATH")).unwrap_or_default();
    let all = folders.iter().cloned().chain(env::split_paths(&path));
    // Joining fails only for folders with a colon in their name; then the path stays.
    if let Ok(path) = env::join_paths(all) {
        command.env("PATH", path);
    }
}

/// Like [`run`], for programs that wait for the network: one that takes longer is ended.
pub fn run_within(limit: Duration, heading: &str, command: &mut Command) -> anyhow::Result<()> {
    println!("── {heading}");
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > limit {
            // It may have ended in this moment; then there is nothing to kill.
            let _ = child.kill();
            child.wait()?;
            bail!("{heading}: {} was ended after {} s", shown(command), limit.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    };
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

/// The program of this name in the path. It is not started: some would stay.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut programs = env::split_paths(&path).map(|folder| folder.join(program));
    programs.find(|program| program.is_file())
}

/// Asks a process to end. One that has ended already is no error.
pub fn terminate(id: u32) {
    let _ = Command::new("kill").arg(id.to_string()).stderr(Stdio::null()).status();
}

/// Gives way to programs that run already: this process and those that it starts from now on get the
/// processor when the others leave it. Where that cannot be had, all share alike.
pub fn lower_priority() {
    let own = std::process::id().to_string();
    let _ = Command::new("renice").args(["-n", "10", "-p", &own]).stdout(Stdio::null()).status();
}

/// The program and its arguments, for messages.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended() {
        let start = Instant::now();
        let mut hangs = Command::new("sleep");
        let ended = run_within(Duration::from_millis(200), "Waiting", hangs.arg("60"));
        assert!(ended.is_err_and(|error| error.to_string().contains("sleep 60 was ended")));
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn background_program_returns_its_end_and_fails_with_its_status() {
        let started = Instant::now();
        let quick = Background::start(&mut Command::new("true"));
        thread::sleep(Duration::from_millis(300));
        let ended = quick.and_then(|quick| quick.wait(false));
        assert!(ended.is_ok_and(|ended| ended - started < Duration::from_millis(300)));
        let failing = Background::start(Command::new("sh").args(["-c", "exit 3"]));
        let failed = failing.and_then(|failing| failing.wait(false));
        assert!(failed.is_err_and(|error| error.to_string().contains("exit status: 3")));
    }

    #[test]
    fn background_program_dropped_is_terminated() {
        let started = Instant::now();
        drop(Background::start(Command::new("sleep").arg("60")));
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_failure_names_the_program_and_its_status() {
        let limit = Duration::from_secs(30);
        assert!(run_within(limit, "Nothing", &mut Command::new("true")).is_ok());
        let failed = run_within(limit, "Failing", Command::new("sh").args(["-c", "exit 3"]));
        assert!(failed.is_err_and(|error| {
            error.to_string().contains("sh -c exit 3 ended with exit status: 3")
        }));
    }
}
