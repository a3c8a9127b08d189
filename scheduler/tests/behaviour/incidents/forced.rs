//! Incidents that need one schedule: here the transactions themselves see to it that it comes about.
//!
//! The first transaction writes [`LATE`] only after [`READER`], which another thread runs ahead, has read that key. So the
//! reader's first run is stale, and while it runs again what it wrote is an estimate.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ordlane_scheduler::{Base, Bounded, Change, Stop};

use super::super::calls::{Call, Seen, burn, wait_for};
use super::super::support::{Watchdog, parallel, run};

/// The key that is written late.
const LATE: u64 = 0;
/// What the reader of that key writes.
const AGAIN: u64 = 1;
/// Far enough from the first that another thread has it, and within the window of two.
const READER: u32 = 16;
const LENGTH: u32 = 32;
const ROUNDS: usize = 20;
const THREADS: [usize; 3] = [2, 4, 8];

fn count(counter: &AtomicU64) -> u64 {
    counter.fetch_add(1, Ordering::SeqCst) + 1
}

fn so_far(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::SeqCst)
}

/// Runs the block once and gives the outputs.
fn outputs<B, F>(threads: usize, base: &B, call: F) -> Vec<u64>
where
    B: Base<Key = u64, Value = u64>,
    F: Fn(u32, &mut dyn Seen) -> Result<u64, Stop> + Sync,
{
    let (entries, said) = run(
        &parallel(threads),
        &Call(call),
        base,
        &[(); LENGTH as usize],
    );
    assert_eq!(
        said.unwrap().committed,
        LENGTH as usize,
        "{threads} threads"
    );
    entries.into_iter().map(|entry| entry.output).collect()
}

/// The done latch: every transaction has been run and none is being run when the last one is found stale.
#[test]
fn a_block_is_not_done_while_its_last_transaction_has_to_run_again() {
    let _watchdog = Watchdog::new("a_block_is_not_done_while_its_last_transaction");
    const LAST: u32 = LENGTH - 1;
    for threads in THREADS {
        for round in 0..5 * ROUNDS {
            let last = AtomicU64::new(0);
            let outputs = outputs(threads, &BTreeMap::new(), |index, view| {
                if index == 0 {
                    wait_for(|| so_far(&last) > 0);
                    view.write(LATE, 7);
                } else if index == LAST {
                    let seen = view.read(LATE)?.unwrap_or(0);
                    if count(&last) > 1 {
                        // Long after everybody else has gone home.
                        thread::sleep(Duration::from_micros(200 * (round % 5) as u64));
                    }
                    view.write(AGAIN, seen);
                    return Ok(seen);
                }
                Ok(0)
            });
            assert_eq!(outputs[LAST as usize], 7, "{threads} threads");
            assert!(
                so_far(&last) > 1,
                "{threads} threads: it was never run ahead"
            );
        }
    }
}

/// What a Vm makes of a read that was told to stop.
#[derive(Clone, Copy, Debug)]
enum After {
    /// Reports a failure of the system.
    Fatal,
    Panic,
    /// Says that all is well.
    Deny,
    /// Tries another key and writes what it likes.
    GoOn,
}

/// An error after a halt: what a run says after its view has stopped it is neither its result nor a failure.
#[test]
fn what_a_run_says_after_it_was_stopped_does_not_count() {
    let _watchdog = Watchdog::new("what_a_run_says_after_it_was_stopped_does_not_count");
    for threads in THREADS {
        for after in [After::Fatal, After::Panic, After::Deny, After::GoOn] {
            for _ in 0..ROUNDS / 4 {
                // A machine with other work may run the threads one after another, so that nobody is stopped.
                let was_stopped = (0..ROUNDS).any(|_| stop_a_run_and_go_on(threads, after));
                assert!(
                    was_stopped,
                    "{after:?}, {threads} threads: nobody was stopped"
                );
            }
        }
    }
}

/// Whether a run was stopped. The outputs are right in any case.
fn stop_a_run_and_go_on(threads: usize, after: After) -> bool {
    let reads = AtomicU64::new(0);
    let stopped = AtomicU64::new(0);
    let outputs = outputs(threads, &BTreeMap::new(), |index, view| {
        if index == 0 {
            wait_for(|| so_far(&reads) > 0);
            view.write(LATE, 7);
            return Ok(0);
        }
        if index == READER {
            let seen = view.read(LATE)?.unwrap_or(0);
            if count(&reads) > 1 {
                // What the first run has written is an estimate now, until someone has met it.
                wait_for(|| so_far(&stopped) > 0);
            } else {
                burn(2_000);
            }
            view.write(AGAIN, seen);
            return Ok(seen);
        }
        if index < READER {
            return Ok(0);
        }
        if index == READER + 1 {
            // No more than one waits, so that another thread can run the reader again.
            wait_for(|| so_far(&reads) > 1);
        }
        match view.read(AGAIN) {
            Ok(seen) => Ok(seen.unwrap_or(0)),
            Err(stop) => {
                count(&stopped);
                match after {
                    After::Fatal => Err(Stop::fatal("the read failed")),
                    After::Panic => panic!("the read failed: {stop}"),
                    After::Deny => Ok(999),
                    After::GoOn => {
                        view.write(AGAIN, 999);
                        let _ = view.read(AGAIN);
                        let _ = view.scan(0, 9, 9);
                        Ok(999)
                    }
                }
            }
        }
    });
    let expected = (0..LENGTH).map(|index| if index < READER { 0 } else { 7 });
    assert!(
        outputs.into_iter().eq(expected),
        "{after:?}, {threads} threads"
    );
    so_far(&stopped) > 0
}

/// Writes of a run that failed validation were published as done: the stale run writes a key that the right one does not.
#[test]
fn what_only_a_stale_run_wrote_is_gone_for_all() {
    let _watchdog = Watchdog::new("what_only_a_stale_run_wrote_is_gone_for_all");
    for threads in THREADS {
        for _ in 0..ROUNDS {
            let reads = AtomicU64::new(0);
            let followers = AtomicU64::new(0);
            let outputs = outputs(threads, &BTreeMap::from([(9, 5)]), |index, view| {
                if index == 0 {
                    // Others have already built on the stale write.
                    wait_for(|| so_far(&reads) > 0 && so_far(&followers) > 2);
                    view.write(LATE, 7);
                } else if index == READER {
                    let seen = view.read(LATE)?;
                    count(&reads);
                    match seen {
                        None => view.delete(9),
                        Some(seen) => view.write(10, seen),
                    }
                } else if index > READER {
                    let kept = view.read(9)?.unwrap_or(0);
                    let made = view.read(10)?.unwrap_or(0);
                    count(&followers);
                    return Ok(10 * kept + made);
                }
                Ok(0)
            });
            let expected = (0..LENGTH).map(|index| if index > READER { 57 } else { 0 });
            assert!(outputs.into_iter().eq(expected), "{threads} threads");
        }
    }
}

/// Equal state but different logs: the stale run and the right one write the same, and their outputs differ.
#[test]
fn a_stale_run_that_wrote_the_same_still_gives_way_to_the_right_output() {
    let _watchdog = Watchdog::new("a_stale_run_that_wrote_the_same_still_gives_way");
    for threads in THREADS {
        for _ in 0..ROUNDS {
            let reads = AtomicU64::new(0);
            let outputs = outputs(threads, &BTreeMap::new(), |index, view| {
                if index == 0 {
                    wait_for(|| so_far(&reads) > 0);
                    view.write(LATE, 7);
                } else if index == READER {
                    let seen = view.read(LATE)?.unwrap_or(0);
                    count(&reads);
                    view.write(AGAIN, 42);
                    return Ok(seen);
                } else if index > READER {
                    return Ok(view.read(AGAIN)?.unwrap_or(0));
                }
                Ok(0)
            });
            assert_eq!(
                outputs[READER as usize..][..3],
                [7, 42, 42],
                "{threads} threads"
            );
        }
    }
}

/// Empty, and fails for key 99.
struct Failing;

/// What [`Failing`] says.
#[derive(Debug, thiserror::Error)]
#[error("the disk is gone")]
struct DiskGone;

impl Base for Failing {
    type Key = u64;
    type Value = u64;
    type Error = DiskGone;

    fn read(&self, key: &u64) -> Result<Option<u64>, DiskGone> {
        if *key == 99 { Err(DiskGone) } else { Ok(None) }
    }
}

/// Every run ahead comes to harm in another way; none of it may keep a transaction from being committed.
#[test]
fn failures_of_runs_ahead_do_not_block_the_commit() {
    let _watchdog = Watchdog::new("failures_of_runs_ahead_do_not_block_the_commit");
    for threads in THREADS {
        for _ in 0..ROUNDS {
            let harmed = AtomicU64::new(0);
            let outputs = outputs(threads, &Failing, |index, view| {
                if index == 0 {
                    wait_for(|| so_far(&harmed) >= 8);
                    view.write(LATE, 7);
                    return Ok(7);
                }
                if let Some(seen) = view.read(LATE)? {
                    view.write(u64::from(index), seen);
                    return Ok(seen);
                }
                count(&harmed);
                match index % 4 {
                    0 => panic!("this must not be seen"),
                    1 => Err(Stop::fatal("this must not be seen")),
                    2 => view.read(99).map(|_| 0),
                    _ => Ok(0),
                }
            });
            assert_eq!(outputs, [7; LENGTH as usize], "{threads} threads");
            assert!(
                so_far(&harmed) >= 8,
                "{threads} threads: nothing was run ahead"
            );
        }
    }
}

/// Lazy balances: who has read a key before a lower transaction added to it has read too early.
#[test]
fn a_stale_reader_of_a_key_that_is_added_to_runs_again() {
    let _watchdog = Watchdog::new("a_stale_reader_of_a_key_that_is_added_to_runs_again");
    let plus = |by| Bounded {
        change: Change::Plus(by),
        min: 0,
        max: u64::MAX,
    };
    for threads in THREADS {
        for _ in 0..ROUNDS {
            let reads = AtomicU64::new(0);
            let base = BTreeMap::from([(LATE, 100)]);
            let outputs = outputs(threads, &base, |index, view| {
                if index == READER {
                    let seen = view.read(LATE)?.unwrap_or(0);
                    count(&reads);
                    return Ok(seen);
                }
                if index == 0 {
                    wait_for(|| so_far(&reads) > 0);
                }
                view.add(LATE, plus(1))?.map_err(Stop::fatal)?;
                Ok(0)
            });
            assert_eq!(
                outputs[READER as usize],
                100 + u64::from(READER),
                "{threads} threads"
            );
            assert!(
                so_far(&reads) > 1,
                "{threads} threads: it was never run ahead"
            );
        }
    }
}

/// Each follower reads what the one before it writes, so that one late write makes all of them run again; with four threads
/// and more they are found out of order, behind the frontier.
#[test]
fn a_late_write_runs_a_whole_chain_again() {
    let _watchdog = Watchdog::new("a_late_write_runs_a_whole_chain_again");
    for threads in THREADS {
        for _ in 0..2 * ROUNDS {
            let followers = AtomicU64::new(0);
            let outputs = outputs(threads, &BTreeMap::new(), |index, view| {
                if index == 0 {
                    wait_for(|| so_far(&followers) > 4);
                    view.write(LATE, 7);
                    return Ok(7);
                }
                let before = if index <= READER {
                    LATE
                } else {
                    u64::from(index) - 1
                };
                let seen = view.read(before)?.unwrap_or(0);
                if index >= READER {
                    count(&followers);
                    view.write(u64::from(index), seen + 1);
                }
                Ok(seen)
            });
            let expected =
                (0..u64::from(LENGTH)).map(|index| 7 + index.saturating_sub(READER.into()));
            assert!(outputs.into_iter().eq(expected), "{threads} threads");
        }
    }
}
