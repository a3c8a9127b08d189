//! What one block changes, to be looked up by key, and the codes that it brings.

use std::{
    hash::BuildHasher,
    sync::{Arc, OnceLock},
};

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use ordlane_primitives::{Hash, RawKey};
use ordlane_state::{Change, Codes};

/// The changes of one block, strictly ascending by key.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    all: Vec<Change>,
    /// Strictly ascending by hash.
    codes: Codes,
    /// Made at the first look: a block on which nothing is executed needs none.
    index: OnceLock<Index>,
}

/// The places of changes in their list, by key.
#[derive(Debug)]
struct Index {
    hasher: RandomState,
    places: HashTable<usize>,
}

impl Changes {
    /// `changes` ascend by key, `codes` by hash.
    pub(crate) fn new(changes: Vec<Change>, codes: Codes) -> Self {
        debug_assert!(changes.is_sorted_by(|a, b| a.key < b.key));
        debug_assert!(codes.is_sorted_by(|(a, _), (b, _)| a < b));
        Self {
            all: changes,
            codes,
            index: OnceLock::new(),
        }
    }

    pub(crate) fn as_slice(&self) -> &[Change] {
        &self.all
    }

    pub(crate) const fn codes(&self) -> &Codes {
        &self.codes
    }

    /// The code with a hash, if the block brings it.
    pub(crate) fn code(&self, hash: &Hash) -> Option<&Arc<[u8]>> {
        let place = self.codes.binary_search_by_key(hash, |(hash, _)| *hash);
        self.codes.get(place.ok()?).map(|(_, code)| code)
    }

    /// What the block says of a key: nothing, or its value after it, or that it is absent then.
    pub(crate) fn new_value(&self, key: &RawKey) -> Option<Option<&[u8]>> {
        self.find(key).map(|change| change.new.as_deref())
    }

    /// The same before the block.
    pub(crate) fn old_value(&self, key: &RawKey) -> Option<Option<&[u8]>> {
        self.find(key).map(|change| change.old.as_deref())
    }

    /// What its keys, values and codes take of memory, about.
    pub(crate) fn size_bytes(&self) -> usize {
        let value = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        let size = |change: &Change| {
            let values = value(&change.old).saturating_add(value(&change.new));
            let key = change.key.as_bytes().len();
            values
                .saturating_add(key)
                .saturating_add(size_of::<Change>())
        };
        let codes = self.codes.iter().map(|(_, code)| code.len());
        self.all
            .iter()
            .map(size)
            .chain(codes)
            .fold(0, usize::saturating_add)
    }

    fn find(&self, key: &RawKey) -> Option<&Change> {
        let index = self.index.get_or_init(|| Index::of(&self.all));
        let is_there = |place: &usize| self.all.get(*place).is_some_and(|there| there.key == *key);
        let hash = index.hasher.hash_one(key);
        let place = index.places.find(hash, is_there)?;
        self.all.get(*place)
    }
}

impl Index {
    fn of(changes: &[Change]) -> Self {
        let hasher = RandomState::default();
        let mut places = HashTable::with_capacity(changes.len());
        let hash_at = |place: usize| {
            changes
                .get(place)
                .map_or(0, |there| hasher.hash_one(&there.key))
        };
        for place in 0..changes.len() {
            places.insert_unique(hash_at(place), place, |place| hash_at(*place));
        }
        Self { hasher, places }
    }
}
