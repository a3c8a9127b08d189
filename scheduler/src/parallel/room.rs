//! What a run leaves for the next one to use again.
//!
//! Invariant: no run sees what another has left. All of it is emptied when the next run begins and not when its own ends,
//! since what has just been emptied is in the cache. A record is emptied by whoever uses it.

use std::hash::Hash;

use super::memory::MvMemory;
use super::slot::{Record, Ring};
use crate::delta::Delta;

/// A memory of more keys is not kept.
const KEYS_KEPT: usize = 1 << 18;
/// A record with room for more reads or writes is not kept.
const ACCESSES_KEPT: usize = 1 << 10;

/// Records that nobody needs, for their room.
pub(crate) type Records<K, V, D, O> = Vec<Box<Record<K, V, D, O>>>;

/// The parts of a run that take room.
pub(crate) struct Room<K, V, D, O> {
    pub(crate) memory: MvMemory<K, V, D>,
    pub(crate) ring: Ring<K, V, D, O>,
    pub(crate) records: Records<K, V, D, O>,
}

impl<K: Clone + Eq + Hash + Ord, V: Clone + Eq, D: Delta<V>, O> Room<K, V, D, O> {
    /// Room for so many keys and live transactions: what an earlier run has left, as far as it fits.
    pub(crate) fn make(left: Option<Self>, keys: usize, live: u32) -> Self {
        let (memory, ring, mut records) = match left {
            Some(left) => (Some(left.memory), Some(left.ring), left.records),
            None => (None, None, Vec::new()),
        };
        let memory = memory.filter(|memory| memory.has_room(keys));
        let ring = ring.filter(|ring| ring.is_for(live)).map(|mut ring| {
            records.extend(ring.clear().filter(Self::is_kept));
            ring
        });
        // No more are of use at once. A run may leave more than it was given, so that they would pile up.
        records.truncate(live as usize);
        Self {
            memory: memory.map_or_else(|| MvMemory::new(keys), MvMemory::cleared),
            ring: ring.unwrap_or_else(|| Ring::new(live)),
            records,
        }
    }

    /// What of it is kept for the next run.
    pub(crate) fn keep(mut self) -> Option<Self> {
        self.records.retain(Self::is_kept);
        (self.memory.keys() <= KEYS_KEPT).then_some(self)
    }

    #[expect(
        clippy::borrowed_box,
        reason = "a filter of boxes passes them by reference"
    )]
    fn is_kept(record: &Box<Record<K, V, D, O>>) -> bool {
        record.room() <= ACCESSES_KEPT
    }
}
