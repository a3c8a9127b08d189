//! The hashing rule of the state tree.
//!
//! Purpose: a binary sparse Merkle tree over 256-bit paths, with NOMT's rule over SHA-256.
//! - path = tagged hash of the raw key; its bits are walked from the most significant of byte 0;
//! - leaf = `SHA-256(path ‖ SHA-256(value))` with the top bit set;
//! - internal = `SHA-256(left ‖ right)` with the top bit cleared;
//! - an empty subtree is 32 zero bytes, and a lone leaf sits as high as it can.
//!
//! Every node hash is one 64-byte message, so that a batch hasher sees nothing else. Source: nomt-core's `trie` and
//! `hasher` modules, which the tests of `ordlane-state` use as an oracle.

use crate::hash::{Domain, Hash, sha256, sha256_pair, tagged};

/// The node that stands for a subtree without leaves.
pub const EMPTY: Hash = Hash::ZERO;

/// The path of a raw key in the tree.
#[must_use]
pub fn path_of(raw_key: &[u8]) -> Hash {
    tagged(Domain::StatePath, &[raw_key])
}

/// The hash of a value, as it enters its leaf.
#[must_use]
pub fn value_hash(value: &[u8]) -> Hash {
    sha256(value)
}

/// The node of a leaf.
#[must_use]
pub fn leaf_node(path: &Hash, value_hash: &Hash) -> Hash {
    as_leaf(sha256_pair(path, value_hash))
}

/// The node of two children. Both empty gives [`EMPTY`]; a lone leaf must have been lifted by the caller.
#[must_use]
pub fn internal_node(left: &Hash, right: &Hash) -> Hash {
    if *left == EMPTY && *right == EMPTY {
        EMPTY
    } else {
        as_internal(sha256_pair(left, right))
    }
}

/// Marks a 64-byte digest as the node of a leaf: the top bit becomes 1.
#[must_use]
pub const fn as_leaf(digest: Hash) -> Hash {
    let [first, rest @ ..] = digest.0;
    join(first | 0x80, rest)
}

/// Marks a 64-byte digest as an internal node: the top bit becomes 0.
#[must_use]
pub const fn as_internal(digest: Hash) -> Hash {
    let [first, rest @ ..] = digest.0;
    join(first & 0x7f, rest)
}

/// Whether a node is a leaf.
#[must_use]
pub const fn is_leaf(node: &Hash) -> bool {
    let [first, ..] = node.0;
    first & 0x80 != 0
}

/// The bit of a path that decides the branch below `depth`: false is left. `depth` counts from the root, 0 to 255;
/// beyond that there is no bit and the answer is false.
#[must_use]
pub fn bit(path: &Hash, depth: usize) -> bool {
    let mask = 0x80_u8 >> (depth & 7);
    path.0.get(depth >> 3).is_some_and(|byte| byte & mask != 0)
}

/// How many leading bits two paths share, 0 to 256.
#[must_use]
pub fn shared_bits(a: &Hash, b: &Hash) -> usize {
    let mut shared: usize = 0;
    for (x, y) in a.0.iter().zip(&b.0) {
        let differing = x ^ y;
        shared = shared.saturating_add(differing.leading_zeros() as usize);
        if differing != 0 {
            break;
        }
    }
    shared
}

const fn join(first: u8, rest: [u8; 31]) -> Hash {
    let mut bytes = [0; 32];
    let (head, tail) = bytes.split_at_mut(1);
    head.copy_from_slice(&[first]);
    tail.copy_from_slice(&rest);
    Hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_walked_from_the_top_of_the_first_byte() {
        let mut path = [0; 32];
        path[0] = 0b1000_0001;
        path[31] = 1;
        let path = Hash(path);
        let set: Vec<usize> = (0..256).filter(|&depth| bit(&path, depth)).collect();
        assert_eq!(set, [0, 7, 255]);
        assert!(!bit(&path, 256));
    }

    #[test]
    fn node_kinds_are_told_by_the_top_bit() {
        let leaf = leaf_node(&sha256(b"k"), &sha256(b"v"));
        assert!(is_leaf(&leaf));
        assert!(!is_leaf(&internal_node(&leaf, &EMPTY)));
        assert_eq!(internal_node(&EMPTY, &EMPTY), EMPTY);
    }

    #[test]
    fn shared_bits_counts_to_the_first_difference() {
        let a = Hash::ZERO;
        assert_eq!(shared_bits(&a, &a), 256);
        for depth in [0, 1, 7, 8, 100, 255] {
            let mut b = a;
            b.0[depth / 8] |= 0x80 >> (depth % 8);
            assert_eq!(shared_bits(&a, &b), depth);
        }
    }
}
