//! A timer that is set anew.

use gloo_timers::callback::Timeout;
use std::cell::RefCell;

/// One timeout at a time: setting it ends the one before.
#[derive(Default)]
pub struct Alarm(RefCell<Option<Timeout>>);

impl Alarm {
    /// Calls `callback` after so many milliseconds.
    pub fn set(&self, millis: u32, callback: impl FnOnce() + 'static) {
        self.0.replace(Some(Timeout::new(millis, callback)));
    }

    /// Ends the timeout that is set.
    pub fn clear(&self) {
        self.0.take();
    }
}
