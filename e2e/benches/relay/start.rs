//! From the start of the program until it serves the page, and what it has in memory when nothing
//! happens.

use crate::{viewers::megabytes, world::World};
use e2e::{
    figures::{Better, Figure},
    usage,
};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Starts of one round.
const STARTS: usize = 5;

/// Both.
pub async fn measure(world: &World) -> Vec<Figure> {
    let (mut ready, mut memory, mut memory_with_kafka) = (Vec::new(), Vec::new(), Vec::new());
    let mut options = world.options();
    options.extend(["--static-dir".to_owned(), e2e::dist().to_str().unwrap().to_owned()]);
    let mut kafka_options = world.kafka_options("start", 3).await;
    kafka_options.extend_from_slice(&options[options.len() - 2..]);
    for round in 0..world.rounds {
        let mut times: Vec<f64> = (0..STARTS).map(|_| time_to_ready(world, &options)).collect();
        times.sort_by(f64::total_cmp);
        ready.push(times[STARTS / 2]);
        for (kind, options, memory) in
            [("store", &options, &mut memory), ("kafka", &kafka_options, &mut memory_with_kafka)]
        {
            let relay = world.relay(&format!("start-{kind}-{round}"), options).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            memory.push(megabytes(usage::resident_bytes(relay.pid()) - world.geo_bytes()));
        }
    }
    vec![
        Figure::new("start until the page is served", "ms", ready, Better::Lower).with_goal(300.0),
        Figure::new("idle, store: memory beside the geo database", "MB", memory, Better::Lower)
            .with_goal(25.0),
        Figure::new(
            "idle, Kafka: memory beside the geo database",
            "MB",
            memory_with_kafka,
            Better::Lower,
        )
        .with_goal(25.0),
    ]
}

/// In milliseconds: from before the program is started until it says that it is ready and has served
/// the page, with a new store.
fn time_to_ready(world: &World, options: &[String]) -> f64 {
    let folder = world.folder("start");
    fs::create_dir_all(&folder).unwrap();
    let [address, management] =
        [(); 2].map(|()| format!("127.0.0.1:{}", local_stack::free_port().unwrap()));
    let start = Instant::now();
    let relay = Command::new(e2e::relay())
        .env_clear()
        .current_dir(&folder)
        .args(["--listen", &address, "--management-listen", &management, "--store", "store.sqlite"])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let relay = Ended(relay);
    while !(is_served(&management, "/readyz") && is_served(&address, "/")) {
        assert!(start.elapsed() < e2e::PATIENCE, "the relay is not ready");
        thread::sleep(Duration::from_micros(500));
    }
    let millis = start.elapsed().as_secs_f64() * 1e3;
    drop(relay);
    fs::remove_dir_all(&folder).unwrap();
    millis
}

/// Whether it is answered with 200.
fn is_served(address: &str, path: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let request = format!("GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let asked = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
    asked.is_ok() && answer.starts_with(b"HTTP/1.1 200 ")
}

/// Dropping it ends the program.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended already; nobody is left to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
