//! The oracle's hashing: every tag written out, plain SHA-256, and the two kinds of root.

use ordlane_primitives::Hash;
use sha2::{Digest as _, Sha256};

use super::State;

pub(super) const TX_ID: &[u8; 16] = b"ordlane:tx-id\0\0\0";
pub(super) const ADDRESS: &[u8; 16] = b"ordlane:address\0";
pub(super) const HEADER: &[u8; 16] = b"ordlane:header\0\0";
pub(super) const GENESIS: &[u8; 16] = b"ordlane:genesis\0";
pub(super) const PATH: &[u8; 16] = b"ordlane:path\0\0\0\0";
pub(super) const TX_LEAF: &[u8; 16] = b"ordlane:l-tx\0\0\0\0";
pub(super) const RECEIPT_LEAF: &[u8; 16] = b"ordlane:l-rcpt\0\0";
pub(super) const EVENT_LEAF: &[u8; 16] = b"ordlane:l-event\0";
pub(super) const COMPUTE_LEAF: &[u8; 16] = b"ordlane:l-comp\0\0";
pub(super) const LIST: &[u8; 16] = b"ordlane:list\0\0\0\0";
pub(super) const EVENT_NAME: &[u8; 16] = b"ordlane:ev-name\0";

/// The root of a state.
#[must_use]
pub fn state_root(state: &State) -> Hash {
    let mut leaves: Vec<_> = state
        .iter()
        .map(|(key, value)| (sha(&[PATH, key]), sha(&[value])))
        .collect();
    leaves.sort_unstable();
    Hash(node(&leaves, 0))
}

/// The node over sorted leaves (path, value hash) that share `depth` bits.
fn node(leaves: &[([u8; 32], [u8; 32])], depth: usize) -> [u8; 32] {
    match leaves {
        [] => [0; 32],
        [(path, value)] => {
            let mut hash = sha(&[path, value]);
            hash[0] |= 0x80;
            hash
        }
        _ => {
            let right =
                leaves.partition_point(|(path, _)| path[depth / 8] & (0x80 >> (depth % 8)) == 0);
            let mut hash = sha(&[
                &node(&leaves[..right], depth + 1),
                &node(&leaves[right..], depth + 1),
            ]);
            hash[0] &= 0x7f;
            hash
        }
    }
}

/// The root of a list of items, whose leaves have a tag of their own.
pub(super) fn list_root(leaf: &[u8; 16], items: Vec<Vec<u8>>) -> Hash {
    let count = items.len() as u64;
    let mut level: Vec<[u8; 32]> = items.iter().map(|item| sha(&[leaf, item])).collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| {
                if let [l, r] = pair {
                    sha(&[l, r])
                } else {
                    pair[0]
                }
            })
            .collect();
    }
    let top = level.first().copied().unwrap_or([0; 32]);
    Hash(sha(&[LIST, &count.to_le_bytes(), &top]))
}

/// SHA-256 of all parts in a row.
pub(super) fn sha(parts: &[&[u8]]) -> [u8; 32] {
    parts
        .iter()
        .fold(Sha256::new(), |hasher, part| hasher.chain_update(part))
        .finalize()
        .into()
}
