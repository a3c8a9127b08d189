//! What a store needs of the layer that keeps bytes.
//!
//! Invariants: [`Storage::write`] is atomic, and returns only when the batch is durable; a storage that can lose such a
//! batch without noticing keeps a [`Witness`] beside it.

use core::{fmt, ops::ControlFlow};

use crate::{BlockMark, StateError};

#[cfg(feature = "fjall")]
mod fjall;
#[cfg(feature = "fjall")]
mod journal;
#[cfg(feature = "fjall")]
mod marker;
mod memory;
#[cfg(feature = "fjall")]
mod tables;
#[cfg(feature = "fjall")]
mod trail;
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
    /// Transaction id, height and index, the latest first, to nothing.
    TxIndex,
    /// Raw key and height to the value before that block.
    Hist,
    /// Emitter or topic, and the last of a list of events' positions, to that list.
    EventIndex,
    /// Depth and path of a page of the tree to its nodes.
    Page,
    /// What the store says about itself: its format, its tip, what was pruned, and the block whose pages it has.
    Meta,
    /// Hash of a contract's code to that code. Nothing is ever removed.
    Code,
}

impl Space {
    /// Every space.
    pub const ALL: [Self; 11] = [
        Self::Flat,
        Self::Rev,
        Self::Block,
        Self::Receipts,
        Self::BlockHash,
        Self::TxIndex,
        Self::Hist,
        Self::EventIndex,
        Self::Page,
        Self::Meta,
        Self::Code,
    ];

    /// Whether every store of a format has this space. A store that has none for code yet is given one when it is opened.
    #[cfg(feature = "fjall")]
    pub(crate) const fn is_in(self, format: u32) -> bool {
        match self {
            Self::Code => false,
            Self::Hist | Self::EventIndex | Self::Page => format >= 2,
            _ => true,
        }
    }

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
            Self::Hist => "hist",
            Self::EventIndex => "event_index",
            Self::Page => "page",
            Self::Meta => "meta",
            Self::Code => "code",
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

    /// Adds entries after those that are there.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = WriteEntry>) {
        self.entries.extend(entries);
    }

    /// How many entries it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it does nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
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
    /// Blocks were to be undone from one block down to another, and that was not ended: any block between them may be the
    /// last.
    RollingBack {
        /// The last block when it began.
        from: BlockMark,
        /// The last block when it is done.
        to: BlockMark,
    },
}

/// Sees a key and its value, and says whether to go on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// What a storage held at one moment, whole batches only, whatever is written to it afterwards. Holding it costs room:
/// what is overwritten meanwhile is kept.
pub trait StorageView: Send + fmt::Debug {
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
}

/// Keeps bytes.
///
/// Readers that run beside a write see its entries in their order in the batch, if not all at once. Everything may be called from several threads. After a failed write the caller writes no more.
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

    /// The first entry whose key is `from` or above it, or none.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be read or is damaged.
    fn first_at_or_after(&self, space: Space, from: &[u8]) -> Result<Option<Entry>, StateError> {
        let mut first = None;
        self.scan(space, from, &mut |key, value| {
            first = Some((key.to_vec(), value.to_vec()));
            ControlFlow::Break(())
        })?;
        Ok(first)
    }

    /// What is held now, for whoever has much to read while more is written.
    ///
    /// # Errors
    /// [`StateError::NoView`] where there is no such thing, which is the default.
    fn view(&self) -> Result<Box<dyn StorageView>, StateError> {
        Err(StateError::NoView)
    }

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

    /// Remembers durably that the acknowledged blocks above `to`, up to `from`, are about to be undone on purpose. The
    /// next [`attest`](Self::attest) ends that. Does nothing where no witness is kept; a storage around another one passes
    /// it on, as it does with `attest`.
    ///
    /// # Errors
    /// [`StateError`] when that is not known to be durable.
    fn begin_rollback(&self, from: &BlockMark, to: &BlockMark) -> Result<(), StateError> {
        let _ = (from, to);
        Ok(())
    }

    /// How many bytes a space has on disk, where that is known. What is still in a journal does not count.
    ///
    /// # Errors
    /// [`StateError`] when it cannot be found out.
    fn disk_bytes(&self, space: Space) -> Result<Option<u64>, StateError> {
        let _ = space;
        Ok(None)
    }

    /// Remembers durably that a block, already written, is now acknowledged. Does nothing where no witness is kept.
    ///
    /// # Errors
    /// [`StateError`] when that is not known to be durable.
    fn attest(&self, tip: &BlockMark) -> Result<(), StateError>;
}
