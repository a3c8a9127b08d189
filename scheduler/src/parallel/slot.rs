//! What a run leaves for the committer, and the ring of slots where it lies.
//!
//! Only the transactions from the frontier to the end of the window are alive, so a ring a little longer than the
//! window serves a block of any length, and stays in the cache.

use super::cell::Origin;
use super::memory::KeyId;
use super::status::Status;
use super::sync::Mutex;
use crate::attempt::Outcome;
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

/// All that a run leaves.
#[derive(Debug)]
pub(crate) struct Record<K, V, O> {
    pub(crate) reads: ReadSet<K, V>,
    /// Sorted by key once the run has ended; empty if it failed.
    pub(crate) writes: WriteSet<K, V>,
    /// The numbers of the written keys, in the same order.
    pub(crate) ids: Vec<KeyId>,
    /// How the run ended. Ahead of the frontier only an output can count; else the transaction is run there.
    pub(crate) outcome: Option<Outcome<O>>,
}

impl<K, V, O> Default for Record<K, V, O> {
    fn default() -> Self {
        Self {
            reads: ReadSet::default(),
            writes: WriteSet::default(),
            ids: Vec::new(),
            outcome: None,
        }
    }
}

/// The place of one live transaction. Its owner by status has its record.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Slot<K, V, O> {
    pub(crate) status: Status,
    pub(crate) shelf: Mutex<Shelf<K, V, O>>,
}

/// What lies in a slot.
#[derive(Debug)]
pub(crate) struct Shelf<K, V, O> {
    /// The record of an executed transaction; else an emptied one, for its room.
    pub(crate) record: Record<K, V, O>,
    /// Who waits until this transaction is committed. A waiter adds itself under this lock, if the transaction is owned;
    /// the committer empties the list under this lock after it moved the transaction on. So none is forgotten.
    pub(crate) waiters: Vec<TxIndex>,
}

/// The slots of the live transactions.
#[derive(Debug)]
pub(crate) struct Ring<K, V, O> {
    slots: Box<[Slot<K, V, O>]>,
}

impl<K, V, O> Ring<K, V, O> {
    /// A ring for at least `live` transactions, the first ones of the block.
    pub(crate) fn new(live: u32) -> Self {
        let slots = (0..live.next_power_of_two())
            .map(|tx| Slot {
                status: Status::ready(TxIndex::new(tx)),
                shelf: Mutex::new(Shelf {
                    record: Record::default(),
                    waiters: Vec::new(),
                }),
            })
            .collect();
        Self { slots }
    }

    /// The slot that `tx` has while it is live.
    pub(crate) fn of(&self, tx: TxIndex) -> &Slot<K, V, O> {
        // The length is a power of two.
        &self.slots[tx.as_usize() & (self.slots.len() - 1)]
    }

    /// The transaction that has the slot of `tx` after it.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the length came from a u32"
    )]
    pub(crate) fn successor(&self, tx: TxIndex) -> TxIndex {
        TxIndex::new(tx.get() + self.slots.len() as u32)
    }
}
