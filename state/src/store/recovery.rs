//! Opening: what a storage holds becomes a tip and a tree, or an error.
//!
//! Invariant: what the tip claims is compared with what is there. The tree is that of the stored pages with the changes
//! of later blocks applied, or, where there are none, it is rebuilt from the values, a bounded part of them at a time.

use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc};

use ordlane_primitives::{
    BlockHeader, Hash,
    batch::BatchHasher,
    codec,
    limits::{MAX_RAW_KEY_BYTES, MAX_STATE_VALUE_BYTES},
    tree::EMPTY,
};

use super::{
    FORMAT_VERSION, Head, StoreOptions, Tip, check_format, decode_diff, header_of, keys,
    next_height, pages::PagesMark, restore,
};
use crate::{
    BlockMark, Change, Space, StateError, Storage, Tree, Witness, WriteBatch,
    change::leaves_of,
    hash_changes,
    tree::{Backing, StoredTop},
};

/// How many bytes of keys and values are read before they are hashed together.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

pub(super) fn recover(
    shared: &Arc<dyn Storage>,
    hasher: &Arc<dyn BatchHasher>,
    options: &StoreOptions,
    mark: Option<PagesMark>,
) -> Result<Head, StateError> {
    let storage = shared.as_ref();
    let witness = storage.witness()?;
    let format = read_format(storage)?;
    format.map_or(Ok(()), check_format)?;
    restore::check_finished(storage)?;
    let formatted = format.is_some();
    let tip = read_tip(storage)?;
    if tip.is_some() && !formatted {
        return Err(StateError::damaged("it has a tip and no format version"));
    }
    let header = tip.map(|tip| read_header(storage, &tip)).transpose()?;
    check_witness(witness, tip.as_ref(), header.as_ref())?;
    let backing = Backing {
        storage: Arc::clone(shared),
        cache_bytes: options.cache_bytes,
    };
    let mark = match mark {
        Some(mark) if is_pruned_above(storage, &mark)? => None,
        mark => mark,
    };
    let tree = match (&tip, mark) {
        (Some(tip), Some(mark)) => advance(backing, hasher.as_ref(), tip, &mark)?,
        (None, Some(_)) => return Err(StateError::damaged("it has pages of a tree and no tip")),
        (_, None) => rebuild(backing, hasher.as_ref())?,
    };
    let expected = tip.map_or(EMPTY, |tip| tip.state_root);
    if tree.root() != expected {
        return Err(StateError::damaged(format!(
            "its tree has root {}, its tip has {expected}",
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
pub(super) fn check_witness(
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

/// Whether some of the blocks after the marked one have been pruned: pages that took long to write may come to that.
fn is_pruned_above(storage: &dyn Storage, mark: &PagesMark) -> Result<bool, StateError> {
    let pruned = storage.get(Space::Meta, keys::PRUNED)?;
    let pruned = pruned.map(|bytes| keys::read_height(&bytes)).transpose()?;
    Ok(pruned.is_some_and(|pruned| pruned.0 > mark.height.0.saturating_add(1)))
}

/// The tree of the stored pages with what later blocks have changed: their values at the tip.
fn advance(
    backing: Backing,
    hasher: &dyn BatchHasher,
    tip: &Tip,
    mark: &PagesMark,
) -> Result<Tree, StateError> {
    if mark.height > tip.height {
        return Err(StateError::damaged(format!(
            "its tree is that of block {}, its tip is block {}",
            mark.height, tip.height
        )));
    }
    let storage = Arc::clone(&backing.storage);
    let mut keys_changed = BTreeSet::new();
    let mut height = mark.height;
    while height < tip.height {
        height = next_height(Some(height)).unwrap_or(tip.height);
        let diff = keys::stored(storage.as_ref(), Space::Rev, height)?;
        let diff = decode_diff(height, &diff)?;
        keys_changed.extend(diff.entries().iter().map(|(key, _)| key.clone()));
    }
    let changes = keys_changed
        .into_iter()
        .map(|key| {
            let new = storage.get(Space::Flat, key.as_bytes())?;
            Ok(Change {
                key,
                old: None,
                new,
            })
        })
        .collect::<Result<Vec<Change>, StateError>>()?;
    Tree::stored(backing, &mark.top())
        .update(&hash_changes(&changes, hasher), hasher)?
        .settle()
}

/// The tree of all values. Keys and values are held a few megabytes at a time; beside the tree, 64 bytes per leaf are.
fn rebuild(backing: Backing, hasher: &dyn BatchHasher) -> Result<Tree, StateError> {
    let storage = Arc::clone(&backing.storage);
    let leaves = all_leaves(storage.as_ref(), hasher)?;
    let tree = Tree::stored(backing, &StoredTop::EMPTY).fill(leaves, hasher)?;
    // Pages that were written without a mark, or whose mark is gone, say nothing.
    storage.scan(Space::Page, &[], &mut |key, _| {
        tree.drop_stored(key);
        ControlFlow::Continue(())
    })?;
    Ok(tree)
}

/// The leaves of all values, in the order of their keys.
pub(super) fn all_leaves(
    storage: &dyn Storage,
    hasher: &dyn BatchHasher,
) -> Result<Vec<(Hash, Hash)>, StateError> {
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
    Ok(leaves)
}

fn hash_chunk(
    chunk: &mut Vec<(Vec<u8>, Vec<u8>)>,
    leaves: &mut Vec<(Hash, Hash)>,
    hasher: &dyn BatchHasher,
) {
    leaves.extend(leaves_of(chunk, hasher));
    chunk.clear();
}
