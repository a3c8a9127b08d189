//! The root of many leaves, without a tree.
//!
//! Leaves are parted by the first byte of their paths. Either the parts are spread over threads, and in each all nodes of
//! a level are hashed in one batch, from the deepest level up; or the hasher gets many parts as one plan.

use std::sync::{Mutex, PoisonError};

use ordlane_primitives::{
    Hash,
    batch::BatchHasher,
    levels::{LevelPlan, NodeKind, PlanError, Side, Slot},
    list::join,
    tree::{EMPTY, as_internal, as_leaf, bit, internal_node, is_leaf, shared_bits},
};

/// A path and the hash of its value.
type Leaf = (Hash, Hash);

/// The depth below which parts of the leaves are worked on by themselves.
const PART_DEPTH: usize = 8;
/// So many leaves, or one part, are in memory with all their nodes at once.
const LEAVES_PER_GROUP: usize = 1 << 18;
/// How many hashes four leaves take, in about: their own, and those of the nodes above them.
const HASHES_PER_FOUR_LEAVES: usize = 10;

/// The root of the tree with these leaves, paths and value hashes, in any order, each path once. Beside the leaves it
/// needs memory for a bounded number of them, unless they are all in one part.
pub(crate) fn root_of(mut leaves: Vec<Leaf>, hasher: &dyn BatchHasher) -> Hash {
    leaves.sort_unstable_by_key(|(path, _)| *path);
    let parts: Vec<&[Leaf]> = leaves
        .chunk_by(|(a, _), (b, _)| a.0.first() == b.0.first())
        .collect();
    let mut level = vec![EMPTY; 1 << PART_DEPTH];
    let mut rest = parts.as_slice();
    while !rest.is_empty() {
        let (group, later) = rest.split_at(group_length(rest));
        rest = later;
        for (part, node) in group.iter().zip(tops_of(group, hasher)) {
            let place = part.first().and_then(|(path, _)| path.0.first());
            if let Some(place) = place.and_then(|byte| level.get_mut(usize::from(*byte))) {
                *place = node;
            }
        }
    }
    while level.len() > 1 {
        let (pairs, _) = level.as_chunks::<2>();
        level = pairs
            .iter()
            .map(|[left, right]| parent(left, right))
            .collect();
    }
    level.first().copied().unwrap_or(EMPTY)
}

/// How many of these parts, at least one, are worked on together.
fn group_length(parts: &[&[Leaf]]) -> usize {
    let mut leaves = 0_usize;
    let fits = parts.iter().take_while(|part| {
        leaves = leaves.saturating_add(part.len());
        leaves <= LEAVES_PER_GROUP
    });
    fits.count().clamp(1, parts.len().max(1))
}

/// The node at [`PART_DEPTH`] over each part.
fn tops_of(parts: &[&[Leaf]], hasher: &dyn BatchHasher) -> Vec<Hash> {
    let leaves: usize = parts.iter().map(|part| part.len()).sum();
    let hashes = leaves.saturating_mul(HASHES_PER_FOUR_LEAVES) / 4;
    if hasher.takes_plan(hashes)
        && let Some(tops) = planned(parts, hashes, hasher)
    {
        return tops;
    }
    let tops = Mutex::new(vec![EMPTY; parts.len()]);
    hasher.scatter(parts.len(), &|index| {
        let Some(part) = parts.get(index) else {
            return;
        };
        // Hashing at once refuses nothing.
        let top = subtree(part, &mut Hashing(hasher)).unwrap_or_default();
        let mut tops = tops.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(place), Some(top)) = (tops.get_mut(index), top) {
            *place = top;
        }
    });
    tops.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The same by one plan, unless it has no room for them or the hasher does not hash it.
fn planned(parts: &[&[Leaf]], hashes: usize, hasher: &dyn BatchHasher) -> Option<Vec<Hash>> {
    let mut plan = Planning(LevelPlan::with_capacity(hashes));
    let tops = parts.iter().map(|part| {
        let top = subtree(part, &mut plan)?;
        plan.0.end_part()?;
        Ok(top)
    });
    let tops: Vec<Option<Slot>> = tops.collect::<Result<_, PlanError>>().ok()?;
    let Planning(mut plan) = plan;
    hasher.hash_levels(&mut plan);
    tops.into_iter().map(|top| plan.digest(top?)).collect()
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

/// Makes the nodes of a tree from the leaves up.
trait Maker {
    type Node: Copy;

    /// Nodes for leaves, in order.
    fn leaves(&mut self, leaves: &[Leaf]) -> Result<Vec<Self::Node>, PlanError>;

    /// Nodes above those on their left and right, in order.
    fn level(&mut self, below: &[[Option<Self::Node>; 2]]) -> Result<Vec<Self::Node>, PlanError>;
}

/// Hashes each level at once.
struct Hashing<'a>(&'a dyn BatchHasher);

impl Maker for Hashing<'_> {
    type Node = Hash;

    fn leaves(&mut self, leaves: &[Leaf]) -> Result<Vec<Hash>, PlanError> {
        let messages: Vec<[u8; 64]> = leaves
            .iter()
            .map(|(path, value)| join(path, value))
            .collect();
        let digests = self.0.hash_pairs(&messages);
        Ok(digests.into_iter().map(as_leaf).collect())
    }

    fn level(&mut self, below: &[[Option<Hash>; 2]]) -> Result<Vec<Hash>, PlanError> {
        let messages: Vec<[u8; 64]> = below
            .iter()
            .map(|[left, right]| join(&left.unwrap_or(EMPTY), &right.unwrap_or(EMPTY)))
            .collect();
        let digests = self.0.hash_pairs(&messages);
        Ok(digests.into_iter().map(as_internal).collect())
    }
}

/// Notes what is to be hashed.
struct Planning(LevelPlan);

impl Maker for Planning {
    type Node = Slot;

    fn leaves(&mut self, leaves: &[Leaf]) -> Result<Vec<Slot>, PlanError> {
        let slots = leaves
            .iter()
            .map(|(path, value)| self.0.push(join(path, value), NodeKind::Leaf))
            .collect();
        self.0.end_level();
        slots
    }

    fn level(&mut self, below: &[[Option<Slot>; 2]]) -> Result<Vec<Slot>, PlanError> {
        let mut slots = Vec::with_capacity(below.len());
        for children in below {
            let slot = self.0.push(join(&EMPTY, &EMPTY), NodeKind::Internal)?;
            for (child, side) in children.iter().zip([Side::Left, Side::Right]) {
                if let Some(child) = child {
                    self.0.link(*child, slot, side)?;
                }
            }
            slots.push(slot);
        }
        self.0.end_level();
        Ok(slots)
    }
}

/// The node at [`PART_DEPTH`] over leaves that ascend by path and share what is above it.
fn subtree<M: Maker>(leaves: &[Leaf], maker: &mut M) -> Result<Option<M::Node>, PlanError> {
    let made = maker.leaves(leaves)?;
    let mut sitting = by_depth(leaves, made);
    // Nodes at one depth, ascending by path; each with the first path below it.
    let mut nodes: Vec<(Hash, M::Node)> = Vec::new();
    while let Some(here) = sitting.pop() {
        nodes.extend(here);
        // Two ascending runs, which are merged.
        nodes.sort_by_key(|(path, _)| *path);
        let depth = sitting.len();
        if depth <= PART_DEPTH {
            break;
        }
        nodes = level_above(&nodes, depth.saturating_sub(1), maker)?;
    }
    Ok(nodes.first().map(|(_, node)| *node))
}

/// Paths and nodes of leaves by the depth at which each sits, as high as it can.
fn by_depth<N>(leaves: &[Leaf], made: Vec<N>) -> Vec<Vec<(Hash, N)>> {
    let mut sitting: Vec<Vec<(Hash, N)>> = Vec::new();
    let mut left = None;
    for ((index, (path, _)), node) in leaves.iter().enumerate().zip(made) {
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
            here.push((*path, node));
        }
        left = right;
    }
    sitting
}

/// The nodes at `depth` over those one deeper.
fn level_above<M: Maker>(
    nodes: &[(Hash, M::Node)],
    depth: usize,
    maker: &mut M,
) -> Result<Vec<(Hash, M::Node)>, PlanError> {
    let mut firsts = Vec::new();
    let mut below = Vec::new();
    let mut rest = nodes.iter().peekable();
    while let Some((path, node)) = rest.next() {
        let sibling = rest.next_if(|(next, _)| shared_bits(path, next) >= depth);
        below.push(match sibling {
            Some((_, right)) => [Some(*node), Some(*right)],
            None if bit(path, depth) => [None, Some(*node)],
            None => [Some(*node), None],
        });
        firsts.push(*path);
    }
    Ok(firsts.into_iter().zip(maker.level(&below)?).collect())
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::{batch::Sequential, hash::sha256};
    use proptest::{collection, prelude::*};

    use super::*;
    use crate::{Tree, tree::tests::Planned};

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
        assert_eq!(root_of(leaves.clone(), &Planned), expected);
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

    #[test]
    fn leaves_of_several_groups_have_the_root_of_the_tree() {
        check((0..600_000_u32).map(|number| sha256(&number.to_le_bytes()).0));
    }

    /// The most hashes that any plan is asked for.
    #[derive(Debug, Default)]
    struct Asked(std::sync::atomic::AtomicUsize);

    impl BatchHasher for Asked {
        fn hash_pairs(&self, pairs: &[[u8; 64]]) -> Vec<Hash> {
            Sequential.hash_pairs(pairs)
        }

        fn hash_messages(&self, messages: &[&[u8]]) -> Vec<Hash> {
            Sequential.hash_messages(messages)
        }

        fn takes_plan(&self, hashes: usize) -> bool {
            self.0
                .fetch_max(hashes, std::sync::atomic::Ordering::Relaxed);
            true
        }
    }

    #[test]
    fn no_plan_of_a_rebuild_or_a_snapshot_is_larger_than_a_million_hashes() {
        let leaves: Vec<Leaf> = (0..300_000_u32)
            .map(|number| (sha256(&number.to_le_bytes()), Hash([7; 32])))
            .collect();
        let asked = Asked::default();
        let root = root_of(leaves.clone(), &asked);
        assert_eq!(Tree::from_leaves(leaves, &asked).unwrap().root(), root);
        let most = asked.0.into_inner();
        // What the smallest of the common devices take.
        assert!((500_000..1 << 20).contains(&most), "{most}");
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
