//! What can go wrong with the local stack, and what to do about it.

use std::{io, path::PathBuf, process::ExitStatus};

/// Why the local stack, or a part of it, does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that the stack needs is not installed.
    #[error("`{program}` was not found; install {what} (Debian, Ubuntu: `apt install {package}`)")]
    Missing {
        /// Name of the program, as it was looked for on the PATH.
        program: &'static str,
        /// What brings it.
        what: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// There is no folder for what is downloaded.
    #[error("no cache folder is known; set KAFKA_BUTTON_CACHE to one")]
    NoCacheFolder,
    /// Maven could not download the stack.
    #[error("Maven could not download the stack ({status}); it said:\n{tail}")]
    Download {
        /// How Maven ended.
        status: ExitStatus,
        /// The end of what it printed.
        tail: String,
    },
    /// Maven is content, but something that belongs to the stack is not there.
    #[error("the download is not whole: {0} is missing; check deploy/local/pom.xml")]
    Incomplete(PathBuf),
    /// A downloaded file is not the one of the list.
    #[error(
        "{0} does not have the SHA-256 in deploy/local/stack.sha256; after a change of pom.xml renew the list \
         with `KAFKA_BUTTON_RENEW=1 cargo xtask stack up`"
    )]
    Checksum(String),
    /// A process ended while it was waited for.
    #[error("{name} ended at start ({status}); the end of {log}:\n{tail}", log = log.display())]
    Ended {
        /// What ended.
        name: &'static str,
        /// How.
        status: ExitStatus,
        /// Its log file.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// A process runs, but was not ready in time.
    #[error("{name} was not ready after {seconds} s; the end of {log}:\n{tail}", log = log.display())]
    NotReady {
        /// What was not ready.
        name: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// Its log file.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// A process that goes on by itself ended while it was waited for.
    #[error("{name} has ended; the end of {log}:\n{tail}", log = log.display())]
    Gone {
        /// What ended.
        name: &'static str,
        /// Its log file.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// A port cannot be used, most often because another program has it.
    #[error(
        "{name} cannot have port {port} ({source}): end the program that uses it, or choose \
         another port with `{option} PORT`"
    )]
    Port {
        /// Which part of the stack.
        name: &'static str,
        /// The port.
        port: u16,
        /// The option that chooses another one.
        option: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A part runs already, at another port than it is asked for.
    #[error("{name} runs already at port {has}, not {wanted}: `stack down` ends it")]
    OtherPort {
        /// Which part of the stack.
        name: &'static str,
        /// Where it is.
        has: u16,
        /// Where it should be.
        wanted: u16,
    },
    /// One of Kafka's command line tools failed.
    #[error("{tool} failed ({status}):\n{output}")]
    Tool {
        /// Its Java class.
        tool: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
    /// The registry refused its configuration.
    #[error("the registry at {url} did not take the compatibility level")]
    Compatibility {
        /// What was asked.
        url: String,
        /// Why not.
        source: Box<ureq::Error>,
    },
    /// The sink does not run.
    #[error("the sink {url} does not run: {reason}")]
    Sink {
        /// Where it can be asked about.
        url: String,
        /// What Connect says.
        reason: String,
    },
    /// The certificates cannot be made, or are damaged.
    #[error("the certificates cannot be used ({file}); delete their folder to have new ones", file = file.display())]
    Certificates {
        /// Which file it is about.
        file: PathBuf,
        /// What is wrong.
        source: Box<rcgen::Error>,
    },
    /// PostgreSQL's files are of a version that let in every user of the machine.
    #[error(
        "the PostgreSQL in {folder} lets in every user of this machine, as earlier versions made it; \
         `cargo xtask stack reset` makes all data of the stack anew",
        folder = folder.display()
    )]
    NoPassword {
        /// The server's folder.
        folder: PathBuf,
    },
    /// We are root, and there is nobody else to run PostgreSQL.
    #[error("PostgreSQL does not run as root, and there is no user postgres or nobody")]
    NoUser,
    /// A file, folder, socket or process could not be used.
    #[error("{doing}")]
    Io {
        /// What was tried.
        doing: String,
        /// Why not.
        source: io::Error,
    },
}

/// Names what was tried, for [`Error::Io`].
pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let doing = doing.into();
    move |source| Error::Io { doing, source }
}
