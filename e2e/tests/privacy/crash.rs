//! A relay that aborts. Its memory holds the addresses of requests in flight, so there must be no core dump.
//! What a panic logs is tested in `crates/telemetry`.

use crate::visit::Visitor;
use e2e::{Relay, addresses::assert_no_address_under};
use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    signal::Signal,
};

#[tokio::test(flavor = "multi_thread")]
async fn abort_leaves_no_core_dump() {
    // The relay inherits a limit that allows core dumps.
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE).unwrap();
    setrlimit(Resource::RLIMIT_CORE, hard, hard).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &["--log", "trace"]).await;
    Visitor::of(&relay).does_everything().await;
    // The signal of abort(3). Rust's own handler survives the first SIGSEGV.
    relay.signal(Signal::SIGABRT);
    assert!(!relay.dumped_core());
    assert_no_address_under(folder.path());
}
