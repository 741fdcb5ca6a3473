//! A visitor with a real browser, the real page and the real relay: nothing is lost, nothing is
//! counted twice, whatever the network does.
//!
//! Each scenario is a function that takes the engine, and a test for each engine, so that a failure
//! has both in its name: `visit::two_tabs_are_two_sessions::firefox`. It ends with an exact account
//! of what is in the store, by (`session_id`, `count`). `$E2E_BROWSERS` leaves engines out, and each
//! test that is left out logs so.
//!
//! # Which engines
//!
//! What depends on the engine runs in all three. Logic that a native test proves, and that the browser
//! only carries, runs in Chromium.
//!
//! | group | engines | why |
//! |---|---|---|
//! | `visit.rs` | all | page lifecycle, back/forward cache, `keepalive`, Web Locks, keyboard |
//! | `offline.rs` | all | service worker |
//! | `hosts.rs` | all | storage, service workers and addresses of one origin |
//! | `hosts.rs`: every host | Chromium | what differs is the hosts |
//! | `handover.rs` | all | storage and history of a tab, back/forward cache, `Referer` |
//! | `handover.rs`: the visitor's own place | Chromium | `live/src/own.rs`: `place_of_the_visit_goes_before_that_of_the_request` |
//! | `translated.rs` | all | the DOM under a translation |
//! | `first_paint.rs` | all | layout, painting |
//! | `accessible.rs` | all | computed styles; each state in Chromium, the fullest one in the others |
//! | `languages.rs` | all | `Intl`, `navigator.languages`, dialogs, focus; two languages of six suffice |
//! | `languages.rs`: each language | Chromium | `frontend/src/texts.rs` holds them together |
//! | `look.rs`: the next frame, larger text | all | frames, layout |
//! | `look.rs`: replies | Chromium | `frontend/src/shuffle_bag.rs`: `none_comes_again_before_all_were_shown_nor_twice_in_a_row` |
//! | `look.rs`: replies and the status | Chromium | `frontend/src/texts.rs`: `replies_are_those_that_are_true_in_the_mood`; `frontend/src/status.rs`: `mood_is_that_of_the_line` |
//! | `look.rs`: screens, motion | Chromium | no other driver sets screens and preferences |
//! | `around.rs`: storage, insecure context, CORS, policy, no WebAssembly | all | each engine has its own |
//! | `around.rs`: a clock years behind | Chromium | `frontend/tests/outbox.rs`: `every_event_is_recorded_with_its_exact_content`, whose clock begins in 1970 |
//! | `around.rs`: a clock years ahead | Chromium | the same; `schemas/src/timestamp.rs`: `timestamp_is_written_as_by_chrono_and_read_back`, up to the year 9999 |
//! | `around.rs`: a clock that is set right | Chromium | `frontend/tests/outbox.rs`: `a_clock_that_is_set_back_does_not_make_it_wait_for_years` |
//! | `network.rs`: minutes without a network | Chromium | `frontend/src/backoff.rs`: `grows_to_its_ceiling_and_starts_again_after_a_success` |
//! | `network.rs`: a press after an outage | Chromium | `frontend/tests/outbox.rs`: `press_after_an_outage_is_sent_at_once` |
//! | `network.rs`: `Retry-After` | Chromium | `frontend/tests/outbox.rs`: `waits_as_the_relay_asks_but_not_when_the_network_is_back`; `frontend/tests/browser/bindings.rs`: `retry_after_is_a_number_or_a_date` |
//! | `network.rs`: left in a captive portal | Chromium | `frontend/tests/outbox.rs`: `CaptivePortal` and `Farewell` in `every_event_is_recorded_with_its_exact_content` |
//! | `network.rs`: the others | all | one for each way in which `fetch` can end, see there |
//!
//! # What a driver lacks
//!
//! Where a driver lacks what a scenario needs, there is no test for its engine, and the reason is at the
//! scenario:
//!
//! | scenario | not in | why |
//! |---|---|---|
//! | two tabs | WebKit | its driver opens tabs in the background and cannot bring them to the front; windows it can |
//! | a browser that is closed remembers | WebKit | MiniBrowser stores nothing beyond its end while it is driven |
//! | `navigator.onLine` | WebKit | its driver has no such command; networks that break are in all three |
//! | languages | WebKit | it takes the system's, of which there may be one |
//! | screens, preferences | Firefox, WebKit | only Chromium's driver can set them |
//! | a browser that refuses storage | WebKit | MiniBrowser has no such setting; there a script refuses, as in all three |

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod accessible;
mod around;
mod first_paint;
mod handover;
mod hosts;
mod languages;
mod look;
mod network;
mod offline;
mod scenario;
mod translated;
mod visit;
