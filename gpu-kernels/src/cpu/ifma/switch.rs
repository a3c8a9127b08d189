//! When a combination is worth a try.
//!
//! A combination that fails was for nothing, since its group is then verified one signature after another. Whoever can
//! fill blocks with invalid signatures would make every group cost both. So after a failure some groups are not combined
//! at all: [`FIRST_PAUSE`], twice as many after each further failure up to [`LONGEST_PAUSE`], and from the beginning again
//! after a combination that held.
//!
//! What that bounds, with the time of a combination in units of the time without (about a third): a single group costs
//! at most 1.4; failures without end cost 1 + 0.4 / 65 in the long run. A success in between ends the pauses, and saves
//! more than the next failure costs.
//!
//! Invariant: this decides who gives a verdict and never which. Threads share it; whose turn it is does not matter, so
//! every access may be relaxed and an update may be lost.

use std::sync::atomic::{AtomicU32, Ordering};

/// Groups that are not combined after the first failure.
const FIRST_PAUSE: u32 = 1;
/// And at most.
const LONGEST_PAUSE: u32 = 64;

/// Whether groups are combined.
#[derive(Debug, Default)]
pub(crate) struct Switch {
    /// Groups that are still to be passed by.
    left: AtomicU32,
    /// The last pause.
    pause: AtomicU32,
}

impl Switch {
    /// Whether the next group is to be combined.
    pub(crate) fn is_on(&self) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return true;
        }
        self.left.store(left.saturating_sub(1), Ordering::Relaxed);
        false
    }

    /// A combination has held.
    pub(crate) fn held(&self) {
        if self.pause.load(Ordering::Relaxed) != 0 {
            self.pause.store(0, Ordering::Relaxed);
        }
    }

    /// A combination has failed.
    pub(crate) fn failed(&self) {
        let last = self.pause.load(Ordering::Relaxed);
        let pause = last.saturating_mul(2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.pause.store(pause, Ordering::Relaxed);
        self.left.store(pause, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many groups are passed by before the next is combined.
    fn pause(switch: &Switch) -> u32 {
        (0..).take_while(|_| !switch.is_on()).count() as u32
    }

    #[test]
    fn pauses_double_up_to_a_limit() {
        let switch = Switch::default();
        assert_eq!(pause(&switch), 0);
        for expected in [1, 2, 4, 8, 16, 32, 64, 64, 64] {
            switch.failed();
            assert_eq!(pause(&switch), expected);
        }
    }

    #[test]
    fn a_combination_that_holds_ends_them() {
        let switch = Switch::default();
        for _ in 0..5 {
            switch.failed();
            pause(&switch);
        }
        switch.held();
        assert_eq!(pause(&switch), 0);
        switch.failed();
        assert_eq!(pause(&switch), FIRST_PAUSE);
    }

    #[test]
    fn failures_without_end_leave_one_combination_in_sixty_five() {
        let switch = Switch::default();
        let mut combined = 0;
        for _ in 0..65_000 {
            if switch.is_on() {
                combined += 1;
                switch.failed();
            }
        }
        assert!(combined < 65_000 / 65 + 10, "{combined}");
    }
}
