//! The portable tier: the rule itself, item by item. It is the oracle of all other tiers.

use ordlane_primitives::{
    Hash,
    batch::{BatchHasher as _, BatchVerifier as _, Sequential, SignatureCheck},
};

/// Signatures per task: some hundreds of microseconds, so that stealing costs nothing beside it.
pub(crate) const SIGNATURES_PER_TASK: usize = 16;
/// Digests per task.
pub(crate) const DIGESTS_PER_TASK: usize = 512;

pub(crate) fn verify(checks: &[SignatureCheck<'_>]) -> Vec<bool> {
    Sequential.verify_batch(checks)
}

#[cfg(feature = "gpu")]
pub(crate) fn challenges(checks: &[SignatureCheck<'_>]) -> Vec<[u8; 32]> {
    let challenge = |check: &SignatureCheck<'_>| {
        ordlane_primitives::signature::challenge(check.key, check.message, check.signature)
    };
    checks.iter().map(challenge).collect()
}

pub(crate) fn hash_pairs(pairs: &[[u8; 64]]) -> Vec<Hash> {
    Sequential.hash_pairs(pairs)
}

pub(crate) fn hash_messages(messages: &[&[u8]]) -> Vec<Hash> {
    Sequential.hash_messages(messages)
}
