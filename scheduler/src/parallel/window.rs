//! How far ahead of the frontier transactions are run.
//!
//! While reads hold, the window is wide. A conflict halves it, for what runs further ahead is likelier to read too early.
//! When one conflict follows another even at width 1, speculation rests: the committer runs transaction after transaction
//! in place, and now and then one is run ahead as a probe, less often after every probe that fails. A fully conflicting
//! block so costs hardly more than sequential execution. The window changes how fast a result comes, never the result.

/// The width is counted in sixteenths.
const UNIT: u32 = 16;
/// What one read set that held adds to the width.
const GROWTH: u32 = UNIT / 2;
/// So many conflicts in a row bring rest.
const STREAK_LIMIT: u32 = 4;
/// The distance between probes at first and at most.
const FIRST_GAP: u32 = 8;
const LAST_GAP: u32 = 256;

/// The state of the window; only the committer has it.
#[derive(Debug)]
pub(crate) struct Window {
    most: u32,
    width: u32,
    streak: u32,
    gap: u32,
    resting_for: u32,
}

impl Window {
    /// A window of at most `most` transactions, which it has at first.
    pub(crate) fn new(most: u32) -> Self {
        let most = most.max(1).saturating_mul(UNIT);
        Self {
            most,
            width: most,
            streak: 0,
            gap: FIRST_GAP,
            resting_for: 0,
        }
    }

    /// How many transactions beyond the frontier may be run; 0 while resting.
    pub(crate) fn size(&self) -> u32 {
        if self.streak < STREAK_LIMIT {
            self.width / UNIT
        } else {
            u32::from(self.resting_for >= self.gap)
        }
    }

    /// A transaction that was run ahead had read what is final.
    pub(crate) fn held(&mut self) {
        self.streak = 0;
        self.gap = FIRST_GAP;
        self.resting_for = 0;
        self.width = self.width.saturating_add(GROWTH).min(self.most);
    }

    /// A transaction that was run ahead had read what was not final.
    pub(crate) fn conflicted(&mut self) {
        if self.streak >= STREAK_LIMIT && self.resting_for >= self.gap {
            self.gap = self.gap.saturating_mul(2).min(LAST_GAP);
        }
        self.streak = self.streak.saturating_add(1);
        self.resting_for = 0;
        self.width = (self.width / 2).max(UNIT);
    }

    /// A transaction was run in place, never ahead.
    pub(crate) fn ran_in_place(&mut self) {
        self.resting_for = self.resting_for.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{LAST_GAP, Window};

    #[test]
    fn conflicts_narrow_it_to_rest_and_success_widens_it_to_its_most() {
        let mut window = Window::new(32);
        assert_eq!(window.size(), 32);
        window.conflicted();
        assert_eq!(window.size(), 16);
        for _ in 0..4 {
            window.conflicted();
        }
        assert_eq!(window.size(), 0);
        window.held();
        assert_eq!(window.size(), 1);
        for _ in 0..1_000 {
            window.held();
        }
        assert_eq!(window.size(), 32);
    }

    #[test]
    fn probes_grow_rare_while_every_one_fails() {
        let mut window = Window::new(8);
        let mut probes = 0;
        let mut last_gap = 0;
        let mut gap = 0;
        for _ in 0..10_000 {
            if window.size() == 0 {
                window.ran_in_place();
                gap += 1;
            } else {
                window.conflicted();
                probes += 1;
                last_gap = gap;
                gap = 0;
            }
        }
        assert!(probes < 60, "{probes}");
        assert_eq!(last_gap, LAST_GAP);
    }
}
