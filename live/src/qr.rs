//! QR codes as SVG paths. Pure.

use fast_qr::{ECL, QRBuilder};
use std::fmt::Write;

/// Modules that have to be free around the code (ISO/IEC 18004).
const QUIET: usize = 4;

/// A code that can be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The side of its square with the free margin, in modules, which are the path's unit.
    pub side: usize,
    /// The dark modules.
    pub path: String,
}

/// The code of a text; `None` for one that is too long.
pub fn code(text: &str) -> Option<Code> {
    let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let mut path = String::new();
    for y in 0..code.size {
        let row = &code[y];
        let mut x = 0;
        while x < code.size {
            // Dark modules side by side are one stroke: no seams between them.
            let run = row[x..code.size].iter().take_while(|module| module.value()).count();
            if run > 0 {
                // Writing to a string cannot fail.
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    Some(Code { side: code.size + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn has_its_margin_and_its_corner() {
        let code = code("https://example.com/").unwrap();
        assert_eq!(code.side, 25 + 8, "version 2");
        assert!(code.path.starts_with("M4 4h7v1h-7z"), "the finder pattern's upper side");
        assert_eq!(code.path.matches('M').count(), code.path.matches('z').count());
    }

    #[test]
    fn too_much_is_none() {
        assert_eq!(code(&"x".repeat(5000)), None);
    }
}
