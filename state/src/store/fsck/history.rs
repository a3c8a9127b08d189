//! Reverse diffs, proven by undoing block after block, and the earlier values that follow from them.
//!
//! A reverse diff is right when it leads from the state after its block to the root in the header below. One that is
//! not may be made again from the earlier values of its height, which are then proven in the same way.

use std::ops::ControlFlow;

use ordlane_primitives::{
    BlockHeight, Hash, RawKey,
    codec::{self, Canonical},
};

use super::{Check, Fault};
use crate::{
    Change, MAX_BLOCK_CHANGES, ReverseDiff, Space, StateError, Tree, hash_changes,
    store::{
        history::{decode_old, version},
        keys,
    },
};

/// What undoing a block leads to.
enum Undone {
    /// The state below it.
    Right(Option<Tree>),
    /// Another state, with this root.
    Wrong(Hash),
}

impl Check<'_> {
    /// Undoes a block: compares its reverse diff, and the earlier values that it says. `tree` is that after the block,
    /// `below` the root before it, where they are known. Returns the tree before it.
    pub(super) fn check_diff(
        &mut self,
        height: BlockHeight,
        tree: Option<Tree>,
        below: Option<Hash>,
    ) -> Result<Option<Tree>, StateError> {
        let key = keys::height_key(height);
        let stored = self.storage.get(Space::Rev, &key)?;
        let fault = match stored.map(|bytes| codec::decode::<ReverseDiff>(&bytes)) {
            None => Fault::Missing,
            Some(Err(_)) => Fault::Undecodable,
            Some(Ok(diff)) => match self.undone(tree.as_ref(), &diff, below)? {
                Undone::Right(tree) => {
                    self.name_codes(&diff);
                    for (key, old) in diff.entries() {
                        let (key, value) = version(height, key, old.as_deref());
                        self.compare((Space::Hist, key, Some(value)), height)?;
                    }
                    return Ok(tree);
                }
                Undone::Wrong(found) => Fault::WrongHash {
                    of: "state root below",
                    expected: below.unwrap_or(found),
                    found,
                },
            },
        };
        // As long as the storage has not got the diff, nobody can be told from it which earlier values are strays.
        self.sources.diffs = false;
        if tree.is_some()
            && below.is_some()
            && let Some(diff) = self.diff_of_versions(height)?
            && let Undone::Right(tree) = self.undone(tree.as_ref(), &diff, below)?
        {
            self.name_codes(&diff);
            let entry = (Space::Rev, key.to_vec(), Some(codec::encode(&diff)));
            self.rebuildable(entry, Some(height), fault)?;
            return Ok(tree);
        }
        self.lose(Space::Rev, height, fault)?;
        Ok(None)
    }

    fn undone(
        &self,
        tree: Option<&Tree>,
        diff: &ReverseDiff,
        below: Option<Hash>,
    ) -> Result<Undone, StateError> {
        let Some(tree) = tree else {
            return Ok(Undone::Right(None));
        };
        let changes: Vec<Change> = diff
            .entries()
            .iter()
            .map(|(key, old)| Change {
                key: key.clone(),
                old: None,
                new: old.clone(),
            })
            .collect();
        let before = tree.update(&hash_changes(&changes, self.hasher), self.hasher)?;
        match below {
            Some(below) if before.root() != below => Ok(Undone::Wrong(before.root())),
            // Settled, so that memory holds one state and not the changes of all.
            _ => before.settle().map(Some).map(Undone::Right),
        }
    }

    /// The reverse diff of a block, out of the earlier values of its height; none where they make none.
    fn diff_of_versions(&self, height: BlockHeight) -> Result<Option<ReverseDiff>, StateError> {
        let mut entries: Vec<(RawKey, Option<Vec<u8>>)> = Vec::new();
        let mut size_bytes: usize = 4;
        let mut fits = true;
        self.storage.scan(Space::Hist, &[], &mut |key, value| {
            let Some((raw_key, at)) = keys::read_hist_key(key) else {
                return ControlFlow::Continue(());
            };
            if at != height {
                return ControlFlow::Continue(());
            }
            let Ok(old) = decode_old(value.to_vec()) else {
                fits = false;
                return ControlFlow::Break(());
            };
            size_bytes = size_bytes
                .saturating_add(raw_key.len())
                .saturating_add(value.len())
                .saturating_add(8);
            let key = RawKey::from_bytes(raw_key);
            let ascends = entries.last().is_none_or(|(last, _)| *last < key);
            fits = ascends
                && entries.len() < MAX_BLOCK_CHANGES
                && size_bytes <= <ReverseDiff as Canonical>::MAX_BYTES;
            entries.push((key, old));
            if fits {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(fits.then(|| ReverseDiff::from_ordered(entries)))
    }
}
