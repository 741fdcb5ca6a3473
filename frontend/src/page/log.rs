//! The drawing of a log: one cell for each event, the newest at the right; a cell is filled when
//! the relay has acknowledged its event.

use super::view::Cell;
use schemas::Action;
use yew::{Html, classes, html};

/// For the eye alone: the status line says the same in words. `cells`: the oldest first.
pub fn draw(cells: &[Cell]) -> Html {
    let goes_on = cells.first().is_some_and(|first| first.count > 0);
    html! {
        <ol class={classes!("log", goes_on.then_some("goes-on"))} aria-hidden="true">
            { for cells.iter().map(|cell| html! {
                <li key={cell.count} class={classes!("cell", kind(cell.action), cell.waits.then_some("waits"))}>
                    { cell.count }
                </li>
            }) }
        </ol>
    }
}

fn kind(action: Action) -> &'static str {
    match action {
        Action::EnterPage => "enter",
        Action::PressButton => "press",
        Action::ExitPage => "exit",
    }
}
