//! The root of many leaves, without a tree.
//!
//! Leaves are parted by the first byte of their paths, and the parts spread over threads. In each, all nodes of a level
//! are hashed in one batch, from the deepest level up.

use std::sync::{Mutex, PoisonError};

use ordlane_primitives::{
    Hash,
    batch::BatchHasher,
    list::join,
    tree::{EMPTY, as_internal, as_leaf, bit, internal_node, is_leaf, shared_bits},
};

/// A path and the hash of its value.
type Leaf = (Hash, Hash);

/// The depth below which parts of the leaves are worked on by themselves.
const PART_DEPTH: usize = 8;

/// The root of the tree with these leaves, paths and value hashes, in any order, each path once. Beside the leaves it
/// needs less memory than they do.
pub(crate) fn root_of(mut leaves: Vec<Leaf>, hasher: &dyn BatchHasher) -> Hash {
    leaves.sort_unstable_by_key(|(path, _)| *path);
    let parts: Vec<&[Leaf]> = leaves
        .chunk_by(|(a, _), (b, _)| a.0.first() == b.0.first())
        .collect();
    let nodes = Mutex::new(vec![EMPTY; 1 << PART_DEPTH]);
    hasher.scatter(parts.len(), &|index| {
        let Some((part, (first, _))) = parts
            .get(index)
            .and_then(|part| Some((part, part.first()?)))
        else {
            return;
        };
        let node = subtree(part, PART_DEPTH, hasher);
        let mut nodes = nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = first
            .0
            .first()
            .and_then(|byte| nodes.get_mut(usize::from(*byte)))
        {
            *at = node;
        }
    });
    let mut level = nodes.into_inner().unwrap_or_else(PoisonError::into_inner);
    while level.len() > 1 {
        let (pairs, _) = level.as_chunks::<2>();
        level = pairs
            .iter()
            .map(|[left, right]| parent(left, right))
            .collect();
    }
    level.first().copied().unwrap_or(EMPTY)
}

/// The node above two others; a lone leaf rises.
fn parent(left: &Hash, right: &Hash) -> Hash {
    if *right == EMPTY && is_leaf(left) {
        *left
    } else if *left == EMPTY && is_leaf(right) {
        *right
    } else {
        internal_node(left, right)
    }
}

/// The node at `top` over leaves that ascend by path and share their first `top` bits.
fn subtree(leaves: &[Leaf], top: usize, hasher: &dyn BatchHasher) -> Hash {
    let messages: Vec<[u8; 64]> = leaves
        .iter()
        .map(|(path, value)| join(path, value))
        .collect();
    let hashes = hasher.hash_pairs(&messages).into_iter().map(as_leaf);
    let mut sitting = by_depth(leaves, hashes);
    // Nodes at one depth, ascending by path; each with the first path below it.
    let mut nodes: Vec<(Hash, Hash)> = Vec::new();
    while let Some(here) = sitting.pop() {
        nodes.extend(here);
        // Two ascending runs, which are merged.
        nodes.sort_by_key(|(path, _)| *path);
        let depth = sitting.len();
        if depth <= top {
            break;
        }
        nodes = level_above(&nodes, depth.saturating_sub(1), hasher);
    }
    nodes.first().map_or(EMPTY, |(_, node)| *node)
}

/// Paths and hashes of leaves by the depth at which each sits, as high as it can.
fn by_depth(leaves: &[Leaf], hashes: impl Iterator<Item = Hash>) -> Vec<Vec<(Hash, Hash)>> {
    let mut sitting: Vec<Vec<(Hash, Hash)>> = Vec::new();
    let mut left = None;
    for ((index, (path, _)), hash) in leaves.iter().enumerate().zip(hashes) {
        let right = leaves
            .get(index.saturating_add(1))
            .map(|(next, _)| shared_bits(path, next));
        let depth = left
            .max(right)
            .map_or(0, |shared: usize| shared.saturating_add(1));
        if sitting.len() <= depth {
            sitting.resize_with(depth.saturating_add(1), Vec::new);
        }
        if let Some(here) = sitting.get_mut(depth) {
            here.push((*path, hash));
        }
        left = right;
    }
    sitting
}

/// The nodes at `depth` over those one deeper.
fn level_above(
    nodes: &[(Hash, Hash)],
    depth: usize,
    hasher: &dyn BatchHasher,
) -> Vec<(Hash, Hash)> {
    let mut firsts = Vec::new();
    let mut messages = Vec::new();
    let mut rest = nodes.iter().peekable();
    while let Some((path, node)) = rest.next() {
        let sibling = rest.next_if(|(next, _)| shared_bits(path, next) >= depth);
        messages.push(match sibling {
            Some((_, right)) => join(node, right),
            None if bit(path, depth) => join(&EMPTY, node),
            None => join(node, &EMPTY),
        });
        firsts.push(*path);
    }
    let hashes = hasher.hash_pairs(&messages).into_iter().map(as_internal);
    firsts.into_iter().zip(hashes).collect()
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::{batch::Sequential, hash::sha256};
    use proptest::{collection, prelude::*};

    use super::*;
    use crate::Tree;

    fn check(paths: impl IntoIterator<Item = [u8; 32]>) {
        let mut leaves: Vec<Leaf> = paths
            .into_iter()
            .map(|path| (Hash(path), sha256(&path)))
            .collect();
        leaves.sort_unstable();
        leaves.dedup();
        let expected = Tree::from_leaves(leaves.clone(), &Sequential)
            .unwrap()
            .root();
        leaves.reverse();
        assert_eq!(root_of(leaves, &Sequential), expected);
    }

    #[test]
    fn no_leaf_one_leaf_and_the_deepest_fork_have_the_root_of_the_tree() {
        check([]);
        check([[7; 32]]);
        let mut last = [7; 32];
        last[31] = 6;
        check([[7; 32], last]);
        check([[7; 32], last, [0; 32], [0xff; 32]]);
    }

    proptest! {
        #[test]
        fn any_leaves_have_the_root_of_the_tree(
            spread in collection::vec(any::<[u8; 32]>(), 0..200),
            close in collection::vec((0_usize..32, any::<u8>()), 0..60),
        ) {
            let close = close.into_iter().map(|(at, byte)| {
                let mut path = [0x55; 32];
                path[at] = byte;
                path
            });
            check(spread.into_iter().chain(close));
        }
    }
}
