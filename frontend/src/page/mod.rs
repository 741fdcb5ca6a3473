//! The application in the browser: Yew draws what [`driver`] does.

mod button;
mod driver;
mod log;
mod view;

use crate::browser::{boot, lifecycle};
use button::App;
use driver::Driver;

/// Takes over from `boot.js` and draws the page.
pub fn start() {
    let document = web_sys::window().and_then(|window| window.document());
    let Some(root) = document.and_then(|document| document.get_element_by_id("app")) else {
        return; // Another page than ours: nothing to draw into.
    };
    let driver = Driver::new(&boot::take_over());
    lifecycle::listen({
        let driver = driver.clone();
        move |change| driver.changed(change)
    });
    driver.begin();
    yew::Renderer::<App>::with_root_and_props(root, button::Props { driver }).render();
}
