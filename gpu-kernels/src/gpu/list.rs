//! The levels over the leaves of a list, which a device computes one after another in one submission.
//!
//! The last few thousand nodes are left to the CPU: a level of them is too small for a device.

use ordlane_primitives::{
    Hash,
    list::{TOP_NODES, join},
};

/// A level, by the numbers of nodes that lie one behind another, the leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// How many nodes are below it, and the first of them.
    pub(crate) children: usize,
    pub(crate) source: usize,
    /// How many it has, and the first of them.
    pub(crate) parents: usize,
    pub(crate) target: usize,
}

/// The levels over so many leaves, up to the first that is small.
pub(crate) fn levels(leaves: usize) -> Vec<Level> {
    let mut levels = Vec::new();
    let (mut source, mut children) = (0_usize, leaves);
    while children > TOP_NODES {
        let level = Level {
            children,
            source,
            parents: children.div_ceil(2),
            target: source.saturating_add(children),
        };
        (source, children) = (level.target, level.parents);
        levels.push(level);
    }
    levels
}

/// How many nodes those have.
pub(crate) fn above(leaves: usize) -> usize {
    levels(leaves).iter().map(|level| level.parents).sum()
}

/// Of the nodes above the leaves the last level.
pub(crate) fn top(leaves: usize, above: &[Hash]) -> Option<Vec<Hash>> {
    let last = levels(leaves).last()?.parents;
    let start = above.len().checked_sub(last)?;
    Some(above.get(start..)?.to_vec())
}

/// What a node above the leaves is the parent of: its number counts from the first of those.
pub(crate) fn below(leaves: &[Hash], above: &[Hash], number: usize) -> Option<Below> {
    let at = leaves.len().checked_add(number)?;
    let node = |at: usize| match at.checked_sub(leaves.len()) {
        None => leaves.get(at),
        Some(number) => above.get(number),
    };
    let mut levels = levels(leaves.len()).into_iter();
    let (level, parent) = levels.find_map(|level| {
        let parent = at.checked_sub(level.target)?;
        (parent < level.parents).then_some((level, parent))
    })?;
    let first = parent.checked_mul(2)?;
    let child = |at: usize| node(level.source.checked_add(at)?);
    let left = child(first)?;
    let second = first.checked_add(1)?;
    if second < level.children {
        return Some(Below::Pair(join(left, child(second)?)));
    }
    Some(Below::Alone(*left))
}

/// What is below a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Below {
    /// Two, as the message whose digest it is.
    Pair([u8; 64]),
    /// One, which it equals.
    Alone(Hash),
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::batch::{BatchHasher as _, Sequential};

    use super::*;

    #[test]
    fn every_node_is_the_parent_of_those_below_it() {
        for leaves in [
            0,
            1,
            TOP_NODES,
            TOP_NODES + 1,
            2 * TOP_NODES + 1,
            5 * TOP_NODES + 3,
        ] {
            let nodes: Vec<Hash> = (0..leaves)
                .map(|leaf| ordlane_primitives::hash::sha256(&leaf.to_le_bytes()))
                .collect();
            let mut all = Vec::new();
            let mut lower = nodes.clone();
            while lower.len() > TOP_NODES {
                let (pairs, odd) = lower.as_chunks::<2>();
                let messages: Vec<[u8; 64]> = pairs.iter().map(|[a, b]| join(a, b)).collect();
                lower = [Sequential.hash_pairs(&messages), odd.to_vec()].concat();
                all.extend_from_slice(&lower);
            }
            assert_eq!(above(leaves), all.len());
            let expected = (leaves > TOP_NODES).then_some(lower);
            assert_eq!(top(leaves, &all), expected);
            for (number, node) in all.iter().enumerate() {
                let found = match below(&nodes, &all, number).unwrap() {
                    Below::Pair(message) => Sequential.hash_pairs(&[message])[0],
                    Below::Alone(child) => child,
                };
                assert_eq!(found, *node, "{number} over {leaves}");
            }
            assert_eq!(below(&nodes, &all, all.len()), None);
        }
    }
}
