//! Restoring a snapshot into an empty storage.

use std::io::Read;

use ordlane_primitives::{BlockHash, batch::BatchHasher};

use super::{
    Manifest, Observer, SnapshotError,
    read::{Body, Reader, Taken},
};
use crate::{Storage, store::Restoration};

/// Makes an empty storage the store that a snapshot is of: its tip is the snapshot's block, and what was before it is as
/// if it had been pruned, but for the header of the genesis block.
///
/// Everything is compared while it is read, and a chunk is durable before the next one is read. The storage opens as a
/// store only when all is there. Until then opening gives [`StateError::UnfinishedRestore`](crate::StateError), and the
/// same snapshot can be restored again, which goes on after the last whole chunk. Nobody may work on the storage
/// meanwhile. Where the caller knows the block's hash, `trusted` is compared with it first.
///
/// # Errors
/// [`SnapshotError::NotEmpty`] and [`SnapshotError::OtherSnapshot`], and nothing was written; those of
/// [`verify`](super::verify), and of the storage. A storage that got part of a snapshot with a wrong root stays
/// unfinished.
pub fn restore(
    input: &mut dyn Read,
    storage: &dyn Storage,
    hasher: &dyn BatchHasher,
    trusted: Option<&BlockHash>,
    observer: &mut Observer<'_>,
) -> Result<Manifest, SnapshotError> {
    let mut reader = Reader::open(input)?;
    reader.check_trusted(trusted)?;
    let mark = reader.manifest.mark();
    let mut restoration = Restoration::begin(storage, reader.manifest.id(), mark)?;
    let Body {
        block_bytes,
        receipts,
    } = reader.walk(hasher, observer, &mut |taken| {
        match taken {
            Taken::Chunk(number, entries) => restoration.add_chunk(number as u64, entries)?,
            Taken::Codes(codes) => restoration.add_codes(codes)?,
        }
        Ok(())
    })?;
    let manifest = reader.manifest;
    restoration.finish(&manifest, block_bytes, &receipts)?;
    Ok(manifest)
}
