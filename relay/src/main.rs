//! See [`relay`].

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Messages are allocated on one thread and freed on another, a pattern glibc malloc handles poorly.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    relay::main()
}
