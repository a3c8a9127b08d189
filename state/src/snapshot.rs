//! Snapshots: the state after one block, in one file from which a store begins.
//!
//! The file, integers little-endian:
//!
//! ```text
//! "ordsnap\0", format version (u32)
//! length of the manifest (u32), the manifest, its hash, which is the snapshot's id
//! each chunk: length (u32), entries: length of the key (u32), key, length of the value (u32), value
//! each code: length (u32), code
//! the block, the receipts
//! ```
//!
//! The [`Manifest`] is canonical borsh: the headers of the genesis block and of the block, the chain's parameters with
//! their proof, how many entries there are, and the hash of every chunk, of the block and of the receipts. Entries ascend
//! strictly by raw key, and a chunk has as many as fit into [`Manifest::chunk_bytes`]; so of one block and one size of
//! chunks there is one snapshot, and its id names all of it. The codes are those that accounts among the entries name, each
//! once, ascending by hash; how many there are, and their hashes, nothing but the entries says.
//!
//! What a restorer trusts is the block's hash, which it knows from elsewhere. The header that has it commits to the rest:
//! the state root is computed anew from all entries, which have the hashes of the codes, and the lists' roots from the block
//! and its receipts. Nobody is asked to
//! believe the header of the genesis block; the engine compares it with the genesis that it is given.
//!
//! Invariants: every length meets its limit before anything is allocated, and what is allocated grows with what was read;
//! a damaged, shortened or lengthened file is refused; a store opens only when everything of its snapshot was compared.
//! Beside one chunk, 64 bytes per key are held in memory, and 32 per code.
//!
//! ```
//! use std::{ops::ControlFlow, sync::Arc};
//!
//! use ordlane_primitives::batch::Sequential;
//! use ordlane_state::{MemoryStorage, StateStore, snapshot};
//!
//! let store = StateStore::open(Arc::new(MemoryStorage::new()), Arc::new(Sequential))?;
//! // Before its first block there is nothing to make one of.
//! assert!(matches!(store.snapshot(), Err(snapshot::SnapshotError::NoBlock)));
//!
//! let mut nothing: &[u8] = b"not a snapshot at all";
//! let refused = snapshot::inspect(&mut nothing);
//! assert!(matches!(refused, Err(snapshot::SnapshotError::NotASnapshot)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chunk;
mod create;
mod error;
mod file;
mod manifest;
mod progress;
mod read;
mod restore;

pub use chunk::{DEFAULT_CHUNK_BYTES, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES};
pub use create::Snapshot;
pub use error::{Part, SnapshotError};
pub use file::PARTIAL_SUFFIX;
pub use manifest::{Digest, MAX_CHUNKS, Manifest, SNAPSHOT_VERSION};
pub use progress::{Observer, Progress, Stage};
pub use read::{inspect, verify};
pub use restore::restore;
