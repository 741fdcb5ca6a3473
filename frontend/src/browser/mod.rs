//! The seams to a real browser. Thin: whatever decides something is in the pure cores.

pub mod local_storage;
pub mod seams;
