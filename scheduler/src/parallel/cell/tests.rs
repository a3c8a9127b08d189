//! One cell under every order of changes.

use std::cell::Cell as Shared;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use super::{Found, Origin, Readers};
use crate::delta::{Additions, Bounded, Change, NoDelta};
use crate::types::{Incarnation, TxIndex, Version};

const fn at(tx: u32) -> Version {
    Version {
        tx: TxIndex::new(tx),
        incarnation: Incarnation::new(0),
    }
}

type Cell = super::Cell<u32, Bounded<u32>>;

fn plus(by: u32, max: u32) -> Bounded<u32> {
    Bounded {
        change: Change::Plus(by),
        min: 0,
        max,
    }
}

const ZERO: TxIndex = TxIndex::new(0);

#[test]
fn a_reader_sees_the_last_write_below_it() {
    let mut cell = Cell::default();
    assert_eq!(cell.read(TxIndex::new(9)), Found::Unknown);
    cell.remember_base(Some(1));
    for tx in [5, 2, 8] {
        cell.write(at(tx), Some(tx * 10), ZERO);
    }
    let mut seen = |reader| cell.read(TxIndex::new(reader));
    assert_eq!(seen(2), Found::Value(Origin::Base, Some(1)));
    assert_eq!(seen(3), Found::Value(Origin::Written(at(2)), Some(20)));
    assert_eq!(seen(5), Found::Value(Origin::Written(at(2)), Some(20)));
    assert_eq!(seen(8), Found::Value(Origin::Written(at(5)), Some(50)));
    assert_eq!(seen(100), Found::Value(Origin::Written(at(8)), Some(80)));
}

#[test]
fn an_estimate_names_its_transaction_and_a_removed_write_is_gone() {
    let mut cell = Cell::default();
    cell.write(at(2), Some(20), ZERO);
    cell.write(at(5), None, ZERO);
    cell.estimate(TxIndex::new(5));
    assert_eq!(cell.read(TxIndex::new(6)), Found::Estimate(TxIndex::new(5)));
    assert!(!cell.still_holds(TxIndex::new(6), Origin::Written(at(5)), None));
    cell.remove(TxIndex::new(5));
    assert_eq!(
        cell.read(TxIndex::new(6)),
        Found::Value(Origin::Written(at(2)), Some(20))
    );
    cell.remove(TxIndex::new(4));
    assert_eq!(
        cell.read(TxIndex::new(6)),
        Found::Value(Origin::Written(at(2)), Some(20))
    );
}

#[test]
fn a_read_holds_by_version_and_else_by_value() {
    let mut cell = Cell::default();
    cell.remember_base(Some(7));
    let reader = TxIndex::new(6);
    assert!(cell.still_holds(reader, Origin::Base, Some(&7)));
    cell.write(at(3), Some(7), ZERO);
    assert!(
        cell.still_holds(reader, Origin::Base, Some(&7)),
        "another version, the same value"
    );
    cell.write(at(4), Some(8), ZERO);
    assert!(!cell.still_holds(reader, Origin::Base, Some(&7)));
    cell.write(at(5), None, ZERO);
    assert!(cell.still_holds(reader, Origin::Base, None));
}

#[test]
fn final_versions_are_dropped_but_for_the_last() {
    let mut cell = Cell::default();
    for tx in 0..100 {
        cell.write(at(tx), Some(tx), TxIndex::new(tx));
        assert!(cell.rest.is_empty());
        assert_eq!(
            cell.read(TxIndex::new(tx + 1)),
            Found::Value(Origin::Written(at(tx)), Some(tx))
        );
    }
    for tx in 100..120 {
        cell.write(at(tx), Some(tx), TxIndex::new(100));
    }
    for reader in 100..121 {
        let last = reader - 1;
        assert_eq!(
            cell.read(TxIndex::new(reader)),
            Found::Value(Origin::Written(at(last)), Some(last))
        );
    }
}

#[test]
fn additions_are_seen_on_top_of_what_is_below() {
    let mut cell = Cell::default();
    let seen = |cell: &mut Cell, reader| cell.read(TxIndex::new(reader));
    cell.add(at(2), Additions::new(plus(5, 100), Ok(())), ZERO);
    assert_eq!(seen(&mut cell, 3), Found::Unknown);
    cell.remember_base(Some(1));
    cell.add(at(6), Additions::new(plus(7, 100), Ok(())), ZERO);
    assert_eq!(seen(&mut cell, 3), Found::Value(Origin::Several, Some(6)));
    assert_eq!(seen(&mut cell, 9), Found::Value(Origin::Several, Some(13)));
    cell.write(at(4), Some(50), ZERO);
    assert_eq!(seen(&mut cell, 9), Found::Value(Origin::Several, Some(57)));
    cell.estimate(TxIndex::new(4));
    assert_eq!(seen(&mut cell, 9), Found::Estimate(TxIndex::new(4)));
    assert_eq!(
        cell.guess(TxIndex::new(9)),
        Found::Value(Origin::Several, Some(13)),
        "a guess passes an estimate over"
    );
}

#[test]
fn an_addition_is_repeated_with_the_outcome_it_had_or_not_at_all() {
    let mut cell = Cell::default();
    cell.remember_base(Some(1));
    cell.write(at(3), Some(95), ZERO);
    let adder = TxIndex::new(5);
    let fits = Additions::new(plus(5, 100), Ok(()));
    let too_much = Additions::new(plus(6, 100), Err(crate::delta::OutOfBounds));
    assert_eq!(cell.repeat(adder, &fits), Some(Some(100)));
    assert_eq!(cell.repeat(adder, &too_much), Some(Some(95)));
    cell.write(at(4), Some(96), ZERO);
    assert_eq!(cell.repeat(adder, &fits), None);
    cell.write(at(4), Some(94), ZERO);
    assert_eq!(cell.repeat(adder, &too_much), None);
}

#[test]
fn a_final_write_takes_the_place_of_all_below_it_and_of_its_own_earlier_ones() {
    let mut cell = Cell::default();
    cell.remember_base(Some(1));
    for tx in [2, 4, 6] {
        cell.write(at(tx), Some(tx * 10), ZERO);
    }
    cell.estimate(TxIndex::new(4));
    let again = Version {
        incarnation: Incarnation::new(1),
        ..at(4)
    };
    cell.finish(again, Some(41));
    let mut seen = |reader| cell.read(TxIndex::new(reader));
    assert_eq!(seen(5), Found::Value(Origin::Written(again), Some(41)));
    assert_eq!(seen(7), Found::Value(Origin::Written(at(6)), Some(60)));
    assert!(cell.rest.is_empty());
}

#[test]
fn an_emptied_cell_knows_nothing_and_keeps_little_room() {
    let mut cell = Cell::default();
    for tx in 0..100 {
        cell.write(at(tx), Some(tx), ZERO);
    }
    cell.clear();
    assert!(cell.rest.capacity() <= super::VERSIONS_KEPT);
    assert_eq!(cell.read(TxIndex::new(50)), Found::Unknown);
}

#[test]
fn a_change_below_a_reader_is_told() {
    let mut cell = Cell::default();
    assert_eq!(cell.write(at(3), Some(1), ZERO), Readers::Below);
    cell.read(TxIndex::new(5));
    assert_eq!(cell.write(at(6), Some(1), ZERO), Readers::Below);
    assert_eq!(cell.write(at(4), Some(1), ZERO), Readers::Above);
    assert_eq!(cell.remove(TxIndex::new(4)), Readers::Above);
    assert_eq!(cell.finish(at(5), Some(1)), Readers::Below);
}

thread_local! {
    /// The values that are still dropped before one panics.
    static DROPS: Shared<u32> = const { Shared::new(u32::MAX) };
}

/// An embedder's value whose drop may panic.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fragile(u32);

impl Drop for Fragile {
    fn drop(&mut self) {
        if !thread::panicking() {
            let left = DROPS.get();
            DROPS.set(left.wrapping_sub(1));
            if left == 0 {
                resume_unwind(Box::new("a value's drop"));
            }
        }
    }
}

type FragileCell = super::Cell<Fragile, NoDelta>;

/// Writes of these transactions over a base, the one of 4 about to come again.
fn fragile() -> FragileCell {
    let mut cell = FragileCell::default();
    cell.remember_base(Some(Fragile(99)));
    for tx in [0, 1, 2, 4, 6, 7] {
        cell.write(at(tx), Some(Fragile(tx)), ZERO);
    }
    cell.estimate(TxIndex::new(4));
    cell
}

/// Every reader from `lowest` on finds the last of these writes that is below it.
fn assert_reads(cell: &mut FragileCell, lowest: u32, writes: &[u32]) {
    for reader in lowest..10 {
        let expected = match writes.iter().rev().find(|tx| **tx < reader) {
            Some(4) => Found::Estimate(TxIndex::new(4)),
            Some(tx) => Found::Value(Origin::Written(at(*tx)), Some(Fragile(*tx))),
            None => Found::Value(Origin::Base, Some(Fragile(99))),
        };
        assert_eq!(cell.read(TxIndex::new(reader)), expected, "{reader}");
    }
}

/// Makes a change in which the nth drop of a value panics, for every n there is.
fn at_every_drop(change: impl Fn(&mut FragileCell), judge: impl Fn(&mut FragileCell)) {
    for drops in 0.. {
        let mut cell = fragile();
        DROPS.set(drops);
        let panicked = catch_unwind(AssertUnwindSafe(|| change(&mut cell))).is_err();
        DROPS.set(u32::MAX);
        judge(&mut cell);
        if !panicked {
            assert!(drops > 0, "nothing was dropped");
            return;
        }
    }
}

#[test]
fn a_drop_that_panics_takes_no_write_from_those_below_it() {
    let write = |cell: &mut FragileCell| {
        cell.write(at(5), Some(Fragile(5)), TxIndex::new(3));
    };
    at_every_drop(write, |cell| {
        assert_eq!(
            cell.read(TxIndex::new(3)),
            Found::Value(Origin::Written(at(2)), Some(Fragile(2)))
        );
        write(cell);
        assert_reads(cell, 3, &[2, 4, 5, 6, 7]);
    });
}

#[test]
fn what_a_drop_that_panics_has_cut_short_can_be_finished() {
    let finish = |cell: &mut FragileCell| {
        cell.finish(at(6), Some(Fragile(6)));
    };
    at_every_drop(finish, |cell| {
        finish(cell);
        assert_reads(cell, 7, &[6, 7]);
    });
}

#[test]
fn a_drop_that_panics_leaves_the_order_of_what_is_not_removed() {
    for removed in [0, 2, 6, 7] {
        let remove = |cell: &mut FragileCell| {
            cell.remove(TxIndex::new(removed));
        };
        at_every_drop(remove, |cell| {
            cell.write(at(5), Some(Fragile(5)), ZERO);
            let mut left = vec![0, 1, 2, 4, 5, 6, 7];
            left.retain(|tx| *tx != removed);
            assert_reads(cell, 0, &left);
        });
    }
}
