//! The walk of a verifier: along the paths of the keys, hashing on the way back, before and after the changes at once.

use core::slice;

use super::{EndNode, KeyValue, MultiProof, OtherLeaf, PathEnd};
use crate::{
    Hash,
    limits::MAX_TREE_DEPTH,
    proof::ProofError,
    tree::{EMPTY, bit, internal_node, is_leaf, leaf_node, path_of, shared_bits, value_hash},
};

/// Checks the proof against `root` and gives the root after `changes`.
pub(super) fn walk(
    proof: &MultiProof,
    root: &Hash,
    items: &[KeyValue<'_>],
    changes: &[KeyValue<'_>],
) -> Result<Hash, ProofError> {
    let mut keys = keys_of(items)?;
    change(&mut keys, changes)?;
    let mut walk = Walk {
        ends: proof.ends.iter(),
        others: proof.others.iter(),
        siblings: proof.siblings.iter(),
    };
    let top = walk.subtree(&keys, 0)?;
    if walk.ends.len() > 0 || walk.others.len() > 0 || walk.siblings.len() > 0 {
        return Err(ProofError::Misshapen);
    }
    if top.before != *root {
        return Err(ProofError::RootMismatch {
            expected: *root,
            actual: top.before,
        });
    }
    Ok(top.after)
}

/// A key: its path, and its leaf before and after the changes, if it has one.
struct Key {
    path: Hash,
    before: Option<Hash>,
    after: Option<Hash>,
}

/// The hash of a subtree before and after the changes.
#[derive(Clone, Copy)]
struct Nodes {
    before: Hash,
    after: Hash,
}

impl Nodes {
    const fn unchanged(node: Hash) -> Self {
        Self {
            before: node,
            after: node,
        }
    }
}

fn leaf_of(path: &Hash, value: Option<&[u8]>) -> Option<Hash> {
    value.map(|value| leaf_node(path, &value_hash(value)))
}

/// The keys, strictly ascending by path.
fn keys_of(items: &[KeyValue<'_>]) -> Result<Vec<Key>, ProofError> {
    if items.is_empty() {
        return Err(ProofError::NoKeys);
    }
    let mut keys: Vec<Key> = items
        .iter()
        .map(|(raw_key, value)| {
            let path = path_of(raw_key);
            let leaf = leaf_of(&path, *value);
            Key {
                path,
                before: leaf,
                after: leaf,
            }
        })
        .collect();
    keys.sort_unstable_by_key(|key| key.path);
    if keys.is_sorted_by(|a, b| a.path < b.path) {
        Ok(keys)
    } else {
        Err(ProofError::DuplicateKey)
    }
}

fn change(keys: &mut [Key], changes: &[KeyValue<'_>]) -> Result<(), ProofError> {
    let mut changed: Vec<(Hash, Option<&[u8]>)> = changes
        .iter()
        .map(|(raw_key, value)| (path_of(raw_key), *value))
        .collect();
    changed.sort_unstable_by_key(|(path, _)| *path);
    if !changed.is_sorted_by(|(a, _), (b, _)| a < b) {
        return Err(ProofError::DuplicateKey);
    }
    for (path, value) in changed {
        let at = keys.binary_search_by_key(&path, |key| key.path);
        let key = at.ok().and_then(|at| keys.get_mut(at));
        key.ok_or(ProofError::NotCovered)?.after = leaf_of(&path, value);
    }
    Ok(())
}

/// What is left of the proof's parts.
struct Walk<'a> {
    ends: slice::Iter<'a, PathEnd>,
    others: slice::Iter<'a, OtherLeaf>,
    siblings: slice::Iter<'a, Hash>,
}

impl Walk<'_> {
    /// The subtree at `depth` that these keys, at least one, lie in. No end lies deeper than 256, and neither does this.
    fn subtree(&mut self, keys: &[Key], depth: usize) -> Result<Nodes, ProofError> {
        let end = self.ends.as_slice().first().ok_or(ProofError::Misshapen)?;
        let end_depth = usize::from(end.depth);
        if end_depth == depth {
            self.ends.next();
            let other = self.other(end.node)?;
            return at_end(end, other, keys);
        }
        if end_depth < depth || depth >= MAX_TREE_DEPTH {
            return Err(ProofError::Misshapen);
        }
        let (left, right) = keys.split_at(keys.partition_point(|key| !bit(&key.path, depth)));
        let below = depth.saturating_add(1);
        let left = self.side(left, below)?;
        let right = self.side(right, below)?;
        join(left, right)
    }

    /// The other key's leaf at an end that is one.
    fn other(&mut self, node: EndNode) -> Result<Option<&OtherLeaf>, ProofError> {
        match node {
            EndNode::Other => self.others.next().map(Some).ok_or(ProofError::Misshapen),
            EndNode::Empty | EndNode::Own => Ok(None),
        }
    }

    fn side(&mut self, keys: &[Key], depth: usize) -> Result<Nodes, ProofError> {
        if keys.is_empty() {
            let sibling = self.siblings.next().ok_or(ProofError::Misshapen)?;
            return Ok(Nodes::unchanged(*sibling));
        }
        self.subtree(keys, depth)
    }
}

fn join(left: Nodes, right: Nodes) -> Result<Nodes, ProofError> {
    if rising(&left.before, &right.before).is_some() {
        return Err(ProofError::NotMinimal);
    }
    let before = internal_node(&left.before, &right.before);
    let unchanged = left.before == left.after && right.before == right.after;
    let after = if unchanged {
        before
    } else {
        above(&left.after, &right.after)
    };
    Ok(Nodes { before, after })
}

/// What stands in the place of two subtrees of which one is empty and the other is no internal node.
fn rising(left: &Hash, right: &Hash) -> Option<Hash> {
    match (*left == EMPTY, *right == EMPTY) {
        (true, true) => Some(EMPTY),
        (true, false) => Some(*right).filter(is_leaf),
        (false, true) => Some(*left).filter(is_leaf),
        (false, false) => None,
    }
}

fn above(left: &Hash, right: &Hash) -> Hash {
    rising(left, right).unwrap_or_else(|| internal_node(left, right))
}

/// The subtree in which the paths of these keys, at least one, end; `other` is its leaf where that is another key's.
fn at_end(end: &PathEnd, other: Option<&OtherLeaf>, keys: &[Key]) -> Result<Nodes, ProofError> {
    let depth = usize::from(end.depth);
    let mut present = keys.iter().filter_map(|key| key.before);
    let first = present.next();
    let before = match (end.node, first) {
        (EndNode::Empty | EndNode::Other, Some(_)) => return Err(ProofError::Absent),
        (EndNode::Empty, None) => EMPTY,
        (EndNode::Own, None) => return Err(ProofError::Present),
        // There is one leaf, so at most one of the keys is there.
        (EndNode::Own, Some(_)) if present.next().is_some() => return Err(ProofError::Absent),
        (EndNode::Own, Some(leaf)) => leaf,
        (EndNode::Other, None) => other_leaf(other, depth, keys)?,
    };
    if keys.iter().all(|key| key.before == key.after) {
        return Ok(Nodes::unchanged(before));
    }
    let mut leaves: Vec<(Hash, Hash)> = keys
        .iter()
        .filter_map(|key| Some((key.path, key.after?)))
        .collect();
    if let Some(OtherLeaf { path, .. }) = other {
        let at = leaves.partition_point(|(leaf, _)| leaf < path);
        leaves.insert(at, (*path, before));
    }
    let after = grown(&leaves, depth)?;
    Ok(Nodes { before, after })
}

/// The leaf of another key than these, on their common path.
fn other_leaf(other: Option<&OtherLeaf>, depth: usize, keys: &[Key]) -> Result<Hash, ProofError> {
    let OtherLeaf { path, value_hash } = other.ok_or(ProofError::Misshapen)?;
    if keys.iter().any(|key| key.path == *path) {
        return Err(ProofError::Present);
    }
    let first = keys.first().ok_or(ProofError::Misshapen)?;
    if shared_bits(&first.path, path) < depth {
        return Err(ProofError::OffPath);
    }
    Ok(leaf_node(path, value_hash))
}

/// The subtree at `depth` of these leaves, paths and nodes, strictly ascending. Paths part within their 256 bits.
fn grown(leaves: &[(Hash, Hash)], depth: usize) -> Result<Hash, ProofError> {
    match leaves {
        [] => Ok(EMPTY),
        [(_, leaf)] => Ok(*leaf),
        _ if depth >= MAX_TREE_DEPTH => Err(ProofError::DuplicateKey),
        _ => {
            let right_from = leaves.partition_point(|(path, _)| !bit(path, depth));
            let (left, right) = leaves.split_at(right_from);
            let below = depth.saturating_add(1);
            Ok(above(&grown(left, below)?, &grown(right, below)?))
        }
    }
}
