//! The cell of a key, with two who write and one who reads, and the numbers of keys.
//!
//! The cell's lock is loom's here: of three threads two would spin past each other without end. The real one has proofs of
//! its own.

use std::sync::Arc;

use loom::thread;

use super::exhausted::{exhaust, version};
use crate::NoDelta;
use crate::parallel::cell::{Cell, Found, Origin};
use crate::parallel::memory::MvMemory;
use crate::sync::{AtomicU32, Mutex, Ordering, lock};
use crate::types::{TxIndex, Version};

/// A value of two halves that are equal unless it is half written.
type Halves = [u32; 2];
type Contents = Cell<Halves, NoDelta>;

const fn halves(version: Version) -> Halves {
    let name = version.tx.get() * 10 + version.incarnation.get();
    [name, name]
}

fn written(version: Version) -> Found<Halves> {
    Found::Value(Origin::Written(version), Some(halves(version)))
}

/// What a writer does, one after another; the last step that it has done is counted.
type Steps = [fn(&mut Contents); 3];

const ZERO: TxIndex = TxIndex::new(0);

const FIRST: Steps = [
    |cell| {
        cell.write(version(0, 0), Some(halves(version(0, 0))), ZERO);
    },
    |cell| cell.estimate(ZERO),
    |cell| {
        cell.finish(version(0, 1), Some(halves(version(0, 1))));
    },
];

const SECOND: Steps = [
    |cell| {
        cell.write(version(1, 0), Some(halves(version(1, 0))), ZERO);
    },
    |cell| cell.estimate(TxIndex::new(1)),
    |cell| {
        cell.remove(TxIndex::new(1));
    },
];

/// What a transaction above both finds when they have done so many steps.
fn latest(first: u32, second: u32) -> Found<Halves> {
    match (first, second) {
        (_, 1) => written(version(1, 0)),
        (_, 2) => Found::Estimate(TxIndex::new(1)),
        (0, _) => Found::Value(Origin::Base, None),
        (1, _) => written(version(0, 0)),
        (2, _) => Found::Estimate(TxIndex::new(0)),
        _ => written(version(0, 1)),
    }
}

struct Shared {
    cell: Mutex<Contents>,
    /// How many steps each writer has done.
    done: [AtomicU32; 2],
}

fn shared() -> Arc<Shared> {
    let mut cell = Contents::default();
    cell.remember_base(None);
    Arc::new(Shared {
        cell: Mutex::new(cell),
        done: [AtomicU32::new(0), AtomicU32::new(0)],
    })
}

fn write(shared: &Arc<Shared>, writer: usize, steps: Steps) -> thread::JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for (done, step) in (1..).zip(steps) {
            step(&mut lock(&shared.cell));
            shared.done[writer].store(done, Ordering::Release);
        }
    })
}

/// Between two looks at what the writers have done, what is found is the latest at some moment.
fn read(shared: &Shared, reader: u32, latest: fn(u32, u32) -> Found<Halves>) {
    let done = || [0, 1].map(|writer: usize| shared.done[writer].load(Ordering::Acquire));
    let before = done();
    let found = lock(&shared.cell).read(TxIndex::new(reader));
    let after = done();
    let mut moments = (before[0]..=after[0] + 1)
        .flat_map(|first| (before[1]..=after[1] + 1).map(move |second| (first, second)));
    assert!(
        moments.any(|(first, second)| found == latest(first, second)),
        "{reader} found {found:?} between {before:?} and {after:?}"
    );
}

#[test]
fn a_reader_above_two_writers_finds_the_latest() {
    // In full it would take minutes.
    exhaust(Some(3), || {
        let shared = shared();
        let writers = [write(&shared, 0, FIRST), write(&shared, 1, SECOND)];
        read(&shared, 2, latest);
        for writer in writers {
            writer.join().unwrap();
        }
        read(&shared, 2, latest);
    });
}

#[test]
fn a_reader_between_two_writers_never_finds_the_higher() {
    // As above.
    exhaust(Some(3), || {
        let shared = shared();
        let writers = [write(&shared, 0, FIRST), write(&shared, 1, SECOND)];
        read(&shared, 1, |first, _| latest(first, 0));
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

/// The directory may be silent or name another key's number, but never a wrong one for a key.
#[test]
fn a_key_has_one_number_whoever_asks_first() {
    exhaust(None, || {
        let memory = Arc::new(MvMemory::<u8, u8, NoDelta>::new(0));
        let other = {
            let memory = Arc::clone(&memory);
            thread::spawn(move || [2, 1].map(|key| memory.intern(&key)))
        };
        let [one, two] = [1, 2].map(|key| memory.intern(&key));
        assert_eq!(other.join().unwrap(), [two, one]);
        assert_ne!(one, two);
        assert_eq!(memory.intern(&1), one);
    });
}
