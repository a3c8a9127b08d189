//! How a store uses memory, when it writes, and what it keeps.

use std::num::NonZeroU64;

/// How much memory a [`StateStore`](crate::StateStore) uses, when the tree's pages are written, and which blocks are kept.
/// Nothing here changes a root or a value at the tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreOptions {
    /// How much memory the tree's pages take that are in the storage, too, in bytes; the few thousand at the top are
    /// kept in any case.
    pub cache_bytes: usize,
    /// After how many blocks the pages that they changed are written.
    pub page_write_blocks: u64,
    /// At how many bytes of such pages they are written earlier.
    pub page_write_bytes: usize,
    /// How many of the last blocks are kept whole, with the states after them; of earlier ones only headers are. None
    /// keeps all of them. What was pruned does not come back.
    pub keep_blocks: Option<NonZeroU64>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 512 * 1024 * 1024,
            page_write_blocks: 64,
            page_write_bytes: 256 * 1024 * 1024,
            keep_blocks: None,
        }
    }
}

impl StoreOptions {
    /// Options that keep the last `blocks` blocks.
    #[must_use]
    pub fn keeping(blocks: NonZeroU64) -> Self {
        Self {
            keep_blocks: Some(blocks),
            ..Self::default()
        }
    }
}
