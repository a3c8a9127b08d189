//! Durable, authenticated key-value state with Merkle proofs.
//!
//! Purpose: the last stage of a block. A block's changes become a new [`Tree`], whose root the header carries, and one
//! atomic, durable write: values, what they replaced, the block, its receipts, and the indices to find them by.
//!
//! Invariants:
//! - what [`StateStore::commit`] has acknowledged survives a crash, or opening says which blocks are missing;
//! - opening compares the root of the tree with the tip's, and every page of the tree is compared with its parent when
//!   it is read: a store is right or refused, never repaired in silence and never overwritten;
//! - a failed write poisons the store until it is opened again;
//! - the code of a contract stands beside the tree under its hash, and is never removed;
//! - no backend changes a root or a value.
//!
//! The way of the data: [`Change`]s, [`hash_changes`], [`Tree::update`], [`StateStore::commit`], [`Storage::write`].
//! Source: the design of NOMT for the tree's rule; fjall for the files.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ordlane_primitives::batch::Sequential;
//! use ordlane_state::{MemoryStorage, StateStore};
//!
//! let store = StateStore::open(Arc::new(MemoryStorage::new()), Arc::new(Sequential))?;
//! assert_eq!(store.tip(), None);
//! let proven = store.prove(b"key")?;
//! assert_eq!(proven.value, None);
//! assert_eq!(proven.proof.verify(&store.tree().root(), b"key", None), Ok(()));
//! # Ok::<(), ordlane_state::StateError>(())
//! ```

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod change;
mod diff;
mod error;
mod files;
mod prove_many;
mod reverse_diff;
pub mod snapshot;
mod storage;
mod store;
mod tree;

pub use change::{Change, hash_changes};
pub use diff::{DiffError, StateDiff};
pub use error::StateError;
pub use reverse_diff::{MAX_BLOCK_CHANGES, MAX_REVERSE_DIFF_BYTES, ReverseDiff};
pub use storage::{
    Entry, MemoryStorage, Space, Storage, StorageView, Visit, Witness, WriteBatch, WriteEntry,
};
#[cfg(feature = "fjall")]
pub use storage::{FjallOptions, FjallStorage};
pub use store::{
    BlockCommit, BlockMark, CheckProgress, CheckReport, CheckStage, Codes, EventFilter,
    EventPosition, EventPositions, FORMAT_VERSION, Fault, Finding, MAX_EVENT_PAGE,
    MAX_LISTED_FINDINGS, Proven, Pruned, Repair, Severity, SpaceStats, StateStore, StoreOptions,
    StoreStats, Tip, Upgrade,
};
pub use tree::{LeafChange, Tree};
