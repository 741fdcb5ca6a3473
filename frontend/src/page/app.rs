//! The page's component. index.html holds the same markup, which paints before this is there.

use super::{driver::Driver, log, view::View};
use crate::bindings::dom;
use page_texts::credit::Credit;
use web_sys::Element;
use yew::{Component, Context, Html, Properties, create_portal, html};

/// What the application is made of.
#[derive(Clone, PartialEq, Properties)]
pub struct Props {
    /// The page's engine.
    pub driver: Driver,
    /// Where the visitor's latest event is shown: in the panel, which is no part of the application.
    pub record: Element,
    /// Whether the shell's button had the focus.
    pub had_focus: bool,
}

/// The whole page. One component with its state in a struct: what Yew needs for hooks, and for
/// components in components, would be a part of the download. The button's listener is the document's
/// (`listeners`): Yew's way to one takes a slow phone a tenth longer for each press.
pub struct App {
    view: View,
}

impl Component for App {
    type Message = View;
    type Properties = Props;

    fn create(ctx: &Context<Self>) -> Self {
        Self { view: ctx.props().driver.view() }
    }

    fn update(&mut self, _: &Context<Self>, view: View) -> bool {
        self.view = view;
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        draw(&self.view, &ctx.props().record)
    }

    fn rendered(&mut self, ctx: &Context<Self>, first: bool) {
        if first {
            let props = ctx.props();
            props.driver.watch(ctx.link().callback(|view| view));
            // The shell's button went, and the focus with it.
            if props.had_focus {
                dom::focus("button");
            }
        }
    }
}

fn draw(view: &View, panel: &Element) -> Html {
    let View { presses, count, presses_word, cap, reply, status, waiting, log, record, credit } =
        view;
    let presses = *presses;
    // What the style depends on is in data attributes: changing lists of classes take Yew more code.
    // Always the same elements in the same order: Yew matches siblings by their place, and a button
    // that is replaced loses the focus and the finger that is on it.
    // A text that changes is the content of its element, or is replaced with it by its key: translations put
    // nodes of their own in the place of Yew's, which would change unseen from then on.
    html! {
        <>
            <p id="reply" class="reply">
                // The key makes it a new element for each press, so that it moves again.
                <span key={presses} data-fresh={(presses > 0).then_some("")} ~textContent={reply.as_str()} />
            </p>
            <div class="stage" data-calling={(presses == 0).then_some("")}>
                <button id="button" class="button" type="button" data-ready="true">
                    <span class="cap" ~textContent={cap.as_str()} />
                </button>
                <div class="bursts" aria-hidden="true">
                    if presses > 0 {
                        <div key={presses} class="burst" />
                    }
                </div>
            </div>
            <p class="tally">
                <span id="count" class="number" ~textContent={count.as_str()} />
                { " " }
                <span id="presses" ~textContent={presses_word.as_str()} />
            </p>
            { log::draw(log) }
            <p
                id="status"
                class="status"
                data-waiting={waiting.to_string()}
                ~textContent={status.as_str()}
            />
            <p class="credit" key={credit.as_ref().map_or("", |credit| &credit.name)}>
                { credit.as_ref().map(draw_credit) }
            </p>
            { create_portal(draw_record(record), panel.clone()) }
        </>
    }
}

fn draw_credit(credit: &Credit) -> Html {
    html! {
        <>
            { credit.before.clone() }
            if let Some(address) = credit.address {
                <a href={address} rel="noreferrer">{ credit.name.clone() }</a>
            } else {
                { credit.name.clone() }
            }
        </>
    }
}

fn draw_record(record: &[(&'static str, String)]) -> Html {
    html! {
        { for record.iter().map(|(name, value)| html! {
            <div><dt>{ *name }</dt><dd key={&**value}>{ value }</dd></div>
        }) }
    }
}
