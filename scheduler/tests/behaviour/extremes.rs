//! Blocks and transactions of extreme size and manner, over 1, 2, 4 and 8 threads; 0 stands for sequential.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ordlane_scheduler::{Base, Flow, TxIndex};

use super::calls::{Call, Seen, burn, outputs};
use super::support::{Watchdog, by_threads, run};

#[test]
fn a_block_of_one_transaction_is_run_once() {
    let _watchdog = Watchdog::new("a_block_of_one_transaction_is_run_once");
    let base = BTreeMap::from([(3, 40)]);
    let call = |_: u32, view: &mut dyn Seen| {
        let seen = view.read(3)?.unwrap_or(0);
        view.write(3, seen + 2);
        view.delete(1);
        Ok(seen)
    };
    for (threads, executor) in by_threads() {
        for _ in 0..50 {
            let (entries, said) = run(&executor, &Call(call), &base, &[()]);
            let summary = said.unwrap();
            assert_eq!((summary.committed, summary.executions), (1, 1), "{threads}");
            assert_eq!(entries.len(), 1);
            assert_eq!(entries[0].output, 40, "{threads} threads");
            assert_eq!(entries[0].writes, [(1, None), (3, Some(42))], "{threads}");
        }
    }
}

#[test]
fn a_million_transactions_come_in_order_and_right() {
    let _watchdog = Watchdog::new("a_million_transactions_come_in_order_and_right");
    const LENGTH: u32 = 1_000_000;
    const KEYS: u32 = 1_000;
    let call = |index: u32, view: &mut dyn Seen| {
        let key = u64::from(index % KEYS);
        let seen = view.read(key)?.unwrap_or(0);
        view.write(key, seen + 1);
        Ok(seen)
    };
    let block = vec![(); LENGTH as usize];
    for (threads, executor) in by_threads() {
        let mut next = 0;
        let mut sink = |index: TxIndex, seen: u64, writes: &[(u64, Option<u64>)]| {
            let at = index.get();
            let key = u64::from(at % KEYS);
            assert_eq!(
                (at, seen),
                (next, u64::from(at / KEYS)),
                "{threads} threads"
            );
            assert_eq!(writes, [(key, Some(seen + 1))], "{threads} threads");
            next += 1;
            Flow::Continue
        };
        let said = executor.run(&Call(call), &BTreeMap::new(), &block, &mut sink);
        assert_eq!(said.unwrap().committed, block.len());
        assert_eq!(next, LENGTH, "{threads} threads");
    }
}

/// On states that never were, a run writes keys that no other run writes, or those of others, and as many as it likes.
#[test]
fn runs_that_each_write_other_keys_leave_only_those_of_the_last() {
    let _watchdog = Watchdog::new("runs_that_each_write_other_keys_leave_only_those_of_the_last");
    const LENGTH: usize = 600;
    let calls = AtomicU64::new(0);
    let call = |index: u32, view: &mut dyn Seen| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        let count = view.read(0)?.unwrap_or(0);
        let others = view.read(10 + u64::from(index % 40))?.unwrap_or(0);
        burn(500);
        if count == u64::from(index.div_ceil(3)) {
            for key in 0..count % 5 {
                view.write(10 + (count + key) % 40, count);
            }
        } else {
            // From none to more than are searched without an index.
            for key in 0..call % 30 {
                let own = 1_000 + 100 * call + key;
                view.write(
                    if call.is_multiple_of(2) {
                        own
                    } else {
                        10 + key
                    },
                    call,
                );
            }
            view.delete(10 + call % 40);
        }
        if index.is_multiple_of(3) {
            view.write(0, count + 1);
        }
        Ok(count * 1_000_000 + others)
    };
    let mut expected = None;
    for (threads, executor) in by_threads() {
        for round in 0..8 {
            let (entries, said) = run(&executor, &Call(call), &BTreeMap::new(), &[(); LENGTH]);
            assert_eq!(said.unwrap().committed, LENGTH);
            let written = entries.iter().flat_map(|entry| &entry.writes);
            assert!(
                written.into_iter().all(|(key, _)| *key < 50),
                "{threads} threads"
            );
            let expected = expected.get_or_insert_with(|| entries.clone());
            assert!(entries == *expected, "{threads} threads, round {round}");
        }
    }
}

/// Every key holds its own number.
struct Numbers;

impl Base for Numbers {
    type Key = u64;
    type Value = u64;
    type Error = Infallible;

    fn read(&self, key: &u64) -> Result<Option<u64>, Infallible> {
        Ok(Some(*key))
    }
}

#[test]
fn a_transaction_may_read_a_hundred_thousand_keys_that_others_write() {
    let _watchdog = Watchdog::new("a_transaction_may_read_a_hundred_thousand_keys");
    const KEYS: u64 = 100_000;
    const LENGTH: u32 = 16;
    let reads_all = |index: u32| index == 5 || index == LENGTH - 1;
    let call = |index: u32, view: &mut dyn Seen| {
        let mut sum = 0;
        if reads_all(index) {
            for key in 0..KEYS {
                sum += view.read(key)?.unwrap_or(0);
            }
            return Ok(sum);
        }
        burn(20_000);
        let key = 1_000 * u64::from(index);
        let seen = view.read(key)?.unwrap_or(0);
        view.write(key, seen + 1);
        Ok(seen)
    };
    let all = KEYS * (KEYS - 1) / 2;
    let expected: Vec<u64> = (0..LENGTH)
        .map(|index| match index {
            5 => all + 5,
            15 => all + 14,
            _ => 1_000 * u64::from(index),
        })
        .collect();
    for (threads, executor) in by_threads() {
        let (entries, said) = run(&executor, &Call(call), &Numbers, &[(); LENGTH as usize]);
        assert_eq!(said.unwrap().committed, LENGTH as usize);
        let outputs: Vec<u64> = entries.iter().map(|entry| entry.output).collect();
        assert_eq!(outputs, expected, "{threads} threads");
    }
}

#[test]
fn a_transaction_may_write_ten_thousand_keys() {
    let _watchdog = Watchdog::new("a_transaction_may_write_ten_thousand_keys");
    const KEYS: u64 = 10_000;
    let call = |index: u32, view: &mut dyn Seen| {
        let seen = view.read(u64::from(index) % KEYS)?.unwrap_or(0);
        for key in (0..KEYS).rev().filter(|_| index.is_multiple_of(8)) {
            view.write(key, seen + 1);
        }
        Ok(seen)
    };
    let expected: Vec<u64> = (0..40_u64).map(|index| index.div_ceil(8)).collect();
    for (threads, executor) in by_threads() {
        assert_eq!(outputs(&executor, call, 40), expected, "{threads} threads");
    }
}

/// It sleeps for 5 ms and then, so that no load of the machine decides, until the others have shown that they go on.
#[test]
fn while_one_transaction_takes_long_the_others_are_run_and_none_twice() {
    let _watchdog = Watchdog::new("while_one_transaction_takes_long_the_others_are_run");
    const LENGTH: usize = 400;
    const SLOW: u32 = 150;
    const MEANWHILE: u32 = 10;
    for (threads, executor) in by_threads() {
        let others = AtomicU32::new(0);
        let meanwhile = AtomicU32::new(0);
        let call = |index: u32, view: &mut dyn Seen| {
            let key = u64::from(index);
            view.read(key)?;
            if index == SLOW {
                let before = others.load(Ordering::SeqCst);
                let ran = || others.load(Ordering::SeqCst) - before;
                thread::sleep(Duration::from_millis(5));
                for _ in 0..2_000 {
                    if threads < 2 || ran() >= MEANWHILE {
                        break;
                    }
                    thread::sleep(Duration::from_millis(1));
                }
                meanwhile.store(ran(), Ordering::SeqCst);
            } else {
                burn(5_000);
                others.fetch_add(1, Ordering::SeqCst);
            }
            view.write(key, key);
            Ok(key)
        };
        let (entries, said) = run(&executor, &Call(call), &BTreeMap::new(), &[(); LENGTH]);
        let summary = said.unwrap();
        assert_eq!(
            (summary.committed, summary.executions),
            (LENGTH, LENGTH as u64)
        );
        assert!(
            entries
                .iter()
                .zip(0..)
                .all(|(entry, at)| entry.output == at)
        );
        let meanwhile = meanwhile.into_inner();
        assert!(
            threads < 2 || meanwhile >= MEANWHILE,
            "{threads} threads: {meanwhile}"
        );
    }
}

/// The slow one reads what all lower ones write, so it is run again; nobody waits for it in vain.
#[test]
fn a_long_transaction_that_conflicts_ends_with_the_block() {
    let _watchdog = Watchdog::new("a_long_transaction_that_conflicts_ends_with_the_block");
    let call = |index: u32, view: &mut dyn Seen| {
        if index.is_multiple_of(50) {
            let sum = view.read(u64::from(index % 9))?.unwrap_or(0);
            thread::sleep(Duration::from_millis(5));
            for key in 0..9 {
                view.write(key, sum + u64::from(index));
            }
            return Ok(sum);
        }
        burn(5_000);
        let seen = view.read(u64::from(index % 9))?.unwrap_or(0);
        view.write(u64::from(index % 9), seen + 1);
        Ok(seen)
    };
    let mut expected = None;
    for (threads, executor) in by_threads() {
        let outputs = outputs(&executor, call, 400);
        let expected = expected.get_or_insert_with(|| outputs.clone());
        assert_eq!(outputs, *expected, "{threads} threads");
    }
}
