//! The seams to a real browser. Thin: whatever decides something is in the pure cores.

pub mod boot;
pub mod clock;
pub mod lifecycle;
pub mod local_storage;
pub mod locks;
pub mod relay;
pub mod transport;
pub mod vibration;
