//! Scenarios: functions that take an engine, and a test for each engine that they run in.

/// Generates a test of a scenario for every engine, for what depends on the engine:
/// `in_every_engine!(name)`.
///
/// `in_every_engine!(name, webkit = "reason")` generates none for WebKit, where its driver lacks what
/// the scenario needs. Logic that is proved natively runs [`in_chromium!`](crate::in_chromium).
#[macro_export]
macro_rules! in_every_engine {
    ($name:ident) => {
        mod $name {
            $crate::scenario_test!($name, chromium, Chromium);
            $crate::scenario_test!($name, firefox, Firefox);
            $crate::scenario_test!($name, webkit, WebKit);
        }
    };
    ($name:ident, webkit = $reason:literal) => {
        #[doc = concat!("Not in WebKit: ", $reason, ".")]
        mod $name {
            $crate::scenario_test!($name, chromium, Chromium);
            $crate::scenario_test!($name, firefox, Firefox);
        }
    };
}

/// Generates a test of a scenario for Chromium only: `in_chromium!(name, "reason")`. The reason is the
/// native test that proves the same logic, or what only Chromium's driver can do.
#[macro_export]
macro_rules! in_chromium {
    ($name:ident, $reason:literal) => {
        #[doc = concat!("In Chromium only: ", $reason, ".")]
        mod $name {
            $crate::scenario_test!($name, chromium, Chromium);
        }
    };
}

/// One test of a scenario.
#[doc(hidden)]
#[macro_export]
macro_rules! scenario_test {
    ($name:ident, $test:ident, $engine:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            if $crate::Engine::$engine.is_wanted(stringify!($name)) {
                super::$name($crate::Engine::$engine).await;
            }
        }
    };
}
