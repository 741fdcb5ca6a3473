//! The relay as a program of its own, with a port and a store that outlive it.

use crate::{PATIENCE, Stored, artifacts, read_store, until, usage};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

const LISTENING: &str = "relay: listening on http://";
const MANAGEMENT: &str = "relay: metrics and readiness on http://";

/// A relay. Dropping it kills it.
pub struct Relay {
    folder: PathBuf,
    store: PathBuf,
    address: String,
    management: String,
    /// Limit of its open files, if not that of this program.
    open_files: Option<u64>,
    child: Option<Child>,
}

impl Relay {
    /// Starts a relay on a free port of the loopback interface, with its store and its logs in
    /// `folder`, and waits until it accepts connections.
    pub async fn start(folder: &Path, options: &[&str]) -> Self {
        Self::start_with_store(folder, &folder.join("button_presses.sqlite"), options).await
    }

    /// As [`Relay::start`], with the store in another place than the logs.
    pub async fn start_with_store(folder: &Path, store: &Path, options: &[&str]) -> Self {
        Self::start_anywhere(folder, store, "127.0.0.1", options).await
    }

    /// As [`Relay::start`], on another interface than the loopback one.
    pub async fn start_at(host: &str, folder: &Path, options: &[&str]) -> Self {
        Self::start_anywhere(folder, &folder.join("button_presses.sqlite"), host, options).await
    }

    /// As [`Relay::start`], with a limit of open files.
    pub async fn start_with_open_files(folder: &Path, files: u64, options: &[&str]) -> Self {
        let mut relay = Self::new(folder, &folder.join("button_presses.sqlite"), "127.0.0.1");
        relay.open_files = Some(files);
        relay.start_again(options).await;
        relay
    }

    async fn start_anywhere(folder: &Path, store: &Path, host: &str, options: &[&str]) -> Self {
        let mut relay = Self::new(folder, store, host);
        relay.start_again(options).await;
        relay
    }

    fn new(folder: &Path, store: &Path, host: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        Self {
            folder: folder.to_owned(),
            store: store.to_owned(),
            // Not port 0: the system may give that one to another while the relay is away.
            address: format!("{host}:{}", local_stack::free_port().unwrap()),
            management: format!("127.0.0.1:{}", local_stack::free_port().unwrap()),
            open_files: None,
            child: None,
        }
    }

    /// Starts a relay that must refuse its options, and gives what it says on standard error.
    pub fn refusal(folder: &Path, options: &[&str]) -> String {
        let output = Command::new(artifacts::relay())
            .env_clear()
            .env("RELAY_LISTEN", "127.0.0.1:0")
            .env("RELAY_MANAGEMENT_LISTEN", "127.0.0.1:0")
            .current_dir(folder)
            .args(options)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(!output.status.success(), "the relay takes {options:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts the relay again, at the same address and with the same store.
    pub async fn start_again(&mut self, options: &[&str]) {
        assert!(self.child.is_none(), "it still runs");
        let log = File::options().append(true).create(true).open(self.log_file()).unwrap();
        let mut command = match self.open_files {
            Some(files) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]);
                shell.arg(artifacts::relay());
                shell
            }
            None => Command::new(artifacts::relay()),
        };
        let child = command
            // Each option is an environment variable too, and `.env` is read from the folder.
            .env_clear()
            // Should it panic, the log is to tell where.
            .env("RUST_BACKTRACE", "full")
            // A variable, which an option of a test overrides.
            .env("RELAY_MANAGEMENT_LISTEN", &self.management)
            .current_dir(&self.folder)
            .args(["--listen", &self.address, "--store"])
            .arg(self.store_file())
            .args(options)
            .stdin(Stdio::null())
            .stdout(File::create(self.output_file()).unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let (address, management) = until("the relay to listen", async || {
            let status = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(status.is_none(), "the relay ended at start: {status:?}");
            let output = fs::read_to_string(self.output_file()).unwrap();
            let after = |prefix| {
                let line = output.lines().find_map(|line| line.strip_prefix(prefix));
                line.map(|address: &str| address.trim().to_owned())
            };
            let Some(address) = after(LISTENING) else { return Err(output) };
            Ok((address, after(MANAGEMENT)))
        })
        .await;
        self.address = address;
        self.management = management.unwrap_or_else(|| "off".to_owned());
    }

    /// The relay's address for browsers, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of `/metrics` and `/readyz`, without a slash at the end.
    pub fn management_url(&self) -> String {
        format!("http://{}", self.management)
    }

    /// Host and port of the same.
    pub fn management_address(&self) -> &str {
        &self.management
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its SQLite file.
    pub fn store_file(&self) -> PathBuf {
        self.store.clone()
    }

    /// Its log (standard error) over all starts.
    pub fn log_file(&self) -> PathBuf {
        self.folder.join("relay.log")
    }

    /// Its standard output since the last start.
    pub fn output_file(&self) -> PathBuf {
        self.folder.join("relay.out")
    }

    /// What is in its store.
    pub fn stored(&self) -> Vec<Stored> {
        read_store(&self.store_file())
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// The memory that it has in RAM, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        usage::resident_bytes(self.pid())
    }

    /// The processor time that it has used since it was started.
    pub fn processor_time(&self) -> Duration {
        usage::processor_time(self.pid())
    }

    /// Sends the relay a signal.
    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Ends the relay as a power cut would (SIGKILL).
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits for the end of a relay that was sent a signal it dies of; gives whether its memory was
    /// dumped (core(5)).
    pub fn dumped_core(&mut self) -> bool {
        let status = self.wait_for_end("a signal");
        assert!(status.signal().is_some(), "it ended with {status}");
        status.core_dumped()
    }

    /// Ends the relay in order (SIGTERM), and checks that it ends well.
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.wait_for_end("SIGTERM");
        assert!(status.success(), "the relay ended with {status}");
    }

    fn wait_for_end(&mut self, after: &str) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if start.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("the relay did not end after {after}");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already; nobody is left to tell.
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            let log = fs::read_to_string(self.log_file()).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(30)..];
            eprintln!("the end of the relay's log:\n{}", tail.join("\n"));
        }
    }
}
