//! PostgreSQL, by the system's package, with the table of `schemas/postgresql.sql`.

use crate::{
    Error,
    error::io,
    password::Password,
    process::Program,
    service::{Limits, Service, make_folder, make_folder_with},
};
use nix::{
    sys::signal::Signal,
    unistd::{Uid, User, chown},
};
use std::{
    env, fs,
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// The owner of the database, who has no right beyond it, and the name of the database.
const NAME: &str = "button";

/// The superuser, who makes the database and its owner.
const SUPERUSER: &str = "postgres";

/// The table and its views. Running it again is harmless.
const DEFINITIONS: &str = include_str!("../../../schemas/postgresql.sql");

static POSTGRESQL: Program =
    Program { name: "postgres", what: "PostgreSQL 15 or newer", package: "postgresql" };

/// Debian keeps a folder for each version, and none of them on the PATH.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A PostgreSQL server with random passwords, which the folder's owner alone can read.
pub struct PostgreSql {
    folder: PathBuf,
    port: u16,
}

impl PostgreSql {
    /// A server that keeps its data in `folder`, which is absolute.
    pub fn new(folder: &Path, port: u16) -> Self {
        Self { folder: folder.to_owned(), port }
    }

    /// The address of the database for most clients, with the user and the password.
    pub fn url(&self) -> String {
        format!("postgresql://{NAME}:{}@127.0.0.1:{}/{NAME}", self.password().read(), self.port)
    }

    /// The address of the database for Java's clients, without the user.
    pub fn jdbc_url(&self) -> String {
        format!("jdbc:postgresql://127.0.0.1:{}/{NAME}", self.port)
    }

    /// The owner of the database.
    pub fn user(&self) -> &'static str {
        NAME
    }

    /// Runs SQL by psql as the owner of the database, and gives what it prints: a line for each row, columns
    /// between `|`.
    pub fn query(&self, sql: &str) -> Result<String, Error> {
        self.psql(NAME, &self.password(), NAME, sql)
    }

    /// As [`query`](Self::query), as the superuser, who may make other users.
    pub fn query_as_superuser(&self, sql: &str) -> Result<String, Error> {
        self.psql(SUPERUSER, &self.superuser_password()?, NAME, sql)
    }

    pub(crate) fn password(&self) -> Password {
        Password::in_file(self.folder.join("password"))
    }

    fn superuser_password(&self) -> Result<Password, Error> {
        Ok(Password::in_file(self.place()?.join("superuser-password")))
    }

    fn data_folder(&self) -> Result<PathBuf, Error> {
        Ok(self.place()?.join("data"))
    }

    /// Where the server's files are: in the folder. A user of the server's own, as whom it runs where this is root,
    /// may not be able to pass through to it, as in `/root`; then in that user's home.
    fn place(&self) -> Result<PathBuf, Error> {
        match unprivileged()? {
            Some(user) if !can_reach(&user, &self.folder) => Ok(home_place(&user, &self.folder)),
            _ => Ok(self.folder.clone()),
        }
    }

    fn psql(
        &self,
        user: &str,
        password: &Password,
        database: &str,
        sql: &str,
    ) -> Result<String, Error> {
        let failing = || io("run psql");
        let mut psql = program("psql")?;
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--host", "127.0.0.1", "--username", user])
            .env("PGPASSWORD", password.read())
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
        let (place, data) = (self.place()?, self.data_folder()?);
        let password = self.superuser_password()?;
        if place != self.folder {
            make_folder_with(&place, 0o711)?;
        }
        make_folder(&data)?;
        password.ensure()?;
        if let Some(user) = unprivileged()? {
            for path in [&data, password.file()] {
                chown(path, Some(user.uid), Some(user.gid)).map_err(|errno| {
                    io(format!("give {} its owner", path.display()))(errno.into())
                })?;
            }
        }
        let mut initdb = as_unprivileged("initdb")?;
        initdb
            .arg("--pgdata")
            .arg(&data)
            .arg("--pwfile")
            .arg(password.file())
            .args(["--username", SUPERUSER, "--auth=scram-sha-256"])
            .args(["--encoding=UTF8", "--locale=C"])
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
        format!("postgresql://{NAME}@127.0.0.1:{}/{NAME}", self.port)
    }

    fn folders(&self) -> Vec<PathBuf> {
        // Where there is no user to run it, it has never run.
        let place = self.place().ok().filter(|place| *place != self.folder);
        [self.folder.clone()].into_iter().chain(place).collect()
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
        make_folder_with(&self.folder, 0o711)?;
        // The file that initdb writes last.
        if !self.data_folder()?.join("global/pg_control").is_file() {
            self.initialise()?;
        } else if !self.password().file().is_file() {
            return Err(Error::NoPassword { folder: self.folder.clone() });
        }
        self.password().ensure()
    }

    fn command(&self) -> Result<Command, Error> {
        let mut command = as_unprivileged("postgres")?;
        command.arg("-D").arg(self.data_folder()?).args(["-p", &self.port.to_string()]).args([
            "-c",
            "listen_addresses=127.0.0.1",
            // The folder for it is not the same everywhere, and nobody needs it.
            "-c",
            "unix_socket_directories=",
        ]);
        Ok(command)
    }

    fn marker(&self) -> String {
        // Without a user to run it there is no such process, and no folder of this name.
        format!("-D {} -p", self.data_folder().unwrap_or_default().display())
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

    /// Makes the database's owner, the database, the table and its views.
    fn settle(&self) -> Result<(), Error> {
        let superuser = self.superuser_password()?;
        let as_superuser = |sql: &str| self.psql(SUPERUSER, &superuser, SUPERUSER, sql);
        // The password has no quotes: see `Password`.
        let password = self.password().read();
        let has = |query: &str| as_superuser(query).map(|rows| !rows.trim().is_empty());
        if !has(&format!("SELECT 1 FROM pg_roles WHERE rolname = '{NAME}'"))? {
            as_superuser(&format!("CREATE ROLE {NAME} LOGIN PASSWORD '{password}'"))?;
        }
        if !has(&format!("SELECT 1 FROM pg_database WHERE datname = '{NAME}'"))? {
            as_superuser(&format!("CREATE DATABASE {NAME} OWNER {NAME}"))?;
        }
        self.query(DEFINITIONS)?;
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

/// As [`program`], by another user if we are root: PostgreSQL refuses to run as root.
fn as_unprivileged(name: &str) -> Result<Command, Error> {
    let command = program(name)?;
    let Some(user) = unprivileged()? else { return Ok(command) };
    let mut changed = Command::new("setpriv");
    changed
        .args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid)])
        .args(["--clear-groups", "--inh-caps=-all", "--no-new-privs"])
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

/// Whether the user may pass through all folders on the way to this one, and through this one.
fn can_reach(user: &User, folder: &Path) -> bool {
    folder.ancestors().all(|folder| {
        // A folder that is not there yet is made so that it can be passed.
        fs::metadata(folder).map_or(true, |folder| {
            let shift = match (folder.uid(), folder.gid()) {
                (owner, _) if owner == user.uid.as_raw() => 6,
                (_, group) if group == user.gid.as_raw() => 3,
                _ => 0,
            };
            folder.mode() >> shift & 1 == 1
        })
    })
}

/// The place for this folder's server in the user's home.
fn home_place(user: &User, folder: &Path) -> PathBuf {
    // The path itself, in one name.
    let name = folder.to_string_lossy().replace('/', "-");
    user.dir.join(format!("kafka-button{name}"))
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
