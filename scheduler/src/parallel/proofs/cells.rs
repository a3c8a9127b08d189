//! The cell of a key and the numbers of keys, with two who write and one who reads.

use std::sync::Arc;

use loom::thread;

use super::exhausted::{exhaust, version};
use crate::NoDelta;
use crate::parallel::cell::{Found, Origin};
use crate::parallel::memory::{KeyId, MvMemory};
use crate::sync::{AtomicU32, Ordering};
use crate::types::{TxIndex, Version};

/// A value of two halves that are equal unless it is half written.
type Halves = [u32; 2];
type Memory = MvMemory<u8, Halves, NoDelta>;

const fn halves(version: Version) -> Halves {
    let name = version.tx.get() * 10 + version.incarnation.get();
    [name, name]
}

fn written(version: Version) -> Found<Halves> {
    Found::Value(Origin::Written(version), Some(halves(version)))
}

/// What a writer does, one after another; the last step that it has done is counted.
type Steps = [fn(&Memory, KeyId); 3];

const FIRST: Steps = [
    |memory, id| {
        drop(memory.write(
            id,
            version(0, 0),
            Some(halves(version(0, 0))),
            TxIndex::new(0),
        ))
    },
    |memory, id| memory.estimate(id, TxIndex::new(0)),
    |memory, id| drop(memory.finish(id, version(0, 1), Some(halves(version(0, 1))))),
];

const SECOND: Steps = [
    |memory, id| {
        drop(memory.write(
            id,
            version(1, 0),
            Some(halves(version(1, 0))),
            TxIndex::new(0),
        ))
    },
    |memory, id| memory.estimate(id, TxIndex::new(1)),
    |memory, id| drop(memory.remove(id, TxIndex::new(1))),
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
    memory: Memory,
    id: KeyId,
    /// How many steps each writer has done.
    done: [AtomicU32; 2],
}

fn shared() -> Arc<Shared> {
    let memory = Memory::new(0);
    let id = memory.intern(&1);
    memory.remember_base(id, None);
    Arc::new(Shared {
        memory,
        id,
        done: [AtomicU32::new(0), AtomicU32::new(0)],
    })
}

fn write(shared: &Arc<Shared>, writer: usize, steps: Steps) -> thread::JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for (done, step) in (1..).zip(steps) {
            step(&shared.memory, shared.id);
            shared.done[writer].store(done, Ordering::Release);
        }
    })
}

/// Between two looks at what the writers have done, what is found is the latest at some moment.
fn read(shared: &Shared, reader: u32, latest: fn(u32, u32) -> Found<Halves>) {
    let done = || [0, 1].map(|writer: usize| shared.done[writer].load(Ordering::Acquire));
    let before = done();
    let found = shared.memory.read(shared.id, TxIndex::new(reader));
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
    exhaust(None, || {
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
        let memory = Arc::new(Memory::new(0));
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
