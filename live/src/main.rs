//! The big screen's entry. It runs in a browser only: trunk builds it (see Trunk.toml).

fn main() {
    #[cfg(target_arch = "wasm32")]
    live_page::view::start();
    #[cfg(not(target_arch = "wasm32"))]
    println!("This is the big screen's program, for browsers: build it with `cargo xtask page`.");
}
