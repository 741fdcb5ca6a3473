//! What axe-core finds in a page: contrast, names, roles, order, sizes.

use crate::{Browser, axe};
use serde_json::json;

/// Asserts that axe-core finds nothing in the page: all that it knows, best practices included.
///
/// # Panics
/// When it finds something.
pub async fn assert_accessible(browser: &Browser, state: &str) {
    // Animations that are under way would be judged half transparent.
    let check = format!(
        "{} \n;
         document.getAnimations().forEach((animation) => {{
             try {{ animation.finish(); }} catch {{ animation.cancel(); }}
         }});
         const found = await axe.run(document, {{ resultTypes: ['violations'] }});
         return found.violations.map((rule) =>
             rule.id + ': ' + rule.nodes.map((node) => node.html + ' ' + node.failureSummary).join('; '));",
        axe()
    );
    assert_eq!(browser.run_async(&check).await, json!([]), "{state}");
}
