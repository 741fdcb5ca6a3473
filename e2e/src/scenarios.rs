//! Scenarios: tests that are the same in every engine.

/// Makes a test of a scenario, a function that takes the engine, for every engine:
/// `in_every_engine!(name)`, or, where some cannot do it, `in_every_engine!(name, webkit = "why not")`.
#[macro_export]
macro_rules! in_every_engine {
    ($name:ident) => {
        mod $name {
            $crate::in_every_engine!(@test $name, chromium, Chromium);
            $crate::in_every_engine!(@test $name, firefox, Firefox);
            $crate::in_every_engine!(@test $name, webkit, WebKit);
        }
    };
    ($name:ident, webkit = $reason:literal) => {
        mod $name {
            $crate::in_every_engine!(@test $name, chromium, Chromium);
            $crate::in_every_engine!(@test $name, firefox, Firefox);
            #[test]
            #[ignore = $reason]
            fn webkit() {
                panic!($reason);
            }
        }
    };
    ($name:ident, chromium = $reason:literal) => {
        // Not ignored in the others, as what they lack is not in the product: see the reason.
        #[doc = $reason]
        mod $name {
            $crate::in_every_engine!(@test $name, chromium, Chromium);
        }
    };
    (@test $name:ident, $test:ident, $engine:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            if $crate::Engine::$engine.is_wanted(stringify!($name)) {
                super::$name($crate::Engine::$engine).await;
            }
        }
    };
}
