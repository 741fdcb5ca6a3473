//! What is noted of a server that goes on by itself, and whether it is still true.
//!
//! A process id alone says little: after the server's end, or a restart of the machine, another
//! program can have it. So each server carries something in its command line that tells its folder.

use crate::{
    Error,
    error::io,
    process::POLL,
    service::{Service, write},
};
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// How long a process may take to show its command line.
const VISIBLE_WITHIN: Duration = Duration::from_secs(2);

/// How long a process may take to vanish after SIGKILL.
const KILLED_WITHIN: Duration = Duration::from_secs(10);

/// A process that was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) pid: u32,
}

impl Record {
    /// What the file says; `None` if it is missing or damaged.
    pub(crate) fn read(file: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(file).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        Some(Self { pid: text.split_whitespace().next()?.parse().ok()? })
    }

    pub(crate) fn write(self, file: &Path) -> Result<(), Error> {
        write(file, &format!("{}\n", self.pid))
    }

    /// Whether the process is there, and is this server.
    pub(crate) fn is_alive(self, service: &dyn Service) -> bool {
        // A process that has ended but was not waited for has no command line any more.
        command_line(self.pid).is_some_and(|line| line.contains(&service.marker()))
    }

    /// Waits until a process that has just been started can be recognised: for a moment after
    /// `exec` the system shows an empty command line. One that ended at once never can be.
    pub(crate) fn wait_until_visible(self, service: &dyn Service) {
        let start = Instant::now();
        while start.elapsed() < VISIBLE_WITHIN && !self.is_alive(service) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The signal for an orderly end, and SIGKILL when it is still there after its grace.
    pub(crate) fn end(self, service: &dyn Service) -> Result<(), Error> {
        let (name, limits) = (service.name(), service.limits());
        for (signal, limit) in
            [(limits.stop_signal, limits.stop_grace), (Signal::SIGKILL, KILLED_WITHIN)]
        {
            if !self.is_alive(service) {
                return Ok(());
            }
            let Ok(pid) = i32::try_from(self.pid) else { return Ok(()) };
            match kill(Pid::from_raw(pid), signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(io(format!("stop {name} (process {pid})"))(errno.into())),
            }
            let start = Instant::now();
            while start.elapsed() < limit && self.is_alive(service) {
                thread::sleep(POLL);
            }
        }
        if self.is_alive(service) {
            let late = std::io::ErrorKind::TimedOut.into();
            return Err(io(format!("stop {name} (process {})", self.pid))(late));
        }
        Ok(())
    }
}

/// The command line of a process, by `/proc` or, where there is none, by `ps`. Arguments are
/// separated by zero bytes or spaces.
fn command_line(pid: u32) -> Option<String> {
    if Path::new("/proc/self/cmdline").exists() {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        return Some(String::from_utf8_lossy(&line).replace('\0', " "));
    }
    let output =
        Command::new("ps").args(["-ww", "-o", "args=", "-p", &pid.to_string()]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::Record;

    #[test]
    fn damaged_records_are_none() {
        assert_eq!(Record::parse("12\n"), Some(Record { pid: 12 }));
        for text in ["", " ", "-1", "x y"] {
            assert_eq!(Record::parse(text), None, "{text:?}");
        }
    }
}
