//! The states that blocks are executed on again: a store with blocks undone, a witness, and whatever is recorded.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use ordlane_primitives::{BlockHeight, BlockWitness, Hash, RawKey, hash::code_hash};
use ordlane_state::{StateError, StateStore};

use super::WitnessError;
use crate::{SystemError, execute::RawState};

/// Keys with their values, or none for those that are absent.
pub(crate) type Values = BTreeMap<RawKey, Option<Vec<u8>>>;

/// The state below a durable block: the store, with that block and all above it undone.
#[derive(Debug)]
pub(super) struct RolledBack<'a> {
    store: &'a StateStore,
    /// What the undone blocks changed, as it was before them.
    pub(super) old: Values,
}

impl<'a> RolledBack<'a> {
    /// Undoes the blocks from `durable` down to `height`.
    pub(super) fn new(
        store: &'a StateStore,
        durable: BlockHeight,
        height: BlockHeight,
    ) -> Result<Self, WitnessError> {
        let mut old = Values::new();
        for undone in (height.0..=durable.0).rev().map(BlockHeight) {
            let diff = match store.reverse_diff(undone) {
                Ok(Some(diff)) => diff,
                Ok(None) | Err(StateError::Pruned { .. }) => {
                    return Err(WitnessError::NotKept { height: undone });
                }
                Err(error) => return Err(SystemError::from(error).into()),
            };
            old.extend(diff.entries().iter().cloned());
        }
        Ok(Self { store, old })
    }
}

impl RawState for RolledBack<'_> {
    fn raw_value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
        match self.old.get(key) {
            Some(value) => Ok(value.clone()),
            None => Ok(self.store.read(key.as_bytes())?),
        }
    }

    fn code(&self, hash: &Hash) -> Result<Option<Arc<[u8]>>, SystemError> {
        Ok(self.store.code(hash)?.map(Arc::from))
    }
}

/// What was asked for and is not there.
#[derive(Debug)]
enum Missing {
    Key(RawKey),
    Code(Hash),
}

/// The entries of a witness, which ascend by key, and its codes, which ascend by hash, and nothing else.
#[derive(Debug)]
pub(super) struct WitnessState<'a> {
    pub(super) witness: &'a BlockWitness,
    /// The hashes of the codes, in their order, computed from them.
    pub(super) hashes: Vec<Hash>,
    missing: OnceLock<Missing>,
}

impl<'a> WitnessState<'a> {
    pub(super) fn new(witness: &'a BlockWitness) -> Self {
        Self {
            witness,
            hashes: witness.codes.iter().map(|code| code_hash(code)).collect(),
            missing: OnceLock::new(),
        }
    }

    /// The first key or code that was asked for and is not there. Whoever asked was stopped by it.
    pub(super) fn missing(&self) -> Option<WitnessError> {
        self.missing.get().map(|missing| match missing {
            Missing::Key(key) => WitnessError::Missing { key: key.clone() },
            Missing::Code(hash) => WitnessError::MissingCode { hash: *hash },
        })
    }
}

impl RawState for WitnessState<'_> {
    fn raw_value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
        let entries = &self.witness.entries;
        let found = entries
            .binary_search_by(|entry| entry.key.cmp(key))
            .ok()
            .and_then(|at| entries.get(at));
        match found {
            Some(entry) => Ok(entry.value.clone()),
            None => {
                self.missing.get_or_init(|| Missing::Key(key.clone()));
                let text = format!("key {key} is not in the witness");
                Err(SystemError::Internal(text))
            }
        }
    }

    fn code(&self, hash: &Hash) -> Result<Option<Arc<[u8]>>, SystemError> {
        let found = self.hashes.binary_search(hash).ok();
        match found.and_then(|at| self.witness.codes.get(at)) {
            Some(code) => Ok(Some(Arc::from(&**code))),
            None => {
                self.missing.get_or_init(|| Missing::Code(*hash));
                let text = format!("the code with hash {hash} is not in the witness");
                Err(SystemError::Internal(text))
            }
        }
    }
}

/// What was asked for, and the answers.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) values: Values,
    /// Only those that are there: whoever asks for another one goes no further.
    pub(crate) codes: BTreeMap<Hash, Arc<[u8]>>,
}

/// Remembers what is asked for, and the answers.
#[derive(Debug)]
pub(crate) struct Recording<'a> {
    below: &'a dyn RawState,
    read: Mutex<Read>,
}

impl<'a> Recording<'a> {
    pub(crate) fn new(below: &'a dyn RawState) -> Self {
        Self {
            below,
            read: Mutex::default(),
        }
    }

    pub(crate) fn into_read(self) -> Read {
        self.read
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RawState for Recording<'_> {
    fn raw_value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
        let value = self.below.raw_value(key)?;
        self.read().values.insert(key.clone(), value.clone());
        Ok(value)
    }

    fn code(&self, hash: &Hash) -> Result<Option<Arc<[u8]>>, SystemError> {
        let code = self.below.code(hash)?;
        if let Some(code) = &code {
            self.read().codes.insert(*hash, Arc::clone(code));
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests;
