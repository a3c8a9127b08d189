//! Range reads: what lower transactions insert and delete inside and outside of them, pages, and bases without an order.

use std::collections::BTreeMap;
use std::convert::Infallible;

use ordlane_scheduler::{Base, Bounded, Change, RunError, SCAN_LIMIT};

use super::programs::{Interpreter, Op, base, oracle};
use super::support::{Broken, Watchdog, every_way, run};

fn agree(keys: u16, block: &[Vec<Op>]) {
    let base = base::<u16>(keys);
    let expected = oracle(&base, block);
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &base, block);
        assert_eq!(said.unwrap().committed, block.len(), "{way}");
        assert!(entries == expected, "{way}: another result");
    }
}

fn scan(from: u16, to: u16) -> Op {
    Op::Scan {
        from,
        to,
        limit: 1_000,
    }
}

#[test]
fn keys_that_lower_transactions_insert_and_delete_are_no_phantoms() {
    let _watchdog = Watchdog::new("keys_that_lower_transactions_insert_and_delete");
    // Writers are slow, so that readers run ahead of them.
    let block: Vec<Vec<Op>> = (0..400)
        .map(|index| match index % 5 {
            0 => vec![Op::Spin(3_000), Op::Write(20 + index % 31)],
            1 => vec![Op::Spin(3_000), Op::Delete(20 + index % 30)],
            2 => vec![Op::Spin(500), Op::Write(300 + index)],
            3 => vec![scan(20, 50), Op::Write(21 + index % 29)],
            _ => vec![scan(10, 60), Op::Delete(22)],
        })
        .collect();
    agree(60, &block);
}

#[test]
fn what_happens_outside_a_range_is_no_conflict() {
    let _watchdog = Watchdog::new("what_happens_outside_a_range_is_no_conflict");
    let block: Vec<Vec<Op>> = (0..300)
        .map(|index| match index % 2 {
            0 => vec![Op::Write(1_000 + index), Op::Spin(300)],
            _ => vec![scan(0, 40), Op::Write(1_000 + index)],
        })
        .collect();
    let base = base::<u16>(60);
    let expected = oracle(&base, &block);
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &base, &block);
        assert_eq!(said.unwrap().conflicts, 0, "{way}");
        assert!(entries == expected, "{way}");
    }
}

#[test]
fn a_full_page_does_not_depend_on_what_is_behind_it() {
    let _watchdog = Watchdog::new("a_full_page_does_not_depend_on_what_is_behind_it");
    let block: Vec<Vec<Op>> = (0..300)
        .map(|index| match index % 2 {
            0 => vec![Op::Spin(500), Op::Write(31 + index % 20)],
            _ => vec![Op::Scan {
                from: 0,
                to: 60,
                limit: 3,
            }],
        })
        .collect();
    let base = base::<u16>(60);
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &base, &block);
        assert_eq!(said.unwrap().conflicts, 0, "{way}");
        assert!(entries == oracle(&base, &block), "{way}");
    }
}

#[test]
fn ranges_agree_with_the_other_reads_and_writes_of_their_run() {
    let _watchdog = Watchdog::new("ranges_agree_with_the_other_reads_and_writes_of_their_run");
    let plus = |key| Op::Add {
        key,
        delta: Bounded {
            change: Change::Plus(2),
            min: 0,
            max: 30,
        },
    };
    let orders = [
        vec![scan(0, 12), Op::Read(3), Op::Read(4), scan(2, 20)],
        vec![
            Op::Read(3),
            scan(0, 12),
            Op::Write(5),
            scan(0, 12),
            Op::Delete(4),
            scan(0, 12),
        ],
        vec![Op::Write(3), Op::Delete(6), scan(0, 12)],
        vec![plus(3), plus(4), scan(0, 12), plus(3), plus(5), scan(0, 12)],
        vec![
            scan(0, 8),
            plus(3),
            plus(3),
            Op::Read(3),
            Op::Delete(3),
            scan(0, 8),
        ],
        vec![
            Op::Scan {
                from: 0,
                to: 30,
                limit: 2,
            },
            Op::Read(2),
            Op::Write(1),
            scan(1, 9),
        ],
        vec![
            scan(9, 3),
            scan(5, 5),
            Op::Scan {
                from: 0,
                to: 9,
                limit: 0,
            },
        ],
        vec![Op::Write(7), Op::Spin(2_000), Op::Delete(8)],
        vec![Op::Delete(7), Op::Spin(2_000), Op::Write(8), plus(9)],
    ];
    let block: Vec<Vec<Op>> = (0..orders.len() * 50)
        .map(|index| orders[(index * 5 + index / orders.len()) % orders.len()].clone())
        .collect();
    agree(16, &block);
}

#[test]
fn a_page_has_a_limit_and_deleted_keys_do_not_shorten_it() {
    let _watchdog = Watchdog::new("a_page_has_a_limit");
    let base: BTreeMap<u16, u64> = (0..20_000).map(|key| (key, 1)).collect();
    let mut block: Vec<Vec<Op>> = (0..100)
        .map(|part| (0..10).map(|key| Op::Delete(part * 10 + key)).collect())
        .collect();
    let limits = [1, 17, usize::MAX];
    block.extend(limits.map(|limit| {
        vec![Op::Scan {
            from: 0,
            to: 20_000,
            limit,
        }]
    }));
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &base, &block);
        assert_eq!(said.unwrap().committed, block.len(), "{way}");
        for (entry, limit) in entries[100..].iter().zip(limits) {
            let read = &entry.output.read;
            assert_eq!(read.len(), 2 * limit.min(SCAN_LIMIT), "{way}");
            assert_eq!(read[0], Some(1_000), "{way}");
        }
    }
}

/// A base that can give single values only.
struct Unordered;

impl Base for Unordered {
    type Key = u16;
    type Value = u64;
    type Error = Infallible;

    fn read(&self, _: &u16) -> Result<Option<u64>, Infallible> {
        Ok(None)
    }
}

#[test]
fn a_base_without_order_or_with_a_fault_ends_the_block_where_a_range_is_asked_for() {
    let _watchdog = Watchdog::new("a_base_without_order");
    let mut block: Vec<Vec<Op>> = (0..40).map(|index| vec![Op::Write(index)]).collect();
    block[25] = vec![scan(0, 9)];
    for (way, executor) in every_way() {
        let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &Unordered, &block);
        assert!(
            matches!(said, Err(RunError::Unordered { index }) if index.get() == 25),
            "{way}"
        );
        assert_eq!(entries.len(), 25, "{way}");
        let (entries, said) = run(&executor, &Interpreter::<u16>::new(), &Broken, &block);
        assert!(
            matches!(said, Err(RunError::Base { index, .. }) if index.get() == 25),
            "{way}"
        );
        assert_eq!(entries.len(), 25, "{way}");
    }
}
