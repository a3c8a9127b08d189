//! A memory that goes from run to run never shows one what another has left.

use ordlane_scheduler::{Cancel, Config, Executor, Flow, Memory, Mode, Options, TxIndex, feed};

use super::programs::{
    Colliding, Contention, Interpreter, Name, Op, Trace, base, oracle, random_block,
};
use super::support::{Broken, Ledger, THREADS, Watchdog, parallel};

fn runs_of_all_lengths_agree<K: Name>() {
    let vm = Interpreter::<K>::new();
    let mut memory = Memory::default();
    for (round, seed) in (0..40).zip(0..) {
        let threads = THREADS[round % THREADS.len()];
        let executor = Executor::new(Config {
            threads,
            mode: Mode::Parallel,
            window: [1, 16][round / 4 % 2],
        })
        .unwrap();
        let keys = [4, 64, 3_000][round % 3];
        let contention = [Contention::None, Contention::Skewed, Contention::Total];
        let length = [0, 700, 1, 90, 300][round % 5];
        let block = random_block(seed, length, contention[round % 3]);
        let base = base::<K>(keys);
        let expected = oracle(&base, &block);

        let mut ledger = Ledger::new();
        // Every third run is cut in the middle, and leaves transactions that were run ahead.
        let cut = length / 2;
        if round % 3 == 1 && length > 0 {
            ledger
                .flows
                .insert(u32::try_from(cut).unwrap(), Flow::CutAfter);
        }
        let options = Options::default().memory(&mut memory);
        let summary = executor
            .run_with(&vm, &base, &block, &mut ledger, options)
            .unwrap();
        if summary.cut {
            assert_eq!(ledger.entries, expected[..=cut], "round {round}");
        } else {
            assert!(ledger.entries == expected, "round {round}: another result");
        }
    }
}

#[test]
fn a_memory_shows_no_run_what_another_has_left() {
    let _watchdog = Watchdog::new("a_memory_shows_no_run_what_another_has_left");
    runs_of_all_lengths_agree::<u16>();
    runs_of_all_lengths_agree::<Colliding>();
}

#[test]
fn a_memory_serves_after_a_sink_that_panicked() {
    let _watchdog = Watchdog::new("a_memory_serves_after_a_sink_that_panicked");
    let vm = Interpreter::<u16>::new();
    let mut memory = Memory::default();
    let base = base::<u16>(64);
    let block: Vec<Vec<Op>> = random_block(5, 300, Contention::Skewed);
    for round in 0..6 {
        let executor = parallel(2);
        let options = Options::default().memory(&mut memory);
        if round % 2 == 0 {
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let mut sink = |index: TxIndex, _: Trace, _: &[(u16, Option<u64>)]| {
                    assert!(index.get() < 100, "enough");
                    Flow::Continue
                };
                let _ = executor.run_with(&vm, &base, &block, &mut sink, options);
            }));
            assert!(panicked.is_err());
        } else {
            let mut ledger = Ledger::new();
            executor
                .run_with(&vm, &base, &block, &mut ledger, options)
                .unwrap();
            assert!(ledger.entries == oracle(&base, &block), "round {round}");
        }
    }
}

/// Runs that end early, each in another way, leave transactions that were run ahead; a feed has more to come.
#[test]
fn a_memory_serves_after_every_failure_and_for_a_feed() {
    let _watchdog = Watchdog::new("a_memory_serves_after_every_failure_and_for_a_feed");
    let vm = Interpreter::<u16>::new();
    let base = base::<u16>(64);
    let block: Vec<Vec<Op>> = random_block(9, 300, Contention::Skewed);
    let expected = oracle(&base, &block);
    for (threads, window) in [(1, 16), (2, 1), (2, 16), (8, 16)] {
        let executor = Executor::new(Config {
            threads,
            mode: Mode::Parallel,
            window,
        })
        .unwrap();
        let mut memory = Memory::default();
        for round in 0..12 {
            let cancel = Cancel::new();
            let options = Options::default().memory(&mut memory);
            let mut ledger = Ledger::new();
            let failed = match round % 3 {
                0 => executor
                    .run_with(&vm, &Broken, &block, &mut ledger, options)
                    .is_err(),
                1 => {
                    let mut sink = |index: TxIndex, _: Trace, _: &[(u16, Option<u64>)]| {
                        if index.get() == 50 {
                            cancel.cancel();
                        }
                        Flow::Continue
                    };
                    let options = options.cancel(&cancel);
                    executor
                        .run_with(&vm, &base, &block, &mut sink, options)
                        .is_err()
                }
                // A shorter block that ends well.
                _ => executor
                    .run_with(&vm, &base, &block[..70], &mut ledger, options)
                    .is_err(),
            };
            assert_eq!(failed, round % 3 < 2, "{threads} threads, round {round}");

            let (mut feeder, growing) = feed(block.len());
            for tx in &block {
                feeder.push(tx.clone()).unwrap();
            }
            drop(feeder);
            let options = Options::default().memory(&mut memory);
            let mut ledger = Ledger::new();
            executor
                .run_feed(&vm, &base, growing, &mut ledger, options)
                .unwrap();
            assert!(
                ledger.entries == expected,
                "{threads} threads, round {round}"
            );
        }
    }
}
