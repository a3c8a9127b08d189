//! Blocks that grow while they are run.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use ordlane_scheduler::{
    Cancel, Config, Executor, Feed, Feeder, Flow, Options, PushError, RunError, Stop, Summary,
    TxIndex, feed,
};

use super::calls::{Call, Seen, add_one};
use super::hints::Hinted;
use super::programs::{Contention, Interpreter, Op, base, oracle, random_block};
use super::support::{Ledger, Watchdog, every_way};

type Counting = Call<fn(u32, &mut dyn Seen) -> Result<u64, Stop>>;
type Said = Result<Summary, RunError<std::convert::Infallible>>;

/// Runs a feed of [`add_one`]s and gives what the sink was given.
fn count(
    executor: &Executor,
    block: Feed<()>,
    cut_at: Option<u32>,
    options: Options<'_, Counting>,
) -> (Vec<u64>, Said) {
    let mut outputs = Vec::new();
    let mut sink = |index: TxIndex, output: u64, _: &[(u64, Option<u64>)]| {
        outputs.push(output);
        match cut_at {
            Some(at) if at == index.get() => Flow::CutAfter,
            _ => Flow::Continue,
        }
    };
    let vm: Counting = Call(add_one);
    let said = executor.run_feed(&vm, &BTreeMap::new(), block, &mut sink, options);
    (outputs, said)
}

fn push_all(feeder: &mut Feeder<()>, times: usize) {
    for _ in 0..times {
        feeder.push(()).unwrap();
    }
}

#[test]
fn a_growing_block_gives_what_the_whole_block_gives() {
    let _watchdog = Watchdog::new("a_growing_block_gives_what_the_whole_block_gives");
    for contention in [Contention::None, Contention::Skewed, Contention::Total] {
        let block = random_block(21, 400, contention);
        let base = base::<u16>(64);
        let expected = oracle(&base, &block);
        for (way, executor) in every_way() {
            // All there before the run, or coming while it lasts.
            for ready in [0, 1, 100, 400] {
                let (mut feeder, feed) = feed(block.len());
                let (first, later) = block.split_at(ready);
                for tx in first {
                    feeder.push(tx.clone()).unwrap();
                }
                let mut ledger = Ledger::new();
                let said = thread::scope(|scope| {
                    scope.spawn(move || {
                        for tx in later {
                            feeder.push(tx.clone()).unwrap();
                        }
                    });
                    let vm = Interpreter::<u16>::new();
                    executor.run_feed(&vm, &base, feed, &mut ledger, Options::default())
                });
                assert_eq!(said.unwrap().committed, block.len(), "{way}");
                assert!(
                    ledger.entries == expected,
                    "{contention:?}, {ready} ready, {way}"
                );
            }
        }
    }
}

#[test]
fn transactions_that_come_slowly_are_committed_before_the_next_one_comes() {
    let _watchdog = Watchdog::new("transactions_that_come_slowly_are_committed");
    const LENGTH: usize = 30;
    for (way, executor) in every_way() {
        let (mut feeder, feed) = feed(LENGTH);
        let (delivered, hears) = std::sync::mpsc::channel();
        let mut sink = |index: TxIndex, output: u64, _: &[(u64, Option<u64>)]| {
            assert_eq!(output, u64::from(index.get()));
            delivered.send(output).unwrap();
            Flow::Continue
        };
        let said = thread::scope(|scope| {
            scope.spawn(move || {
                for index in 0..LENGTH as u64 {
                    // Now and then all workers are asleep by then.
                    if index.is_multiple_of(8) {
                        thread::sleep(Duration::from_millis(2));
                    }
                    feeder.push(()).unwrap();
                    assert_eq!(hears.recv_timeout(Duration::from_secs(60)), Ok(index));
                }
            });
            let vm = Call(add_one);
            executor.run_feed(&vm, &BTreeMap::new(), feed, &mut sink, Options::default())
        });
        assert_eq!(said.unwrap().committed, LENGTH, "{way}");
    }
}

#[test]
fn a_full_feed_gives_the_transaction_back() {
    let _watchdog = Watchdog::new("a_full_feed_gives_the_transaction_back");
    let (mut feeder, block) = feed(2);
    assert!(feeder.push("one").is_ok());
    assert!(feeder.push("two").is_ok());
    assert!(matches!(
        feeder.push("three"),
        Err(PushError::Full("three"))
    ));
    assert!(matches!(feeder.push("four"), Err(PushError::Full("four"))));
    drop(block);
    assert!(matches!(feeder.push("five"), Err(PushError::Ended("five"))));
    for (way, executor) in every_way() {
        for limit in [0, 1, 20] {
            let (mut feeder, block) = feed(limit);
            push_all(&mut feeder, limit);
            assert!(matches!(feeder.push(()), Err(PushError::Full(()))));
            drop(feeder);
            let (outputs, said) = count(&executor, block, None, Options::default());
            assert_eq!(said.unwrap().committed, limit, "{way}");
            assert!(outputs.into_iter().eq(0..limit as u64), "{way}");
        }
    }
}

#[test]
fn a_feed_that_nobody_runs_takes_nothing() {
    let (mut feeder, block) = feed(10);
    assert!(feeder.push(1).is_ok());
    drop(block);
    assert!(matches!(feeder.push(2), Err(PushError::Ended(2))));
}

#[test]
fn a_run_that_waits_for_more_can_be_cancelled() {
    let _watchdog = Watchdog::new("a_run_that_waits_for_more_can_be_cancelled");
    for (way, executor) in every_way() {
        for pushed in [0, 5, 40] {
            let (mut feeder, block) = feed(100);
            push_all(&mut feeder, pushed);
            let cancel = Cancel::new();
            let (outputs, said) = thread::scope(|scope| {
                scope.spawn(|| {
                    thread::sleep(Duration::from_millis(5));
                    cancel.cancel();
                });
                let options = Options::default().cancel(&cancel);
                count(&executor, block, None, options)
            });
            match said {
                Err(RunError::Cancelled { index }) => {
                    assert_eq!(index.as_usize(), outputs.len(), "{way}")
                }
                other => panic!("{way}: {other:?}"),
            }
            assert!(outputs.len() <= pushed, "{way}");
            assert!(
                matches!(feeder.push(()), Err(PushError::Ended(()))),
                "{way}"
            );
        }
    }
}

#[test]
fn a_producer_that_goes_away_ends_the_block() {
    let _watchdog = Watchdog::new("a_producer_that_goes_away_ends_the_block");
    for (way, executor) in every_way() {
        for pushed in [0, 1, 33] {
            let (mut feeder, block) = feed(1_000);
            let (outputs, said) = thread::scope(|scope| {
                scope.spawn(|| {
                    let gone = catch_unwind(AssertUnwindSafe(move || {
                        push_all(&mut feeder, pushed);
                        thread::sleep(Duration::from_millis(2));
                        panic!("the producer is gone");
                    }));
                    assert!(gone.is_err());
                });
                count(&executor, block, None, Options::default())
            });
            let summary = said.unwrap();
            assert_eq!((summary.committed, summary.cut), (pushed, false), "{way}");
            assert!(outputs.into_iter().eq(0..pushed as u64), "{way}");
        }
    }
}

#[test]
fn a_sink_that_cuts_ends_a_producer_that_still_pushes() {
    let _watchdog = Watchdog::new("a_sink_that_cuts_ends_a_producer_that_still_pushes");
    for (way, executor) in every_way() {
        for cut_at in [0, 50, 500] {
            let (mut feeder, block) = feed(usize::MAX);
            thread::scope(|scope| {
                // It pushes for ever, but for the error.
                let producer = scope.spawn(move || {
                    loop {
                        match feeder.push(()) {
                            Ok(()) => thread::sleep(Duration::from_micros(20)),
                            Err(error) => break error,
                        }
                    }
                });
                let options = Options::default();
                let (outputs, said) = count(&executor, block, Some(cut_at), options);
                let summary = said.unwrap();
                assert_eq!(summary.committed, cut_at as usize + 1, "{way}");
                assert!(summary.cut, "{way}");
                assert!(outputs.into_iter().eq(0..=u64::from(cut_at)), "{way}");
                assert!(matches!(producer.join(), Ok(PushError::Ended(()))), "{way}");
            });
        }
    }
}

#[test]
fn a_run_that_fails_ends_a_producer_that_still_pushes() {
    let _watchdog = Watchdog::new("a_run_that_fails_ends_a_producer_that_still_pushes");
    let call = |index: u32, view: &mut dyn Seen| {
        let count = add_one(index, view)?;
        assert!(count != 60, "sixty");
        Ok(count)
    };
    for (way, executor) in every_way() {
        let (mut feeder, block) = feed(usize::MAX);
        thread::scope(|scope| {
            let producer = scope.spawn(move || {
                while feeder.push(()).is_ok() {
                    thread::yield_now();
                }
            });
            let mut ledger = Ledger::new();
            let options = Options::default();
            let said =
                executor.run_feed(&Call(call), &BTreeMap::new(), block, &mut ledger, options);
            assert!(
                matches!(said, Err(RunError::Panicked { index, .. }) if index.get() == 60),
                "{way}"
            );
            assert_eq!(ledger.entries.len(), 60, "{way}");
            assert!(producer.join().is_ok());
        });
    }
}

/// Five senders, whose transactions follow each other; the hints come with the transactions.
#[test]
fn hints_hold_for_a_growing_block() {
    let _watchdog = Watchdog::new("hints_hold_for_a_growing_block");
    let sender = |index: u32| u16::try_from(index % 5).unwrap();
    let block: Vec<Vec<Op>> = (0..300)
        .map(|index| {
            vec![
                Op::Read(sender(index)),
                Op::Spin(500),
                Op::Write(sender(index)),
            ]
        })
        .collect();
    let base = base::<u16>(8);
    let expected = oracle(&base, &block);
    for (way, executor) in every_way() {
        for ready in [0, 10, 300] {
            let (mut feeder, feed) = feed(block.len());
            let (first, later) = block.split_at(ready);
            for tx in first {
                feeder.push(tx.clone()).unwrap();
            }
            let mut ledger = Ledger::new();
            let said = thread::scope(|scope| {
                scope.spawn(move || {
                    for tx in later {
                        feeder.push(tx.clone()).unwrap();
                    }
                });
                let vm = Hinted(|index: u32, keys: &mut Vec<u16>| keys.push(sender(index)));
                executor.run_feed(&vm, &base, feed, &mut ledger, Options::default())
            });
            let summary = said.unwrap();
            assert_eq!(
                (summary.committed, summary.conflicts),
                (300, 0),
                "{ready} ready, {way}"
            );
            assert!(ledger.entries == expected, "{ready} ready, {way}");
        }
    }
}

#[test]
fn an_executor_that_chooses_for_itself_runs_short_and_growing_blocks() {
    let _watchdog = Watchdog::new("an_executor_that_chooses_for_itself_runs_growing_blocks");
    for threads in [1, 2, 4] {
        let executor = Executor::new(Config {
            threads,
            ..Config::default()
        })
        .unwrap();
        for (length, ready) in [(0, true), (5, true), (5, false), (200, true), (200, false)] {
            let (mut feeder, block) = feed(length);
            let (outputs, said) = thread::scope(|scope| {
                let push = move || {
                    push_all(&mut feeder, length);
                    drop(feeder);
                };
                if ready {
                    push();
                } else {
                    scope.spawn(push);
                }
                count(&executor, block, None, Options::default())
            });
            assert_eq!(said.unwrap().committed, length, "{threads} threads");
            assert!(
                outputs.into_iter().eq(0..length as u64),
                "{threads} threads"
            );
        }
    }
}
