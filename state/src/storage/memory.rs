//! A storage that lasts as long as its process.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{PoisonError, RwLock},
};

use super::{Space, Storage, Visit, Witness, WriteBatch};
use crate::{BlockMark, StateError};

/// Keeps everything in memory: for tests, for tools, and where there are no files. Reopening a store on the same
/// `MemoryStorage` finds what was committed.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    entries: RwLock<Entries>,
}

type Entries = BTreeMap<(Space, Vec<u8>), Vec<u8>>;

impl MemoryStorage {
    /// An empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Storage for MemoryStorage {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        Ok(entries.get(&(space, key.to_vec())).cloned())
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let start = Bound::Included((space, from.to_vec()));
        for ((_, key), value) in entries
            .range((start, Bound::Unbounded))
            .take_while(|((found, _), _)| *found == space)
        {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        for (space, key, value) in batch.into_entries() {
            match value {
                Some(value) => entries.insert((space, key), value),
                None => entries.remove(&(space, key)),
            };
        }
        Ok(())
    }

    fn witness(&self) -> Result<Witness, StateError> {
        Ok(Witness::Untracked)
    }

    fn attest(&self, _tip: &BlockMark) -> Result<(), StateError> {
        Ok(())
    }
}
