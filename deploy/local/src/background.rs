//! Kafka and the registry as servers of their own: they go on after the program that started them.
//!
//! ```text
//!  data/stack/kafka.pid      process id and port of each part, checked against the real process
//!            registry.pid
//!            env             what to export, while the stack is up
//!            kafka/          data and logs, kept until they are reset
//!            registry/
//! ```

use crate::{
    Downloads, Error, Kafka, KafkaPorts, Registry, Topic, download,
    error::io,
    free_port, kafka,
    process::{Life, POLL, tail},
    record::Record,
    registry, topic,
};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The broker.
    Kafka,
    /// The schema registry.
    Registry,
}

use Part::{Kafka as KafkaPart, Registry as RegistryPart};

/// In the order in which they are started.
const PARTS: [Part; 2] = [KafkaPart, RegistryPart];

impl Part {
    /// As it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            KafkaPart => kafka::NAME,
            RegistryPart => registry::NAME,
        }
    }

    /// The address for clients, as the relay's option takes it.
    pub fn address(self, port: u16) -> String {
        match self {
            KafkaPart => format!("127.0.0.1:{port}"),
            RegistryPart => registry::url(port),
        }
    }

    /// The name of its sub-folder and of its process id file.
    fn key(self) -> &'static str {
        match self {
            KafkaPart => "kafka",
            RegistryPart => "registry",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            KafkaPart => 9092,
            RegistryPart => 8081,
        }
    }

    /// The option that chooses another port.
    fn port_option(self) -> &'static str {
        match self {
            KafkaPart => "--kafka-port",
            RegistryPart => "--registry-port",
        }
    }

    fn limits(self) -> (Duration, Duration) {
        match self {
            KafkaPart => (kafka::READY_WITHIN, kafka::STOP_GRACE),
            RegistryPart => (registry::READY_WITHIN, registry::STOP_GRACE),
        }
    }

    fn is_ready(self, port: u16, log: &str) -> bool {
        match self {
            KafkaPart => kafka::has_started(log) && kafka::answers(port),
            RegistryPart => registry::has_started(log) && registry::answers(port),
        }
    }
}

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It answers.
    Ready,
    /// Its process is there, but it does not answer (yet).
    Running,
    /// There is no such process.
    Stopped,
}

/// What is known of a part.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// Which part.
    pub part: Part,
    /// How it is.
    pub state: State,
    /// Its process, if it has one.
    pub pid: Option<u32>,
    /// Its port, or the one that it had or would get.
    pub port: u16,
}

/// Ports that are asked for; without, a part that died gets the one that it had, else Kafka gets
/// 9092 and the registry 8081.
#[derive(Clone, Copy, Debug, Default)]
pub struct WantedPorts {
    /// Kafka's.
    pub kafka: Option<u16>,
    /// The registry's.
    pub registry: Option<u16>,
}

impl WantedPorts {
    fn of(self, part: Part) -> Option<u16> {
        match part {
            KafkaPart => self.kafka,
            RegistryPart => self.registry,
        }
    }
}

/// A stack that goes on by itself, known by its folder.
pub struct Background {
    folder: PathBuf,
}

impl Background {
    /// The stack of this folder, which is made if it is missing.
    pub fn at(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(io(format!("make the folder {}", folder.display())))?;
        // Processes are recognised by the folder's full name.
        let folder =
            folder.canonicalize().map_err(io(format!("find the folder {}", folder.display())))?;
        Ok(Self { folder })
    }

    /// How each part is.
    pub fn status(&self) -> [Status; 2] {
        PARTS.map(|part| self.status_of(part))
    }

    /// Starts what does not run, waits until all is ready, makes the topic `button_presses` if it
    /// is missing and FULL the compatibility level. Returns the parts that had to be started, or
    /// to be waited for.
    ///
    /// When it fails, what runs goes on: the next call waits for it, [`Background::down`] ends it.
    pub fn up(&self, wanted: WantedPorts) -> Result<Vec<Part>, Error> {
        let _lock = self.lock()?;
        let before = self.status();
        let missing: Vec<_> = before.iter().filter(|s| s.state == State::Stopped).collect();
        for status in &before {
            let port = wanted.of(status.part).unwrap_or(status.port);
            if status.state != State::Stopped && port != status.port {
                let (name, has) = (status.part.name(), status.port);
                return Err(Error::OtherPort { name, has, wanted: port });
            }
        }
        for status in &missing {
            check_free(status.part, wanted.of(status.part).unwrap_or(status.port))?;
        }

        let downloads = download()?;
        for status in missing {
            let part = status.part;
            let port = wanted.of(part).unwrap_or(status.port);
            let pid = launch(part, &downloads, self.folder_of(part), port)?;
            let record = Record { pid, port };
            record.write(&self.record_file(part))?;
            record.wait_until_visible(&self.folder_of(part));
        }
        for part in PARTS {
            self.wait_until_ready(part)?;
        }
        let [kafka, registry] = self.status().map(|status| status.port);
        let topic = Topic::button_presses();
        // The broker keeps a partition in a folder of this name.
        if !self.folder_of(KafkaPart).join(format!("data/{}-0", topic.name)).is_dir() {
            topic::create(&downloads, &KafkaPart.address(kafka), &topic)?;
        }
        registry::require_full(registry)?;
        let env = self.env_file();
        fs::write(&env, self.env()).map_err(io(format!("write {}", env.display())))?;
        Ok(before.iter().filter(|s| s.state != State::Ready).map(|s| s.part).collect())
    }

    /// Ends what runs, in order (SIGTERM; SIGKILL for what does not end), and keeps the data.
    /// Returns the parts that ran.
    pub fn down(&self) -> Result<Vec<Part>, Error> {
        let _lock = self.lock()?;
        self.end()
    }

    /// As [`Background::down`], and deletes the data: topics, messages, schemas and logs.
    pub fn reset(&self) -> Result<Vec<Part>, Error> {
        let _lock = self.lock()?;
        let ended = self.end()?;
        for part in PARTS {
            let folder = self.folder_of(part);
            if folder.exists() {
                fs::remove_dir_all(&folder)
                    .map_err(io(format!("delete the folder {}", folder.display())))?;
            }
        }
        Ok(ended)
    }

    /// What programs need to know, for a shell or a `.env` file.
    pub fn env(&self) -> String {
        let [kafka, registry] = self.status().map(|s| s.part.address(s.port));
        format!("export KAFKA_SERVICE_URI={kafka}\nexport SCHEMA_REGISTRY_URI={registry}\n")
    }

    /// The file with [`Background::env`], there while the stack is up.
    pub fn env_file(&self) -> PathBuf {
        self.folder.join("env")
    }

    /// The log of a part.
    pub fn log_file(&self, part: Part) -> PathBuf {
        self.folder_of(part).join(format!("{}.log", part.key()))
    }

    fn end(&self) -> Result<Vec<Part>, Error> {
        let mut ended = Vec::new();
        // Those that use come before those that are used.
        for part in PARTS.into_iter().rev() {
            let file = self.record_file(part);
            if let Some(record) = self.alive(part) {
                let (_, grace) = part.limits();
                record.end(part.name(), &self.folder_of(part), grace)?;
                ended.push(part);
            }
            remove(&file)?;
        }
        remove(&self.env_file())?;
        Ok(ended)
    }

    fn status_of(&self, part: Part) -> Status {
        let last = Record::read(&self.record_file(part));
        let port = last.map_or(part.default_port(), |record| record.port);
        let pid = self.alive(part).map(|record| record.pid);
        let state = match pid {
            None => State::Stopped,
            Some(_) if part.is_ready(port, &self.log(part)) => State::Ready,
            Some(_) => State::Running,
        };
        Status { part, state, pid, port }
    }

    fn wait_until_ready(&self, part: Part) -> Result<(), Error> {
        let (limit, _) = part.limits();
        let start = Instant::now();
        loop {
            let state = self.status_of(part).state;
            let (name, log) = (part.name(), self.log_file(part));
            let tail = tail(&self.log(part));
            match state {
                State::Ready => return Ok(()),
                State::Stopped => return Err(Error::Gone { name, log, tail }),
                State::Running if start.elapsed() >= limit => {
                    return Err(Error::NotReady { name, seconds: limit.as_secs(), log, tail });
                }
                State::Running => thread::sleep(POLL),
            }
        }
    }

    /// The part's process, if the one with the noted id really is it.
    fn alive(&self, part: Part) -> Option<Record> {
        let record = Record::read(&self.record_file(part))?;
        record.is_alive(&self.folder_of(part)).then_some(record)
    }

    fn log(&self, part: Part) -> String {
        // Without a log there is nothing to see in it, which is all that matters here.
        String::from_utf8_lossy(&fs::read(self.log_file(part)).unwrap_or_default()).into_owned()
    }

    fn folder_of(&self, part: Part) -> PathBuf {
        self.folder.join(part.key())
    }

    fn record_file(&self, part: Part) -> PathBuf {
        self.folder.join(format!("{}.pid", part.key()))
    }

    /// Whoever comes second waits; the lock ends with its file.
    fn lock(&self) -> Result<File, Error> {
        let path = self.folder.join("lock");
        let lock = File::create(&path).map_err(io(format!("make the file {}", path.display())))?;
        lock.lock().map_err(io("wait for another command on the stack"))?;
        Ok(lock)
    }
}

fn launch(part: Part, downloads: &Downloads, folder: PathBuf, port: u16) -> Result<u32, Error> {
    match part {
        KafkaPart => {
            let ports = KafkaPorts { plaintext: port, controller: free_port()? };
            Ok(Kafka::launch(downloads, folder, ports, Life::OnItsOwn)?.detach())
        }
        RegistryPart => Ok(Registry::launch(downloads, folder, port, Life::OnItsOwn)?.detach()),
    }
}

fn check_free(part: Part, port: u16) -> Result<(), Error> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(source) => {
            Err(Error::Port { name: part.name(), port, option: part.port_option(), source })
        }
    }
}

fn remove(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(io(format!("remove {}", file.display()))(error))
        }
        _ => Ok(()),
    }
}
