//! Text of a JSON string.

use serde::Deserialize;
use std::borrow::Cow;

/// A string, borrowed from the JSON unless it has escapes; a bare `Cow` is always copied.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);
