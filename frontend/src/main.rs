//! The page's entry. It runs in a browser only: trunk builds it (see Trunk.toml).

fn main() {
    #[cfg(target_arch = "wasm32")]
    frontend::page::start();
    #[cfg(not(target_arch = "wasm32"))]
    println!("This is the page's program, for browsers: build it with `cargo xtask page`.");
}
