//! A finger on the screen of a phone. Chromium alone has it.

use crate::Browser;
use serde_json::{Value, json};
use std::time::Duration;

/// A place in the page's viewport, in CSS pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

impl Browser {
    /// Lets the page believe that its screen is one to touch.
    pub async fn make_touchable(&self) {
        let touch = json!({ "enabled": true, "maxTouchPoints": 5 });
        self.devtools("Emulation.setTouchEmulationEnabled", touch).await;
    }

    /// The middle of the first element that the selector finds.
    pub async fn middle_of(&self, selector: &str) -> Spot {
        let script = format!(
            "const box = document.querySelector('{selector}').getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2];"
        );
        let middle = self.run(&script).await;
        Spot { x: middle[0].as_f64().unwrap(), y: middle[1].as_f64().unwrap() }
    }

    /// Puts a finger there and lifts it after a while. What the browser makes of it is up to the browser,
    /// as on a phone: a click follows from it.
    pub async fn tap(&self, spot: Spot, held: Duration) {
        let Spot { x, y } = spot;
        self.touch("touchStart", json!([{ "x": x, "y": y }])).await;
        tokio::time::sleep(held).await;
        self.touch("touchEnd", json!([])).await;
    }

    async fn touch(&self, kind: &str, points: Value) {
        let event = json!({ "type": kind, "touchPoints": points });
        self.devtools("Input.dispatchTouchEvent", event).await;
    }
}
