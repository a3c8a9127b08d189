//! Merkle roots of lists: transactions, receipts, events, compute receipts.
//!
//! Rule: leaf = tagged hash of the item's bytes, with a tag per list; parent = `SHA-256(left ‖ right)`; an odd node
//! rises unchanged; root = tagged hash of the count (8 bytes, little-endian) and the top node, which is zero for an
//! empty list. The count makes the shape part of the root.

use crate::{
    batch::BatchHasher,
    hash::{Domain, Hash, tagged},
};

/// Which list a root is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Signed transactions, by their full bytes.
    Transactions,
    /// Receipts, by their encoding.
    Receipts,
    /// Events of a whole block, by position and encoding (see [`event_item`]).
    Events,
    /// Compute receipts.
    ComputeReceipts,
}

impl ListKind {
    const fn leaf_domain(self) -> Domain {
        match self {
            Self::Transactions => Domain::TransactionLeaf,
            Self::Receipts => Domain::ReceiptLeaf,
            Self::Events => Domain::EventLeaf,
            Self::ComputeReceipts => Domain::ComputeReceiptLeaf,
        }
    }

    /// The leaf of one item.
    #[must_use]
    pub fn leaf(self, item: &[u8]) -> Hash {
        tagged(self.leaf_domain(), &[item])
    }
}

/// A level of a list with no more nodes is hashed by itself.
pub const TOP_NODES: usize = 4_096;

/// The root of a list from its leaves, in order.
#[must_use]
pub fn root_of_leaves(leaves: Vec<Hash>, hasher: &dyn BatchHasher) -> Hash {
    let count = leaves.len() as u64;
    let mut level = if leaves.len() > TOP_NODES {
        hasher.lift(leaves)
    } else {
        leaves
    };
    while level.len() > 1 {
        let (pairs, odd) = level.as_chunks::<2>();
        let messages: Vec<[u8; 64]> = pairs
            .iter()
            .map(|[left, right]| join(left, right))
            .collect();
        let mut parents = hasher.hash_pairs(&messages);
        parents.extend_from_slice(odd);
        level = parents;
    }
    let top = level.first().copied().unwrap_or(Hash::ZERO);
    tagged(Domain::ListRoot, &[&count.to_le_bytes(), top.as_bytes()])
}

/// The root of a list of items, each given as its bytes.
#[must_use]
pub fn root<'a>(
    kind: ListKind,
    items: impl IntoIterator<Item = &'a [u8]>,
    hasher: &dyn BatchHasher,
) -> Hash {
    root_of_leaves(
        items.into_iter().map(|item| kind.leaf(item)).collect(),
        hasher,
    )
}

/// The bytes of an event as an item of the block's events list: transaction index (4 bytes, little-endian) ‖ event.
#[must_use]
pub fn event_item(tx_index: u32, event: &crate::Event) -> Vec<u8> {
    crate::codec::encode(&(tx_index, event))
}

/// Two nodes as the 64-byte message of their parent.
#[must_use]
pub fn join(left: &Hash, right: &Hash) -> [u8; 64] {
    let mut message = [0; 64];
    let (head, tail) = message.split_at_mut(32);
    head.copy_from_slice(left.as_bytes());
    tail.copy_from_slice(right.as_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{batch::Sequential, hash::sha256_pair};

    #[test]
    fn an_odd_node_rises_unchanged_and_the_count_is_hashed_in() {
        let leaf = |byte: u8| ListKind::Receipts.leaf(&[byte]);
        let top = sha256_pair(&sha256_pair(&leaf(1), &leaf(2)), &leaf(3));
        let expected = tagged(Domain::ListRoot, &[&3_u64.to_le_bytes(), top.as_bytes()]);
        let items: [&[u8]; 3] = [&[1], &[2], &[3]];
        assert_eq!(root(ListKind::Receipts, items, &Sequential), expected);
    }

    #[test]
    fn lists_of_different_kind_or_length_differ() {
        let roots = [
            root(ListKind::Transactions, [], &Sequential),
            root(ListKind::Transactions, [&[0_u8; 0][..]], &Sequential),
            root(ListKind::Events, [&[0_u8; 0][..]], &Sequential),
            root(ListKind::Events, [&[0_u8; 0][..], &[]], &Sequential),
        ];
        for (i, a) in roots.iter().enumerate() {
            assert!(roots[i + 1..].iter().all(|b| a != b));
        }
    }
}
