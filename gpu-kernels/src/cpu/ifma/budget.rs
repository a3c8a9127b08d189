//! When a combination is worth a try.
//!
//! A combination that fails was for nothing, since its group is then verified one signature after another. Whoever can
//! fill blocks with invalid signatures would make every group cost both. So combinations are paid from a budget, in parts
//! of the time that a signature takes alone:
//!
//! - a try that fails costs [`PRICE`] per signature, which is more than it takes, and is made only if that much is left;
//! - one that holds gives [`GAIN`], which is less than it has saved;
//! - a group that is not tried, since the budget does not suffice, adds [`ALLOWANCE`];
//! - more than [`MOST`] is not kept, and [`FIRST`] is there from the beginning.
//!
//! Tries that are under way on several threads do not wait for each other's outcome, so that where all hold all are made.
//! Those that then fail can leave a debt, of a try for every thread at most, which is paid off before the next try.
//!
//! So whatever comes in whatever order, all tries that fail take at most 1/16 of the time that all signatures would take
//! alone, beside what was saved, and once [`MOST`] and a try for every thread. A single group takes at most both ways,
//! 1.7 times the time (1.5 for the largest groups). When invalid signatures no longer come, at most twelve groups of one
//! size for every thread pass until combinations are tried again.
//!
//! Invariant: this decides who gives a verdict and never which. Threads share it, and nothing else is read because of
//! what is in it, so every access may be relaxed.

use std::sync::atomic::{AtomicI32, Ordering};

/// All are in sixteenths of the time of a signature. A combination takes 0.46 of that time in the largest groups and 0.67
/// in the smallest, as measured.
const PRICE: i32 = 12;
const GAIN: i32 = 4;
const ALLOWANCE: i32 = 1;
/// One group of 256, the largest.
const FIRST: i32 = PRICE * 256;
/// Two of them, so that one failure among four groups stops nothing.
const MOST: i32 = FIRST * 2;

/// What may be spent on combinations; below zero, what is owed.
#[derive(Debug)]
pub(crate) struct Budget(AtomicI32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicI32::new(FIRST))
    }
}

impl Budget {
    /// Whether the combination of a group of `checks` is to be tried. Say of each that is whether it has [`held`] or
    /// [`failed`].
    ///
    /// [`held`]: Self::held
    /// [`failed`]: Self::failed
    pub(crate) fn suffices(&self, checks: usize) -> bool {
        let price = of(checks, PRICE);
        if self.0.load(Ordering::Relaxed) >= price {
            return true;
        }
        self.add(of(checks, ALLOWANCE));
        false
    }

    /// The combination of a group of `checks` has held.
    pub(crate) fn held(&self, checks: usize) {
        self.add(of(checks, GAIN));
    }

    /// The combination of a group of `checks` has failed.
    pub(crate) fn failed(&self, checks: usize) {
        self.add(of(checks, const { -PRICE }));
    }

    fn add(&self, change: i32) {
        let sum = |left: i32| Some(left.saturating_add(change).min(MOST));
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
    }
}

/// So much for each of some checks.
fn of(checks: usize, each: i32) -> i32 {
    i32::try_from(checks)
        .unwrap_or(i32::MAX)
        .saturating_mul(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of some groups of one size are tried, when these hold.
    fn tried(budget: &Budget, checks: usize, hold: impl IntoIterator<Item = bool>) -> Vec<bool> {
        let groups = hold.into_iter().map(|holds| {
            let is_tried = budget.suffices(checks);
            match (is_tried, holds) {
                (true, true) => budget.held(checks),
                (true, false) => budget.failed(checks),
                (false, _) => {}
            }
            is_tried
        });
        groups.collect()
    }

    #[test]
    fn groups_that_hold_are_always_tried() {
        let budget = Budget::default();
        for checks in [1, 48, 255, 256] {
            assert!(!tried(&budget, checks, vec![true; 1_000]).contains(&false));
        }
    }

    #[test]
    fn tries_under_way_on_many_threads_do_not_keep_each_other_from_it() {
        let budget = Budget::default();
        for _ in 0..10 {
            assert!((0..16).all(|_| budget.suffices(256)));
            (0..16).for_each(|_| budget.held(256));
        }
    }

    #[test]
    fn tries_under_way_that_fail_leave_a_debt_that_is_paid_off_before_the_next_one() {
        let budget = Budget::default();
        for round in 0..100 {
            let tries = (0..16).filter(|_| budget.suffices(256)).count();
            assert_eq!(tries, if round % 13 == 0 { 16 } else { 0 }, "{round}");
            (0..tries).for_each(|_| budget.failed(256));
        }
    }

    #[test]
    fn what_is_owed_has_an_end() {
        let budget = Budget::default();
        (0..3).for_each(|_| budget.failed(usize::MAX));
        assert!(!budget.suffices(1));
        (0..2).for_each(|_| budget.held(usize::MAX));
        assert!(budget.suffices(256));
    }

    #[test]
    fn one_failure_among_four_stops_nothing() {
        let hold = (0..1_000).map(|group| group % 4 != 3);
        assert!(!tried(&Budget::default(), 256, hold).contains(&false));
    }

    #[test]
    fn failures_without_end_leave_one_try_in_thirteen() {
        for checks in [48, 256] {
            let budget = Budget::default();
            let tries = tried(&budget, checks, vec![false; 13_000]);
            let count = tries.iter().filter(|is_tried| **is_tried).count();
            assert!((990..1_030).contains(&count), "{count}");
        }
    }

    #[test]
    fn a_budget_that_was_spent_comes_back_when_groups_hold() {
        let budget = Budget::default();
        tried(&budget, 256, vec![false; 1_000]);
        let tries = tried(&budget, 256, vec![true; 100]);
        let first = tries.iter().position(|is_tried| *is_tried);
        assert!(first <= Some(12), "{first:?}");
        assert!(!tries[12..].contains(&false));
    }

    #[test]
    fn no_order_of_groups_takes_much_more_time_than_signatures_alone() {
        // Sixteenths of the time of a signature, for the smallest and the largest groups: a try and what it saves.
        for (checks, takes) in [(48, 11), (256, 8)] {
            for pattern in 0..1_u32 << 10 {
                let hold = (0..5_000).map(|group| pattern >> (group % 10) & 1 == 1);
                let tries = tried(&Budget::default(), checks, hold.clone());
                let time: u64 = tries
                    .iter()
                    .zip(hold)
                    .map(|(is_tried, holds)| match (is_tried, holds) {
                        (true, true) => takes,
                        (true, false) => takes + 16,
                        (false, _) => 16,
                    })
                    .sum::<u64>()
                    * checks as u64;
                let alone = 16 * 5_000 * checks as u64;
                assert!(time <= alone + alone / 16 + MOST as u64, "{pattern:b}");
            }
        }
    }
}
