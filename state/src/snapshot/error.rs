//! What can be wrong with a snapshot.

use std::{fmt, io};

use ordlane_primitives::{BlockHash, ErrorCode, Hash, codec::DecodeError, proof::ProofError};

use super::SNAPSHOT_VERSION;
use crate::{BlockMark, StateError};

/// A part of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The magic and the manifest with its hash.
    Manifest,
    /// The chunk with this number, from 0.
    Chunk(u64),
    /// The code that an account names by this hash.
    Code(Hash),
    /// The block.
    Block,
    /// Its receipts.
    Receipts,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("its manifest"),
            Self::Chunk(number) => write!(f, "chunk {number}"),
            Self::Code(hash) => write!(f, "the code for hash {hash}"),
            Self::Block => f.write_str("its block"),
            Self::Receipts => f.write_str("its list of receipts"),
        }
    }
}

/// Why a snapshot cannot be made, read or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The bytes do not begin as a snapshot does.
    #[error("this is not a snapshot")]
    NotASnapshot,
    /// The snapshot has a format that this version does not know.
    #[error("the snapshot has format {found}, only format {SNAPSHOT_VERSION} is supported")]
    UnknownVersion {
        /// The snapshot's format version.
        found: u32,
    },
    /// The snapshot ends early.
    #[error("the snapshot ends within {within}")]
    Truncated {
        /// The part that is not whole.
        within: Part,
    },
    /// Something follows the snapshot.
    #[error("bytes follow the snapshot")]
    TrailingBytes,
    /// A part is larger than it may be.
    #[error("{part} has {size_bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Which part.
        part: Part,
        /// The size that it claims, in bytes.
        size_bytes: u64,
        /// The largest size in bytes.
        limit: u64,
    },
    /// A part is not the one that was written.
    #[error("{part} does not have its hash")]
    WrongHash {
        /// Which part.
        part: Part,
    },
    /// A part cannot be decoded.
    #[error("{part} cannot be read")]
    Decode {
        /// Which part.
        part: Part,
        /// Where it breaks off, and why.
        #[source]
        source: DecodeError,
    },
    /// A part breaks a rule of form.
    #[error("{part} breaks a rule: {rule}")]
    BrokenRule {
        /// Which part.
        part: Part,
        /// The rule.
        rule: &'static str,
    },
    /// The proof of the chain's parameters does not show them.
    #[error("the chain's parameters are not proven")]
    WrongProof(#[from] ProofError),
    /// The entries are not those of the block's state.
    #[error("its entries have the state root {found}, its header says {expected}")]
    WrongRoot {
        /// The state root in the header.
        expected: Hash,
        /// That of the entries.
        found: Hash,
    },
    /// The snapshot is that of another block.
    #[error("the snapshot is that of block {found}, not of block {trusted}")]
    OtherBlock {
        /// The hash of the block that the caller trusts.
        trusted: BlockHash,
        /// The hash of the snapshot's block.
        found: BlockHash,
    },
    /// A snapshot is restored into an empty storage only.
    #[error("the store is not empty{}", holds(tip))]
    NotEmpty {
        /// The last block in it, if there is one.
        tip: Option<BlockMark>,
    },
    /// The restore of another snapshot is not finished.
    #[error("another snapshot, {begun}, was being restored here; this one is {given}")]
    OtherSnapshot {
        /// The id of the snapshot that was being restored.
        begun: Hash,
        /// The id of the one that was given.
        given: Hash,
    },
    /// There is no block yet.
    #[error("there is no block yet to make a snapshot of")]
    NoBlock,
    /// There is more state than a snapshot with such chunks can hold.
    #[error("the state does not fit into {limit} chunks of {chunk_bytes} bytes")]
    TooManyChunks {
        /// Most chunks of a snapshot.
        limit: usize,
        /// How many bytes a chunk was to have.
        chunk_bytes: u32,
    },
    /// Chunks cannot have this size.
    #[error("chunks cannot have {size_bytes} bytes, {min} to {max} are allowed")]
    ChunkSize {
        /// The size in bytes that was asked for.
        size_bytes: u32,
        /// The smallest size in bytes.
        min: u32,
        /// The largest size in bytes.
        max: u32,
    },
    /// Whoever was told of the progress wanted no more.
    #[error("it was cancelled")]
    Cancelled,
    /// The snapshot could not be read further.
    #[error("could not read the snapshot")]
    Read(#[source] io::Error),
    /// The snapshot could not be written.
    #[error("could not write the snapshot")]
    Write(#[source] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StateError),
}

impl SnapshotError {
    /// The stable code: damage, a resource that ran out, or another failure.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Store(error) => error.code(),
            Self::Read(error) | Self::Write(error)
                if error.kind() == io::ErrorKind::StorageFull =>
            {
                ErrorCode::ResourceExhausted
            }
            Self::NotASnapshot
            | Self::Truncated { .. }
            | Self::TrailingBytes
            | Self::TooLarge { .. }
            | Self::WrongHash { .. }
            | Self::Decode { .. }
            | Self::BrokenRule { .. }
            | Self::WrongProof(_)
            | Self::WrongRoot { .. } => ErrorCode::StorageCorruption,
            Self::UnknownVersion { .. }
            | Self::OtherBlock { .. }
            | Self::NotEmpty { .. }
            | Self::OtherSnapshot { .. }
            | Self::NoBlock
            | Self::TooManyChunks { .. }
            | Self::ChunkSize { .. }
            | Self::Cancelled
            | Self::Read(_)
            | Self::Write(_) => ErrorCode::StorageFailure,
        }
    }
}

fn holds(tip: &Option<BlockMark>) -> String {
    tip.as_ref()
        .map_or_else(String::new, |tip| format!(", it ends at {tip}"))
}
