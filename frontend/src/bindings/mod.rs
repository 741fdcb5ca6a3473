//! Bindings to a real browser. Thin: whatever decides something is in the pure cores.

pub mod alarm;
pub mod boot;
pub mod clock;
pub mod dom;
pub mod local_storage;
pub mod locale;
pub mod locks;
pub mod request;
pub mod session_storage;
