//! Bodies and headers that are nearly right, some thousand of them, to a relay that runs: each is
//! answered, none with an error of the relay's own, and the relay goes on.

use e2e::{Relay, small_geo};
use fuzz::{Mutator, examples};
use reqwest::{Client, header::HeaderValue};

/// What is sent of each kind. With a few hundred in each test run, changes that matter come sooner or
/// later: the seed is another one each time, and printed.
const TRIES: usize = 400;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_can_be_sent_is_the_relays_own_error() {
    let folder = tempfile::tempdir().unwrap();
    let geo = folder.path().join("small.mmdb");
    small_geo::write(&geo, small_geo::Layout::Standard, "Säffle");
    let geo = format!("--geo-database={}", geo.display());
    let options = [
        "--trusted-proxies=127.0.0.1",
        "--session-requests=0",
        "--session-events=0",
        "--new-sessions=0",
        &geo,
    ];
    let mut relay = Relay::start(folder.path(), &options).await;
    let seed = fastrand::u64(..);
    println!("the changes come from the seed {seed}");
    let mut changes = Mutator::new(seed);
    let (bodies, claims, texts) = (examples("body"), examples("forwarded"), examples("outbox"));
    let client = Client::new();
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for attempt in 0..TRIES {
        let url = format!("{}/api/events", relay.url());
        // Unchanged each second time: nobody asks whose a body is that cannot be read.
        let body = match attempt % 2 {
            0 => changes.next(&bodies),
            _ => bodies[attempt / 2 % bodies.len()].1.clone(),
        };
        let mut post = client.post(url).body(body);
        // Behind the first bytes, which are for the walk alone.
        let claim = changes.next(&claims);
        for line in claim.get(5..).unwrap_or_default().split(|byte| *byte == b'\n') {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                post = post.header("x-forwarded-for", value.clone()).header("forwarded", value);
            }
        }
        // Query and path, as far as they can be written in a URL.
        let text = String::from_utf8_lossy(&changes.next(&texts)).into_owned();
        let mut url: reqwest::Url = format!("{}/api/stats", relay.url()).parse().unwrap();
        url.set_query(Some(&format!("session={}", text.get(..1000).unwrap_or(&text))));
        for request in [post, client.get(url)] {
            // A head that is too large may be refused before all of the request is sent.
            let Ok(answer) = request.send().await else { continue };
            let status = answer.status().as_u16();
            assert!(status < 500, "attempt {attempt} of seed {seed}: {status}");
            *statuses.entry(status).or_default() += 1;
        }
    }
    println!("{statuses:?}");
    assert!(statuses[&200] > TRIES / 10 && statuses[&400] > TRIES / 10, "{statuses:?}");
    relay.stop();
    let log = std::fs::read_to_string(relay.log_file()).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}
