//! PostgreSQL, by the system's package, with the table of `schemas/postgresql.sql`.

use crate::{
    Error,
    error::io,
    process::Program,
    service::{Limits, Service, make_folder},
};
use nix::{
    sys::signal::Signal,
    unistd::{Uid, User, chown},
};
use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// The user, who may do everything there, and the name of the database.
const NAME: &str = "button";

/// The table and its views. Running it again is harmless.
const DEFINITIONS: &str = include_str!("../../../schemas/postgresql.sql");

static POSTGRESQL: Program =
    Program { name: "postgres", what: "PostgreSQL 15 or newer", package: "postgresql" };

/// Debian keeps a folder for each version, and none of them on the PATH.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A PostgreSQL server that lets everybody on this machine in.
pub struct PostgreSql {
    folder: PathBuf,
    port: u16,
}

impl PostgreSql {
    /// A server that keeps its data in `folder`, which is absolute.
    pub fn new(folder: &Path, port: u16) -> Self {
        Self { folder: folder.to_owned(), port }
    }

    /// The address of the database for most clients, with the user.
    pub fn url(&self) -> String {
        format!("postgresql://{NAME}@127.0.0.1:{}/{NAME}", self.port)
    }

    /// The address of the database for Java's clients, without the user.
    pub fn jdbc_url(&self) -> String {
        format!("jdbc:postgresql://127.0.0.1:{}/{NAME}", self.port)
    }

    /// The user, who needs no password.
    pub fn user(&self) -> &'static str {
        NAME
    }

    /// Runs SQL by psql, and gives what it prints: a line for each row, columns between `|`.
    pub fn query(&self, sql: &str) -> Result<String, Error> {
        self.psql(NAME, sql)
    }

    fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn psql(&self, database: &str, sql: &str) -> Result<String, Error> {
        let failing = || io("run psql");
        let mut psql = program("psql")?;
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--host", "127.0.0.1", "--username", NAME])
            .args(["--port", &self.port.to_string(), "--dbname", database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = psql.spawn().map_err(failing())?;
        if let Some(mut input) = child.stdin.take() {
            // psql may end before it has read all: its exit status says why.
            let _ = input.write_all(sql.as_bytes());
        }
        let output = child.wait_with_output().map_err(failing())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        let output_text = text + &String::from_utf8_lossy(&output.stderr);
        Err(Error::Tool { tool: "psql", status: output.status, output: output_text })
    }

    /// Makes the files of an empty server.
    fn initialise(&self) -> Result<(), Error> {
        let data = self.data_folder();
        make_folder(&data)?;
        if let Some(user) = unprivileged()? {
            chown(&data, Some(user.uid), Some(user.gid))
                .map_err(|errno| io(format!("give {} its owner", data.display()))(errno.into()))?;
        }
        let mut initdb = as_unprivileged("initdb")?;
        initdb
            .arg("--pgdata")
            .arg(&data)
            .args(["--username", NAME, "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .stdin(Stdio::null());
        let output = initdb.output().map_err(POSTGRESQL.missing())?;
        if output.status.success() {
            return Ok(());
        }
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        Err(Error::Tool { tool: "initdb", status: output.status, output: text.into_owned() })
    }
}

impl Service for PostgreSql {
    fn name(&self) -> &'static str {
        "PostgreSQL"
    }

    fn key(&self) -> &'static str {
        "postgresql"
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn address(&self) -> String {
        self.url()
    }

    fn limits(&self) -> Limits {
        Limits {
            ready_within: Duration::from_secs(60),
            // A "fast" shutdown: SIGTERM would wait until every client has gone.
            stop_signal: Signal::SIGINT,
            stop_grace: Duration::from_secs(20),
        }
    }

    fn program(&self) -> &'static Program {
        &POSTGRESQL
    }

    fn prepare(&self) -> Result<(), Error> {
        make_folder(&self.folder)?;
        // The file that initdb writes last.
        if self.data_folder().join("global/pg_control").is_file() {
            Ok(())
        } else {
            self.initialise()
        }
    }

    fn command(&self) -> Result<Command, Error> {
        let mut command = as_unprivileged("postgres")?;
        command.arg("-D").arg(self.data_folder()).args(["-p", &self.port.to_string()]).args([
            "-c",
            "listen_addresses=127.0.0.1",
            // The folder for it is not the same everywhere, and nobody needs it.
            "-c",
            "unix_socket_directories=",
        ]);
        Ok(command)
    }

    fn marker(&self) -> String {
        format!("-D {} -p", self.data_folder().display())
    }

    fn is_ready(&self, log: &str) -> bool {
        log.contains("ready to accept connections")
            && program("pg_isready").is_ok_and(|mut asked| {
                let port = self.port.to_string();
                asked.args(["--quiet", "--host", "127.0.0.1", "--port", &port]);
                asked.status().is_ok_and(|status| status.success())
            })
    }

    fn is_worth_another_try(&self, log: &str) -> bool {
        // After a SIGKILL its child processes need a moment to see that they are orphans.
        log.contains("pre-existing shared memory block is still in use")
    }

    /// Makes the database, the table and its views.
    fn settle(&self) -> Result<(), Error> {
        let exists =
            self.psql("postgres", &format!("SELECT 1 FROM pg_database WHERE datname = '{NAME}'"))?;
        if exists.trim().is_empty() {
            self.psql("postgres", &format!("CREATE DATABASE {NAME}"))?;
        }
        self.psql(NAME, DEFINITIONS)?;
        Ok(())
    }
}

/// One of PostgreSQL's programs.
fn program(name: &str) -> Result<Command, Error> {
    let mut command = Command::new(programs()?.join(name));
    // Its clients read the environment; our server is meant and no other.
    for (variable, _) in env::vars_os() {
        if variable.to_string_lossy().starts_with("PG") {
            command.env_remove(variable);
        }
    }
    Ok(command)
}

/// As [`program`], by another user if we are root: PostgreSQL refuses to run as root. That user has
/// to reach folders that may be root's alone, so that one capability is left to it.
fn as_unprivileged(name: &str) -> Result<Command, Error> {
    let command = program(name)?;
    let Some(user) = unprivileged()? else { return Ok(command) };
    let mut changed = Command::new("setpriv");
    changed
        .args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid)])
        .args(["--clear-groups", "--inh-caps=+dac_override", "--ambient-caps=+dac_override"])
        .arg("--")
        .arg(command.get_program());
    for (variable, value) in command.get_envs() {
        if value.is_none() {
            changed.env_remove(variable);
        }
    }
    Ok(changed)
}

/// The folder of PostgreSQL's programs: the newest version of Debian's, else wherever the PATH
/// leads.
fn programs() -> Result<PathBuf, Error> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs.join("postgres").is_file().then_some((version, programs))
        })
        .max();
    if let Some((_, programs)) = newest {
        return Ok(programs);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .find(|folder| folder.join("postgres").is_file())
        .ok_or_else(|| POSTGRESQL.missing()(std::io::ErrorKind::NotFound.into()))
}

/// Who runs the server if we are root: the user that the package made for it.
fn unprivileged() -> Result<Option<User>, Error> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        let user = User::from_name(name)
            .map_err(|errno| io(format!("look up the user {name}"))(errno.into()))?;
        if user.is_some() {
            return Ok(user);
        }
    }
    Err(Error::NoUser)
}
