//! The application in the browser: Yew draws what [`driver`] does.

mod button;
mod driver;
mod log;
mod view;

use crate::{
    browser::seams::{self, Change},
    early::Early,
    outbox::Answer,
};
use button::App;
use driver::Driver;
use std::{cell::OnceCell, rc::Rc};
use wasm_bindgen::closure::Closure;

/// Takes over from `boot.js` and draws the page.
pub fn start() {
    let document = web_sys::window().and_then(|window| window.document());
    let element = |id| document.as_ref().and_then(|document| document.get_element_by_id(id));
    let (Some(root), Some(record)) = (element("app"), element("record")) else {
        return; // Another page than ours: nothing to draw into.
    };
    let had_focus = seams::button_has_focus();
    let slot = Rc::new(OnceCell::new());
    let early = listen(&slot);
    let Some(driver) = Driver::new(&Early::parse(&early)) else { return };
    let driver: &Driver = slot.get_or_init(|| driver);
    driver.begin();
    seams::ready();
    let props = button::Props { driver: driver.clone(), record, had_focus };
    yew::Renderer::<App>::with_root_and_props(root, props).render();
}

/// Lets the browser call the driver, once there is one.
fn listen(slot: &Rc<OnceCell<Driver>>) -> String {
    let on_change = {
        let slot = Rc::clone(slot);
        Closure::<dyn Fn(u8)>::new(move |number| {
            if let (Some(driver), Some(change)) = (slot.get(), Change::of(number)) {
                driver.changed(change);
            }
        })
    };
    let on_answer = {
        let slot = Rc::clone(slot);
        Closure::<dyn Fn(f64, u16, bool, f64, String)>::new(
            move |ticket, status, signed, retry_after: f64, body| {
                let answer = match status {
                    0 => Answer::Nothing,
                    _ => Answer::Http {
                        status,
                        signed,
                        retry_after: Some(retry_after).filter(|seconds| seconds.is_finite()),
                        body,
                    },
                };
                if let Some(driver) = slot.get() {
                    driver.answered(ticket as u64, answer);
                }
            },
        )
    };
    let on_hold = {
        let slot = Rc::clone(slot);
        Closure::<dyn Fn(String)>::new(move |name: String| {
            if let Some(driver) = slot.get() {
                driver.holds(&name);
            }
        })
    };
    let on_texts = {
        let slot = Rc::clone(slot);
        Closure::<dyn Fn(String)>::new(move |file| {
            if let Some(driver) = slot.get() {
                driver.speak(file);
            }
        })
    };
    let early = seams::start(&on_change, &on_answer, &on_hold, &on_texts);
    // They live as long as the document.
    on_change.forget();
    on_answer.forget();
    on_hold.forget();
    on_texts.forget();
    early
}
