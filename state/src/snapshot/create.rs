//! Making a snapshot while the chain goes on.
//!
//! The state is read twice: once for the hashes in the manifest, which comes first in the file, and once to be written. So
//! the file can go where nobody can seek, and a state that does not have its root, or lacks a code, is found before anything
//! is written.

use std::{collections::BTreeSet, fmt, io::Write, ops::ControlFlow};

use ordlane_primitives::{
    BlockHeader, BlockHeight, Hash,
    batch::BatchHasher,
    codec::{self, Bounded, BoundedBytes},
    limits::MAX_STATE_VALUE_BYTES,
    proof::StateProof,
};

use super::{
    MAX_CHUNK_BYTES, MAX_CHUNKS, MIN_CHUNK_BYTES, Manifest, Observer, Part, SnapshotError, Stage,
    chunk::{self, Chunker},
    manifest::{Digest, hash_part, id_of},
    progress::tell,
    read::PRELUDE,
};
use crate::{
    BlockMark, Entry, Space, StateError, StorageView,
    change::leaves_of,
    store::{code_in, named_code, stored_in},
    tree::root_of,
};

/// What the state holds, as the manifest has it, and the hashes of the codes that it names.
#[derive(Default)]
struct Counted {
    entries: u64,
    chunks: Vec<Hash>,
    codes: BTreeSet<Hash>,
}

/// The state after one block, held as it is while the chain goes on. What is overwritten meanwhile is kept in the store
/// until this is dropped.
pub struct Snapshot {
    pub(crate) genesis: BlockHeader,
    pub(crate) header: BlockHeader,
    pub(crate) params: Option<BoundedBytes<MAX_STATE_VALUE_BYTES>>,
    pub(crate) proof: StateProof,
    pub(crate) view: Box<dyn StorageView>,
}

impl Snapshot {
    /// The block whose state this is.
    #[must_use]
    pub fn mark(&self) -> BlockMark {
        BlockMark {
            height: self.header.number,
            block_hash: self.header.hash(),
        }
    }

    /// Writes the snapshot, in chunks of at most `chunk_bytes` bytes, and returns what it says about itself. `out` is
    /// flushed, but whether it is durable is the caller's affair.
    ///
    /// # Errors
    /// [`SnapshotError::ChunkSize`] and [`SnapshotError::TooManyChunks`], [`SnapshotError::Cancelled`] by `observer`,
    /// [`SnapshotError::Write`], and [`SnapshotError::Store`] when the state cannot be read or is not what it must be.
    pub fn write_to(
        &self,
        out: &mut dyn Write,
        hasher: &dyn BatchHasher,
        chunk_bytes: u32,
        observer: &mut Observer<'_>,
    ) -> Result<Manifest, SnapshotError> {
        if !(MIN_CHUNK_BYTES..=MAX_CHUNK_BYTES).contains(&chunk_bytes) {
            return Err(SnapshotError::ChunkSize {
                size_bytes: chunk_bytes,
                min: MIN_CHUNK_BYTES,
                max: MAX_CHUNK_BYTES,
            });
        }
        let block = self.stored(Space::Block)?;
        let receipts = self.stored(Space::Receipts)?;
        let Counted {
            entries,
            chunks,
            codes,
        } = self.count(hasher, chunk_bytes, observer)?;
        let manifest = Manifest {
            genesis: self.genesis.clone(),
            header: self.header.clone(),
            params: self.params.clone(),
            proof: self.proof.clone(),
            entries,
            chunk_bytes,
            chunks: Bounded::new(chunks).map_err(|_| SnapshotError::TooManyChunks {
                limit: MAX_CHUNKS,
                chunk_bytes,
            })?,
            block: Digest::of(&block),
            receipts: Digest::of(&receipts),
        };
        manifest.check()?;
        let encoded = codec::encode(&manifest);
        put(out, &PRELUDE.concat())?;
        put_counted(out, Part::Manifest, &encoded)?;
        put(out, &id_of(&encoded).0)?;
        self.write_chunks(out, &manifest, observer)?;
        for hash in &codes {
            let code = code_in(self.view.as_ref(), hash)?;
            put_counted(out, Part::Code(*hash), &code)?;
        }
        put(out, &block)?;
        put(out, &receipts)?;
        out.flush().map_err(SnapshotError::Write)?;
        Ok(manifest)
    }

    /// Counts the entries, and compares them with the state root, and the codes that they name with their hashes.
    fn count(
        &self,
        hasher: &dyn BatchHasher,
        chunk_bytes: u32,
        observer: &mut Observer<'_>,
    ) -> Result<Counted, SnapshotError> {
        let mut leaves = Vec::new();
        let mut counted = Counted::default();
        self.each_chunk(chunk_bytes, &mut |entries| {
            if counted.chunks.len() >= MAX_CHUNKS {
                return Err(SnapshotError::TooManyChunks {
                    limit: MAX_CHUNKS,
                    chunk_bytes,
                });
            }
            counted.chunks.push(hash_part(&chunk::encode(&entries)));
            counted.codes.extend(codes_of(&entries));
            leaves.extend(leaves_of(&entries, hasher));
            tell(observer, Stage::Counting, counted.chunks.len(), None)
        })?;
        counted.entries = leaves.len() as u64;
        let (found, expected) = (root_of(leaves, hasher), self.header.state_root);
        if found != expected {
            let height = self.header.number;
            return Err(StateError::damaged(format!(
                "the values after block {height} have root {found}, its header has {expected}"
            ))
            .into());
        }
        for hash in &counted.codes {
            code_in(self.view.as_ref(), hash)?;
        }
        Ok(counted)
    }

    fn write_chunks(
        &self,
        out: &mut dyn Write,
        manifest: &Manifest,
        observer: &mut Observer<'_>,
    ) -> Result<(), SnapshotError> {
        let mut expected = manifest.chunks.iter();
        let mut done: usize = 0;
        self.each_chunk(manifest.chunk_bytes, &mut |entries| {
            let bytes = chunk::encode(&entries);
            if expected.next() != Some(&hash_part(&bytes)) {
                let what = "values read twice were not the same";
                return Err(StateError::damaged(what).into());
            }
            put_counted(out, Part::Chunk(done as u64), &bytes)?;
            done = done.saturating_add(1);
            tell(observer, Stage::Writing, done, Some(manifest.chunks.len()))
        })
    }

    /// Shows the state chunk by chunk.
    fn each_chunk(
        &self,
        chunk_bytes: u32,
        visit: &mut dyn FnMut(Vec<Entry>) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        let mut chunker = Chunker::new(chunk_bytes);
        let mut outcome = Ok(());
        self.view.scan(Space::Flat, &[], &mut |key, value| {
            let step = chunker.push(key, value).map_err(SnapshotError::from);
            outcome = step.and_then(|full| full.map_or(Ok(()), &mut *visit));
            match outcome {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        outcome?;
        chunker.finish().map_or(Ok(()), visit)
    }

    fn stored(&self, space: Space) -> Result<Vec<u8>, StateError> {
        let height: BlockHeight = self.header.number;
        stored_in(self.view.as_ref(), space, height)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("mark", &self.mark())
            .finish_non_exhaustive()
    }
}

/// The hashes of the codes that entries name.
pub(super) fn codes_of(entries: &[Entry]) -> impl Iterator<Item = Hash> {
    let code = |(key, value): &Entry| named_code(key, value).map(|(_, hash)| hash);
    entries.iter().filter_map(code)
}

fn put(out: &mut dyn Write, bytes: &[u8]) -> Result<(), SnapshotError> {
    out.write_all(bytes).map_err(SnapshotError::Write)
}

fn put_counted(out: &mut dyn Write, part: Part, bytes: &[u8]) -> Result<(), SnapshotError> {
    let length = u32::try_from(bytes.len()).map_err(|_| SnapshotError::TooLarge {
        part,
        size_bytes: bytes.len() as u64,
        limit: u64::from(u32::MAX),
    })?;
    put(out, &length.to_le_bytes())?;
    put(out, bytes)
}
