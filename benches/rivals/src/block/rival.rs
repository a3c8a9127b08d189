//! What is asked of a rival.

use crate::error::CompareError;
use crate::measure::Taken;

/// What blocks took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Applied {
    /// Whether all that was computed is what the headers say.
    pub(super) roots_equal: bool,
    pub(super) taken: Taken,
}

impl Default for Applied {
    /// No blocks.
    fn default() -> Self {
        Self {
            roots_equal: true,
            taken: Taken::default(),
        }
    }
}

impl Applied {
    /// Both, one after the other.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            roots_equal: self.roots_equal && other.roots_equal,
            taken: self.taken.and(other.taken),
        }
    }
}

/// A node of other parts than ours.
pub(super) trait Rival {
    /// Takes the next block from its bytes to the root of the state after it.
    fn apply(&mut self, bytes: &[u8]) -> Result<Applied, CompareError>;
}
