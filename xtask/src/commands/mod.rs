//! The commands, a file each.

pub mod aiven;
pub mod bench;
pub mod deny;
pub mod fuzz;
pub mod lighthouse;
mod live_page;
pub mod map;
pub mod page;
pub mod renew;
pub mod run;
pub mod sbom;
pub mod screenshots;
pub mod serve;
pub mod setup;
pub mod size;
pub mod soak;
pub mod stack;
pub mod test;
