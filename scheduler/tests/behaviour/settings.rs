//! Settings at their edges.

use std::collections::BTreeMap;

use ordlane_scheduler::{Config, ConfigError, Executor, Mode};

use super::programs::{Contention, Interpreter, Op, base, oracle, random_block};
use super::support::{Watchdog, every_way, parallel, run};

#[test]
fn zero_threads_are_refused() {
    for mode in [Mode::Auto, Mode::Sequential, Mode::Parallel] {
        let made = Executor::new(Config {
            threads: 0,
            mode,
            ..Config::default()
        });
        assert!(matches!(made, Err(ConfigError::ZeroThreads)), "{mode:?}");
    }
}

#[test]
fn a_window_outside_its_limits_is_refused() {
    for window in [0, 1_025, usize::MAX] {
        let made = Executor::new(Config {
            window,
            ..Config::default()
        });
        assert!(
            matches!(made, Err(ConfigError::Window { limit: 1_024, .. })),
            "{window}"
        );
    }
    assert!(
        Executor::new(Config {
            threads: 2,
            window: 1_024,
            ..Config::default()
        })
        .is_ok()
    );
}

#[test]
fn an_empty_block_is_done_at_once() {
    let _watchdog = Watchdog::new("an_empty_block_is_done_at_once");
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &BTreeMap::new(), &[]);
        let summary = said.unwrap();
        assert_eq!(
            (summary.committed, summary.cut, summary.executions),
            (0, false, 0),
            "{way}"
        );
        assert!(entries.is_empty());
    }
}

#[test]
fn more_threads_than_transactions() {
    let _watchdog = Watchdog::new("more_threads_than_transactions");
    for threads in [2, 4, 8, 33] {
        let executor = parallel(threads);
        for length in [1, 2, 5] {
            let block = vec![vec![Op::Read(1), Op::Write(1)]; length];
            let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &base(4), &block);
            assert_eq!(said.unwrap().committed, length, "{threads} threads");
            assert_eq!(entries, oracle(&base(4), &block), "{threads} threads");
        }
    }
}

/// Owners are hints of eight bits, and a window may hold a thousand transactions of each worker.
#[test]
fn more_workers_than_a_status_has_names_for_and_the_widest_window() {
    let _watchdog = Watchdog::new("more_workers_than_a_status_has_names_for");
    let block = random_block(17, 3_000, Contention::Skewed);
    let expected = oracle(&base(64), &block);
    for (threads, window) in [(300, 1), (300, 2), (8, 1_024)] {
        let executor = Executor::new(Config {
            threads,
            mode: Mode::Parallel,
            window,
        })
        .unwrap();
        let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &base(64), &block);
        assert_eq!(said.unwrap().committed, 3_000, "{threads} threads");
        assert!(entries == expected, "{threads} threads");
    }
}

#[test]
fn auto_gives_the_same_for_tiny_and_long_blocks() {
    let _watchdog = Watchdog::new("auto_gives_the_same_for_tiny_and_long_blocks");
    for threads in [1, 2, 3] {
        let executor = Executor::new(Config {
            threads,
            ..Config::default()
        })
        .unwrap();
        for length in [0, 1, 15, 16, 17, 300] {
            let block = vec![vec![Op::Read(1), Op::Write(1)]; length];
            let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &base(4), &block);
            assert_eq!(said.unwrap().committed, length);
            assert_eq!(entries, oracle(&base(4), &block));
        }
    }
}

#[test]
fn one_executor_serves_several_callers_at_once() {
    let _watchdog = Watchdog::new("one_executor_serves_several_callers_at_once");
    let executor = parallel(3);
    let block = vec![vec![Op::Read(1), Op::Write(1), Op::Spin(500)]; 200];
    let expected = oracle(&base(4), &block);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let (entries, said) =
                        run(&executor, &Interpreter::<u16>::new(), &base(4), &block);
                    assert_eq!(said.unwrap().committed, 200);
                    assert!(entries == expected);
                }
            });
        }
    });
}
