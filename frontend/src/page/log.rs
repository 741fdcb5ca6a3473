//! The drawing of a log: one cell for each event, the newest at the right; a cell is filled when
//! the relay has acknowledged its event.

use super::view::Cell;
use yew::{Html, html};

/// For the eye alone: the status line says the same in words. `cells`: the oldest first.
pub fn draw(cells: &[Cell]) -> Html {
    let goes_on = cells.first().is_some_and(|first| first.count > 0);
    html! {
        <ol class="log" data-goes-on={goes_on.then_some("")} aria-hidden="true">
            { for cells.iter().map(|cell| html! {
                <li
                    key={cell.count}
                    class="cell"
                    data-action={cell.action.name()}
                    data-waits={cell.waits.then_some("")}
                >
                    { cell.count }
                </li>
            }) }
        </ol>
    }
}
