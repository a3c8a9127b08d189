//! A store that begins with a snapshot.
//!
//! Invariant: from the first write on, `meta` says which snapshot is being restored and how many of its chunks are there,
//! and opening refuses the storage. Every code that an account names is there before the last write. That has the block,
//! removes the record and says at which block the store begins. The block is attested before it, so a witness never names
//! less than what opens.

use borsh::{BorshDeserialize, BorshSerialize};
use ordlane_primitives::{
    BlockHeight, Hash, RawKey, Receipts,
    codec::{self, BoundedBytes, Canonical},
    tree,
};

use super::{
    Codes, FORMAT_VERSION, Head, StateStore, Tip, code::put_codes, history::History, index, keys,
    recovery,
};
use crate::{
    BlockMark, Entry, ReverseDiff, Space, StateError, Storage, Witness, WriteBatch,
    snapshot::{Manifest, Snapshot, SnapshotError},
};

/// What `meta` says of a restore that is not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Record {
    snapshot: Hash,
    chunks: u64,
}

impl Canonical for Record {
    const NAME: &'static str = "record of a restore";
    const MIN_BYTES: usize = 32 + 8;
    const MAX_BYTES: usize = Self::MIN_BYTES;
}

/// A snapshot on its way into a storage.
#[derive(Debug)]
pub(crate) struct Restoration<'a> {
    storage: &'a dyn Storage,
    mark: BlockMark,
    record: Record,
}

impl<'a> Restoration<'a> {
    /// Begins in an empty storage, or goes on where the same snapshot was being restored.
    pub(crate) fn begin(
        storage: &'a dyn Storage,
        snapshot: Hash,
        mark: BlockMark,
    ) -> Result<Self, SnapshotError> {
        let record = match read_record(storage)? {
            Some(record) if record.snapshot != snapshot => {
                return Err(SnapshotError::OtherSnapshot {
                    begun: record.snapshot,
                    given: snapshot,
                });
            }
            Some(record) => {
                recovery::read_format(storage)?.map_or(Ok(()), super::check_format)?;
                check_witness(storage, Some(&mark))?;
                record
            }
            None => {
                check_empty(storage)?;
                check_witness(storage, None)?;
                let record = Record {
                    snapshot,
                    chunks: 0,
                };
                let mut batch = WriteBatch::new();
                batch.put(Space::Meta, keys::RESTORE, codec::encode(&record));
                batch.put(Space::Meta, keys::FORMAT, FORMAT_VERSION.to_le_bytes());
                storage.write(batch)?;
                record
            }
        };
        Ok(Self {
            storage,
            mark,
            record,
        })
    }

    /// Writes the chunk with this number, unless it is there already.
    pub(crate) fn add_chunk(&mut self, number: u64, entries: Vec<Entry>) -> Result<(), StateError> {
        if number < self.record.chunks {
            return Ok(());
        }
        let record = Record {
            chunks: number.saturating_add(1),
            ..self.record
        };
        let mut batch = WriteBatch::new();
        batch.put(Space::Meta, keys::RESTORE, codec::encode(&record));
        let values = entries
            .into_iter()
            .map(|(key, value)| (Space::Flat, key, Some(value)));
        batch.extend(values);
        self.storage.write(batch)?;
        self.record = record;
        Ok(())
    }

    /// Writes codes. Where they are already, since a restore was interrupted, they are the same.
    pub(crate) fn add_codes(&self, codes: Codes) -> Result<(), StateError> {
        let mut batch = WriteBatch::new();
        put_codes(&mut batch, codes);
        self.storage.write(batch)
    }

    /// Makes the snapshot's block the tip.
    pub(crate) fn finish(
        self,
        manifest: &Manifest,
        block_bytes: Vec<u8>,
        receipts: &Receipts,
    ) -> Result<(), StateError> {
        let BlockMark { height, block_hash } = self.mark;
        let height_key = keys::height_key(height);
        let genesis_key = keys::height_key(BlockHeight::GENESIS);
        let tip = Tip {
            height,
            block_hash,
            state_root: manifest.header.state_root,
        };
        let mut batch = WriteBatch::new();
        batch.put(Space::Block, genesis_key, codec::encode(&manifest.genesis));
        batch.put(Space::BlockHash, manifest.genesis_hash().0, genesis_key);
        batch.put(Space::Block, height_key, block_bytes);
        batch.put(Space::Receipts, height_key, codec::encode(receipts));
        // What the block replaced is not known; the store says so when it is asked.
        let nothing = ReverseDiff::default();
        batch.put(Space::Rev, height_key, codec::encode(&nothing));
        batch.put(Space::BlockHash, block_hash.0, height_key);
        batch.extend(index::entries(height, receipts));
        for key in [keys::BASE, keys::HORIZON, keys::PRUNED] {
            batch.put(Space::Meta, key, height_key);
        }
        batch.put(Space::Meta, keys::TIP, codec::encode(&tip));
        batch.remove(Space::Meta, keys::RESTORE);
        self.storage.attest(&self.mark)?;
        self.storage.write(batch)
    }
}

/// Refuses a storage in which a restore is not finished.
pub(super) fn check_finished(storage: &dyn Storage) -> Result<(), StateError> {
    match read_record(storage)? {
        Some(Record { chunks, .. }) => Err(StateError::UnfinishedRestore { chunks }),
        None => Ok(()),
    }
}

/// At which block the store begins, if it began with a snapshot.
pub(super) fn read_base(storage: &dyn Storage) -> Result<Option<BlockHeight>, StateError> {
    let found = storage.get(Space::Meta, keys::BASE)?;
    found.map(|bytes| keys::read_height(&bytes)).transpose()
}

fn read_record(storage: &dyn Storage) -> Result<Option<Record>, StateError> {
    storage
        .get(Space::Meta, keys::RESTORE)?
        .map(|bytes| codec::decode(&bytes))
        .transpose()
        .map_err(|source| StateError::damaged_by("its record of a restore cannot be read", source))
}

/// Checks that there is nothing but, at most, a format version.
fn check_empty(storage: &dyn Storage) -> Result<(), SnapshotError> {
    recovery::read_format(storage)?.map_or(Ok(()), super::check_format)?;
    let tip = recovery::read_tip(storage)?.map(|tip| tip.mark());
    for space in Space::ALL {
        let mut first = storage.first_at_or_after(space, &[])?;
        if first
            .as_ref()
            .is_some_and(|(key, _)| (space, key.as_slice()) == (Space::Meta, keys::FORMAT))
        {
            let after = [keys::FORMAT, &[0]].concat();
            first = storage.first_at_or_after(space, &after)?;
        }
        if first.is_some() {
            return Err(SnapshotError::NotEmpty { tip });
        }
    }
    Ok(())
}

/// Checks that no block was acknowledged but, at most, the snapshot's by a restore that was about to end.
fn check_witness(storage: &dyn Storage, mark: Option<&BlockMark>) -> Result<(), SnapshotError> {
    match storage.witness()? {
        Witness::Untracked | Witness::Certain(None) | Witness::Doubtful(None) => Ok(()),
        Witness::Certain(found) | Witness::Doubtful(found) if found.as_ref() == mark => Ok(()),
        Witness::Certain(Some(witnessed)) | Witness::Doubtful(Some(witnessed)) => {
            Err(StateError::LostBlocks {
                witnessed,
                found: None,
            }
            .into())
        }
        Witness::RollingBack { to, .. } => Err(StateError::LostBlocks {
            witnessed: to,
            found: None,
        }
        .into()),
    }
}

impl StateStore {
    /// The state at the tip, to be written as a snapshot while the chain goes on. Waits for the commit in progress; later
    /// ones do not wait for it.
    ///
    /// # Errors
    /// [`SnapshotError::NoBlock`] before the genesis block, and [`SnapshotError::Store`] when the store cannot be read, or
    /// its storage cannot hold a state.
    pub fn snapshot(&self) -> Result<Snapshot, SnapshotError> {
        let _no_commit = self.lock_commits()?;
        let Head { tip, tree } = self.core.head();
        let tip = tip.ok_or(SnapshotError::NoBlock)?;
        let key = RawKey::params();
        let view = self.core.storage.view()?;
        let params = view
            .get(Space::Flat, key.as_bytes())?
            .map(BoundedBytes::new)
            .transpose()
            .map_err(|_| StateError::damaged("the chain's parameters are above their limit"))?;
        Ok(Snapshot {
            genesis: self.stored_header(BlockHeight::GENESIS)?,
            header: self.stored_header(tip.height)?,
            params,
            proof: tree.prove(&tree::path_of(key.as_bytes()))?,
            view,
        })
    }

    /// The block at which this store began, if it began with a snapshot. Of earlier blocks it has nothing but the header
    /// of the genesis block.
    #[must_use]
    pub const fn base(&self) -> Option<BlockHeight> {
        self.history.base
    }
}

impl History {
    /// Checks that the header at a height is here: a store that began with a snapshot lacks those before it.
    pub(super) fn check_header(&self, height: BlockHeight) -> Result<(), StateError> {
        match self.base {
            Some(base) if height < base && height != BlockHeight::GENESIS => {
                Err(StateError::Pruned {
                    height,
                    horizon: base,
                })
            }
            _ => Ok(()),
        }
    }

    /// Checks that what the block at a height replaced is known: of the block of a snapshot it is not.
    pub(super) fn check_diff(&self, height: BlockHeight) -> Result<(), StateError> {
        match self.base {
            Some(base) if height == base => Err(StateError::Pruned {
                height,
                horizon: BlockHeight(base.0.saturating_add(1)),
            }),
            _ => Ok(()),
        }
    }
}
