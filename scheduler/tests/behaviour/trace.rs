//! What a trace says about a run.

#[cfg(feature = "rayon")]
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use ordlane_scheduler::{Flow, Options, Trace, TxIndex};

#[cfg(feature = "rayon")]
use super::calls::{Call, Seen, wait_for};
use super::programs::{Interpreter, Op, Trace as Output, base};
#[cfg(feature = "rayon")]
use super::support::parallel;
use super::support::{Watchdog, every_way};

static TICKS: AtomicU64 = AtomicU64::new(0);

fn traced(executor: &ordlane_scheduler::Executor, block: &[Vec<Op>]) -> (Trace<u16>, u64, u64) {
    let mut trace = Trace::new(|| TICKS.fetch_add(1, Ordering::Relaxed));
    let mut sink = |_: TxIndex, _: Output, _: &[(u16, Option<u64>)]| Flow::Continue;
    let options = Options::default().trace(&mut trace);
    let summary = executor
        .run_with(
            &Interpreter::<u16>::new(),
            &base(16),
            block,
            &mut sink,
            options,
        )
        .unwrap();
    (trace, summary.executions, summary.conflicts)
}

#[test]
fn a_trace_names_the_key_on_which_transactions_meet() {
    let _watchdog = Watchdog::new("a_trace_names_the_key_on_which_transactions_meet");
    let block: Vec<Vec<Op>> = (0..300)
        .map(|index| {
            vec![
                Op::Read(100 + index),
                Op::Read(7),
                Op::Spin(2_000),
                Op::Write(7),
                Op::Write(100 + index),
            ]
        })
        .collect();
    for (way, executor) in every_way() {
        let (trace, executions, conflicts) = traced(&executor, &block);
        let traced = trace.transactions();
        assert_eq!(traced.len(), 300, "{way}");
        assert!(
            traced
                .iter()
                .zip(0..)
                .all(|(tx, index)| tx.index.get() == index),
            "{way}"
        );
        assert!(
            traced.is_sorted_by(|one, next| one.committed_at < next.committed_at),
            "{way}"
        );
        let runs: u64 = traced.iter().map(|tx| u64::from(tx.runs)).sum();
        assert_eq!(runs, executions, "{way}");
        let met = traced.iter().filter(|tx| tx.conflict == Some(7)).count();
        assert_eq!(met as u64, conflicts, "{way}");
        assert!(
            traced
                .iter()
                .all(|tx| tx.waited_on.is_none_or(|key| key == 7 && tx.waits > 0)),
            "{way}"
        );
        let hot = traced
            .iter()
            .filter(|tx| tx.conflict.is_some() || tx.waited_on.is_some())
            .count();
        let expected = match hot {
            0 => vec![],
            times => vec![(7, times)],
        };
        assert_eq!(trace.hottest(3), expected, "{way}");
    }
}

#[test]
fn a_trace_of_transactions_that_do_not_meet_has_no_conflicts() {
    let _watchdog = Watchdog::new("a_trace_of_transactions_that_do_not_meet_has_no_conflicts");
    let block: Vec<Vec<Op>> = (0..300)
        .map(|index| vec![Op::Read(index), Op::Write(index)])
        .collect();
    for (way, executor) in every_way() {
        let (trace, ..) = traced(&executor, &block);
        let quiet =
            |tx: &ordlane_scheduler::TxTrace<u16>| (tx.runs, tx.waits, tx.conflict) == (1, 0, None);
        assert!(trace.transactions().iter().all(quiet), "{way}");
        assert!(trace.hottest(9).is_empty(), "{way}");
    }
}

/// The transaction at 16 reads too early and runs again; the one behind it then meets what it has written and waits.
#[cfg(feature = "rayon")]
#[test]
fn a_trace_names_the_key_that_a_transaction_waited_on_and_who_conflicted() {
    let _watchdog = Watchdog::new("a_trace_names_the_key_that_a_transaction_waited_on");
    for threads in [2, 3, 4, 8] {
        let (reads, meets) = (AtomicU64::new(0), AtomicU64::new(0));
        let read_times = || reads.load(Ordering::SeqCst);
        let call = |index: u32, view: &mut dyn Seen| {
            match index {
                0 => {
                    wait_for(|| read_times() > 0);
                    view.write(100, 1);
                }
                16 => {
                    let seen = view.read(100)?.unwrap_or(0);
                    if reads.fetch_add(1, Ordering::SeqCst) > 0 {
                        wait_for(|| meets.load(Ordering::SeqCst) > 0);
                    }
                    view.write(200, seen);
                }
                17 => {
                    wait_for(|| read_times() > 1);
                    view.read(200).inspect_err(|_| {
                        meets.fetch_add(1, Ordering::SeqCst);
                    })?;
                }
                _ => {}
            }
            Ok(0)
        };
        let mut trace = Trace::new(|| TICKS.fetch_add(1, Ordering::Relaxed));
        let mut sink = |_: TxIndex, _: u64, _: &[(u64, Option<u64>)]| Flow::Continue;
        let options = Options::default().trace(&mut trace);
        parallel(threads)
            .run_with(&Call(call), &BTreeMap::new(), &[(); 20], &mut sink, options)
            .unwrap();
        let [early, waiting] = [16, 17].map(|index| &trace.transactions()[index]);
        assert!(early.runs > 1, "{threads} threads: {early:?}");
        assert!(waiting.waits > 0, "{threads} threads: {waiting:?}");
        assert_eq!(
            waiting.waited_on,
            Some(200),
            "{threads} threads: {waiting:?}"
        );
        assert!(trace.hottest(9).contains(&(200, 1)), "{threads} threads");
        // With few threads only the committer finds out, and names the key.
        assert!(threads >= 4 || early.conflict == Some(100), "{early:?}");
    }
}
