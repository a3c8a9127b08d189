//! The states that blocks are executed on again: a store with blocks undone, a witness, and whatever is recorded.

use std::{
    collections::BTreeMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use ordlane_primitives::{BlockHeight, BlockWitness, RawKey};
use ordlane_state::{StateError, StateStore};

use super::WitnessError;
use crate::{SystemError, execute::RawState};

/// Keys with their values, or none for those that are absent.
pub(super) type Values = BTreeMap<RawKey, Option<Vec<u8>>>;

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
}

/// The entries of a witness, which ascend by key, and nothing else.
#[derive(Debug)]
pub(super) struct WitnessState<'a> {
    witness: &'a BlockWitness,
    missing: OnceLock<RawKey>,
}

impl<'a> WitnessState<'a> {
    pub(super) const fn new(witness: &'a BlockWitness) -> Self {
        Self {
            witness,
            missing: OnceLock::new(),
        }
    }

    /// The first key that was asked for and is not there. Whoever asked was stopped by it.
    pub(super) fn into_missing(self) -> Option<RawKey> {
        self.missing.into_inner()
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
                let missing = self.missing.get_or_init(|| key.clone());
                let text = format!("key {missing} is not in the witness");
                Err(SystemError::Internal(text))
            }
        }
    }
}

/// Remembers what is asked for, and the answers.
#[derive(Debug)]
pub(super) struct Recording<'a> {
    below: &'a dyn RawState,
    read: Mutex<Values>,
}

impl<'a> Recording<'a> {
    pub(super) const fn new(below: &'a dyn RawState) -> Self {
        Self {
            below,
            read: Mutex::new(Values::new()),
        }
    }

    pub(super) fn into_read(self) -> Values {
        self.read
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl RawState for Recording<'_> {
    fn raw_value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
        let value = self.below.raw_value(key)?;
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.clone(), value.clone());
        Ok(value)
    }
}
