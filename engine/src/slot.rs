//! What consensus says of a header: whose turn it is, and how far ahead of the clock a block may be dated.
//!
//! The engine has no clock and knows no validators; who embeds it brings both. Source: seed specification, section 9.1.

use core::fmt;

use ordlane_primitives::{Address, Block, BlockHeader, BlockHeight, TimestampMs};

use crate::BlockError;

/// The place in a chain that a block takes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Slot<'a> {
    /// The block below.
    pub parent: &'a BlockHeader,
    /// The height of the block.
    pub height: BlockHeight,
    /// The time of the block.
    pub timestamp_ms: TimestampMs,
}

/// Who may make the block of a slot.
///
/// The answer must follow from the slot alone, so that every node gives the same one for ever.
pub trait ProposerSchedule: fmt::Debug + Send + Sync {
    /// Whether it is this proposer's turn.
    fn is_due(&self, slot: &Slot<'_>, proposer: &Address) -> bool;

    /// Whether a block that is imported must carry its proposer's authorisation. Without it anybody can date a proposer's
    /// block anew.
    fn requires_authorisation(&self) -> bool {
        false
    }
}

/// Lets anybody propose, with or without authorisation: for chains whose consensus engine has seen to that.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyProposer;

impl ProposerSchedule for AnyProposer {
    fn is_due(&self, _slot: &Slot<'_>, _proposer: &Address) -> bool {
        true
    }
}

/// How late a block may be dated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBound {
    /// The caller's time.
    pub now_ms: TimestampMs,
    /// How far ahead of it a block may be, in milliseconds.
    pub max_drift_ms: u64,
}

impl TimeBound {
    /// The latest time that a block may have.
    #[must_use]
    pub const fn latest(&self) -> TimestampMs {
        TimestampMs(self.now_ms.0.saturating_add(self.max_drift_ms))
    }

    pub(crate) fn check(&self, got: TimestampMs) -> Result<(), BlockError> {
        let latest = self.latest();
        if got <= latest {
            return Ok(());
        }
        Err(BlockError::TimestampTooFar { latest, got })
    }
}

/// Checks that it is a proposer's turn.
pub(crate) fn check_due(
    schedule: &dyn ProposerSchedule,
    slot: &Slot<'_>,
    proposer: Address,
) -> Result<(), BlockError> {
    if schedule.is_due(slot, &proposer) {
        return Ok(());
    }
    let height = slot.height;
    Err(BlockError::WrongProposer { height, proposer })
}

/// Checks that a block has its proposer's authorisation, where it must. Whether that is right is checked elsewhere.
pub(crate) fn check_authorised(
    schedule: &dyn ProposerSchedule,
    block: &Block,
) -> Result<(), BlockError> {
    if block.proposer_auth.is_some() || !schedule.requires_authorisation() {
        return Ok(());
    }
    Err(BlockError::Unauthorised {
        proposer: block.header.proposer,
    })
}
