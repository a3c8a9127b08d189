//! Chunks: entries that ascend by key, as many as fit.

use ordlane_primitives::limits::{MAX_RAW_KEY_BYTES, MAX_STATE_VALUE_BYTES};

use super::{Part, SnapshotError};
use crate::{Entry, StateError};

/// The fewest bytes that chunks can be limited to: those of the largest entry.
pub const MIN_CHUNK_BYTES: u32 = 16_553;
/// The most bytes that chunks can be limited to (16 MiB).
pub const MAX_CHUNK_BYTES: u32 = 16 * 1024 * 1024;
/// How many bytes a chunk has at most where nothing else is said (4 MiB).
pub const DEFAULT_CHUNK_BYTES: u32 = 4 * 1024 * 1024;

/// The bytes of two lengths.
const LENGTHS_BYTES: usize = 4 + 4;
/// The bytes of the smallest entry: one byte of key and no value.
pub(super) const MIN_ENTRY_BYTES: u64 = 9;

const _: () = assert!(
    MIN_CHUNK_BYTES as usize == LENGTHS_BYTES + MAX_RAW_KEY_BYTES + MAX_STATE_VALUE_BYTES,
    "the largest entry fits into the smallest chunk, and nothing more"
);

/// How many bytes an entry takes in a chunk.
const fn entry_bytes(key: &[u8], value: &[u8]) -> usize {
    LENGTHS_BYTES
        .saturating_add(key.len())
        .saturating_add(value.len())
}

/// Collects entries to chunks.
pub(super) struct Chunker {
    limit: usize,
    entries: Vec<Entry>,
    size_bytes: usize,
}

impl Chunker {
    pub(super) const fn new(chunk_bytes: u32) -> Self {
        Self {
            limit: chunk_bytes as usize,
            entries: Vec::new(),
            size_bytes: 0,
        }
    }

    /// Adds an entry above the last one. Returns a chunk that is full without it, if there is one now.
    pub(super) fn push(
        &mut self,
        key: &[u8],
        value: &[u8],
    ) -> Result<Option<Vec<Entry>>, StateError> {
        if !keeps_limits(key.len(), value.len()) {
            return Err(StateError::damaged("a key or a value is above its limit"));
        }
        let size_bytes = entry_bytes(key, value);
        let full = self.size_bytes.saturating_add(size_bytes) > self.limit;
        let done = full.then(|| self.take());
        self.size_bytes = self.size_bytes.saturating_add(size_bytes);
        self.entries.push((key.to_vec(), value.to_vec()));
        Ok(done)
    }

    /// The last chunk, if there are entries left.
    pub(super) fn finish(mut self) -> Option<Vec<Entry>> {
        Some(self.take()).filter(|entries| !entries.is_empty())
    }

    fn take(&mut self) -> Vec<Entry> {
        self.size_bytes = 0;
        core::mem::take(&mut self.entries)
    }
}

fn keeps_limits(key_bytes: usize, value_bytes: usize) -> bool {
    (1..=MAX_RAW_KEY_BYTES).contains(&key_bytes) && value_bytes <= MAX_STATE_VALUE_BYTES
}

/// The bytes of a chunk with these entries, without its length.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let size_bytes = entries
        .iter()
        .map(|(key, value)| entry_bytes(key, value))
        .fold(0, usize::saturating_add);
    let mut bytes = Vec::with_capacity(size_bytes);
    for (key, value) in entries {
        for part in [key, value] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(part);
        }
    }
    bytes
}

/// Where the chunk before ended.
#[derive(Debug, Default)]
pub(super) struct End {
    key: Vec<u8>,
    size_bytes: usize,
}

/// The entries of the chunk with this number, if it is the one way to write them after the chunk before.
pub(super) fn decode(
    number: u64,
    bytes: &[u8],
    chunk_bytes: u32,
    end: &mut End,
) -> Result<Vec<Entry>, SnapshotError> {
    let broken = |rule| SnapshotError::BrokenRule {
        part: Part::Chunk(number),
        rule,
    };
    let mut entries: Vec<Entry> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (Some(key), Some(value)) = (take(&mut rest), take(&mut rest)) else {
            return Err(broken("its entries fill it"));
        };
        if !keeps_limits(key.len(), value.len()) {
            return Err(broken("keys have 1 to 161 bytes, values at most 16 KiB"));
        }
        let last = entries.last().map_or(&end.key, |(last, _)| last);
        if key <= last.as_slice() {
            return Err(broken("keys ascend strictly"));
        }
        entries.push((key.to_vec(), value.to_vec()));
    }
    let Some((first, last)) = entries.first().zip(entries.last()) else {
        return Err(broken("no chunk is empty"));
    };
    let joined = end
        .size_bytes
        .saturating_add(entry_bytes(&first.0, &first.1));
    if number > 0 && joined <= chunk_bytes as usize {
        return Err(broken("the chunk before has no room for its first entry"));
    }
    *end = End {
        key: last.0.clone(),
        size_bytes: bytes.len(),
    };
    Ok(entries)
}

/// Takes a length and as many bytes.
fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (taken, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}
