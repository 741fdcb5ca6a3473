//! The application in the browser: Yew draws what [`driver`] does.

mod app;
mod big_screen;
mod driver;
mod listeners;
mod log;
mod view;

use crate::{
    bindings::{boot, dom},
    early::Early,
};
use app::App;
use driver::Driver;
use page_texts::policy;
use wasm_bindgen_futures::spawn_local;

/// Takes over from `boot.js` and draws the page.
pub fn start() {
    let (Some(root), Some(record)) = (dom::element("app"), dom::element("record")) else {
        return; // Another page than ours: nothing to draw into.
    };
    let had_focus = dom::has_focus("button");
    let Some(driver) = Driver::new(&Early::parse(&boot::take_over())) else { return };
    if let Some(address) = policy::address(&dom::meta("privacy-url")) {
        dom::show_link("policy", address);
    }
    driver.start();
    listeners::install(&driver);
    let translated = driver.clone();
    spawn_local(async move {
        if let Some(file) = boot::texts().await {
            translated.set_texts(file);
        }
    });
    let props = app::Props { driver, record, had_focus };
    yew::Renderer::<App>::with_root_and_props(root, props).render();
}
