//! What the button answers. Pure.
pub const REPLIES: &[&str] = &["x"];
