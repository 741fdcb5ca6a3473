//! A server as a child process: its log file, its readiness, its end.

use crate::{
    Error,
    error::io,
    service::{Limits, Service, create_private},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs, io as std_io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How often readiness and ends are looked at.
pub(crate) const POLL: Duration = Duration::from_millis(50);

/// How many lines of a log are shown when something went wrong.
const TAIL_LINES: usize = 25;

/// A program that has to be installed.
pub struct Program {
    /// As it is looked for on the PATH.
    pub(crate) name: &'static str,
    /// What brings it.
    pub(crate) what: &'static str,
    /// The Debian package that brings it.
    pub(crate) package: &'static str,
}

pub(crate) const JAVA: Program =
    Program { name: "java", what: "Java 17 or newer", package: "openjdk-17-jre-headless" };

pub(crate) const MAVEN: Program = Program { name: "mvn", what: "Apache Maven", package: "maven" };

impl Program {
    /// Turns the failure to start the program into a message that says what to install.
    pub(crate) fn missing(&self) -> impl FnOnce(std_io::Error) -> Error {
        let Program { name, what, package } = *self;
        move |source| match source.kind() {
            std_io::ErrorKind::NotFound => Error::Missing { program: name, what, package },
            _ => Error::Io { doing: format!("start `{name}`"), source },
        }
    }
}

/// The command that runs `program`.
pub(crate) fn tool(program: &Program) -> Command {
    Command::new(program.name)
}

/// The end of a text, for error messages.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// How long a server runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Life {
    /// Until its owner is dropped.
    WithItsOwner,
    /// Until it is ended. In a process group of its own, a ctrl-c in the terminal does not reach it.
    OnItsOwn,
}

/// A running server. Dropping it kills it.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
    detached: bool,
}

impl Process {
    /// Starts the server with a fresh log file that takes all that it prints; the log of the run
    /// before is kept beside it as `….old`.
    pub(crate) fn start(service: &(impl Service + ?Sized), life: Life) -> Result<Self, Error> {
        let (name, log, mut command) = (service.name(), service.log_file(), service.command()?);
        if matches!(life, Life::OnItsOwn) {
            command.process_group(0);
        }
        if log.exists() {
            fs::rename(&log, log.with_extension("log.old"))
                .map_err(io(format!("put away {}", log.display())))?;
        }
        let writing = || io(format!("write {}", log.display()));
        let out = create_private(&log).map_err(writing())?;
        let err = out.try_clone().map_err(writing())?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(service.program().missing())?;
        Ok(Self { name, child, log, detached: false })
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets the process go on by itself; its id is what remains of it here.
    pub(crate) fn detach(mut self) -> u32 {
        self.detached = true;
        self.child.id()
    }

    /// Waits until `ready` holds for the log so far.
    pub(crate) fn wait_until(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut(&str) -> bool,
    ) -> Result<(), Error> {
        let start = Instant::now();
        loop {
            let log = self.read_log();
            if ready(&log) {
                return Ok(());
            }
            let (name, tail) = (self.name, tail(&log));
            if let Some(status) = self.try_wait()? {
                return Err(Error::Ended { name, status, log: self.log.clone(), tail });
            }
            if start.elapsed() >= limit {
                let seconds = limit.as_secs();
                return Err(Error::NotReady { name, seconds, log: self.log.clone(), tail });
            }
            thread::sleep(POLL);
        }
    }

    /// SIGKILL: the process gets no chance to do anything.
    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        self.child.kill().map_err(io(format!("kill {}", self.name)))?;
        self.child.wait().map_err(io(format!("wait for the end of {}", self.name)))?;
        Ok(())
    }

    /// The signal for an orderly end, and SIGKILL when it still runs after its grace.
    pub(crate) fn stop(&mut self, limits: Limits) -> Result<(), Error> {
        if self.try_wait()?.is_some() {
            return Ok(());
        }
        self.signal(limits.stop_signal, "stop")?;
        let start = Instant::now();
        while start.elapsed() < limits.stop_grace {
            if self.try_wait()?.is_some() {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        self.kill()
    }

    /// SIGSTOP: the process hangs.
    pub(crate) fn pause(&self) -> Result<(), Error> {
        self.signal(Signal::SIGSTOP, "pause")
    }

    /// SIGCONT: it goes on.
    pub(crate) fn resume(&self) -> Result<(), Error> {
        self.signal(Signal::SIGCONT, "resume")
    }

    fn signal(&self, signal: Signal, doing: &str) -> Result<(), Error> {
        let Ok(pid) = i32::try_from(self.child.id()) else { return Ok(()) };
        kill(Pid::from_raw(pid), signal)
            .map_err(|errno| io(format!("{doing} {}", self.name))(errno.into()))
    }

    fn try_wait(&mut self) -> Result<Option<std::process::ExitStatus>, Error> {
        self.child.try_wait().map_err(io(format!("look after {}", self.name)))
    }

    fn read_log(&self) -> String {
        // Without a log there is nothing to see in it, which is all that matters here.
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.detached {
            return;
        }
        // It may have ended already; nobody is left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
