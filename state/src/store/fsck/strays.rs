//! Entries that belong to nothing.
//!
//! The walk over the blocks has met every entry that must be there, and counted them. Where a space has more, each of its
//! entries is looked up in what it would follow from, a bounded number of them at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use ordlane_primitives::{BlockHeader, BlockHeight, Receipts, codec};

use super::{Check, CheckStage};
use crate::{
    ReverseDiff, Space, StateError, Tip,
    store::{history::version_key, index, keys},
};

/// How many keys are looked up together at most.
const KEYS_AT_ONCE: usize = 65_536;
/// How many bytes of them, about.
const KEY_BYTES_AT_ONCE: usize = 8 * 1024 * 1024;

/// What is done with a part of the keys of a space.
pub(super) type OnPart<'a, C> = dyn FnMut(&mut C, Vec<Vec<u8>>) -> Result<(), StateError> + 'a;

/// Keys of one space.
type Keys = BTreeSet<Vec<u8>>;

impl Check<'_> {
    pub(super) fn check_strays(&mut self, tip: &Tip) -> Result<(), StateError> {
        self.check_heights(Space::Block, BlockHeight::GENESIS, tip)?;
        self.check_heights(Space::Receipts, self.first, tip)?;
        self.check_heights(Space::Rev, self.first, tip)?;
        if self.sources.headers && self.has_more(Space::BlockHash)? {
            self.each_part(Space::BlockHash, &mut Self::stray_hashes)?;
        }
        for (space, whole) in [
            (Space::TxIndex, self.sources.receipts),
            (Space::EventIndex, self.sources.receipts),
            (Space::Hist, self.sources.diffs),
        ] {
            if whole && self.has_more(space)? {
                self.each_part(space, &mut |check, part| {
                    check.stray_entries(space, tip, part)
                })?;
            }
        }
        self.each_part(Space::Meta, &mut |check, part| {
            let unknown = part.into_iter();
            let mut unknown = unknown.filter(|key| !keys::META.contains(&key.as_slice()));
            unknown.try_for_each(|key| check.stray(Space::Meta, key, None))
        })
    }

    /// In spaces by height there is nothing below the first block and above the tip.
    fn check_heights(
        &mut self,
        space: Space,
        first: BlockHeight,
        tip: &Tip,
    ) -> Result<(), StateError> {
        self.each_part(space, &mut |check, part| {
            for key in part {
                let height = keys::read_height(&key).ok();
                if height.is_none_or(|height| height < first || height > tip.height) {
                    check.stray(space, key, height)?;
                }
            }
            Ok(())
        })
    }

    /// Whether a space has more entries than follow from the blocks.
    fn has_more(&self, space: Space) -> Result<bool, StateError> {
        let derived = self.sources.derived.get(space as usize).copied();
        self.has_more_than(space, derived.unwrap_or_default())
    }

    /// Whether a space has more entries than these.
    pub(super) fn has_more_than(&self, space: Space, count: u64) -> Result<bool, StateError> {
        let mut found: u64 = 0;
        self.storage.scan(space, &[], &mut |_, _| {
            found = found.saturating_add(1);
            ControlFlow::Continue(())
        })?;
        Ok(found > count)
    }

    /// Shows all keys of a space, a bounded part of them at a time.
    pub(super) fn each_part(
        &mut self,
        space: Space,
        visit: &mut OnPart<'_, Self>,
    ) -> Result<(), StateError> {
        let mut from = Vec::new();
        let mut seen: u64 = 0;
        loop {
            let mut part: Vec<Vec<u8>> = Vec::new();
            let mut size_bytes: usize = 0;
            self.storage.scan(space, &from, &mut |key, _| {
                size_bytes = size_bytes.saturating_add(key.len());
                part.push(key.to_vec());
                if part.len() < KEYS_AT_ONCE && size_bytes < KEY_BYTES_AT_ONCE {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            let Some(last) = part.last() else {
                return Ok(());
            };
            from.clone_from(last);
            from.push(0);
            seen = seen.saturating_add(part.len() as u64);
            self.tell(CheckStage::Strays, seen, None);
            visit(self, part)?;
        }
    }

    /// Finds those block hashes that are no block's. A repair has given the others the right height before.
    fn stray_hashes(&mut self, part: Vec<Vec<u8>>) -> Result<(), StateError> {
        for key in part {
            let height = self.storage.get(Space::BlockHash, &key)?;
            let height = height.and_then(|bytes| keys::read_height(&bytes).ok());
            let header = height.map(|height| self.header_at(height)).transpose()?;
            let hash = header.flatten().as_ref().map(BlockHeader::hash);
            let tip = self.report.tip.map(|tip| tip.height);
            if height > tip || hash.is_none_or(|hash| hash.0[..] != key[..]) {
                self.stray(Space::BlockHash, key, height)?;
            }
        }
        Ok(())
    }

    /// Finds those keys that no block between the first and the tip gives rise to.
    fn stray_entries(
        &mut self,
        space: Space,
        tip: &Tip,
        part: Vec<Vec<u8>>,
    ) -> Result<(), StateError> {
        let mut by_height: BTreeMap<Option<BlockHeight>, Vec<Vec<u8>>> = BTreeMap::new();
        for key in part {
            let height = height_in(space, &key)
                .filter(|height| self.first <= *height && *height <= tip.height);
            by_height.entry(height).or_default().push(key);
        }
        for (height, keys) in by_height {
            let expected = match height {
                Some(height) => self.expected(space, height)?,
                None => Keys::new(),
            };
            for key in keys {
                if !expected.contains(&key) {
                    self.stray(space, key, height)?;
                }
            }
        }
        Ok(())
    }

    /// The keys that a block gives rise to, as was compared with its header.
    fn expected(&self, space: Space, height: BlockHeight) -> Result<Keys, StateError> {
        let of = |space| keys::stored(self.storage, space, height);
        if space == Space::Hist {
            let diff = codec::decode::<ReverseDiff>(&of(Space::Rev)?).unwrap_or_default();
            let keys = diff.entries().iter();
            return Ok(keys.map(|(key, _)| version_key(height, key)).collect());
        }
        let receipts = codec::decode::<Receipts>(&of(Space::Receipts)?).unwrap_or_default();
        let entries = index::entries(height, &receipts).into_iter();
        Ok(entries
            .filter_map(|(found, key, _)| (found == space).then_some(key))
            .collect())
    }
}

/// The height in a key.
fn height_in(space: Space, key: &[u8]) -> Option<BlockHeight> {
    match space {
        Space::TxIndex => keys::read_tx_key(key).ok().map(|(height, _)| height),
        Space::EventIndex => {
            let position = key.split_first_chunk::<33>()?.1;
            keys::read_event_position(position)
                .ok()
                .map(|position| position.height)
        }
        _ => keys::read_hist_key(key).map(|(_, height)| height),
    }
}
