//! The exploration can fail: every fault that is planted is found within a bounded number of schedules, by the same
//! judgement that finds none without it.

use std::panic::catch_unwind;

use shuttle::FailurePersistence;

use super::blocks::{Block, Op};
use super::schedules::{explore, same_as_in_order};
use crate::faults::{Fault, plant};

/// A planted fault is found in so many schedules of each of the three kinds.
const SCHEDULES: usize = 10_000;

/// What exploration says about these blocks under a fault; none if it finds nothing.
fn found(fault: Option<Fault>, run: fn()) -> Option<String> {
    plant(fault);
    let explored = catch_unwind(|| explore(SCHEDULES, FailurePersistence::None, run));
    plant(None);
    let payload = explored.err()?;
    let text = payload.downcast_ref::<String>().cloned();
    Some(text.unwrap_or_else(|| "a panic without a text".to_owned()))
}

/// The fault is found, with words like these, and without it nothing is.
fn is_found(fault: Fault, words: &str, run: fn()) {
    assert_eq!(found(None, run), None);
    let said = found(Some(fault), run);
    assert!(
        said.as_ref().is_some_and(|said| said.contains(words)),
        "{fault:?}: {said:?}"
    );
}

fn increments(txs: usize) -> Block {
    Block::of(vec![vec![Op::Read(0), Op::Write(0)]; txs])
}

fn apart(txs: u16) -> Block {
    let programs = (0..txs).map(|key| vec![Op::Read(key), Op::Write(key)]);
    Block::of(programs.collect::<Vec<_>>())
}

#[test]
fn a_result_that_nobody_validates_is_found() {
    is_found(Fault::SkipValidation, "assertion", || {
        same_as_in_order(&increments(4), 2, 4);
    });
}

#[test]
fn a_result_that_was_validated_too_early_is_found() {
    is_found(Fault::EarlyCommit, "assertion", || {
        same_as_in_order(&increments(4), 2, 4);
    });
}

#[test]
fn old_writes_that_stay_readable_are_found() {
    is_found(Fault::SkipEstimate, "saw run", || {
        same_as_in_order(&increments(8), 5, 4);
    });
}

#[test]
fn a_committer_that_forgets_the_frontier_is_found() {
    is_found(Fault::ForgetFrontier, "deadlock", || {
        same_as_in_order(&apart(4), 3, 4);
    });
}

#[test]
fn a_worker_that_sleeps_at_once_is_found() {
    is_found(Fault::SleepAtOnce, "deadlock", || {
        same_as_in_order(&increments(4), 2, 4);
    });
}
