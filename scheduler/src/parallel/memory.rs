//! The multi-version memory: what every transaction of the block has written, and who sees what of it.
//!
//! A key is interned once to a dense number; the map from key to number serves for nothing else, and no guard of it
//! lives longer than one look-up, so none is held while a Vm or a base runs. Key identity is the full key.
//!
//! Invariant: the number of a key does not change within a run. The directory of recent keys may forget one at any time,
//! and whom it names is compared by the full key; so it is never wrong, and the map is asked where it is silent.

use std::hash::{BuildHasher, Hash};
use std::ops::Bound;

use super::cell::{Cell, Found, Origin, Readers};
use super::interner::{Interner, KeyHasher};
use super::lock::{Guard, Lock};
use super::ordered::Ordered;
use crate::delta::{Additions, Delta};
use crate::sync::{AtomicU32, AtomicU64, OnceLock, Ordering};
use crate::table::Table;
use crate::types::{TxIndex, Version};

/// The most keys that room is made for at once; beyond it grows as it needs to.
const ROOM_LIMIT: usize = 1 << 16;
/// The most places of the directory.
const DIRECTORY_LIMIT: usize = 1 << 18;
/// A key is looked for in so many neighbouring places, a power of two of them.
const PLACES: usize = 4;
/// A directory so many times as large as a new one would be is used again.
const SPARE_FACTOR: usize = 8;

/// The number of a key within one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyId(u32);

/// A key and what was written under it. It begins on a cache line, so that it is on as few as it can be.
#[repr(align(64))]
struct Interned<K, V, D> {
    key: OnceLock<K>,
    cell: Lock<Cell<V, D>>,
}

impl<K, V, D> Default for Interned<K, V, D> {
    fn default() -> Self {
        Self {
            key: OnceLock::new(),
            cell: Lock::new(Cell::default()),
        }
    }
}

/// The memory of one run.
pub(crate) struct MvMemory<K, V, D> {
    ids: Interner<K>,
    hasher: KeyHasher,
    /// Half of a key's hash and one more than its number, or 0. A power of two of places.
    directory: Box<[AtomicU64]>,
    ordered: Ordered<K>,
    next: AtomicU32,
    interned: Table<Interned<K, V, D>>,
}

impl<K: Clone + Eq + Hash + Ord, V: Clone + Eq, D: Delta<V>> MvMemory<K, V, D> {
    /// An empty memory with room for so many keys.
    pub(crate) fn new(keys: usize) -> Self {
        Self {
            ids: Interner::new(keys.min(ROOM_LIMIT)),
            hasher: KeyHasher::default(),
            directory: (0..places(keys)).map(|_| AtomicU64::new(0)).collect(),
            ordered: Ordered::default(),
            next: AtomicU32::new(0),
            interned: Table::new(),
        }
    }

    /// Whether there is room for so many keys, without much to empty for few.
    pub(crate) fn has_room(&self, keys: usize) -> bool {
        let places = places(keys);
        (places..=places.saturating_mul(SPARE_FACTOR)).contains(&self.directory.len())
    }

    /// How many keys have a number.
    pub(crate) fn keys(&self) -> usize {
        self.next.load(Ordering::Relaxed) as usize
    }

    /// Forgets everything and keeps the room. This costs what was used of it.
    pub(crate) fn cleared(mut self) -> Self {
        let keys = self.keys();
        self.ids.clear();
        for place in &mut self.directory {
            *place = AtomicU64::new(0);
        }
        self.ordered.clear();
        self.next = AtomicU32::new(0);
        self.interned.clear(keys, |interned| {
            interned.key.take();
            interned.cell.get_mut().clear();
        });
        self
    }

    /// The number of `key`, the same for every equal key.
    #[inline]
    pub(crate) fn intern(&self, key: &K) -> KeyId {
        let hash = self.hasher.hash_one(key);
        for place in self.places(hash) {
            // Pairs with the store in `look_up`, so that whom the word names can be seen here.
            let word = place.load(Ordering::Acquire);
            if word >> 32 == hash >> 32
                && let Some(id) = unpack(word)
                && self.interned(id).key.get() == Some(key)
            {
                return id;
            }
        }
        self.look_up(key, hash)
    }

    /// Asks the map, and notes the answer in the directory.
    #[cold]
    fn look_up(&self, key: &K, hash: u64) -> KeyId {
        let id = self.ids.number(key, || {
            // Under the map's lock, so a key gets one number; the count itself orders nothing.
            let id = KeyId(self.next.fetch_add(1, Ordering::Relaxed));
            // A number is given once, so the place is empty.
            let _ = self.interned(id).key.set(key.clone());
            self.ordered.note(key, id);
            id
        });
        let mut places = self.places(hash);
        // Whichever of two writers is later stays; the other's key will be looked up again.
        let free = places
            .clone()
            .find(|place| place.load(Ordering::Relaxed) == 0);
        if let Some(place) = free.or_else(|| places.next()) {
            place.store(pack(hash, id), Ordering::Release);
        }
        id
    }

    /// Where a key with this hash may be noted.
    #[inline]
    fn places(&self, hash: u64) -> impl Iterator<Item = &AtomicU64> + Clone {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any bits of the hash will do"
        )]
        let start = hash as usize & self.directory.len().wrapping_sub(1) & !(PLACES - 1);
        self.directory.iter().skip(start).take(PLACES)
    }

    /// Every key between two bounds, which are not empty, that has a number.
    pub(crate) fn keys_between(&self, from: Bound<&K>, to: Bound<&K>) -> Vec<(K, KeyId)> {
        self.ordered.between(from, to, || self.ids.all())
    }

    /// What `reader` sees under a key.
    #[inline]
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
    ) -> Readers {
        self.cell(id).add(version, additions, frontier)
    }

    /// Puts what they make of the final value below in the place of published additions; `None`, and nothing is done, if
    /// one of them would have another outcome now. Their transaction stands at the frontier.
    pub(crate) fn settle(
        &self,
        id: KeyId,
        version: Version,
        additions: &Additions<D>,
    ) -> Option<Option<V>> {
        let mut cell = self.cell(id);
        let value = cell.repeat(version.tx, additions)?;
        // Who read the sum of these additions reads the same now.
        cell.write(version, value.clone(), version.tx);
        Some(value)
    }

    /// Keeps what the base says under a key.
    pub(crate) fn remember_base(&self, id: KeyId, value: Option<V>) {
        self.cell(id).remember_base(value);
    }

    /// Publishes a write. All below `frontier` is final.
    pub(crate) fn write(
        &self,
        id: KeyId,
        version: Version,
        value: Option<V>,
        frontier: TxIndex,
    ) -> Readers {
        self.cell(id).write(version, value, frontier)
    }

    /// Publishes a write that is final, as is all below it.
    #[inline]
    pub(crate) fn finish(&self, id: KeyId, version: Version, value: Option<V>) -> Readers {
        self.cell(id).finish(version, value)
    }

    /// Marks a published write as about to come again.
    pub(crate) fn estimate(&self, id: KeyId, tx: TxIndex) {
        self.cell(id).estimate(tx);
    }

    /// Takes a published write back.
    pub(crate) fn remove(&self, id: KeyId, tx: TxIndex) -> Readers {
        self.cell(id).remove(tx)
    }

    #[inline]
    fn interned(&self, id: KeyId) -> &Interned<K, V, D> {
        self.interned.at(id.0 as usize)
    }

    #[inline]
    fn cell(&self, id: KeyId) -> Guard<'_, Cell<V, D>> {
        self.interned(id).cell.lock()
    }
}

/// The length of a directory for so many keys.
fn places(keys: usize) -> usize {
    let places = keys.saturating_mul(2).clamp(PLACES, DIRECTORY_LIMIT);
    places.next_power_of_two()
}

/// A word of the directory.
fn pack(hash: u64, id: KeyId) -> u64 {
    let number = u64::from(id.0).saturating_add(1);
    // The last number of all does not fit and is not noted.
    if number >> 32 == 0 {
        hash >> 32 << 32 | number
    } else {
        0
    }
}

/// The number in it.
fn unpack(word: u64) -> Option<KeyId> {
    let number = u32::try_from(word & u64::from(u32::MAX)).ok()?;
    number.checked_sub(1).map(KeyId)
}

#[cfg(all(test, not(any(loom, shuttle))))]
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

    #[test]
    fn keys_are_found_whether_the_directory_knows_them_or_not() {
        for room in [0, 1, 100, 5_000] {
            let memory = MvMemory::<u64, u8, NoDelta>::new(room);
            let ids: Vec<_> = (0..2_000).map(|key| memory.intern(&key)).collect();
            for (key, id) in (0..).zip(&ids) {
                assert_eq!(memory.intern(&key), *id);
            }
            let mut distinct = ids.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!(distinct.len(), ids.len());
        }
    }
}
