//! Where the stack listens: ports that nobody uses, for tests, and the usual ones, for people.

use crate::{Error, KafkaPorts, Part, error::io};
use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
};

/// The ports of the whole stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Kafka's.
    pub kafka: KafkaPorts,
    /// The registry's.
    pub registry: u16,
    /// PostgreSQL's. Not 5432, where a server of the system's may be.
    pub postgresql: u16,
    /// Connect's.
    pub connect: u16,
}

impl Ports {
    /// Where one would look for them.
    pub const USUAL: Self = Self {
        kafka: KafkaPorts { plaintext: 9092, tls: 9093, sasl: 9094, controller: 9091 },
        registry: 8081,
        postgresql: 5433,
        connect: 8083,
    };

    /// Ports that nobody uses.
    pub fn free() -> Result<Self, Error> {
        Ok(Self {
            kafka: KafkaPorts::free()?,
            registry: free_port()?,
            postgresql: free_port()?,
            connect: free_port()?,
        })
    }

    /// Every port for clients: the option that chooses it, whose it is, and which it is.
    pub(crate) fn listed(mut self) -> [(&'static str, Part, u16); 6] {
        self.fields().map(|(option, part, port)| (option, part, *port))
    }

    /// As a text that [`Ports::parse`] understands.
    pub(crate) fn to_text(self) -> String {
        self.listed().map(|(option, _, port)| format!("{option} {port}\n")).concat()
    }

    /// The ports that the text names, and the usual ones for the others.
    pub(crate) fn parse(text: &str) -> Self {
        let mut ports = Self::USUAL;
        for (option, _, port) in ports.fields() {
            let named =
                text.lines().find_map(|line| line.strip_prefix(option)?.trim().parse().ok());
            *port = named.unwrap_or(*port);
        }
        ports
    }

    fn fields(&mut self) -> [(&'static str, Part, &mut u16); 6] {
        [
            ("--kafka-port", Part::Kafka, &mut self.kafka.plaintext),
            ("--kafka-tls-port", Part::Kafka, &mut self.kafka.tls),
            ("--kafka-sasl-port", Part::Kafka, &mut self.kafka.sasl),
            ("--registry-port", Part::Registry, &mut self.registry),
            ("--postgresql-port", Part::PostgreSql, &mut self.postgresql),
            ("--connect-port", Part::Connect, &mut self.connect),
        ]
    }
}

/// A port of the loopback interface that is free at this moment, and will most likely stay so while
/// a server is away and comes back. The system gives the ports from 32768 on (Linux) or 49152 on to
/// outgoing connections, so that one of those can be taken by anybody at any time.
///
/// A process gets each port once, from a random one upwards: who has asked for several has not yet
/// listened on the first when it asks for the next, and others may ask at the same time.
pub fn free_port() -> Result<u16, Error> {
    const TRIES: usize = 100;
    const FIRST: u16 = 15_000;
    const PORTS: u16 = 17_000;
    static START: LazyLock<u16> = LazyLock::new(|| fastrand::u16(..PORTS));
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let mut taken = None;
    for _ in 0..TRIES {
        let given = GIVEN.fetch_add(1, Relaxed) % PORTS;
        let port = FIRST + (*START + given) % PORTS;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => taken = Some(error),
        }
    }
    Err(io("find a free port")(taken.unwrap_or(std::io::ErrorKind::AddrInUse.into())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Ports, free_port};
    use std::collections::HashSet;

    #[test]
    fn no_port_is_given_twice() {
        let ports: HashSet<_> = (0..50).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 50);
    }

    #[test]
    fn ports_are_read_as_they_were_written() {
        let mut ports = Ports::USUAL;
        ports.kafka.sasl = 7;
        ports.connect = 8;
        assert_eq!(Ports::parse(&ports.to_text()), ports);
        assert_eq!(Ports::parse("--connect-port x\n--kafka-port 70000\n"), Ports::USUAL);
    }
}
