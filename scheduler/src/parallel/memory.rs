//! The multi-version memory: what every transaction of the block has written, and who sees what of it.
//!
//! A key is interned once to a dense number; the map from key to number serves for nothing else, and no guard of it
//! lives longer than one look-up, so none is held while a Vm or a base runs. Key identity is the full key.

use std::hash::Hash;
use std::ops::Bound;
use std::sync::PoisonError;

use super::cell::{Cell, Found, Origin};
use super::interner::Interner;
use super::ordered::Ordered;
use super::sync::{AtomicUsize, Mutex, MutexGuard, Ordering};
use super::table::Table;
use crate::delta::{Additions, Delta};
use crate::types::{TxIndex, Version};

/// The most keys that room is made for at once; beyond it grows as it needs to.
const ROOM_LIMIT: usize = 1 << 16;

/// The number of a key within one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyId(usize);

/// The memory of one run.
pub(crate) struct MvMemory<K, V, D> {
    ids: Interner<K>,
    ordered: Ordered<K>,
    next: AtomicUsize,
    cells: Table<Mutex<Cell<V, D>>>,
}

impl<K: Clone + Eq + Hash + Ord, V: Clone + Eq, D: Delta<V>> MvMemory<K, V, D> {
    /// An empty memory with room for so many keys.
    pub(crate) fn new(keys: usize) -> Self {
        Self {
            ids: Interner::new(keys.min(ROOM_LIMIT)),
            ordered: Ordered::default(),
            next: AtomicUsize::new(0),
            cells: Table::new(),
        }
    }

    /// The number of `key`, the same for every equal key.
    pub(crate) fn intern(&self, key: &K) -> KeyId {
        self.ids.number(key, || {
            // Under the map's lock, so a key gets one number; the count itself orders nothing.
            let id = KeyId(self.next.fetch_add(1, Ordering::Relaxed));
            self.ordered.note(key, id);
            id
        })
    }

    /// Every key between two bounds, which are not empty, that has a number.
    pub(crate) fn keys_between(&self, from: Bound<&K>, to: Bound<&K>) -> Vec<(K, KeyId)> {
        self.ordered.between(from, to, || self.ids.all())
    }

    /// What `reader` sees under a key.
    pub(crate) fn read(&self, id: KeyId, reader: TxIndex) -> Found<V> {
        self.cell(id).read(reader)
    }

    /// Whether a read of `reader` would give the same now.
    pub(crate) fn still_holds(
        &self,
        id: KeyId,
        reader: TxIndex,
        origin: Origin,
        value: Option<&V>,
    ) -> bool {
        self.cell(id).still_holds(reader, origin, value)
    }

    /// What an addition of `adder` presumably changes.
    pub(crate) fn guess(&self, id: KeyId, adder: TxIndex) -> Found<V> {
        self.cell(id).guess(adder)
    }

    /// What a key becomes by the additions of `tx`, if each has again the outcome that it had; all below is final.
    pub(crate) fn repeat(
        &self,
        id: KeyId,
        tx: TxIndex,
        additions: &Additions<D>,
    ) -> Option<Option<V>> {
        self.cell(id).repeat(tx, additions)
    }

    /// Publishes additions. All below `frontier` is final.
    pub(crate) fn add(
        &self,
        id: KeyId,
        version: Version,
        additions: Additions<D>,
        frontier: TxIndex,
    ) {
        self.cell(id).add(version, additions, frontier);
    }

    /// Puts what they make of the final value below in the place of published additions; `None`, and nothing is done, if
    /// one of them would have another outcome now.
    pub(crate) fn settle(
        &self,
        id: KeyId,
        version: Version,
        additions: &Additions<D>,
        frontier: TxIndex,
    ) -> Option<Option<V>> {
        let mut cell = self.cell(id);
        let value = cell.repeat(version.tx, additions)?;
        cell.write(version, value.clone(), frontier);
        Some(value)
    }

    /// Keeps what the base says under a key.
    pub(crate) fn remember_base(&self, id: KeyId, value: Option<V>) {
        self.cell(id).remember_base(value);
    }

    /// Publishes a write. All below `frontier` is final.
    pub(crate) fn write(&self, id: KeyId, version: Version, value: Option<V>, frontier: TxIndex) {
        self.cell(id).write(version, value, frontier);
    }

    /// Marks that `tx` is about to write a key again.
    pub(crate) fn estimate(&self, id: KeyId, tx: TxIndex) {
        self.cell(id).estimate(tx);
    }

    /// Takes a write away.
    pub(crate) fn remove(&self, id: KeyId, tx: TxIndex) {
        self.cell(id).remove(tx);
    }

    fn cell(&self, id: KeyId) -> MutexGuard<'_, Cell<V, D>> {
        self.cells
            .at(id.0)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{Hash, Hasher};

    use super::MvMemory;
    use crate::delta::NoDelta;

    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
    struct Colliding(u32);

    impl Hash for Colliding {
        fn hash<H: Hasher>(&self, state: &mut H) {
            state.write_u8(0);
        }
    }

    #[test]
    fn keys_with_one_hash_have_their_own_numbers() {
        let memory = MvMemory::<Colliding, u8, NoDelta>::new(0);
        let ids: Vec<_> = (0..100).map(|key| memory.intern(&Colliding(key))).collect();
        for (at, id) in ids.iter().enumerate() {
            assert_eq!(ids.iter().position(|other| other == id), Some(at));
        }
        let again: Vec<_> = (0..100).map(|key| memory.intern(&Colliding(key))).collect();
        assert_eq!(ids, again);
    }
}
