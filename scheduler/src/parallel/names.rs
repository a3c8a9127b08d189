//! One worker's own memory of the numbers of keys, so that a key it meets again costs no look at what threads share.
//!
//! Invariant: an entry is never wrong, since the number of a key does not change within a run; it may be replaced at any
//! time. So the size is fixed.

use std::hash::{BuildHasher, Hash};

use super::interner::KeyHasher;
use super::memory::{KeyId, MvMemory};
use crate::delta::Delta;

/// How many keys are remembered at most.
const SLOTS_LIMIT: usize = 1 << 11;

/// Keys with their numbers, each in the one slot where its hash puts it.
#[derive(Debug)]
pub(crate) struct Names<K> {
    hasher: KeyHasher,
    size: usize,
    /// A power of two of them, or none before the first key comes.
    slots: Vec<Option<(K, KeyId)>>,
}

impl<K: Clone + Eq + Hash + Ord> Names<K> {
    /// For a run in which some so many keys are met.
    pub(crate) fn new(keys: usize) -> Self {
        Self {
            hasher: KeyHasher::default(),
            size: keys.min(SLOTS_LIMIT).next_power_of_two(),
            slots: Vec::new(),
        }
    }

    /// The number of `key` in `memory`, which must be the same one at every call.
    pub(crate) fn intern<V, D>(&mut self, memory: &MvMemory<K, V, D>, key: &K) -> KeyId
    where
        V: Clone + Eq,
        D: Delta<V>,
    {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any bits of the hash will do"
        )]
        let at = self.hasher.hash_one(key) as usize & self.slots.len().wrapping_sub(1);
        match self.slots.get_mut(at) {
            Some(Some((known, id))) if known == key => *id,
            Some(slot) => slot.insert((key.clone(), memory.intern(key))).1,
            None => {
                self.slots.resize_with(self.size, || None);
                memory.intern(key)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Names, SLOTS_LIMIT};
    use crate::delta::NoDelta;
    use crate::parallel::memory::MvMemory;

    #[test]
    fn keys_that_share_a_slot_are_not_confused() {
        let memory = MvMemory::<usize, u8, NoDelta>::new(0);
        for keys in [0, 1, 100, usize::MAX] {
            let mut names = Names::new(keys);
            for _ in 0..2 {
                for key in 0..SLOTS_LIMIT * 2 {
                    assert_eq!(names.intern(&memory, &key), memory.intern(&key));
                }
            }
        }
    }
}
