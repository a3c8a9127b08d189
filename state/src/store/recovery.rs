//! Opening: what a storage holds becomes a tip and a tree, or an error.
//!
//! Invariant: everything that the tip claims is compared with what is there. The tree is rebuilt from the values, a
//! bounded part of them at a time.

use std::ops::ControlFlow;

use ordlane_primitives::{
    BlockHeader, Hash,
    batch::BatchHasher,
    codec,
    limits::{MAX_RAW_KEY_BYTES, MAX_STATE_VALUE_BYTES},
    tree::EMPTY,
};

use super::{FORMAT_VERSION, Head, Tip, check_format, header_of, keys, next_height};
use crate::{BlockMark, Space, StateError, Storage, Tree, Witness, WriteBatch, change::paths_of};

/// How many bytes of keys and values are read before they are hashed together.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

pub(super) fn recover(storage: &dyn Storage, hasher: &dyn BatchHasher) -> Result<Head, StateError> {
    let witness = storage.witness()?;
    let format = read_format(storage)?;
    format.map_or(Ok(()), check_format)?;
    let formatted = format.is_some();
    let tip = read_tip(storage)?;
    if tip.is_some() && !formatted {
        return Err(StateError::damaged("it has a tip and no format version"));
    }
    let header = tip.map(|tip| read_header(storage, &tip)).transpose()?;
    check_witness(witness, tip.as_ref(), header.as_ref())?;
    let tree = rebuild(storage, hasher)?;
    let expected = tip.map_or(EMPTY, |tip| tip.state_root);
    if tree.root() != expected {
        return Err(StateError::damaged(format!(
            "its values have root {}, its tip has {expected}",
            tree.root()
        )));
    }
    match &tip {
        // A block that was written but not acknowledged before a crash is acknowledged now, by being shown.
        Some(tip) => storage.attest(&tip.mark())?,
        None if !formatted => write_format(storage)?,
        None => {}
    }
    Ok(Head { tip, tree })
}

/// The format that the storage says it has; an empty one does not yet.
pub(super) fn read_format(storage: &dyn Storage) -> Result<Option<u32>, StateError> {
    storage
        .get(Space::Meta, keys::FORMAT)?
        .map(|bytes| bytes.try_into().map(u32::from_le_bytes))
        .transpose()
        .map_err(|_| StateError::damaged("its format version is not 4 bytes long"))
}

pub(super) fn write_format(storage: &dyn Storage) -> Result<(), StateError> {
    let mut batch = WriteBatch::new();
    batch.put(Space::Meta, keys::FORMAT, FORMAT_VERSION.to_le_bytes());
    storage.write(batch)
}

pub(super) fn read_tip(storage: &dyn Storage) -> Result<Option<Tip>, StateError> {
    storage
        .get(Space::Meta, keys::TIP)?
        .map(|bytes| codec::decode(&bytes))
        .transpose()
        .map_err(|source| StateError::damaged_by("its tip cannot be read", source))
}

/// The tip's header, out of its block, which must be the block that the tip names.
fn read_header(storage: &dyn Storage, tip: &Tip) -> Result<BlockHeader, StateError> {
    let height_key = keys::height_key(tip.height);
    let missing =
        |space: Space| StateError::damaged(format!("block {} has no entry in {space}", tip.height));
    let block_bytes = storage
        .get(Space::Block, &height_key)?
        .ok_or_else(|| missing(Space::Block))?;
    for space in [Space::Rev, Space::Receipts] {
        storage
            .get(space, &height_key)?
            .ok_or_else(|| missing(space))?;
    }
    let indexed = storage.get(Space::BlockHash, &tip.block_hash.0)?;
    if indexed.as_deref() != Some(&height_key) {
        return Err(missing(Space::BlockHash));
    }
    header_of(&block_bytes)
        .filter(|header| {
            header.hash() == tip.block_hash
                && header.number == tip.height
                && header.state_root == tip.state_root
        })
        .ok_or_else(|| {
            StateError::damaged(format!("the block stored at {} is another one", tip.height))
        })
}

/// Compares the tip with the last block that was acknowledged: it is that one, or the next one above it. When one of
/// the witness's two records is bad it may have been the newer, so only the next one will do.
fn check_witness(
    witness: Witness,
    tip: Option<&Tip>,
    header: Option<&BlockHeader>,
) -> Result<(), StateError> {
    let (witnessed, certain) = match witness {
        Witness::Untracked => return Ok(()),
        Witness::Certain(witnessed) => (witnessed, true),
        Witness::Doubtful(witnessed) => (witnessed, false),
        Witness::RollingBack { from, to } => return check_rollback(&from, &to, tip),
    };
    let found = tip.map(Tip::mark);
    if certain && found == witnessed {
        return Ok(());
    }
    if is_next(witnessed.as_ref(), found.as_ref(), header) {
        return Ok(());
    }
    match witnessed {
        _ if found == witnessed => Err(StateError::damaged(
            "one record of the tip witness cannot be read, and it may name a later block",
        )),
        Some(witnessed) if found.is_none_or(|found| found.height <= witnessed.height) => {
            Err(StateError::LostBlocks { witnessed, found })
        }
        _ => Err(StateError::damaged(
            "its tip does not follow the block in its tip witness",
        )),
    }
}

/// A rollback that was begun ends at its lower end, or where it was interrupted.
fn check_rollback(from: &BlockMark, to: &BlockMark, tip: Option<&Tip>) -> Result<(), StateError> {
    let found = tip.map(Tip::mark);
    match found {
        Some(found) if found == *from || found == *to => Ok(()),
        Some(found) if to.height < found.height && found.height < from.height => Ok(()),
        Some(found) if found.height > to.height => Err(StateError::damaged(
            "its tip is not among the blocks that were being undone",
        )),
        _ => Err(StateError::LostBlocks {
            witnessed: *to,
            found,
        }),
    }
}

fn is_next(
    witnessed: Option<&BlockMark>,
    found: Option<&BlockMark>,
    header: Option<&BlockHeader>,
) -> bool {
    let (Some(found), Some(header)) = (found, header) else {
        return false;
    };
    let parent = witnessed.map_or(Hash::ZERO, |mark| mark.block_hash);
    next_height(witnessed.map(|mark| mark.height)) == Some(found.height)
        && header.parent_hash == parent
}

/// The tree of all values. Keys and values are held a few megabytes at a time; beside the tree, 64 bytes per leaf are.
fn rebuild(storage: &dyn Storage, hasher: &dyn BatchHasher) -> Result<Tree, StateError> {
    let mut leaves = Vec::new();
    let mut chunk: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut chunk_bytes: usize = 0;
    let mut oversized = false;
    storage.scan(Space::Flat, &[], &mut |key, value| {
        oversized = key.len() > MAX_RAW_KEY_BYTES || value.len() > MAX_STATE_VALUE_BYTES;
        if oversized {
            return ControlFlow::Break(());
        }
        chunk_bytes = chunk_bytes
            .saturating_add(key.len())
            .saturating_add(value.len());
        chunk.push((key.to_vec(), value.to_vec()));
        if chunk_bytes >= CHUNK_BYTES {
            hash_chunk(&mut chunk, &mut leaves, hasher);
            chunk_bytes = 0;
        }
        ControlFlow::Continue(())
    })?;
    if oversized {
        return Err(StateError::damaged("a key or a value is above its limit"));
    }
    hash_chunk(&mut chunk, &mut leaves, hasher);
    Ok(Tree::from_leaves(leaves, hasher))
}

fn hash_chunk(
    chunk: &mut Vec<(Vec<u8>, Vec<u8>)>,
    leaves: &mut Vec<(Hash, Hash)>,
    hasher: &dyn BatchHasher,
) {
    let paths = paths_of(chunk.iter().map(|(key, _)| key.as_slice()), hasher);
    let values: Vec<&[u8]> = chunk.iter().map(|(_, value)| value.as_slice()).collect();
    leaves.extend(paths.into_iter().zip(hasher.hash_messages(&values)));
    chunk.clear();
}
