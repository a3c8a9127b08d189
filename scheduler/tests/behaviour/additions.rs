//! Additions: what they cost, and every order in which they meet reads, writes and deletions.

use std::collections::BTreeMap;

use ordlane_scheduler::{Bounded, Change, Executor, RunError, Stop, TxIndex, View, Vm};

use super::programs::{Interpreter, Op, base, oracle};
use super::support::{Watchdog, every_way, run};

const HOT: u16 = 7;

fn plus(by: u64, max: u64) -> Bounded<u64> {
    Bounded {
        change: Change::Plus(by),
        min: 0,
        max,
    }
}

fn minus(by: u64, min: u64) -> Bounded<u64> {
    Bounded {
        change: Change::Minus(by),
        min,
        max: u64::MAX,
    }
}

fn agree(block: &[Vec<Op>]) {
    let base = base::<u16>(16);
    let expected = oracle(&base, block);
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &base, block);
        assert_eq!(said.unwrap().committed, block.len(), "{way}");
        assert!(entries == expected, "{way}: another result");
    }
}

fn add(delta: Bounded<u64>) -> Op {
    Op::Add { key: HOT, delta }
}

#[test]
fn a_key_that_all_add_to_causes_no_conflict_and_no_second_run() {
    let _watchdog = Watchdog::new("a_key_that_all_add_to_causes_no_conflict");
    let block: Vec<Vec<Op>> = (0..2_000)
        .map(|index| {
            vec![
                Op::Write(100 + index),
                add(plus(1, u64::MAX)),
                Op::Spin(200),
                add(minus(1, 0)),
                add(plus(2, u64::MAX)),
            ]
        })
        .collect();
    let expected = oracle(&base::<u16>(16), &block);
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &base(16), &block);
        let summary = said.unwrap();
        assert_eq!((summary.conflicts, summary.executions), (0, 2_000), "{way}");
        assert!(entries == expected, "{way}: another result");
    }
}

#[test]
fn a_bounds_failure_fails_its_transaction_only() {
    let _watchdog = Watchdog::new("a_bounds_failure_fails_its_transaction_only");
    // Room for 50: transactions take 1 each, and every tenth gives 2 back.
    let block: Vec<Vec<Op>> = (0..300)
        .map(|index| {
            let delta = if index % 10 == 9 {
                minus(2, 0)
            } else {
                plus(1, 50)
            };
            vec![Op::Write(100 + index), add(delta), Op::Spin(100)]
        })
        .collect();
    let expected = oracle(&base::<u16>(16), &block);
    let failed = expected
        .iter()
        .filter(|entry| entry.output.read == [None])
        .count();
    assert!((150..250).contains(&failed), "{failed}");
    agree(&block);
}

#[test]
fn a_reader_in_mid_block_sees_all_lower_additions() {
    let _watchdog = Watchdog::new("a_reader_in_mid_block_sees_all_lower_additions");
    let block: Vec<Vec<Op>> = (0..400)
        .map(|index| match index % 8 {
            3 => vec![Op::Read(HOT), Op::Write(100 + index)],
            6 => vec![Op::Spin(3_000), add(plus(5, u64::MAX))],
            _ => vec![add(plus(u64::from(index), u64::MAX))],
        })
        .collect();
    agree(&block);
}

#[test]
fn additions_meet_the_writes_reads_and_deletions_of_their_own_run() {
    let _watchdog = Watchdog::new("additions_meet_their_own_run");
    let orders = [
        vec![Op::Write(HOT), add(plus(5, 1_000))],
        vec![add(plus(5, 1_000)), Op::Write(HOT)],
        vec![add(plus(5, 1_000)), Op::Read(HOT)],
        vec![add(plus(5, 1_000)), Op::Read(HOT), add(plus(5, 1_000))],
        vec![Op::Read(HOT), add(minus(1, 0)), Op::Read(HOT)],
        vec![Op::Delete(HOT), add(plus(4, 4)), add(plus(1, 4))],
        vec![
            add(plus(3, 9)),
            Op::Delete(HOT),
            add(plus(2, 9)),
            Op::Read(HOT),
        ],
        vec![add(minus(1_000_000, 0)), Op::Read(HOT)],
        vec![
            add(minus(1_000_000, 0)),
            Op::Write(HOT),
            add(plus(1, u64::MAX)),
        ],
        vec![add(plus(9, 9)), add(plus(1, 9)), add(minus(9, 0))],
        vec![add(plus(0, u64::MAX))],
        vec![add(plus(3, 40)), Op::FailIfMultiple { of: 1 }],
    ];
    // Every order beside every other, often enough that they run at once.
    let block: Vec<Vec<Op>> = (0..orders.len() * orders.len() * 3)
        .map(|index| {
            let order = &orders[(index * 7 + index / orders.len()) % orders.len()];
            let mut program = order.clone();
            program.push(Op::Write(u16::try_from(100 + index).unwrap()));
            program
        })
        .collect();
    agree(&block);
}

/// Reads nothing final, adds for ever on states that never were.
struct AddsForEver;

impl Vm for AddsForEver {
    type Key = u8;
    type Value = u64;
    type Delta = Bounded<u64>;
    type Tx = ();
    type Output = bool;
    type Worker = ();

    fn worker(&self) {}

    fn execute<V>(&self, (): &mut (), index: TxIndex, (): &(), view: &mut V) -> Result<bool, Stop>
    where
        V: View<Key = u8, Value = u64, Delta = Bounded<u64>>,
    {
        if index.get().is_multiple_of(2) {
            for round in 0..2_000 {
                std::hint::black_box(round);
            }
            view.write(0, 10);
            return Ok(true);
        }
        // Only on final state there is something to subtract.
        let taken = view.add(0, minus(10, 0))?.is_ok();
        if !taken {
            loop {
                view.add(1, plus(0, u64::MAX))?.map_err(Stop::fatal)?;
            }
        }
        Ok(taken)
    }
}

#[test]
fn a_run_whose_additions_have_another_outcome_is_told_to_stop() {
    let _watchdog = Watchdog::new("a_run_whose_additions_have_another_outcome_is_told_to_stop");
    for (way, executor) in every_way() {
        for _ in 0..5 {
            let (entries, said) = run(&executor, &AddsForEver, &BTreeMap::new(), &[(); 60]);
            assert_eq!(said.unwrap().committed, 60, "{way}");
            assert!(entries.iter().all(|entry| entry.output), "{way}");
        }
    }
}

#[test]
fn a_base_that_fails_ends_the_block_for_an_addition_too() {
    let _watchdog = Watchdog::new("a_base_that_fails_ends_the_block_for_an_addition_too");
    let block: Vec<Vec<Op>> = (0..50)
        .map(|index| {
            if index == 20 {
                vec![add(plus(1, u64::MAX))]
            } else {
                vec![Op::Write(100 + index)]
            }
        })
        .collect();
    let ends = |executor: &Executor| {
        let (entries, said) = run(
            executor,
            &Interpreter::<u16>::new(),
            &super::support::Broken,
            &block,
        );
        matches!(said, Err(RunError::Base { index, .. }) if index.get() == 20)
            && entries.len() == 20
    };
    for (way, executor) in every_way() {
        assert!(ends(&executor), "{way}");
    }
}
