//! The stack as servers of their own: they go on after the program that started them.
//!
//! ```text
//!  data/stack/kafka.pid      the process of each part, checked against the real one
//!            …
//!            ports           where each part listens, also after it has ended
//!            env             what to export, while the stack is up; with passwords, like the folders below, it is
//!                            readable by its owner alone
//!            certificates/   for clients of Kafka's TLS port
//!            kafka/          data and logs, kept until they are reset
//!            registry/
//!            postgresql/
//!            connect/
//! ```

use crate::{
    Downloads, Error, Part, Ports, download,
    error::io,
    free_port,
    process::{Life, POLL, Process, tail},
    record::Record,
    service::{Service, create_private, write},
    stack::{Services, Stack, make_stack_folder},
};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It answers, and does what it is for.
    Ready,
    /// Its process is there, but it does not answer (yet), or not as it should.
    Running,
    /// There is no such process.
    Stopped,
}

/// What is known of a part.
#[derive(Clone, Debug)]
pub struct Status {
    /// Which part.
    pub part: Part,
    /// As it is called in messages.
    pub name: &'static str,
    /// How it is.
    pub state: State,
    /// What it answers if that is not what it should.
    pub complaint: Option<String>,
    /// Its process, if it has one.
    pub pid: Option<u32>,
    /// Its address, or the one that it had or would get.
    pub address: String,
    /// Its log.
    pub log: PathBuf,
}

/// A stack that goes on by itself, known by its folder.
pub struct Background {
    folder: PathBuf,
    downloads: Downloads,
}

impl Background {
    /// The stack of this folder, which is made if it is missing.
    pub fn at(folder: &Path) -> Result<Self, Error> {
        // Processes are recognised by the folder's full name.
        Ok(Self { folder: make_stack_folder(folder)?, downloads: Downloads::in_cache()? })
    }

    /// How each part is.
    pub fn status(&self) -> Vec<Status> {
        let services = self.services(self.ports());
        Part::ALL.map(|part| self.status_of(part, services.of(part))).into()
    }

    /// Starts what does not run, waits until all is ready, and gives each what the product needs
    /// (see [`crate::Stack`]). `choose` gets the ports that the stack had, or the usual ones, and
    /// gives those that it shall have. Returns the parts that had to be started, or to be waited for.
    ///
    /// When it fails, what runs goes on: the next call waits for it, [`Background::down`] ends it.
    pub fn up(&self, choose: impl FnOnce(Ports) -> Ports) -> Result<Vec<Part>, Error> {
        let _lock = self.lock()?;
        let before = self.status();
        let stopped = |part| before.iter().any(|s| s.part == part && s.state == State::Stopped);
        let had = self.ports();
        let mut ports = choose(had);
        self.check(ports, had, stopped)?;
        if stopped(Part::Kafka) {
            // Nobody else needs to know this one.
            ports.kafka.controller = free_port()?;
        }

        download()?;
        write(&self.ports_file(), &ports.to_text())?;
        let services = self.services(ports);
        let (connect, others) = (&Part::ALL[3..], &Part::ALL[..3]);
        for parts in [others, connect] {
            for part in parts.iter().copied().filter(|part| stopped(*part)) {
                self.launch(services.of(part))?;
            }
            for part in parts {
                let service = services.of(*part);
                self.wait_until_ready(service)?;
                service.settle()?;
            }
        }
        write(&self.env_file(), &self.env())?;
        Ok(before.iter().filter(|s| s.state != State::Ready).map(|s| s.part).collect())
    }

    /// Ends what runs, in order (SIGKILL for what does not end), and keeps the data. Returns the
    /// names of the parts that ran.
    pub fn down(&self) -> Result<Vec<&'static str>, Error> {
        let _lock = self.lock()?;
        self.end()
    }

    /// As [`Background::down`], and deletes the data: topics, messages, schemas, tables,
    /// certificates and logs.
    pub fn reset(&self) -> Result<Vec<&'static str>, Error> {
        let _lock = self.lock()?;
        let ended = self.end()?;
        let services = self.services(self.ports());
        let folders = Part::ALL.into_iter().flat_map(|part| services.of(part).folders());
        for folder in folders.chain([self.certificates()]) {
            if folder.exists() {
                fs::remove_dir_all(&folder)
                    .map_err(io(format!("delete the folder {}", folder.display())))?;
            }
        }
        Ok(ended)
    }

    /// What programs need to know, for a shell or a `.env` file.
    pub fn env(&self) -> String {
        let Services { kafka, registry, postgresql, connect } = self.services(self.ports());
        let (user, password) = crate::SASL_USER;
        format!(
            "export KAFKA_SERVICE_URI={}
export SCHEMA_REGISTRY_URI={}
export POSTGRESQL_URI={}
export KAFKA_CONNECT_URI={}
# The same Kafka for clients with a certificate, as hosted ones often have it:
#   KAFKA_SERVICE_URI={} KAFKA_CERTIFICATES='{}'
# and for clients with a password (SASL PLAIN over TLS, user {user}, password {password}): {}
",
            kafka.bootstrap(),
            registry.url(),
            postgresql.url(),
            connect.url(),
            kafka.tls_bootstrap(),
            self.certificates().display(),
            kafka.sasl_bootstrap(),
        )
    }

    /// The file with [`Background::env`], there while the stack is up.
    pub fn env_file(&self) -> PathBuf {
        self.folder.join("env")
    }

    /// The servers of the stack, for their addresses and tools, wherever they run.
    pub fn servers(&self) -> Services {
        self.services(self.ports())
    }

    /// Runs the stack on free ports, as [`crate::Stack`] does, until `ended` returns; the folder tells other
    /// processes where it is meanwhile (see [`Background::servers`]).
    pub fn hold(&self, ended: impl FnOnce(&str)) -> Result<(), Error> {
        let _lock = self.lock()?;
        let ports = Ports::free()?;
        write(&self.ports_file(), &ports.to_text())?;
        let mut stack = Stack::start(&self.folder, ports)?;
        ended(&self.env());
        stack.stop()
    }

    fn services(&self, ports: Ports) -> Services {
        Services::in_folder(&self.folder, &self.downloads, ports)
    }

    /// The ports that it has, had, or would get.
    fn ports(&self) -> Ports {
        Ports::parse(&fs::read_to_string(self.ports_file()).unwrap_or_default())
    }

    /// Whether each part can have its port.
    fn check(
        &self,
        wanted: Ports,
        had: Ports,
        stopped: impl Fn(Part) -> bool,
    ) -> Result<(), Error> {
        let services = self.services(wanted);
        for ((option, part, port), (_, _, has)) in wanted.listed().into_iter().zip(had.listed()) {
            let name = services.of(part).name();
            if stopped(part) {
                TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| Error::Port {
                    name,
                    port,
                    option,
                    source,
                })?;
            } else if port != has {
                return Err(Error::OtherPort { name, has, wanted: port });
            }
        }
        Ok(())
    }

    fn launch(&self, service: &dyn Service) -> Result<(), Error> {
        service.prepare()?;
        let record = Record { pid: Process::start(service, Life::OnItsOwn)?.detach() };
        record.write(&self.record_file(service))?;
        record.wait_until_visible(service);
        Ok(())
    }

    fn end(&self) -> Result<Vec<&'static str>, Error> {
        let services = self.services(self.ports());
        let mut ended = Vec::new();
        // Those that use come before those that are used.
        for part in Part::ALL.into_iter().rev() {
            let service = services.of(part);
            if let Some(record) = self.alive(service) {
                record.end(service)?;
                ended.push(service.name());
            }
            remove(&self.record_file(service))?;
        }
        remove(&self.env_file())?;
        Ok(ended)
    }

    fn status_of(&self, part: Part, service: &dyn Service) -> Status {
        let pid = self.alive(service).map(|record| record.pid);
        let answers = pid.is_some() && service.is_ready(&log_of(service));
        let complaint = if answers { service.complaint() } else { None };
        let state = match pid {
            None => State::Stopped,
            Some(_) if answers && complaint.is_none() => State::Ready,
            Some(_) => State::Running,
        };
        let (name, address, log) = (service.name(), service.address(), service.log_file());
        Status { part, name, state, complaint, pid, address, log }
    }

    fn wait_until_ready(&self, service: &dyn Service) -> Result<(), Error> {
        let limit = service.limits().ready_within;
        let start = Instant::now();
        loop {
            let (name, text) = (service.name(), log_of(service));
            if service.is_ready(&text) {
                return Ok(());
            }
            let (log, tail) = (service.log_file(), tail(&text));
            if self.alive(service).is_none() {
                if !service.is_worth_another_try(&tail) {
                    return Err(Error::Gone { name, log, tail });
                }
                self.launch(service)?;
            }
            if start.elapsed() >= limit {
                return Err(Error::NotReady { name, seconds: limit.as_secs(), log, tail });
            }
            thread::sleep(POLL);
        }
    }

    /// The part's process, if the one with the noted id really is it.
    fn alive(&self, service: &dyn Service) -> Option<Record> {
        Record::read(&self.record_file(service)).filter(|record| record.is_alive(service))
    }

    fn record_file(&self, service: &dyn Service) -> PathBuf {
        self.folder.join(format!("{}.pid", service.key()))
    }

    fn ports_file(&self) -> PathBuf {
        self.folder.join("ports")
    }

    fn certificates(&self) -> PathBuf {
        self.folder.join("certificates")
    }

    /// Whoever comes second waits; the lock ends with its file.
    fn lock(&self) -> Result<File, Error> {
        let path = self.folder.join("lock");
        let lock =
            create_private(&path).map_err(io(format!("make the file {}", path.display())))?;
        lock.lock().map_err(io("wait for another command on the stack"))?;
        Ok(lock)
    }
}

fn log_of(service: &dyn Service) -> String {
    // Without a log there is nothing to see in it, which is all that matters here.
    String::from_utf8_lossy(&fs::read(service.log_file()).unwrap_or_default()).into_owned()
}

fn remove(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io(format!("remove {}", file.display()))(error))
        }
        _ => Ok(()),
    }
}
