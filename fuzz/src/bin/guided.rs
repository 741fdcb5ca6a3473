//! A target under libFuzzer, which learns from the code that an input reaches. `cargo xtask fuzz` builds
//! it with the instrumentation that this needs; `FUZZ_TARGET` names the target, and the arguments are
//! libFuzzer's.

#![cfg_attr(fuzzing, no_main)]
#![allow(clippy::expect_used, reason = "a developer's command")]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    use std::sync::OnceLock;
    static TARGET: OnceLock<fuzz::Target> = OnceLock::new();
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
        fuzz::target(&name).expect("FUZZ_TARGET is one of the targets")
    });
    (target.run)(data);
});

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("this is for `cargo xtask fuzz`, which builds it with instrumentation");
}
