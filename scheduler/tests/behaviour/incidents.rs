//! Each incident that hit an engine of this family, as a test.
//!
//! | incident | tests |
//! |---|---|
//! | a waiting worker stole a task that waited for the worker's own transaction | `a_vm_that_uses_rayon_...`, `threads_that_enter_late_...`, `runs_started_from_rayon_jobs_...`, `a_run_inside_a_worker_...` |
//! | the block was done while a transaction had still to run | `a_block_is_not_done_while_its_last_...`, `the_block_is_not_done_before_its_last_...` |
//! | writes of a run that failed validation were published | `writes_of_a_run_that_does_not_count_...`, `what_only_a_stale_run_wrote_...` |
//! | one run read one key twice and got two values, which a cache kept | `a_key_reads_the_same_...`, `nothing_of_one_run_is_seen_in_the_next` |
//! | equal state but different logs | `outputs_follow_the_reads_...`, `a_stale_run_that_wrote_the_same_...` |
//! | a nonce too high at index 1 hung the run | `a_nonce_too_high_at_index_one_...` |
//! | lazy balances: an insufficient sender, the coinbase in mid-block, stale readers | `lazy`, `a_stale_reader_of_a_key_that_is_added_to_...` |
//! | gas of failing transactions differed by schedule | `what_failing_transactions_leave_...` |
//! | a failure ahead of the frontier blocked the commit | `failures_of_runs_ahead_...` |
//! | an error after a halt was taken for a result | `what_a_run_says_after_it_was_stopped_...` |
//! | a storage error became the failure of a transaction | `a_storage_error_is_never_...` |
//! | two keys with one hash were taken for one | `two_keys_with_one_hash_are_two_keys` |

mod forced;
mod lazy;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ordlane_scheduler::{Base, Bounded, Change, Flow, RunError, TxIndex};
use rayon::prelude::*;

use super::calls::{Call, Seen, add_one, burn, outputs};
use super::programs::{Colliding, Interpreter, Op, base, oracle};
use super::support::{THREADS, Watchdog, every_way, parallel, run};

/// A waiting worker stole a task that then waited for the worker's own transaction.
#[test]
fn a_vm_that_uses_rayon_does_not_deadlock() {
    let _watchdog = Watchdog::new("a_vm_that_uses_rayon_does_not_deadlock");
    let call = |index: u32, view: &mut dyn Seen| {
        let sum: u64 = (0..64_u64)
            .into_par_iter()
            .map(|at| at * u64::from(index))
            .sum();
        let (left, right) = rayon::join(|| sum / 2, || sum - sum / 2);
        let before = view.read(0)?.unwrap_or(0);
        view.write(0, before.wrapping_add(left + right));
        Ok(before)
    };
    let expected: Vec<u64> = (0..300_u64)
        .map(|index| (0..index).sum::<u64>() * 2_016)
        .collect();
    for (way, executor) in every_way() {
        assert_eq!(outputs(&executor, call, 300), expected, "{way}");
    }
}

/// The same at the start of a run: a thread that has not entered it yet steals a part of what a Vm does, waits there for
/// a part of that part, and enters the run on top of it.
#[test]
fn threads_that_enter_late_do_not_deadlock_with_a_vm_that_uses_rayon() {
    let _watchdog = Watchdog::new("threads_that_enter_late_do_not_deadlock");
    let call = |index: u32, view: &mut dyn Seen| {
        let sum: u64 = (0..256_u32)
            .into_par_iter()
            .with_max_len(1)
            .map(|at| {
                (0..200).fold(u64::from(at), |sum, round| {
                    std::hint::black_box(sum ^ round)
                })
            })
            .sum();
        std::hint::black_box(sum);
        add_one(index, view)
    };
    for threads in THREADS {
        for _ in 0..500 {
            // Threads that have just been started are looking for work.
            let executor = parallel(threads);
            assert_eq!(outputs(&executor, call, 4), (0..4).collect::<Vec<u64>>());
        }
    }
}

/// The same from the caller's side: the calling thread is a worker of another pool, which steals while it waits.
#[test]
fn runs_started_from_rayon_jobs_do_not_deadlock() {
    let _watchdog = Watchdog::new("runs_started_from_rayon_jobs_do_not_deadlock");
    let elsewhere = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    let call = |index: u32, view: &mut dyn Seen| {
        rayon::join(
            || std::hint::black_box(index),
            || std::hint::black_box(index),
        );
        add_one(index, view)
    };
    for (way, executor) in every_way() {
        elsewhere.install(|| {
            (0..12).into_par_iter().for_each(|_| {
                assert_eq!(
                    outputs(&executor, call, 60),
                    (0..60).collect::<Vec<u64>>(),
                    "{way}"
                );
            });
        });
    }
}

#[test]
fn a_run_inside_a_worker_is_refused_and_not_awaited() {
    let _watchdog = Watchdog::new("a_run_inside_a_worker_is_refused_and_not_awaited");
    for threads in THREADS {
        let executor = parallel(threads);
        let inner = |_: u32, view: &mut dyn Seen| {
            let mut sink = |_: TxIndex, _: u64, _: &[(u64, Option<u64>)]| Flow::Continue;
            let said = executor.run(&Call(add_one), &BTreeMap::new(), &[(); 40], &mut sink);
            assert!(matches!(said, Err(RunError::Reentrant)));
            add_one(0, view)
        };
        assert_eq!(outputs(&executor, inner, 40), (0..40).collect::<Vec<u64>>());
    }
}

/// A transaction at index 1 that can never be valid hung the parallel path for ever.
#[test]
fn a_nonce_too_high_at_index_one_is_an_output_like_any_other() {
    let _watchdog = Watchdog::new("a_nonce_too_high_at_index_one_is_an_output_like_any_other");
    let call = |index: u32, view: &mut dyn Seen| {
        let nonce = view.read(7)?.unwrap_or(0);
        let claimed = if index == 1 {
            1_000_000
        } else {
            u64::from(index) - u64::from(index > 1)
        };
        if claimed == nonce {
            view.write(7, nonce + 1);
        }
        Ok(u64::from(claimed == nonce))
    };
    let expected: Vec<u64> = (0..200).map(|index| u64::from(index != 1)).collect();
    for (way, executor) in every_way() {
        assert_eq!(outputs(&executor, call, 200), expected, "{way}");
    }
}

/// One incarnation read the same key twice and got two values: by reads, by pages, or around an addition.
#[test]
fn a_key_reads_the_same_throughout_a_run() {
    let _watchdog = Watchdog::new("a_key_reads_the_same_throughout_a_run");
    let torn = AtomicU64::new(0);
    let nothing = Bounded {
        change: Change::Plus(0),
        min: 0,
        max: u64::MAX,
    };
    let call = |index: u32, view: &mut dyn Seen| {
        let first = view.read(0)?;
        let second = view.scan(1, 2, 1)?.first().map(|(_, value)| *value);
        let _ = view.add(2, nothing)?;
        let third = view.read(2)?;
        for round in 0..20 {
            thread::yield_now();
            let again = match round % 2 {
                0 => [view.read(0)?, view.read(1)?, view.read(2)?],
                _ => {
                    let page = view.scan(0, 3, 3)?;
                    [0, 1, 2].map(|key| page.iter().find(|(at, _)| *at == key).map(|at| at.1))
                }
            };
            if again != [first, second, third] {
                torn.fetch_add(1, Ordering::Relaxed);
            }
        }
        let count = first.unwrap_or(0);
        for key in 0..3 {
            view.write(key, count + 1);
        }
        Ok(u64::from(index) - count)
    };
    for (way, executor) in every_way() {
        assert_eq!(outputs(&executor, call, 200), [0; 200], "{way}");
    }
    assert_eq!(torn.into_inner(), 0);
}

/// A run's values stayed in a cache that outlived it.
#[test]
fn nothing_of_one_run_is_seen_in_the_next() {
    let _watchdog = Watchdog::new("nothing_of_one_run_is_seen_in_the_next");
    let panics_at_30 = |index: u32, view: &mut dyn Seen| {
        let count = add_one(index, view)?;
        assert!(count != 530, "far enough");
        Ok(count)
    };
    for (way, executor) in every_way() {
        for start in [500, 0, 7] {
            let base = BTreeMap::from([(0, start)]);
            let (entries, said) = run(&executor, &Call(panics_at_30), &base, &[(); 60]);
            let ran = if start == 500 { 30 } else { 60 };
            assert_eq!(said.is_ok(), ran == 60, "{way}");
            let outputs = entries.iter().map(|entry| entry.output);
            assert!(outputs.eq(start..start + ran), "{way}, from {start}");
        }
    }
}

#[test]
fn a_run_sees_its_own_writes() {
    let _watchdog = Watchdog::new("a_run_sees_its_own_writes");
    let call = |index: u32, view: &mut dyn Seen| {
        let before = view.read(0)?.unwrap_or(0);
        view.write(0, 1_000_000 + u64::from(index));
        let own = view.read(0)?.unwrap_or(0);
        view.write(0, before + 1);
        Ok(own)
    };
    let expected: Vec<u64> = (0..200).map(|index| 1_000_000 + index).collect();
    for (way, executor) in every_way() {
        assert_eq!(outputs(&executor, call, 200), expected, "{way}");
    }
}

/// Writes of a run that failed validation were published as done: here a stale run writes keys of its own, and whoever
/// reads them must find nothing.
#[test]
fn writes_of_a_run_that_does_not_count_are_never_final() {
    let _watchdog = Watchdog::new("writes_of_a_run_that_does_not_count_are_never_final");
    let call = |index: u32, view: &mut dyn Seen| {
        let count = view.read(0)?.unwrap_or(0);
        for round in 0..u32::from(index.is_multiple_of(7)) * 20_000 {
            std::hint::black_box(round);
        }
        let garbage = view.read(1 + u64::from(index % 5))?.unwrap_or(0);
        if count != u64::from(index) {
            for key in 1..6 {
                view.write(key, count);
            }
        }
        view.write(0, count + 1);
        Ok(garbage)
    };
    for (way, executor) in every_way() {
        assert_eq!(outputs(&executor, call, 500), vec![0; 500], "{way}");
    }
}

/// Equal state but different logs: two states agree in what is written and differ in what was read.
#[test]
fn outputs_follow_the_reads_even_when_the_writes_are_equal() {
    let _watchdog = Watchdog::new("outputs_follow_the_reads_even_when_the_writes_are_equal");
    let call = |index: u32, view: &mut dyn Seen| {
        let seen = view.read(0)?.unwrap_or(0);
        view.write(
            0,
            if index.is_multiple_of(2) {
                u64::from(index)
            } else {
                seen
            },
        );
        view.write(1, 42);
        Ok(seen)
    };
    let expected: Vec<u64> = (0..400_u64)
        .map(|index| index.saturating_sub(1) / 2 * 2)
        .collect();
    for (way, executor) in every_way() {
        assert_eq!(outputs(&executor, call, 400), expected, "{way}");
    }
}

/// The last transactions are long and run on other threads while all the others are done.
#[test]
fn the_block_is_not_done_before_its_last_transaction() {
    let _watchdog = Watchdog::new("the_block_is_not_done_before_its_last_transaction");
    let call = |index: u32, view: &mut dyn Seen| {
        if index >= 38 {
            thread::sleep(Duration::from_millis(2));
        }
        view.write(u64::from(index), 1);
        Ok(u64::from(index))
    };
    for (way, executor) in every_way() {
        for _ in 0..5 {
            assert_eq!(
                outputs(&executor, call, 40),
                (0..40).collect::<Vec<u64>>(),
                "{way}"
            );
        }
    }
}

#[test]
fn one_slow_transaction_among_fast_ones_holds_nobody_for_ever() {
    let _watchdog = Watchdog::new("one_slow_transaction_among_fast_ones_holds_nobody_for_ever");
    let call = |index: u32, view: &mut dyn Seen| {
        if index == 100 {
            thread::sleep(Duration::from_millis(5));
        }
        for round in 0..5_000 {
            std::hint::black_box(round);
        }
        let key = u64::from(index % 50);
        let seen = view.read(key)?.unwrap_or(0);
        view.write(key, seen + 1);
        Ok(seen)
    };
    let expected: Vec<u64> = (0..2_000).map(|index| index / 50).collect();
    for (way, executor) in every_way() {
        assert_eq!(outputs(&executor, call, 2_000), expected, "{way}");
    }
}

/// Many short runs one after another, where a lost wake-up would show.
#[test]
fn no_wake_up_is_lost_over_many_short_runs() {
    let _watchdog = Watchdog::new("no_wake_up_is_lost_over_many_short_runs");
    for threads in THREADS {
        let executor = parallel(threads);
        for _ in 0..400 {
            assert_eq!(
                outputs(&executor, add_one, 20),
                (0..20).collect::<Vec<u64>>()
            );
        }
    }
}

/// Gas of failing transactions differed by schedule: it depends on every value read, and on where the run failed.
#[test]
fn what_failing_transactions_leave_is_the_same_under_every_schedule() {
    let _watchdog =
        Watchdog::new("what_failing_transactions_leave_is_the_same_under_every_schedule");
    const GAS_LIMIT: u64 = 400;
    const FAILED: u64 = 1 << 32;
    let call = |index: u32, view: &mut dyn Seen| {
        let mut gas = 100;
        let mut key = u64::from(index) % 6;
        for _ in 0..6 {
            let value = view.read(key)?.unwrap_or(0);
            gas += 20 + value % 61;
            if gas > GAS_LIMIT {
                // It fails and keeps what it has used so far; only its fee is taken.
                view.write(7, value + gas);
                return Ok(FAILED | gas);
            }
            burn(200);
            view.write(key, value + gas);
            key = (key + value) % 6;
        }
        Ok(gas)
    };
    let mut expected = None;
    for (way, executor) in every_way() {
        for _ in 0..5 {
            let outputs = outputs(&executor, call, 500);
            let expected = expected.get_or_insert_with(|| outputs.clone());
            assert!(outputs == *expected, "{way}");
        }
    }
    let mut failed = expected.unwrap();
    failed.retain(|output| output & FAILED != 0);
    assert!((50..450).contains(&failed.len()), "{}", failed.len());
    failed.sort_unstable();
    failed.dedup();
    assert!(failed.len() > 20, "their gas differs: {}", failed.len());
}

/// Has everything but key 99.
struct Holed;

/// What [`Holed`] says.
#[derive(Debug, thiserror::Error)]
#[error("the disk is gone")]
struct DiskGone;

impl Base for Holed {
    type Key = u64;
    type Value = u64;
    type Error = DiskGone;

    fn read(&self, key: &u64) -> Result<Option<u64>, DiskGone> {
        if *key == 99 {
            Err(DiskGone)
        } else {
            Ok(Some(0))
        }
    }
}

/// Here the Vm takes a failed read for a failed transaction.
#[test]
fn a_storage_error_is_never_the_failure_of_a_transaction() {
    let _watchdog = Watchdog::new("a_storage_error_is_never_the_failure_of_a_transaction");
    const FAILED: u64 = 13;
    for at in [0, 1, 20, 59] {
        let call = |index: u32, view: &mut dyn Seen| {
            if index == at && view.read(99).is_err() {
                return Ok(FAILED);
            }
            add_one(index, view).map(|_| 0)
        };
        for (way, executor) in every_way() {
            let (entries, said) = run(&executor, &Call(call), &Holed, &[(); 60]);
            assert!(
                matches!(said, Err(RunError::Base { index, .. }) if index.get() == at),
                "{way}: {said:?}"
            );
            assert_eq!(entries.len(), at as usize, "{way}");
            assert!(entries.iter().all(|entry| entry.output != FAILED), "{way}");
        }
    }
}

#[test]
fn two_keys_with_one_hash_are_two_keys() {
    let _watchdog = Watchdog::new("two_keys_with_one_hash_are_two_keys");
    // Each reads and deletes, or writes, neighbours; the keys all hash to the same.
    let block: Vec<Vec<Op>> = (0..300)
        .map(|index: u16| {
            let [one, next] = [index % 7, (index + 1) % 7];
            let change = match index % 5 {
                0 => Op::Delete(next),
                _ => Op::Write(next),
            };
            vec![Op::Read(one), Op::Spin(300), change, Op::Read(next)]
        })
        .collect();
    let base = base::<Colliding>(7);
    let expected = oracle(&base, &block);
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Interpreter::<Colliding>::new(), &base, &block);
        assert_eq!(said.unwrap().committed, 300, "{way}");
        assert!(entries == expected, "{way}");
    }
}
