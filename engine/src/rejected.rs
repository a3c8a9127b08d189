//! What a node does about a block that is refused.
//!
//! Invariant: a hash is remembered as that of an invalid block only where every block with this hash is invalid. What lies
//! outside the hash, or changes with time, is never held against it. Source: seed specification, section 9.2.

use ordlane_primitives::{Address, Block, BlockHash, BlockHeight};

use crate::BlockError;

/// A block that is refused. The state is as it was.
#[derive(Debug, thiserror::Error)]
#[error("the block{} is rejected", named(claimed.as_ref()))]
#[non_exhaustive]
pub struct BlockRejected {
    /// What its header says; nothing if it could not be decoded.
    pub claimed: Option<ClaimedBlock>,
    /// What to do about it.
    pub verdict: Verdict,
    /// What is wrong.
    #[source]
    pub source: Box<BlockError>,
}

/// What a header says of its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedBlock {
    /// Its hash.
    pub hash: BlockHash,
    /// Its height.
    pub height: BlockHeight,
    /// The block below.
    pub parent: BlockHash,
    /// Who says to have made it.
    pub proposer: Address,
}

/// What a node does about a block that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Every block with this hash is invalid, and so is all that stands on it: another one is to be asked for, and who sent
    /// it is to be reported.
    Invalid,
    /// These bytes are wrong, and others with the same hash may be right: the block is to be asked for elsewhere, and who
    /// sent it is to be reported.
    BadCopy,
    /// The block below is to be asked for first.
    NeedsParent(BlockHash),
    /// It stands on a block that another one has replaced for good: of no use any more.
    BehindFinality,
    /// It may be given again later: its time has not come, or there is no room for it now.
    NotNow,
}

impl Verdict {
    /// Whether the sender has done something that an honest node does not do.
    #[must_use]
    pub const fn blames_sender(self) -> bool {
        matches!(self, Self::Invalid | Self::BadCopy)
    }

    /// Of an error of a block.
    #[must_use]
    pub fn of(error: &BlockError) -> Self {
        match error {
            // The body, the proposer's authorisation and the bytes that are none at all lie outside the hash.
            BlockError::Decode(_)
            | BlockError::ProposerAuth { .. }
            | BlockError::Unauthorised { .. }
            | BlockError::Header {
                field: "transactions_root",
                ..
            } => Self::BadCopy,
            BlockError::UnknownParent { parent } => Self::NeedsParent(*parent),
            BlockError::StaleParent { .. } | BlockError::NotOnTip { .. } => Self::BehindFinality,
            // A panic is this node's fault before it is the block's.
            BlockError::TooManyExecuted { .. }
            | BlockError::TimestampTooFar { .. }
            | BlockError::Panicked { .. } => Self::NotNow,
            _ => Self::Invalid,
        }
    }
}

impl ClaimedBlock {
    pub(crate) fn of(block: &Block) -> Self {
        Self {
            hash: block.hash(),
            height: block.header.number,
            parent: block.header.parent_hash,
            proposer: block.header.proposer,
        }
    }
}

impl BlockRejected {
    pub(crate) fn new(claimed: Option<ClaimedBlock>, source: BlockError) -> Self {
        Self {
            claimed,
            verdict: Verdict::of(&source),
            source: Box::new(source),
        }
    }
}

fn named(claimed: Option<&ClaimedBlock>) -> String {
    claimed.map_or_else(String::new, |claimed| {
        format!(" {} at height {}", claimed.hash, claimed.height)
    })
}
