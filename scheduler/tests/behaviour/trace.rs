//! What a trace says about a run.

use std::sync::atomic::{AtomicU64, Ordering};

use ordlane_scheduler::{Flow, Options, Trace, TxIndex};

use super::programs::{Interpreter, Op, Trace as Output, base};
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
