//! How a store uses memory and when it writes.

/// How much memory a [`StateStore`](crate::StateStore) uses, and when the tree's pages are written. Nothing here changes
/// a result.
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
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 512 * 1024 * 1024,
            page_write_blocks: 64,
            page_write_bytes: 64 * 1024 * 1024,
        }
    }
}
