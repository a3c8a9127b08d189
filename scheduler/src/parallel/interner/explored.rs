//! From key to number, for model checkers: one lock instead of shards whose locks they do not know.

use std::collections::BTreeMap;

use crate::parallel::memory::KeyId;
use crate::sync::{Mutex, lock};

/// The same in every run, so that a schedule can be run again.
pub(crate) type KeyHasher = foldhash::quality::FixedState;

pub(crate) struct Interner<K>(Mutex<BTreeMap<K, KeyId>>);

impl<K: Clone + Ord> Interner<K> {
    pub(crate) fn new(_: usize) -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    pub(crate) fn number(&self, key: &K, number: impl FnOnce() -> KeyId) -> KeyId {
        *lock(&self.0).entry(key.clone()).or_insert_with(number)
    }

    pub(crate) fn clear(&mut self) {
        lock(&self.0).clear();
    }

    pub(crate) fn all(&self) -> Vec<(K, KeyId)> {
        let ids = lock(&self.0);
        ids.iter().map(|(key, id)| (key.clone(), *id)).collect()
    }
}
