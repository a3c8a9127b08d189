//! From key to number. The map serves for nothing else, and no guard of it lives longer than one call.

use std::hash::Hash;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::memory::KeyId;

/// How keys are hashed: with random seeds, so that nobody can make keys that meet.
pub(crate) type KeyHasher = foldhash::quality::RandomState;

/// The numbers that keys have been given.
pub(crate) struct Interner<K>(DashMap<K, KeyId, KeyHasher>);

impl<K: Clone + Eq + Hash + Ord> Interner<K> {
    /// With room for so many keys.
    pub(crate) fn new(keys: usize) -> Self {
        Self(DashMap::with_capacity_and_hasher(
            keys,
            KeyHasher::default(),
        ))
    }

    /// The number of `key`; `number` gives one if it has none yet, under the lock of the key's shard.
    #[inline]
    pub(crate) fn number(&self, key: &K, number: impl FnOnce() -> KeyId) -> KeyId {
        match self.0.entry(key.clone()) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => *entry.insert(number()),
        }
    }

    /// Forgets all keys and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// All keys, in any order. Goes through the shards one after another.
    pub(crate) fn all(&self) -> Vec<(K, KeyId)> {
        let entries = self.0.iter();
        entries
            .map(|entry| (entry.key().clone(), *entry.value()))
            .collect()
    }
}
