//! What a caller says about a block, and what the engine says about a chain.

use ordlane_primitives::{Address, BlockHash, BlockHeader, BlockHeight, Extra, Hash, TimestampMs};

/// What only the maker of a block knows; the rest follows from its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// The block's time, above the parent's.
    pub timestamp_ms: TimestampMs,
    /// Who is paid.
    pub proposer: Address,
    /// The consensus engine's own data, at most 1 KiB.
    pub extra: Extra,
}

impl BlockContext {
    /// A context without extra data.
    #[must_use]
    pub fn new(timestamp_ms: TimestampMs, proposer: Address) -> Self {
        Self {
            timestamp_ms,
            proposer,
            extra: Extra::default(),
        }
    }
}

/// A block as the end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub height: BlockHeight,
    /// Its hash.
    pub hash: BlockHash,
    /// The root of the state after it.
    pub state_root: Hash,
}

impl Head {
    pub(crate) const fn of(header: &BlockHeader, hash: BlockHash) -> Self {
        Self {
            height: header.number,
            hash,
            state_root: header.state_root,
        }
    }
}
