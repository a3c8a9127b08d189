//! The touched keys in order, kept from the first range read of a run on; before that it costs one look at a flag per key.
//!
//! Invariant: once [`Ordered::between`] has answered, it knows every key that the map of numbers knows. Whoever adds a key
//! to the map holds the lock of its shard from before it looks at the flag until the key is there and noted here; the
//! first reader raises the flag and then goes through all shards. So one of the two notes the key.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::memory::KeyId;
use crate::sync::{AtomicBool, Mutex, Ordering, lock};

/// Keys with their numbers.
#[derive(Debug)]
pub(crate) struct Ordered<K> {
    wanted: AtomicBool,
    complete: AtomicBool,
    /// Held by the one who goes through the shards.
    filling: Mutex<()>,
    keys: Mutex<BTreeMap<K, KeyId>>,
}

impl<K> Default for Ordered<K> {
    fn default() -> Self {
        Self {
            wanted: AtomicBool::new(false),
            complete: AtomicBool::new(false),
            filling: Mutex::new(()),
            keys: Mutex::new(BTreeMap::new()),
        }
    }
}

impl<K: Clone + Ord> Ordered<K> {
    /// As at the beginning of a run.
    pub(crate) fn clear(&mut self) {
        if self.wanted.load(Ordering::Relaxed) {
            *self = Self::default();
        }
    }

    /// Takes note of a new key. Called under the lock of the key's shard.
    pub(crate) fn note(&self, key: &K, id: KeyId) {
        if self.wanted.load(Ordering::SeqCst) {
            lock(&self.keys).insert(key.clone(), id);
        }
    }

    /// The touched keys between two bounds, which are not empty. `all` goes through the shards; no lock that it needs is
    /// held here meanwhile.
    pub(crate) fn between(
        &self,
        from: Bound<&K>,
        to: Bound<&K>,
        all: impl FnOnce() -> Vec<(K, KeyId)>,
    ) -> Vec<(K, KeyId)> {
        // Pairs with the store below.
        if !self.complete.load(Ordering::Acquire) {
            let _filling = lock(&self.filling);
            if !self.complete.load(Ordering::Acquire) {
                self.wanted.store(true, Ordering::SeqCst);
                let present = all();
                lock(&self.keys).extend(present);
                self.complete.store(true, Ordering::Release);
            }
        }
        let keys = lock(&self.keys);
        keys.range::<K, _>((from, to))
            .map(|(key, id)| (key.clone(), *id))
            .collect()
    }
}
