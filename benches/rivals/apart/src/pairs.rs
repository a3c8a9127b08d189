//! Pairs of hashes, as a Merkle tree's nodes have them, and SHA-256 of each.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::random::Xorshift;

/// The pairs in words; the same words make the same bytes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct PairsShape {
    /// How many.
    pub pairs: usize,
}

/// Makes the pairs.
pub(crate) fn pairs(shape: PairsShape) -> Vec<[u8; 64]> {
    let mut random = Xorshift::new(0);
    let filled = (0..shape.pairs).map(|_| {
        let mut pair = [0; 64];
        random.fill(&mut pair);
        pair
    });
    filled.collect()
}

/// The hash of all digests in order.
#[must_use]
pub fn digest_of<T: AsRef<[u8]>>(digests: impl IntoIterator<Item = T>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for digest in digests {
        hasher.update(digest.as_ref());
    }
    hasher.finalize().into()
}

/// sha2's `digest`, pair by pair.
pub(crate) fn sha2(pairs: &[[u8; 64]], digests: &mut [[u8; 32]]) {
    for (pair, digest) in pairs.iter().zip(digests) {
        *digest = Sha256::digest(pair).into();
    }
}

/// hashtree, all pairs in one call.
#[cfg(feature = "hashtree")]
pub(crate) fn hashtree(pairs: &[[u8; 64]], digests: &mut [[u8; 32]]) {
    debug_assert_eq!(pairs.len(), digests.len(), "hashtree does not look");
    hashtree_rs::hash(
        digests.as_flattened_mut(),
        pairs.as_flattened(),
        pairs.len(),
    );
}
