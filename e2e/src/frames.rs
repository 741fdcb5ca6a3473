//! How smoothly a page is drawn: the frames that it gets to draw, and when.

use crate::Browser;
use serde_json::Value;

/// A frame that took longer than this, in milliseconds, is one and a half of those of a screen with 60 a
/// second: the one after it was left out.
const LATE_MILLIS: f64 = 25.0;

/// Notes when each frame is drawn, in milliseconds.
const NOTE: &str = "
    window.drawn = [];
    const note = (at) => { drawn.push(at); window.drawing = requestAnimationFrame(note); };
    window.drawing = requestAnimationFrame(note);";

const TELL: &str = "cancelAnimationFrame(drawing); return drawn;";

/// The frames of a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frames {
    /// Frames a second.
    pub rate: f64,
    /// What part of them, from 0 to 1, came more than 25 ms after the one before.
    pub late: f64,
}

impl Frames {
    /// From the times of all frames, in milliseconds and in order; there must be two.
    fn of(times: &[f64]) -> Self {
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(!gaps.is_empty(), "{} frames are too few to tell", times.len());
        let late = gaps.iter().filter(|gap| **gap > LATE_MILLIS).count();
        let seconds = gaps.iter().sum::<f64>() / 1000.0;
        Self { rate: gaps.len() as f64 / seconds, late: late as f64 / gaps.len() as f64 }
    }
}

impl Browser {
    /// Begins to note the page's frames.
    pub async fn start_counting_frames(&self) {
        self.run(NOTE).await;
    }

    /// Ends what [`Self::start_counting_frames`] began, and gives the frames since then.
    pub async fn stop_counting_frames(&self) -> Frames {
        let times = self.run(TELL).await;
        let times = times.as_array().unwrap().iter().map(Value::as_f64);
        Frames::of(&times.collect::<Option<Vec<_>>>().unwrap())
    }
}

#[cfg(test)]
mod tests {
    use super::Frames;

    #[test]
    fn a_frame_that_is_left_out_makes_the_next_one_late() {
        assert_eq!(Frames::of(&[100.0, 120.0, 140.0]), Frames { rate: 50.0, late: 0.0 });
        assert_eq!(Frames::of(&[0.0, 10.0, 20.0, 60.0, 80.0]), Frames { rate: 50.0, late: 0.25 });
    }
}
