//! Earlier states: the value of a key after any block that is kept.
//!
//! Invariant: `hist` has one entry for each change of a block above the horizon: raw key and height, to the value before
//! that block. So the first entry of a key above a height has its value after that height; where there is none, the key
//! has not changed since.
//!
//! A commit writes an entry of `hist` before the value that takes the old one's place. A reader looks at the value first
//! and at `hist` second, so whichever part of a block it meets, it finds the value that was there.

use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ordlane_primitives::{BlockHeight, RawKey, limits::MAX_STATE_VALUE_BYTES};

use super::{StateStore, Tip, keys, prune::Pruner, restore};
use crate::{ReverseDiff, Space, StateError, Storage, WriteBatch};

/// What is kept of earlier blocks.
#[derive(Debug)]
pub(super) struct History {
    /// The first block that is kept whole. Held for reading while an answer is put together, for writing while the
    /// horizon moves or a block is undone.
    horizon: RwLock<BlockHeight>,
    /// The block of the snapshot that the store began with.
    pub(super) base: Option<BlockHeight>,
    /// What of the blocks below it is still to be removed.
    pub(super) pruner: Mutex<Pruner>,
}

impl History {
    pub(super) fn load(storage: &dyn Storage, tip: Option<&Tip>) -> Result<Self, StateError> {
        let height = |key| {
            let found = storage.get(Space::Meta, key)?;
            let height = found.map(|bytes| keys::read_height(&bytes)).transpose()?;
            Ok::<_, StateError>(height.unwrap_or(BlockHeight::GENESIS))
        };
        let (horizon, pruned) = (height(keys::HORIZON)?, height(keys::PRUNED)?);
        let last = tip.map_or(BlockHeight::GENESIS, |tip| tip.height);
        let base = restore::read_base(storage)?;
        if pruned > horizon || horizon > last || base.is_some_and(|base| base > pruned) {
            return Err(StateError::damaged("it was pruned further than it may be"));
        }
        Ok(Self {
            horizon: RwLock::new(horizon),
            base,
            pruner: Mutex::new(Pruner::new(pruned)),
        })
    }

    /// The horizon, which stays where it is as long as this is held; no block is undone meanwhile.
    pub(super) fn horizon(&self) -> RwLockReadGuard<'_, BlockHeight> {
        self.horizon.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for whoever moves the horizon or undoes a block: no answer is being put together meanwhile.
    pub(super) fn exclusive(&self) -> RwLockWriteGuard<'_, BlockHeight> {
        self.horizon.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore {
    /// The first block that is kept whole: earlier states, blocks and receipts are those from here on.
    #[must_use]
    pub fn horizon(&self) -> BlockHeight {
        *self.history.horizon()
    }

    /// The value of a raw key after the block at a height, or none.
    ///
    /// # Errors
    /// [`StateError::AboveTip`] and [`StateError::Pruned`] for a block that is not there yet or no longer; otherwise
    /// [`StateError`] when it cannot be read, is damaged, or the store is poisoned.
    pub fn read_at(
        &self,
        height: BlockHeight,
        raw_key: &[u8],
    ) -> Result<Option<Vec<u8>>, StateError> {
        self.core.check_healthy()?;
        let horizon = self.history.horizon();
        self.check_kept(*horizon, height)?;
        let latest = self.get(Space::Flat, raw_key)?;
        let Some(above) = height.checked_add(BlockHeight(1)) else {
            return Ok(latest);
        };
        let prefix = keys::hist_prefix(raw_key);
        let from = keys::hist_key(&prefix, above);
        match self.core.storage.first_at_or_after(Space::Hist, &from)? {
            Some((key, old)) if key.starts_with(&prefix) => decode_old(old),
            _ => Ok(latest),
        }
    }

    /// Checks that the state after a block can be told.
    pub(super) fn check_kept(
        &self,
        horizon: BlockHeight,
        height: BlockHeight,
    ) -> Result<(), StateError> {
        if !self.is_durable(height) {
            Err(StateError::AboveTip {
                height,
                tip: self.tip().map(|tip| tip.mark()),
            })
        } else if height < horizon {
            Err(StateError::Pruned { height, horizon })
        } else {
            Ok(())
        }
    }
}

/// Puts what a block replaced.
pub(super) fn put_versions(batch: &mut WriteBatch, height: BlockHeight, diff: &ReverseDiff) {
    for (key, old) in diff.entries() {
        let (key, value) = version(height, key, old.as_deref());
        batch.put(Space::Hist, key, value);
    }
}

/// The entry of one old value.
pub(super) fn version(height: BlockHeight, key: &RawKey, old: Option<&[u8]>) -> (Vec<u8>, Vec<u8>) {
    let value = old.map_or_else(|| vec![ABSENT], |old| [&[PRESENT], old].concat());
    (version_key(height, key), value)
}

pub(super) fn version_key(height: BlockHeight, key: &RawKey) -> Vec<u8> {
    keys::hist_key(&keys::hist_prefix(key.as_bytes()), height)
}

/// The first byte of an entry of a key that was absent; nothing follows.
const ABSENT: u8 = 0;
/// The first byte of an entry of a key that was present; its value follows.
const PRESENT: u8 = 1;

pub(super) fn decode_old(mut entry: Vec<u8>) -> Result<Option<Vec<u8>>, StateError> {
    match entry.first() {
        Some(&ABSENT) if entry.len() == 1 => Ok(None),
        Some(&PRESENT) if entry.len() <= MAX_STATE_VALUE_BYTES.saturating_add(1) => {
            entry.remove(0);
            Ok(Some(entry))
        }
        _ => Err(StateError::damaged("an old value cannot be read")),
    }
}
