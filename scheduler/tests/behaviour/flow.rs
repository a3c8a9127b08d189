//! What the sink's answers do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use ordlane_scheduler::{Flow, NoDelta, Stop, Summary, TxIndex, View, Vm};

use super::programs::{Contention, Interpreter, Op, base, oracle, random_block};
use super::support::{Entries, Ledger, Watchdog, every_way};

type Flows = BTreeMap<u32, Flow>;

fn run_every_way(
    block: &[Vec<Op>],
    flows: &Flows,
) -> Vec<(String, Entries<Interpreter<u16>>, Summary)> {
    every_way()
        .into_iter()
        .map(|(way, executor)| {
            let mut ledger = Ledger {
                flows: flows.clone(),
                ..Ledger::new()
            };
            let summary = executor
                .run(
                    &Interpreter::<u16>::new(),
                    &base::<u16>(64),
                    block,
                    &mut ledger,
                )
                .unwrap();
            (way, ledger.entries, summary)
        })
        .collect()
}

#[test]
fn a_skipped_transaction_leaves_no_trace_in_what_follows() {
    let _watchdog = Watchdog::new("a_skipped_transaction_leaves_no_trace_in_what_follows");
    for seed in 0..10 {
        let block = random_block(seed, 300, Contention::Total);
        let flows: Flows = (0..300)
            .filter(|index| index % 3 == 0)
            .map(|index| (index, Flow::Skip))
            .collect();
        // What stays behind a skip is as if the program had been empty.
        let mut emptied = block.clone();
        for index in flows.keys() {
            emptied[*index as usize] = Vec::new();
        }
        let expected = oracle(&base::<u16>(64), &emptied);
        for (way, entries, summary) in run_every_way(&block, &flows) {
            assert_eq!(
                (summary.committed, summary.skipped, summary.cut),
                (200, 100, false),
                "seed {seed}, {way}"
            );
            assert_eq!(entries.len(), 300);
            for (index, (entry, expected)) in entries.iter().zip(&expected).enumerate() {
                if index % 3 != 0 {
                    assert!(entry == expected, "seed {seed}, {way}, transaction {index}");
                }
            }
        }
    }
}

#[test]
fn a_cut_ends_the_block_before_or_after_its_transaction() {
    let _watchdog = Watchdog::new("a_cut_ends_the_block_before_or_after_its_transaction");
    let block = random_block(5, 200, Contention::Skewed);
    let expected = oracle(&base::<u16>(64), &block);
    for at in [0_u32, 1, 57, 198, 199] {
        for (flow, committed) in [(Flow::CutBefore, at), (Flow::CutAfter, at + 1)] {
            for (way, entries, summary) in run_every_way(&block, &Flows::from([(at, flow)])) {
                assert_eq!(
                    summary.committed, committed as usize,
                    "{flow:?} at {at}, {way}"
                );
                assert!(summary.cut);
                assert_eq!(
                    entries.len(),
                    at as usize + 1,
                    "the sink sees nothing beyond the cut"
                );
                assert!(
                    entries == expected[..=at as usize],
                    "{flow:?} at {at}, {way}"
                );
            }
        }
    }
}

/// Every transaction but the first ones waits until the sink has been given one far below it.
struct WaitsForSink<'a> {
    delivered: &'a AtomicU32,
}

/// More than any window that the tests have.
const BEHIND: u32 = 200;

impl Vm for WaitsForSink<'_> {
    type Key = u32;
    type Value = u32;
    type Delta = NoDelta;
    type Tx = ();
    type Output = u32;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(&self, (): &mut (), index: TxIndex, (): &(), _: &mut V) -> Result<u32, Stop>
    where
        V: View<Key = u32, Value = u32>,
    {
        while self.delivered.load(Ordering::SeqCst) + BEHIND < index.get() {
            std::thread::yield_now();
        }
        Ok(index.get())
    }
}

#[test]
fn outputs_leave_while_later_transactions_still_run() {
    let _watchdog = Watchdog::new("outputs_leave_while_later_transactions_still_run");
    for (way, executor) in every_way() {
        let delivered = AtomicU32::new(0);
        let vm = WaitsForSink {
            delivered: &delivered,
        };
        let mut sink = |index: TxIndex, output: u32, _: &[(u32, Option<u32>)]| {
            assert_eq!(index.get(), output);
            delivered.store(output + 1, Ordering::SeqCst);
            Flow::Continue
        };
        let said = executor.run(&vm, &BTreeMap::new(), &[(); 2_000], &mut sink);
        assert_eq!(said.unwrap().committed, 2_000, "{way}");
    }
}
