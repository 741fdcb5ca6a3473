//! Programs that end with whoever started them.

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Runs the program, and ends it and all that it started as soon as it ends, or as nobody holds the
/// other end of standard input any more: when this is dropped, and also when the test is killed.
/// The driver of a browser that is killed alone leaves the browser behind.
const GUARD: &str = r#"
trap : TERM
exec 3<&0
(read -r _ <&3; kill -KILL 0) &
"$@" 3<&- </dev/null
kill -KILL 0
"#;

/// A program in a process group of its own. Dropping it ends the group.
pub struct Program {
    guard: Child,
    output: PathBuf,
}

impl Program {
    /// Starts it, with a home of its own in `folder`, where it leaves whatever it likes to leave.
    pub fn start<S: AsRef<OsStr>>(
        folder: &Path,
        program: &str,
        arguments: &[S],
        variables: &[(&str, &str)],
    ) -> Self {
        let output = folder.join(format!("{program}.out"));
        let file = File::create(&output).unwrap();
        let guard = Command::new("sh")
            .args(["-c", GUARD, "sh", program])
            .args(arguments)
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .envs(variables.iter().copied())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { guard, output }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.guard.try_wait().unwrap().is_some()
    }

    /// Ends it in order (SIGTERM), so that all that it has to write is written.
    ///
    /// # Panics
    /// If it goes on for [`PATIENCE`](crate::PATIENCE).
    pub fn stop(&mut self) {
        let group = Pid::from_raw(self.guard.id().cast_signed());
        killpg(group, Signal::SIGTERM).unwrap();
        let deadline = Instant::now() + crate::PATIENCE;
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "{} goes on", self.output.display());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it has written so far; panics if it has ended.
    pub fn said(&mut self) -> String {
        let said = fs::read_to_string(&self.output).unwrap_or_default();
        let ended = self.guard.try_wait().unwrap();
        assert!(ended.is_none(), "{} ended, having said: {said}", self.output.display());
        said
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // It kills itself last; nothing could be done about an error here.
        let _ = self.guard.wait();
    }
}
