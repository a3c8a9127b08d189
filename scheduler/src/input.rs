//! The transactions of a run: all there from the beginning, or still coming.

use crate::cancel::Cancel;
use crate::feed::Feed;
use crate::types::TxIndex;

/// Where the transactions come from.
#[derive(Debug)]
pub(crate) enum Input<'a, T> {
    /// They are all there.
    Slice(&'a [T]),
    /// More may come.
    Feed(&'a Feed<T>),
}

impl<T> Input<'_, T> {
    /// How many there are so far; never fewer than before.
    #[inline]
    pub(crate) fn total(&self) -> u32 {
        match self {
            // The executor refuses blocks that are longer than an index is wide.
            Self::Slice(txs) => u32::try_from(txs.len()).unwrap_or(u32::MAX),
            Self::Feed(feed) => feed.total(),
        }
    }

    /// Whether the block has no transaction at `tx` and will get none.
    #[inline]
    pub(crate) fn ends_at(&self, tx: TxIndex) -> bool {
        // In this order: once it is complete the total stays.
        self.is_complete() && self.total() <= tx.get()
    }

    /// Whether no more will come.
    #[inline]
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::Slice(_) => true,
            Self::Feed(feed) => feed.is_complete(),
        }
    }

    /// Whether the block is known to have fewer transactions than `count`.
    #[cfg(feature = "rayon")]
    pub(crate) fn is_shorter_than(&self, count: u32) -> bool {
        self.ends_at(TxIndex::new(count.saturating_sub(1)))
    }

    /// One that is there.
    #[inline]
    pub(crate) fn get(&self, tx: TxIndex) -> Option<&T> {
        match self {
            Self::Slice(txs) => txs.get(tx.as_usize()),
            Self::Feed(feed) => feed.get(tx),
        }
    }

    /// Waits until the transaction is there, or will never be, or the run is cancelled.
    pub(crate) fn wait_for(&self, tx: TxIndex, cancel: Option<&Cancel>) {
        let Self::Feed(feed) = self else { return };
        let comes = || {
            feed.is_complete()
                || feed.total() > tx.get()
                || cancel.is_some_and(Cancel::is_cancelled)
        };
        while !comes() {
            feed.idle().wait(cancel.is_none(), comes);
        }
    }
}
