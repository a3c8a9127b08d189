//! Whole blocks under schedules drawn by chance: whatever the schedule, the result is that of the sequential mode.
//!
//! Each test takes a third of its schedules from a uniformly random scheduler and the others from one that finds bugs of a
//! given depth with known probability (Burckhardt et al., *A Randomized Scheduler with Probabilistic Guarantees of Finding
//! Bugs*, ASPLOS 2010). Seeds are fixed. A failing schedule is printed, and `shuttle::replay` runs it again.

use std::env;
use std::sync::atomic::{AtomicU64, Ordering};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

use super::blocks::{Block, By, Op, Program, any_block};
use crate::{Cancel, Flow, Options};

/// How many schedules all tests of this module take together, unless `ORDLANE_SCHEDULES` has another number.
const SCHEDULES: usize = 1_000_000;
/// A run that takes so many steps makes no progress.
const STEP_LIMIT: usize = 200_000;
/// The depths of the bugs that the second scheduler is after: how many switches have to come at the right moment. A
/// worker that yields uses one up, so those that need a sleeper are deeper than they look.
const DEPTHS: [usize; 2] = [3, 9];

/// Explores `run` under so many schedules of each of the three kinds.
pub(super) fn explore(each: usize, persistence: FailurePersistence, run: fn()) {
    let mut config = Config::new();
    config.silence_warnings = true;
    config.failure_persistence = persistence;
    config.max_steps = MaxSteps::FailAfter(STEP_LIMIT);
    config.stack_size = 1 << 18;
    let random = RandomScheduler::new_from_seed(1, each);
    Runner::new(random, config.clone()).run(run);
    for depth in DEPTHS {
        let switching = PctScheduler::new_from_seed(1, depth, each);
        Runner::new(switching, config.clone()).run(run);
    }
}

/// A test's share of all schedules, in hundredths.
fn share(hundredths: usize, run: fn()) {
    let named = env::var("ORDLANE_SCHEDULES").ok();
    let schedules = named.map_or(SCHEDULES, |number| number.parse().unwrap());
    explore(schedules * hundredths / 300, FailurePersistence::Print, run);
}

pub(super) fn same_as_in_order(block: &Block, threads: usize, window: usize) {
    let given = block.in_parallel(threads, window, Options::default());
    assert_eq!(given, block.in_order(), "{block:?}");
}

fn increment(key: u16) -> Program {
    vec![Op::Read(key), Op::Write(key)]
}

fn plus(key: u16, by: u64, most: u64) -> Program {
    let down = false;
    vec![Op::Add(key, By { by, down, most })]
}

#[test]
fn increments_of_one_key_are_all_counted() {
    share(10, || {
        same_as_in_order(&Block::of(vec![increment(0); 4]), 2, 4);
    });
}

#[test]
fn what_an_incarnation_wrote_elsewhere_is_taken_back() {
    share(10, || {
        let wander = vec![Op::Read(0), Op::WriteSomewhere(3)];
        let block = Block::of([
            increment(0),
            wander.clone(),
            increment(0),
            wander,
            vec![Op::Read(0), Op::Read(1), Op::Read(2)],
        ]);
        same_as_in_order(&block, 3, 4);
    });
}

#[test]
fn additions_keep_their_bounds_and_deletions_are_seen() {
    share(10, || {
        let block = Block::of([
            plus(0, 5, 20),
            vec![Op::Delete(0)],
            plus(0, 9, 20),
            plus(0, 9, 20),
            plus(0, 9, 20),
            vec![Op::Read(0), Op::Write(1)],
        ]);
        same_as_in_order(&block, 3, 4);
    });
}

#[test]
fn a_key_that_appears_in_a_range_is_seen() {
    share(10, || {
        let scan = vec![
            Op::Scan {
                from: 0,
                to: 9,
                limit: 3,
            },
            Op::Write(3),
        ];
        let block = Block::of([vec![Op::Write(1)], scan.clone(), vec![Op::Delete(2)], scan]);
        same_as_in_order(&block, 2, 4);
    });
}

#[test]
fn a_block_that_grows_is_run_to_its_end() {
    share(10, || {
        let mut block = Block::of([increment(0), plus(1, 5, 20), increment(0), increment(2)]);
        block.fed = true;
        same_as_in_order(&block, 2, 4);
    });
}

#[test]
fn failures_on_states_that_never_were_do_not_count() {
    share(10, || {
        let even = vec![Op::Read(0), Op::Read(0), Op::Write(0)];
        let block = Block::of([
            even.clone(),
            vec![Op::Read(0), Op::PanicIfOdd],
            even,
            vec![Op::Read(0), Op::FatalIfOdd, Op::Write(1)],
            vec![Op::Read(1), Op::PanicIfOdd],
        ]);
        same_as_in_order(&block, 3, 4);
    });
}

#[test]
fn a_base_that_fails_for_a_stale_key_does_not_count() {
    share(10, || {
        // Who reads what the base says of 0, or of 2, asks for what the base cannot give.
        let block = Block::of([
            vec![Op::Write(0)],
            vec![Op::Read(0), Op::ReadSomewhere(10), Op::Write(2)],
            vec![Op::Read(2), Op::ReadSomewhere(61), Op::Write(1)],
            vec![Op::Read(1), Op::Write(0)],
        ]);
        same_as_in_order(&block, 3, 4);
    });
}

#[test]
fn a_panic_of_the_sink_ends_every_worker_and_reaches_the_caller() {
    share(5, || {
        let mut block = Block::of(vec![increment(0); 5]);
        block.breaks_at = Some(2);
        same_as_in_order(&block, 3, 4);
    });
}

#[test]
fn a_run_without_end_on_a_stale_state_is_left() {
    share(10, || {
        let both = vec![Op::Read(0), Op::Write(0), Op::Write(2)];
        let block = Block::of([
            both.clone(),
            vec![Op::LoopUnlessEqual(0, 2), Op::Write(1)],
            both,
            vec![Op::LoopUnlessEqual(0, 2), Op::Read(1)],
        ]);
        same_as_in_order(&block, 2, 4);
    });
}

#[test]
fn predicted_conflicts_wait_and_are_woken() {
    share(10, || {
        let mut block = Block::of(vec![increment(0); 5]);
        block.hints = true;
        same_as_in_order(&block, 3, 4);
    });
}

/// With three workers and a window of 1 the ring would have a slot for each live transaction and no more, if it had no
/// room for the one that was just committed: then 4 would have the slot of 0 while 1 is still about to wait there.
#[test]
fn those_who_wait_for_each_other_close_no_circle_when_slots_are_used_again() {
    share(5, || {
        let both = vec![Op::Read(0), Op::Read(1)];
        let mut block = Block::of([increment(0), both, plus(2, 1, 9), plus(4, 1, 9)]);
        block.programs.push(increment(1));
        block.hints = true;
        same_as_in_order(&block, 3, 1);
    });
}

#[test]
fn a_cancelled_run_has_committed_what_comes_first_and_names_the_next() {
    share(5, || {
        let mut block = Block::of(vec![increment(0); 4]);
        let whole = block.in_order();
        for fed in [false, true] {
            block.fed = fed;
            let cancel = Cancel::new();
            let thrown = cancel.clone();
            let caller = shuttle::thread::spawn(move || {
                shuttle::thread::yield_now();
                thrown.cancel();
            });
            let given = block.in_parallel(2, 4, Options::default().cancel(&cancel));
            caller.join().unwrap();
            let committed = given.entries.len();
            assert_eq!(given.entries[..], whole.entries[..committed]);
            match given.said {
                Ok(said) => assert_eq!(Ok(said), whole.said),
                Err(said) => {
                    assert_eq!(said, format!("Cancelled {{ index: TxIndex({committed}) }}"));
                }
            }
        }
    });
}

#[test]
fn many_workers_validate_behind_the_frontier() {
    share(5, || {
        let block = Block::of([
            increment(0),
            increment(0),
            vec![Op::Read(0), Op::WriteSomewhere(4)],
            increment(2),
            vec![Op::Read(0), Op::Write(2)],
            vec![Op::Read(2), Op::Write(1)],
            increment(0),
        ]);
        same_as_in_order(&block, 5, 2);
    });
}

#[test]
fn the_sink_skips_and_cuts_at_the_same_place() {
    share(5, || {
        let mut block = Block::of(vec![increment(0); 5]);
        block.flows.insert(1, Flow::Skip);
        block.flows.insert(3, Flow::CutBefore);
        same_as_in_order(&block, 2, 4);
    });
}

/// Every schedule has a block of its own.
#[test]
fn any_block_gives_what_it_gives_in_order() {
    static SEED: AtomicU64 = AtomicU64::new(0);
    share(10, || {
        let seed = SEED.fetch_add(1, Ordering::Relaxed);
        let block = any_block(seed, 3 + (seed % 6) as usize);
        same_as_in_order(&block, 2 + (seed % 4) as usize, 1 + (seed / 4 % 4) as usize);
    });
}
