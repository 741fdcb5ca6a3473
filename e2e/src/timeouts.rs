//! Timeouts of a page, made shorter for tests that wait for one.

/// Script that runs before the page's own: timeouts of 5 s and more take a fifth of their time. Their
/// true lengths, in milliseconds, are in `window.timeouts`.
pub const SHORT_TIMEOUTS: &str = "\
    (() => { \
        const { setTimeout } = window; \
        window.timeouts = []; \
        window.setTimeout = (then, millis, ...rest) => { \
            if (!(millis >= 5000)) return setTimeout(then, millis, ...rest); \
            timeouts.push(millis); \
            return setTimeout(then, millis / 5, ...rest); \
        }; \
    })();";
