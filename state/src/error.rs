//! Everything that can go wrong with a store. All of it is for the operator: none of it ever becomes a receipt.

use std::{error::Error, io, path::PathBuf, sync::Arc};

use ordlane_primitives::{BlockHash, BlockHeight, ErrorCode, Hash, RawKey, proof::ProofError};

use crate::BlockMark;

/// Why a store cannot be opened, read or written.
///
/// Causes are shared, so an error can be kept and told to everyone whom it concerns.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The folder holds files, and they are not a store's. Nothing in it was touched.
    #[error("the folder {} holds files that are not a store", path.display())]
    ForeignFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The store was written in a format that this version does not know. Nothing in it was touched.
    #[error("the store has format {found}, only format {supported} is supported")]
    UnknownFormat {
        /// The store's format version.
        found: u32,
        /// The one format version of this release.
        supported: u32,
    },
    /// The store was written by an earlier release. Nothing in it was touched.
    #[error(
        "the store has format {found}, this release writes {supported}; `ordlane db upgrade` makes it one"
    )]
    NeedsUpgrade {
        /// The store's format version.
        found: u32,
        /// The format version of this release.
        supported: u32,
    },
    /// A snapshot was being restored into it, and that was not finished.
    #[error(
        "a snapshot was being restored here, and {chunks} of its chunks are; it is not finished"
    )]
    UnfinishedRestore {
        /// How many of the snapshot's chunks are here.
        chunks: u64,
    },
    /// The storage cannot hold a state as it is while more is written.
    #[error("this storage cannot hold a state as it is while more is written")]
    NoView,
    /// Somebody else, or this process, has the store open.
    #[error("the store at {} is open already", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The operating system does not permit it: missing permissions, or a read-only file system.
    #[error("not permitted to {action}")]
    AccessDenied {
        /// What was tried.
        action: &'static str,
        /// The operating system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// The machine ran out of something: disk space, quota, memory, file handles.
    #[error("a resource ran out while trying to {action}")]
    Exhausted {
        /// What was tried.
        action: &'static str,
        /// The operating system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// Reading or writing failed otherwise.
    #[error("could not {action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The operating system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// The store's content is not what it must be. It is left as it was found.
    #[error("the store is damaged: {what}")]
    Damaged {
        /// What is wrong, in words.
        what: String,
        /// What the layer below said, if it said anything.
        #[source]
        source: Option<Arc<dyn Error + Send + Sync>>,
    },
    /// Blocks that were acknowledged are missing, or another block stands in their place.
    #[error(
        "the store lost blocks: {witnessed} was acknowledged, the store ends at {}",
        shown(found)
    )]
    LostBlocks {
        /// The last block that was certainly acknowledged.
        witnessed: BlockMark,
        /// The last block in the store.
        found: Option<BlockMark>,
    },
    /// An earlier write failed, so what is on disk is not known. Open the store again.
    #[error("the store refuses to work since a write failed; open it again")]
    Poisoned {
        /// The first error, also of a write in the background. None where a thread panicked while it wrote, or the layer
        /// below does not say.
        #[source]
        cause: Option<Arc<StateError>>,
    },
    /// Another block was committed in place of the one that the tree comes from.
    #[error("another block was committed in place of the one that the tree comes from")]
    StaleTree,
    /// The state layer came to a point that it cannot come to.
    #[error("a defect in the state layer: {what}")]
    Internal {
        /// Where it happened, in words.
        what: &'static str,
    },
    /// What was asked about a block needs it, and it was pruned away.
    #[error("block {height} was pruned, block {horizon} is the first that is kept")]
    Pruned {
        /// The block.
        height: BlockHeight,
        /// The first block that is kept whole.
        horizon: BlockHeight,
    },
    /// There is no such block yet.
    #[error("there is no block {height}, the store ends at {}", shown(tip))]
    AboveTip {
        /// The block.
        height: BlockHeight,
        /// The last block in the store.
        tip: Option<BlockMark>,
    },
    /// The block's height is not the one above the tip.
    #[error("block {actual} was to be committed, the next one is {expected}")]
    WrongHeight {
        /// The tip's height plus one, or 0.
        expected: BlockHeight,
        /// The block's height.
        actual: BlockHeight,
    },
    /// The block's parent is not the tip.
    #[error("the block's parent is {actual}, the tip is {expected}")]
    WrongParent {
        /// The tip's block hash, or zero.
        expected: BlockHash,
        /// The block's parent hash.
        actual: BlockHash,
    },
    /// The block's state root is not that of the tree it comes with.
    #[error("the header's state root is {header}, the tree's is {tree}")]
    WrongRoot {
        /// The root in the header.
        header: Hash,
        /// The root of the tree.
        tree: Hash,
    },
    /// The block's bytes do not begin with its header.
    #[error("the bytes of block {height} do not begin with its header")]
    WrongBlockBytes {
        /// The block's height.
        height: BlockHeight,
    },
    /// The changes do not ascend strictly by key.
    #[error("the changes do not ascend strictly at key {key}")]
    UnsortedChanges {
        /// The first key that is not above the one before it.
        key: RawKey,
    },
    /// The codes do not ascend strictly by hash.
    #[error("the codes do not ascend strictly at hash {hash}")]
    UnsortedCodes {
        /// The first hash that is not above the one before it.
        hash: Hash,
    },
    /// A code does not have the hash that it is to be stored under.
    #[error("a code with hash {actual} was to be stored under {expected}")]
    WrongCode {
        /// The hash that was given with it.
        expected: Hash,
        /// The hash that it has.
        actual: Hash,
    },
    /// A raw key is empty or too long.
    #[error("a key has {size_bytes} bytes, 1 to {limit} are allowed")]
    KeySize {
        /// The key's size in bytes.
        size_bytes: usize,
        /// The largest size in bytes.
        limit: usize,
    },
    /// A value is too long.
    #[error("a value has {size_bytes} bytes, at most {limit} are allowed")]
    ValueSize {
        /// The value's size in bytes.
        size_bytes: usize,
        /// The largest size in bytes.
        limit: usize,
    },
    /// There is no proof of these keys: they are none, or too many.
    #[error("these keys cannot be proven together")]
    Unprovable(#[from] ProofError),
    /// The block is larger than the store takes.
    #[error("the block has {size} {what}, at most {limit} are allowed")]
    BlockSize {
        /// What there is too much of.
        what: &'static str,
        /// How much of it there is.
        size: usize,
        /// How much is allowed.
        limit: usize,
    },
}

impl StateError {
    /// The stable code: damage, a resource that ran out, or another failure of the store.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::ForeignFolder { .. }
            | Self::UnknownFormat { .. }
            | Self::Damaged { .. }
            | Self::LostBlocks { .. } => ErrorCode::StorageCorruption,
            Self::Exhausted { .. } => ErrorCode::ResourceExhausted,
            Self::NeedsUpgrade { .. }
            | Self::Pruned { .. }
            | Self::AboveTip { .. }
            | Self::UnfinishedRestore { .. }
            | Self::NoView
            | Self::Locked { .. }
            | Self::AccessDenied { .. }
            | Self::Io { .. }
            | Self::Poisoned { .. }
            | Self::StaleTree
            | Self::Internal { .. }
            | Self::WrongHeight { .. }
            | Self::WrongParent { .. }
            | Self::WrongRoot { .. }
            | Self::WrongBlockBytes { .. }
            | Self::UnsortedChanges { .. }
            | Self::UnsortedCodes { .. }
            | Self::WrongCode { .. }
            | Self::KeySize { .. }
            | Self::ValueSize { .. }
            | Self::Unprovable(_)
            | Self::BlockSize { .. } => ErrorCode::StorageFailure,
        }
    }

    /// Damage that was found by looking, with nothing below to blame.
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged {
            what: what.into(),
            source: None,
        }
    }

    /// Damage that the layer below reports.
    pub(crate) fn damaged_by(
        what: impl Into<String>,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self::Damaged {
            what: what.into(),
            source: Some(Arc::new(source)),
        }
    }

    /// What the operating system's answer means; `action` completes "could not …".
    #[cfg(feature = "fjall")]
    pub(crate) fn io(action: &'static str, source: io::Error) -> Self {
        use io::ErrorKind;

        /// Too many open files, in the process and in the system: no `ErrorKind` names them.
        const OUT_OF_HANDLES: [i32; 2] = [24, 23];

        let source = Arc::new(source);
        let out_of_handles = source
            .raw_os_error()
            .is_some_and(|code| cfg!(unix) && OUT_OF_HANDLES.contains(&code));
        match source.kind() {
            _ if out_of_handles => Self::Exhausted { action, source },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::OutOfMemory => {
                Self::Exhausted { action, source }
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Self::AccessDenied { action, source }
            }
            _ => Self::Io { action, source },
        }
    }
}

fn shown(found: &Option<BlockMark>) -> String {
    found
        .as_ref()
        .map_or_else(|| "no block".to_owned(), BlockMark::to_string)
}
