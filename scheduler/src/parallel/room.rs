//! What a run leaves for the next one to use again: emptied, but not given back.
//!
//! Invariant: it holds nothing that a later run could see. What a run has changed is emptied when the run ends, by the
//! numbers that it has given out, so this costs what the run has used and not what there is room for.

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
    /// Room for so many keys and live transactions: what is there, as far as it fits.
    pub(crate) fn make(left: Option<Self>, keys: usize, live: u32) -> Self {
        let Some(left) = left else {
            return Self {
                memory: MvMemory::new(keys),
                ring: Ring::new(live),
                records: Vec::new(),
            };
        };
        Self {
            memory: if left.memory.has_room(keys) {
                left.memory
            } else {
                MvMemory::new(keys)
            },
            ring: if left.ring.is_for(live) {
                left.ring
            } else {
                Ring::new(live)
            },
            records: left.records,
        }
    }

    /// Empties it.
    pub(crate) fn clear(mut self) -> Option<Self> {
        if self.memory.keys() > KEYS_KEPT {
            return None;
        }
        self.memory.clear();
        self.records.extend(self.ring.clear());
        self.records.retain(|record| record.room() <= ACCESSES_KEPT);
        for record in &mut self.records {
            record.clear();
        }
        Some(self)
    }
}
