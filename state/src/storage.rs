//! What a store needs of the layer that keeps bytes.
//!
//! Invariants: [`Storage::write`] is atomic, and returns only when the batch is durable; a storage that can lose such a
//! batch without noticing keeps a [`Witness`] beside it.

use core::{fmt, ops::ControlFlow};

use crate::{BlockMark, StateError};

#[cfg(feature = "fjall")]
mod fjall;
#[cfg(feature = "fjall")]
mod marker;
mod memory;
#[cfg(feature = "fjall")]
mod witness;

#[cfg(feature = "fjall")]
pub use self::fjall::{FjallOptions, FjallStorage};
pub use memory::MemoryStorage;

/// A key space of its own, ordered bytewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Raw key to value: the state at the tip.
    Flat,
    /// Height to the reverse diff of its block.
    Rev,
    /// Height to the bytes of its block.
    Block,
    /// Height to the receipts of its block.
    Receipts,
    /// Block hash to height.
    BlockHash,
    /// Transaction id to height and index.
    TxIndex,
    /// Depth and path of a page of the tree to its nodes.
    Page,
    /// What the store says about itself: its format, its tip, and the block whose pages it has.
    Meta,
}

impl Space {
    /// Every space.
    pub const ALL: [Self; 8] = [
        Self::Flat,
        Self::Rev,
        Self::Block,
        Self::Receipts,
        Self::BlockHash,
        Self::TxIndex,
        Self::Page,
        Self::Meta,
    ];

    /// The name, which backends use for their files; frozen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Rev => "rev",
            Self::Block => "block",
            Self::Receipts => "receipts",
            Self::BlockHash => "block_hash",
            Self::TxIndex => "tx_index",
            Self::Page => "page",
            Self::Meta => "meta",
        }
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One entry of a batch: where, which key, and its new value or none.
pub type WriteEntry = (Space, Vec<u8>, Option<Vec<u8>>);

/// Puts and removals that happen all together or not at all. Of several for one key, the last holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteBatch {
    entries: Vec<WriteEntry>,
}

impl WriteBatch {
    /// A batch that does nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a key a value. Keys have 1 to 65,535 bytes.
    pub fn put(&mut self, space: Space, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.entries.push((space, key.into(), Some(value.into())));
    }

    /// Removes a key, which may be absent.
    pub fn remove(&mut self, space: Space, key: impl Into<Vec<u8>>) {
        self.entries.push((space, key.into(), None));
    }

    /// The entries, in the order in which they were added.
    #[must_use]
    pub fn into_entries(self) -> Vec<WriteEntry> {
        self.entries
    }
}

/// What a storage remembers, apart from its data, about the last block that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// This storage keeps no witness.
    Untracked,
    /// This was the last acknowledged block, or none was. One more may be durable.
    Certain(Option<BlockMark>),
    /// One of two records cannot be read: this block was acknowledged, and the next one may have been.
    Doubtful(Option<BlockMark>),
}

/// Sees a key and its value, and says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Keeps bytes.
///
/// Everything may be called from several threads. After a failed write the caller writes no more.
pub trait Storage: Send + Sync + fmt::Debug {
    /// The value of a key, or none.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be read or is damaged.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError>;

    /// Shows all entries with keys at or above `from`, ascending, until `visit` breaks.
    ///
    /// # Errors
    /// [`StateError`] when an entry cannot be read or is damaged.
    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError>;

    /// Writes all of a batch or nothing, and returns when it is durable.
    ///
    /// # Errors
    /// [`StateError`] when it is not known to be durable; the batch may then be there or not after the next opening.
    fn write(&self, batch: WriteBatch) -> Result<(), StateError>;

    /// The last block that was acknowledged, as far as this storage remembers one.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be read or says nothing.
    fn witness(&self) -> Result<Witness, StateError>;

    /// Remembers durably that a block, already written, is now acknowledged. Does nothing where no witness is kept.
    ///
    /// # Errors
    /// [`StateError`] when that is not known to be durable.
    fn attest(&self, tip: &BlockMark) -> Result<(), StateError>;
}
