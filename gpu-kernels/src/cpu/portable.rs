//! The portable tier: the rule itself, item by item. It is the oracle of all other tiers.

use ordlane_primitives::{
    Hash,
    batch::{BatchHasher as _, BatchVerifier as _, Sequential, SignatureCheck},
};

use crate::Lanes;

/// Signatures per task: some hundreds of microseconds, so that stealing costs nothing beside it.
const SIGNATURES_PER_TASK: usize = 16;
/// Digests per task.
const DIGESTS_PER_TASK: usize = 512;

pub(crate) fn verify(lanes: &Lanes, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
    lanes.map_chunks(checks, SIGNATURES_PER_TASK, |part| {
        Sequential.verify_batch(part)
    })
}

pub(crate) fn hash_pairs(lanes: &Lanes, pairs: &[[u8; 64]]) -> Vec<Hash> {
    lanes.map_chunks(pairs, DIGESTS_PER_TASK, |part| Sequential.hash_pairs(part))
}

pub(crate) fn hash_messages(lanes: &Lanes, messages: &[&[u8]]) -> Vec<Hash> {
    lanes.map_chunks(messages, DIGESTS_PER_TASK, |part| {
        Sequential.hash_messages(part)
    })
}
