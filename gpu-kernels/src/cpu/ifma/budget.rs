//! When a combination is worth a try.
//!
//! A combination that fails was for nothing, since its group is then verified one signature after another. Whoever can
//! fill blocks with invalid signatures would make every group cost both. So combinations are paid from a budget, in parts
//! of the time that a signature takes alone:
//!
//! - a try costs [`PRICE`] per signature, which is more than it takes;
//! - one that holds gives that back, and [`GAIN`], which is less than it has saved;
//! - a group that is not tried, since the budget does not suffice, adds [`ALLOWANCE`];
//! - more than [`MOST`] is not kept, and [`FIRST`] is there from the beginning.
//!
//! So whatever comes in whatever order, all tries that fail take at most 1/16 of the time that all signatures would take
//! alone, beside what was saved and [`MOST`] once. A single group takes at most both ways, 1.7 times the time (1.5 for
//! the largest groups). When invalid signatures no longer come, at most twelve groups of one size pass until
//! combinations are tried again.
//!
//! Invariant: this decides who gives a verdict and never which. Threads share it, and nothing else is read because of
//! what is in it, so every access may be relaxed.

use std::sync::atomic::{AtomicU32, Ordering};

/// All are in sixteenths of the time of a signature. A combination takes 0.46 of that time in the largest groups and 0.67
/// in the smallest, as measured.
const PRICE: u32 = 12;
const GAIN: u32 = 4;
const ALLOWANCE: u32 = 1;
/// One group of 256, the largest.
const FIRST: u32 = PRICE * 256;
/// Two of them, so that one failure among four groups stops nothing.
const MOST: u32 = FIRST * 2;

/// What may be spent on combinations.
#[derive(Debug)]
pub(crate) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(FIRST))
    }
}

impl Budget {
    /// Pays for a group of `checks`, and says whether it is to be tried.
    pub(crate) fn pay(&self, checks: usize) -> bool {
        let checks = in_units(checks);
        let price = checks.saturating_mul(PRICE);
        self.change(|left| left.checked_sub(price).or(plus(left, checks, ALLOWANCE)))
            .is_some_and(|before| before >= price)
    }

    /// The combination of a group of `checks` has held.
    pub(crate) fn held(&self, checks: usize) {
        let back = const { PRICE + GAIN };
        self.change(|left| plus(left, in_units(checks), back));
    }

    /// What was left before.
    fn change(&self, change: impl FnMut(u32) -> Option<u32>) -> Option<u32> {
        let Self(left) = self;
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change)
            .ok()
    }
}

fn in_units(checks: usize) -> u32 {
    u32::try_from(checks).unwrap_or(u32::MAX)
}

fn plus(left: u32, checks: u32, each: u32) -> Option<u32> {
    Some(left.saturating_add(checks.saturating_mul(each)).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of some groups of one size are tried, when these hold.
    fn tried(budget: &Budget, checks: usize, hold: impl IntoIterator<Item = bool>) -> Vec<bool> {
        let groups = hold.into_iter().map(|holds| {
            let is_tried = budget.pay(checks);
            if is_tried && holds {
                budget.held(checks);
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
            assert!((0..16).all(|_| budget.pay(256)));
            (0..16).for_each(|_| budget.held(256));
        }
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
                assert!(time <= alone + alone / 16 + u64::from(MOST), "{pattern:b}");
            }
        }
    }
}
