//! A storage that lasts as long as its process.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use super::{Space, Storage, StorageView, Visit, Witness, WriteBatch};
use crate::{BlockMark, StateError};

/// Keeps everything in memory: for tests, for tools, and where there are no files. Reopening a store on the same
/// `MemoryStorage` finds what was committed. The first write beside a [`StorageView`] copies everything.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    entries: RwLock<Arc<Entries>>,
}

#[derive(Clone, Debug, Default)]
struct Entries(BTreeMap<(Space, Vec<u8>), Vec<u8>>);

impl MemoryStorage {
    /// An empty storage.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl MemoryStorage {
    fn entries(&self) -> RwLockReadGuard<'_, Arc<Entries>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for MemoryStorage {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.entries().find(space, key))
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.entries().show(space, from, visit);
        Ok(())
    }

    fn view(&self) -> Result<Box<dyn StorageView>, StateError> {
        Ok(Box::new(MemoryView(Arc::clone(&self.entries()))))
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let Entries(entries) = Arc::make_mut(&mut entries);
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

/// What a storage held at one moment.
#[derive(Debug)]
struct MemoryView(Arc<Entries>);

impl StorageView for MemoryView {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.0.find(space, key))
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.0.show(space, from, visit);
        Ok(())
    }
}

impl Entries {
    fn find(&self, space: Space, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(&(space, key.to_vec())).cloned()
    }

    fn show(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) {
        let start = Bound::Included((space, from.to_vec()));
        for ((_, key), value) in self
            .0
            .range((start, Bound::Unbounded))
            .take_while(|((found, _), _)| *found == space)
        {
            if visit(key, value).is_break() {
                break;
            }
        }
    }
}
