//! Whether the store's events are really on the disk before they are acknowledged: counted from outside,
//! by `strace`, as the calls that make the kernel write.

use crate::{phone::Phone, world::World, wrk::Load};
use e2e::{
    Program, Relay,
    figures::{Better, Figure},
    until,
};
use std::{fs, path::Path};

/// One after the other: none can share a commit with another.
const PRESSES: u64 = 100;
const CONNECTIONS: usize = 64;

/// Counts.
pub async fn measure(world: &World) -> Vec<Figure> {
    let relay = world.relay("durability", &world.options()).await;
    let mut phone = Phone::connect(relay.address()).await;
    phone.press(1).await;
    let (mut alone, mut shared) = (Vec::new(), Vec::new());
    for round in 0..world.rounds {
        let folder = world.folder(&format!("durability-{round}"));
        fs::create_dir_all(&folder).unwrap();
        let mut trace = Trace::of(&relay, &folder).await;
        for _ in 0..PRESSES {
            phone.press(1).await;
        }
        let syncs = trace.syncs();
        alone.push(syncs as f64 / PRESSES as f64);
        let load = Load::run(&relay.url(), CONNECTIONS, 2, 1);
        shared.push(load.requests as f64 / (trace.syncs() - syncs) as f64);
    }
    vec![
        Figure::new("store: fdatasync calls a request, 1 client", "", alone, Better::Higher)
            .with_goal(1.0),
        Figure::new("store: requests a fdatasync call, 64 clients", "", shared, Better::Higher),
    ]
}

/// The calls of a relay, as they are made; until this is dropped.
struct Trace {
    strace: Program,
}

impl Trace {
    async fn of(relay: &Relay, folder: &Path) -> Self {
        let pid = relay.pid().to_string();
        let arguments = ["-f", "-e", "trace=fsync,fdatasync", "-p", &pid];
        let strace = Program::start(folder, "strace", &arguments, &[]);
        let mut trace = Self { strace };
        until("strace to look at the relay", async || {
            let said = trace.strace.said();
            if said.contains("attached") { Ok(()) } else { Err(said) }
        })
        .await;
        trace
    }

    /// How many there were that did not fail. A call that another thread's interrupts is told in two
    /// lines, of which the second has the outcome.
    fn syncs(&mut self) -> usize {
        let said = self.strace.said();
        let is_sync = |line: &&str| {
            (line.contains("fdatasync") || line.contains("fsync")) && line.ends_with("= 0")
        };
        said.lines().filter(is_sync).count()
    }
}
