//! The bindings to the browser, in a browser, and the page that is drawn there. What is decided is tested
//! natively, and the whole with real relays in `e2e`; here is what lies between. `cargo xtask test`
//! runs it, in Chromium alone: what differs between engines shows in `e2e`, which has three.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
mod fixture;
#[cfg(target_arch = "wasm32")]
mod page;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// Without Rust's own harness, whose library would have to be built for the browser too.
fn main() {
    #[cfg(not(target_arch = "wasm32"))]
    // Not on standard output: that is where a test program lists its tests for cargo-nextest.
    eprintln!("These tests are for a browser: `cargo xtask test` runs them.");
}
