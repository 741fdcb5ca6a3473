//! The page's components. index.html holds the same markup, which paints before this is there.

use super::{driver::Driver, log, view::View};
use crate::credit::Credit;
use yew::{Component, Context, Html, NodeRef, Properties, html};

/// What the application is made of.
#[derive(Clone, PartialEq, Properties)]
pub struct Props {
    /// Does what the page does.
    pub driver: Driver,
}

/// The whole page. One component with its state in a struct: what Yew needs for hooks, and for
/// components in components, would be a part of the download.
pub struct App {
    view: View,
    button: NodeRef,
}

impl Component for App {
    type Message = View;
    type Properties = Props;

    fn create(ctx: &Context<Self>) -> Self {
        Self { view: ctx.props().driver.view(), button: NodeRef::default() }
    }

    fn update(&mut self, _: &Context<Self>, view: View) -> bool {
        self.view = view;
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        draw(ctx, &self.view, &self.button)
    }

    fn rendered(&mut self, ctx: &Context<Self>, first: bool) {
        if !first {
            return;
        }
        let driver = &ctx.props().driver;
        driver.watch(ctx.link().callback(|view| view));
        // The shell's button may have had the focus that went with it.
        if driver.had_focus()
            && let Some(button) = self.button.cast::<web_sys::HtmlElement>()
        {
            let _stays_unfocused = button.focus();
        }
    }
}

fn draw(ctx: &Context<App>, view: &View, button: &NodeRef) -> Html {
    let driver = ctx.props().driver.clone();
    let onclick = move |_| driver.pressed();
    let View { presses, reply, facts, log, credit } = view;
    let presses = *presses;
    // What the style depends on is in data attributes: changing lists of classes take Yew more code.
    // Always the same elements in the same order: Yew matches siblings by their place, and a button
    // that is replaced loses the focus and the finger that is on it.
    html! {
        <>
            <p id="reply" class="reply" aria-live="polite">
                // The key makes it a new element for each press, so that it moves again.
                <span key={presses} data-fresh={reply.map(|_| "")}>
                    { reply.unwrap_or("This button does nothing.") }
                </span>
            </p>
            <div class="stage" data-calling={(presses == 0).then_some("")}>
                <button ref={button.clone()} id="button" class="button" type="button" data-ready="true" {onclick}>
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
            { log::draw(log) }
            <p id="status" class="status" role="status" data-waiting={facts.waiting.to_string()}>
                { facts.line() }
            </p>
            <p class="credit">{ credit.as_ref().map(draw_credit) }</p>
        </>
    }
}

fn draw_credit(credit: &Credit) -> Html {
    html! {
        <>
            { credit.before }
            if let Some(address) = credit.address {
                <a href={address} rel="noreferrer">{ credit.name.clone() }</a>
            } else {
                { credit.name.clone() }
            }
        </>
    }
}
