//! What the sink's answers do.

use std::collections::BTreeMap;

use ordlane_scheduler::{Flow, Summary};

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
