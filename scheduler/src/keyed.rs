//! A small map from key to entry that keeps the order of insertion.
//!
//! Most transactions touch a handful of keys, and comparing those is cheaper than hashing; beyond that an index is kept.

use std::collections::HashMap;
use std::hash::Hash;

/// Up to so many entries are searched one by one.
const SEARCHED_UP_TO: usize = 12;

/// Entries by key, each key once.
#[derive(Debug)]
pub(crate) struct KeyedVec<K, T> {
    entries: Vec<(K, T)>,
    /// Position by key; there only while there are more entries than are searched, and boxed since that is rare.
    #[expect(
        clippy::box_collection,
        reason = "an absent index takes one word instead of six"
    )]
    index: Option<Box<HashMap<K, usize>>>,
}

impl<K, T> Default for KeyedVec<K, T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            index: None,
        }
    }
}

impl<K: Clone + Eq + Hash, T> KeyedVec<K, T> {
    /// The entry under `key`.
    pub(crate) fn get(&self, key: &K) -> Option<&T> {
        self.entries
            .get(self.position(key)?)
            .map(|(_, entry)| entry)
    }

    /// The entry under `key`, to be changed.
    #[cfg(feature = "rayon")]
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut T> {
        let position = self.position(key)?;
        self.entries.get_mut(position).map(|(_, entry)| entry)
    }

    /// Adds an entry under a key, or replaces the one that is there.
    pub(crate) fn insert(&mut self, key: K, entry: T) {
        let position = self.position(&key);
        match position.and_then(|position| self.entries.get_mut(position)) {
            Some((_, present)) => *present = entry,
            None => self.push(key, entry),
        }
    }

    /// Adds an entry under a key that is not there yet.
    pub(crate) fn push(&mut self, key: K, entry: T) {
        if self.entries.len() >= SEARCHED_UP_TO {
            let positions = self.entries.iter().enumerate();
            let index = self.index.get_or_insert_with(|| {
                Box::new(positions.map(|(at, (key, _))| (key.clone(), at)).collect())
            });
            index.insert(key.clone(), self.entries.len());
        }
        self.entries.push((key, entry));
    }

    /// The entries in order.
    pub(crate) fn as_slice(&self) -> &[(K, T)] {
        &self.entries
    }

    /// How many entries there is room for.
    #[cfg(feature = "rayon")]
    pub(crate) fn room(&self) -> usize {
        self.entries.capacity()
    }

    /// Forgets all entries and keeps their room.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.index = None;
    }

    /// Takes all entries out, in order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (K, T)> + '_ {
        self.index = None;
        self.entries.drain(..)
    }

    fn position(&self, key: &K) -> Option<usize> {
        match &self.index {
            None => self.entries.iter().position(|(present, _)| present == key),
            Some(index) => index.get(key).copied(),
        }
    }
}

impl<K: Clone + Eq + Hash + Ord, T> KeyedVec<K, T> {
    /// Puts the entries in the order of their keys.
    pub(crate) fn sort(&mut self) {
        if self.entries.is_sorted_by(|left, right| left.0 < right.0) {
            return;
        }
        self.entries
            .sort_unstable_by(|left, right| left.0.cmp(&right.0));
        if let Some(index) = &mut self.index {
            for (at, (key, _)) in self.entries.iter().enumerate() {
                if let Some(position) = index.get_mut(key) {
                    *position = at;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KeyedVec;

    #[test]
    fn entries_are_found_below_and_above_the_searched_length() {
        for count in [0_u32, 1, 11, 12, 13, 14, 100] {
            let mut keyed = KeyedVec::default();
            for key in (0..count).rev() {
                keyed.insert(key, key * 2);
            }
            for key in 0..count {
                keyed.insert(key, key * 3);
            }
            let first: Vec<u32> = keyed.as_slice().iter().map(|(key, _)| *key).collect();
            assert_eq!(first, (0..count).rev().collect::<Vec<_>>());
            keyed.sort();
            for key in 0..count {
                assert_eq!(keyed.get(&key), Some(&(key * 3)), "{key} of {count}");
            }
            assert_eq!(keyed.get(&count), None);
            assert_eq!(
                keyed.drain().map(|(key, _)| key).collect::<Vec<_>>(),
                (0..count).collect::<Vec<_>>()
            );
            assert_eq!(keyed.get(&0), None);
        }
    }
}
