//! How far a long measurement is.

use std::time::Instant;

/// A measurement that takes less says nothing until it is there.
const WORTH_A_WORD_S: f64 = 20.0;

/// A point that is measured.
pub(crate) trait Measured {
    /// The point in words.
    fn label(&self) -> String;
    /// How long one round of it takes, about, in seconds.
    fn round_s(&self) -> f64;
}

/// Says on standard error how far a long measurement is. The estimate follows what the points so far have taken.
#[derive(Debug)]
pub(crate) struct Progress {
    start: Instant,
    points: usize,
    done: usize,
    expected_s: f64,
    done_s: f64,
    rounds: f64,
    is_silent: bool,
}

impl Progress {
    pub(crate) fn new(points: &[impl Measured], rounds: u32, now: Instant) -> Self {
        // The first round warms up.
        let rounds = f64::from(rounds) + 1.0;
        let expected_s = points.iter().map(|point| rounds * point.round_s()).sum();
        Self {
            start: now,
            points: points.len(),
            done: 0,
            expected_s,
            done_s: 0.0,
            rounds,
            // What is over soon is not worth a word.
            is_silent: expected_s < WORTH_A_WORD_S,
        }
    }

    /// Before a point is measured.
    pub(crate) fn begin(&mut self, point: &impl Measured) {
        let left_s = self.left_s(self.start.elapsed().as_secs_f64());
        if self.is_silent && left_s < WORTH_A_WORD_S {
            return;
        }
        self.is_silent = false;
        eprintln!(
            "{} of {}: {}; about {} left",
            self.done + 1,
            self.points,
            point.label(),
            duration(left_s)
        );
    }

    /// After it.
    pub(crate) fn end(&mut self, point: &impl Measured) {
        self.done += 1;
        self.done_s += self.rounds * point.round_s();
    }

    fn left_s(&self, elapsed_s: f64) -> f64 {
        let left_s = self.expected_s - self.done_s;
        // The first points say how far the estimate is off.
        if self.done == 0 {
            left_s
        } else {
            left_s * elapsed_s / self.done_s
        }
    }
}

fn duration(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else {
        format!("{:.0} min", seconds / 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Measured, Progress};
    use crate::measure::now;

    struct Rounds(f64);

    impl Measured for Rounds {
        fn label(&self) -> String {
            self.0.to_string()
        }

        fn round_s(&self) -> f64 {
            self.0
        }
    }

    #[test]
    fn the_estimate_follows_what_the_points_so_far_have_taken() {
        let points = [Rounds(1.0), Rounds(3.0)];
        let mut progress = Progress::new(&points, 9, now());
        assert!((progress.left_s(0.0) - 40.0).abs() < 1e-9);
        progress.end(&points[0]);
        assert!((progress.left_s(20.0) - 60.0).abs() < 1e-9);
        assert!(!progress.is_silent);
        assert!(Progress::new(&points, 1, now()).is_silent);
    }
}
