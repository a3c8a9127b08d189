//! What is asked of a rival.

use super::proofs::ProofFigures;
use super::workload::{Key, Op};
use crate::error::CompareError;
use crate::measure::Taken;

/// What a batch took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applied {
    /// The root, where its rule is ours.
    pub(crate) root: Option<[u8; 32]>,
    /// From the changes to the root.
    pub(crate) root_taken: Taken,
    /// From the changes to the durable batch, where the rival has files.
    pub(crate) durable: Option<Taken>,
}

/// A rival that holds the state.
pub(crate) trait Rival {
    /// Makes the batch part of the state.
    fn apply(&mut self, batch: &[Op]) -> Result<Applied, CompareError>;
    /// Proves the keys of the sample in every round.
    fn proofs(
        &mut self,
        sample: &[(Key, Vec<u8>)],
        rounds: u32,
    ) -> Result<ProofFigures, CompareError>;
}
