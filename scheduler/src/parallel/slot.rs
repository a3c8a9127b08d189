//! What a run leaves for the committer, and the ring of slots where it lies.
//!
//! Only the transactions from the frontier to the end of the window are alive, so a ring a little longer than the
//! window serves a block of any length, and stays in the cache.

use std::hash::Hash;
use std::mem;
use std::ops::Bound;

use super::cell::Origin;
use super::lock::Lock;
use super::memory::KeyId;
use super::status::Status;
use crate::attempt::Outcome;
use crate::delta::Additions;
use crate::keyed::KeyedVec;
use crate::types::TxIndex;

/// The first read of a key in a run.
#[derive(Debug)]
pub(crate) struct Read<V> {
    pub(crate) id: KeyId,
    pub(crate) origin: Origin,
    pub(crate) value: Option<V>,
}

/// The reads of a run.
pub(crate) type ReadSet<K, V> = KeyedVec<K, Read<V>>;
/// The writes of a run; `None` deletes.
pub(crate) type WriteSet<K, V> = KeyedVec<K, Option<V>>;

/// The keys that a run added to before it read or wrote them.
pub(crate) type AddSet<K, V, D> = KeyedVec<K, Sum<V, D>>;

/// The ends of a range that a run has read. Every key in it is either among the reads or was absent.
pub(crate) type Region<K> = (Bound<K>, Bound<K>);

/// What a run added to a key.
#[derive(Debug)]
pub(crate) struct Sum<V, D> {
    pub(crate) id: KeyId,
    pub(crate) origin: Origin,
    /// What the run took for the value below when it began to add: a guess that gave every outcome.
    pub(crate) below: Option<V>,
    /// `below` with all additions.
    pub(crate) now: Option<V>,
    pub(crate) additions: Additions<D>,
    pub(crate) state: SumState,
}

/// What a sum still means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SumState {
    /// Its outcomes are checked at the frontier, and it becomes a write there.
    Open,
    /// The run wrote the key afterwards, so only its outcomes count.
    Overwritten,
    /// The run read the key afterwards; the read and a write say it all.
    Read,
}

/// All that a run leaves.
#[derive(Debug)]
pub(crate) struct Record<K, V, D, O> {
    pub(crate) reads: ReadSet<K, V>,
    /// The ranges it has read.
    pub(crate) regions: Vec<Region<K>>,
    /// Sorted by key once the run has ended; empty if it failed.
    pub(crate) writes: WriteSet<K, V>,
    /// Empty if it failed.
    pub(crate) adds: AddSet<K, V, D>,
    /// The numbers of all keys that it has put something under.
    pub(crate) ids: Vec<KeyId>,
    /// How the run ended. Ahead of the frontier only an output can count; else the transaction is run there.
    pub(crate) outcome: Option<Outcome<O>>,
}

impl<K, V, D, O> Default for Record<K, V, D, O> {
    fn default() -> Self {
        Self {
            reads: ReadSet::default(),
            regions: Vec::new(),
            writes: WriteSet::default(),
            adds: AddSet::default(),
            ids: Vec::new(),
            outcome: None,
        }
    }
}

impl<K: Clone + Eq + Hash, V, D, O> Record<K, V, D, O> {
    /// The accesses that it has room for.
    pub(crate) fn room(&self) -> usize {
        let sets = [
            self.reads.room(),
            self.writes.room(),
            self.adds.room(),
            self.regions.capacity(),
            self.ids.capacity(),
        ];
        sets.into_iter().fold(0, usize::max)
    }

    /// Forgets the run and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.reads.clear();
        self.regions.clear();
        self.writes.clear();
        self.adds.clear();
        self.ids.clear();
        self.outcome = None;
    }
}

/// The place of one live transaction. Its owner by status has its record.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Slot<K, V, D, O> {
    pub(crate) status: Status,
    pub(crate) shelf: Lock<Shelf<K, V, D, O>>,
}

/// What lies in a slot.
#[derive(Debug)]
pub(crate) struct Shelf<K, V, D, O> {
    /// The record of an executed transaction. It stays where the worker made it, and in its cache if it commits it, too.
    pub(crate) record: Option<Box<Record<K, V, D, O>>>,
    /// Who waits until this transaction is committed. A waiter adds itself under this lock, if the frontier is not beyond
    /// the transaction; the committer empties the list under this lock after it has raised the frontier. So none is
    /// forgotten.
    pub(crate) waiters: Vec<TxIndex>,
    /// How many times the transaction has waited for another.
    pub(crate) waits: u32,
    /// The key on which it waited last; kept only for a trace.
    pub(crate) waited_on: Option<K>,
}

impl<K, V, D, O> Default for Shelf<K, V, D, O> {
    fn default() -> Self {
        Self {
            record: None,
            waiters: Vec::new(),
            waits: 0,
            waited_on: None,
        }
    }
}

/// The slots that so many live transactions need, and the one that was committed last: who is about to wait for it may
/// still have its shelf locked, and until then the committer does not go on, so its slot must not have a higher
/// transaction yet.
fn length(live: u32) -> u32 {
    live.saturating_add(1).next_power_of_two()
}

/// The slots of the live transactions.
#[derive(Debug)]
pub(crate) struct Ring<K, V, D, O> {
    slots: Box<[Slot<K, V, D, O>]>,
}

impl<K, V, D, O> Ring<K, V, D, O> {
    /// A ring for so many live transactions, the first ones of the block.
    pub(crate) fn new(live: u32) -> Self {
        let slots = (0..length(live))
            .map(|tx| Slot {
                status: Status::new(TxIndex::new(tx)),
                shelf: Lock::default(),
            })
            .collect();
        Self { slots }
    }

    /// Whether a new ring for so many would be as long.
    pub(crate) fn is_for(&self, live: u32) -> bool {
        self.slots.len() == length(live) as usize
    }

    /// Makes the first transactions of a block live again, and gives the records that lay here.
    pub(crate) fn clear(&mut self) -> impl Iterator<Item = Box<Record<K, V, D, O>>> {
        (0..).zip(&mut self.slots).filter_map(|(tx, slot)| {
            slot.status = Status::new(TxIndex::new(tx));
            mem::take(slot.shelf.get_mut()).record
        })
    }

    /// The slot that `tx` has while it is live.
    #[inline]
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "the length is a power of two, so at least one, and the mask is below it"
    )]
    pub(crate) fn of(&self, tx: TxIndex) -> &Slot<K, V, D, O> {
        &self.slots[tx.as_usize() & (self.slots.len() - 1)]
    }

    /// The transaction that has the slot of `tx` after it.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the length came from a u32"
    )]
    pub(crate) fn successor(&self, tx: TxIndex) -> TxIndex {
        TxIndex::new(tx.get().saturating_add(self.slots.len() as u32))
    }
}
