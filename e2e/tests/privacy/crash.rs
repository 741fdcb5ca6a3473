//! A relay that is brought down by a fault of its own. Its memory has the addresses of those whose
//! requests it was answering; no picture of it may stay.

use crate::visit::Visitor;
use e2e::{Relay, addresses::assert_no_address_under};
use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    signal::Signal,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_leaves_no_core_dump() {
    // Programs that are started from here may leave one, as large as they like.
    let (_, most) = getrlimit(Resource::RLIMIT_CORE).unwrap();
    setrlimit(Resource::RLIMIT_CORE, most, most).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut relay = Relay::start(folder.path(), &["--log", "trace"]).await;
    Visitor::of(&relay).does_everything().await;
    // As a program does that gives up. (Rust looks into SIGSEGV itself, and survives the first.)
    relay.signal(Signal::SIGABRT);
    assert!(!relay.dumped_core());
    assert_no_address_under(folder.path());
}
