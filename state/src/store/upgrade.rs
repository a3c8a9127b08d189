//! From the format of an earlier release to this one's.
//!
//! Format 2 has versions of values and events by emitter and topic, and transactions by id and position. All of it follows
//! from the reverse diffs and receipts that format 1 has.
//!
//! Invariant: entries are added in bounded writes, each of which can be repeated; what format 1 has goes after that, and
//! the format's number changes last. Interrupted at any moment, an upgrade goes on where it was.

use std::ops::ControlFlow;

use ordlane_primitives::{BlockHeight, TxId};

use super::{
    FORMAT_VERSION, StateStore, decode_diff, decode_receipts, history, index, keys, recovery,
};
use crate::{Space, StateError, Storage, WriteBatch, WriteEntry};

/// How many entries an upgrade writes at once.
const ENTRIES_PER_WRITE: usize = 4_096;
/// How many bytes of them, about.
const BYTES_PER_WRITE: usize = 8 * 1024 * 1024;

/// What an upgrade did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The format that the store had.
    pub from: u32,
    /// The format that it has.
    pub to: u32,
    /// How many blocks it went through.
    pub blocks: u64,
}

/// Whether this release reads and writes a format.
pub(crate) const fn check_format(found: u32) -> Result<(), StateError> {
    const OLDEST: u32 = 1;

    let supported = FORMAT_VERSION;
    match found {
        FORMAT_VERSION => Ok(()),
        OLDEST..FORMAT_VERSION => Err(StateError::NeedsUpgrade { found, supported }),
        _ => Err(StateError::UnknownFormat { found, supported }),
    }
}

impl StateStore {
    /// Makes what a storage holds one of this release's format. One that has it already, or holds nothing, stays as it
    /// is. Nobody may work on the storage meanwhile. After a crash, or an error, it can be run again.
    ///
    /// A storage in a folder is upgraded with `FjallStorage::upgrade`, which calls this.
    ///
    /// # Errors
    /// [`StateError::UnknownFormat`] for a format that is not known, [`StateError::Damaged`] when something is missing,
    /// and what the storage reports.
    pub fn upgrade(storage: &dyn Storage) -> Result<Upgrade, StateError> {
        let found = recovery::read_format(storage)?;
        let mut upgrade = Upgrade {
            from: found.unwrap_or(FORMAT_VERSION),
            to: FORMAT_VERSION,
            blocks: 0,
        };
        match check_format(upgrade.from) {
            Ok(()) => return Ok(upgrade),
            Err(StateError::NeedsUpgrade { .. }) => {}
            Err(error) => return Err(error),
        }
        upgrade.blocks = add_entries(storage)?;
        remove_old_positions(storage)?;
        let mut last = WriteBatch::new();
        last.remove(Space::Meta, keys::UPGRADED);
        last.put(Space::Meta, keys::FORMAT, FORMAT_VERSION.to_le_bytes());
        storage.write(last)?;
        Ok(upgrade)
    }
}

/// Entries on their way, written when there are enough of them.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    storage: &'a dyn Storage,
    batch: WriteBatch,
    size_bytes: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(storage: &'a dyn Storage) -> Self {
        Self {
            storage,
            batch: WriteBatch::new(),
            size_bytes: 0,
        }
    }

    pub(super) fn add(&mut self, entry: WriteEntry) -> Result<(), StateError> {
        let value_bytes = entry.2.as_ref().map_or(0, Vec::len);
        self.size_bytes = self
            .size_bytes
            .saturating_add(entry.1.len())
            .saturating_add(value_bytes);
        self.batch.extend([entry]);
        if self.batch.len() >= ENTRIES_PER_WRITE || self.size_bytes >= BYTES_PER_WRITE {
            self.flush()?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), StateError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.size_bytes = 0;
        self.storage.write(core::mem::take(&mut self.batch))
    }
}

/// Adds what the blocks up to the tip lack; returns how many there were to do.
fn add_entries(storage: &dyn Storage) -> Result<u64, StateError> {
    let first = storage
        .get(Space::Meta, keys::UPGRADED)?
        .map(|bytes| keys::read_height(&bytes))
        .transpose()?
        .unwrap_or(BlockHeight::GENESIS);
    let Some(tip) = recovery::read_tip(storage)? else {
        return Ok(0);
    };
    let mut writer = Writer::new(storage);
    let end = tip.height.0.saturating_add(1);
    for height in (first.0..end).map(BlockHeight) {
        let diff = decode_diff(height, &keys::stored(storage, Space::Rev, height)?)?;
        let receipts = keys::stored(storage, Space::Receipts, height)?;
        let receipts = decode_receipts(height, &receipts)?;
        for (key, old) in diff.entries() {
            let (key, value) = history::version(height, key, old.as_deref());
            writer.add((Space::Hist, key, Some(value)))?;
        }
        for entry in index::entries(height, &receipts) {
            writer.add(entry)?;
        }
        let done = keys::height_key(BlockHeight(height.0.saturating_add(1)));
        writer.add((Space::Meta, keys::UPGRADED.to_vec(), Some(done.to_vec())))?;
    }
    writer.flush()?;
    Ok(end.saturating_sub(first.0))
}

/// Removes the entries of format 1 by transaction id alone, which stand among the new ones.
fn remove_old_positions(storage: &dyn Storage) -> Result<(), StateError> {
    let mut from = Vec::new();
    loop {
        let mut old = Vec::new();
        storage.scan(Space::TxIndex, &from, &mut |key, _| {
            if key.len() == size_of::<TxId>() {
                old.push(key.to_vec());
            }
            if old.len() < ENTRIES_PER_WRITE {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        let Some(last) = old.last() else {
            return Ok(());
        };
        from.clone_from(last);
        let mut batch = WriteBatch::new();
        batch.extend(old.into_iter().map(|key| (Space::TxIndex, key, None)));
        storage.write(batch)?;
    }
}
