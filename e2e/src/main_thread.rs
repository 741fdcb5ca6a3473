//! What a page's main thread has done: the one that takes its presses, runs its programs and draws it.
//! Chromium alone tells.

use crate::Browser;
use serde_json::json;
use std::ops::{Add, Sub};

/// Processor time of the main thread, in milliseconds, since the page was opened or, as a difference,
/// between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MainThread {
    /// All tasks.
    pub all: f64,
    /// Of those, JavaScript and WebAssembly.
    pub script: f64,
    /// Finding out which rules of the style apply.
    pub style: f64,
    /// Finding out where everything is.
    pub layout: f64,
}

impl MainThread {
    /// What is none of the others: taking input, drawing, fetching, timers.
    pub fn rest(&self) -> f64 {
        self.all - self.script - self.style - self.layout
    }

    fn zip(self, other: Self, with: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            all: with(self.all, other.all),
            script: with(self.script, other.script),
            style: with(self.style, other.style),
            layout: with(self.layout, other.layout),
        }
    }

    /// The share of one of so many.
    pub fn per(self, times: u64) -> Self {
        self.zip(self, |time, _| time / times as f64)
    }
}

impl Add for MainThread {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.zip(other, |time, other| time + other)
    }
}

impl Sub for MainThread {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.zip(other, |time, other| time - other)
    }
}

impl Browser {
    /// Makes the page's main thread so many times slower than this machine, as a phone's is.
    pub async fn slow_down(&self, times: f64) {
        self.devtools("Emulation.setCPUThrottlingRate", json!({ "rate": times })).await;
    }

    /// What the page's main thread has done so far, slowed down as it is, in time of its processor: what
    /// other programs take from it does not count, nor does the answering of such questions.
    pub async fn main_thread(&self) -> MainThread {
        self.devtools("Performance.enable", json!({ "timeDomain": "threadTicks" })).await;
        let metrics = self.devtools("Performance.getMetrics", json!({})).await;
        let metric = |name: &str| {
            let all = metrics["metrics"].as_array().unwrap();
            let metric = all.iter().find(|metric| metric["name"] == name).unwrap();
            metric["value"].as_f64().unwrap() * 1000.0
        };
        MainThread {
            all: metric("TaskDuration") - metric("DevToolsCommandDuration"),
            script: metric("ScriptDuration"),
            style: metric("RecalcStyleDuration"),
            layout: metric("LayoutDuration"),
        }
    }
}
