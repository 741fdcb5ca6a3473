//! The page's components. index.html holds the same markup, which paints before this is there.

use super::{driver::Driver, log::Log, view::View};
use crate::credit::Credit;
use yew::{
    Callback, Html, Properties, classes, component, html, use_effect_with, use_node_ref, use_state,
};

/// What the application is made of.
#[derive(Clone, PartialEq, Properties)]
pub struct Props {
    /// Does what the page does.
    pub driver: Driver,
}

/// The whole page.
#[component]
pub fn App(props: &Props) -> Html {
    let view = use_state(|| props.driver.view());
    let button = use_node_ref();
    {
        let (driver, view, button) = (props.driver.clone(), view.setter(), button.clone());
        use_effect_with((), move |()| {
            driver.watch(Callback::from(move |new| view.set(new)));
            // The shell's button may have had the focus that went with it.
            if driver.had_focus()
                && let Some(button) = button.cast::<web_sys::HtmlElement>()
            {
                let _stays_unfocused = button.focus();
            }
        });
    }
    let onclick = {
        let driver = props.driver.clone();
        Callback::from(move |_| driver.pressed())
    };
    let View { presses, reply, facts, log, credit } = (*view).clone();
    // Always the same elements in the same order: Yew matches siblings by their place, and a button
    // that is replaced loses the focus and the finger that is on it.
    html! {
        <>
            <p id="reply" class="reply" aria-live="polite">
                // The key makes it a new element for each press, so that it moves again.
                <span key={presses} class={reply.map(|_| "fresh")}>
                    { reply.unwrap_or("This button does nothing.") }
                </span>
            </p>
            <div class={classes!("stage", (presses == 0).then_some("calling"))}>
                <button ref={button} id="button" class="button" type="button" data-ready="true" {onclick}>
                    <span class="cap">{ "Press" }</span>
                </button>
                <div class="bursts" aria-hidden="true">
                    if presses > 0 {
                        <div key={presses} class="burst">
                            { for (0..12).map(|_| html! { <i /> }) }
                        </div>
                    }
                </div>
            </div>
            <p class="tally">
                <span id="count" class="number">{ presses }</span>
                { " " }
                <span id="presses">{ if presses == 1 { "press" } else { "presses" } }</span>
            </p>
            <Log cells={log} />
            <p id="status" class="status" role="status" data-waiting={facts.waiting.to_string()}>
                { facts.line() }
            </p>
            <p class="credit">{ credit.map(draw_credit) }</p>
        </>
    }
}

fn draw_credit(credit: Credit) -> Html {
    html! {
        <>
            { credit.before }
            if let Some(address) = credit.address {
                <a href={address} rel="noreferrer">{ credit.name }</a>
            } else {
                { credit.name }
            }
        </>
    }
}
