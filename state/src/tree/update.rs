//! Applying a batch of changes.
//!
//! First the new shape is found from the top down, without hashing an internal node; then each level is hashed in one
//! batch, from the deepest up. Nodes of one level are created and used in the same order, left to right, so a parent
//! takes its unfinished children off the front of the level below.

use std::{borrow::Cow, sync::Arc, vec};

use ordlane_primitives::{
    Hash,
    batch::BatchHasher,
    limits::MAX_TREE_DEPTH,
    tree::{EMPTY, as_internal, as_leaf, bit},
};

use super::{Internal, Leaf, LeafChange, Link, Tree};

pub(super) fn update(tree: &Tree, changes: &[LeafChange], hasher: &dyn BatchHasher) -> Tree {
    let ordered = in_order(changes);
    let prepared = prepare(&ordered, hasher);
    let top = Old {
        link: &tree.top,
        hash: tree.root,
    };
    let mut shape = Shape::default();
    let child = shape.build(top, 0, &prepared);
    let Finished { link, hash } = shape.finish(child, hasher);
    Tree {
        top: link,
        root: hash,
    }
}

/// A subtree whose hash is known.
#[derive(Clone)]
struct Finished {
    link: Link,
    hash: Hash,
}

impl Finished {
    const EMPTY: Self = Self {
        link: Link::Empty,
        hash: EMPTY,
    };
}

/// A subtree of the tree before the update. It is borrowed: counting references touches memory that is not needed.
#[derive(Clone, Copy)]
struct Old<'a> {
    link: &'a Link,
    hash: Hash,
}

impl Old<'_> {
    const EMPTY: Old<'static> = Old {
        link: &Link::Empty,
        hash: EMPTY,
    };

    fn kept(self) -> Child {
        Child::Finished(Finished {
            link: self.link.clone(),
            hash: self.hash,
        })
    }
}

/// A change with its leaf hashed.
struct Prepared {
    path: Hash,
    leaf: Option<Finished>,
}

/// A subtree in the new shape.
enum Child {
    /// One that was kept, or a new leaf, or nothing.
    Finished(Finished),
    /// The next internal node of the level below, still to be hashed.
    Unfinished,
}

struct Unfinished {
    left: Child,
    right: Child,
}

#[derive(Default)]
struct Shape {
    /// The internal nodes to hash, by depth, each level from left to right.
    levels: Vec<Vec<Unfinished>>,
}

impl Shape {
    /// The subtree at `depth` after `changes`, all of which lie in it.
    fn build(&mut self, old: Old<'_>, depth: usize, changes: &[Prepared]) -> Child {
        match (changes, old.link) {
            ([], _) => return old.kept(),
            ([change], Link::Empty) => return Child::Finished(leaf_of(change)),
            ([change], Link::Leaf(leaf)) if leaf.path == change.path => {
                return Child::Finished(leaf_of(change));
            }
            ([change], Link::Leaf(_)) if change.leaf.is_none() => return old.kept(),
            // Paths differ within their 256 bits, so nothing is left to part below them.
            ([.., last], _) if depth >= MAX_TREE_DEPTH => {
                debug_assert!(false, "changes with one path come here only once");
                return Child::Finished(leaf_of(last));
            }
            _ => {}
        }
        let (old_left, old_right) = children(old, depth);
        let (left, right) =
            changes.split_at(changes.partition_point(|change| !bit(&change.path, depth)));
        let below = depth.saturating_add(1);
        let left = self.build(old_left, below, left);
        let right = self.build(old_right, below, right);
        self.join(old, depth, left, right)
    }

    /// The node above two subtrees: none above nothing, and none above a lone leaf, which rises.
    fn join(&mut self, old: Old<'_>, depth: usize, left: Child, right: Child) -> Child {
        match (&left, &right) {
            (Child::Finished(side), Child::Finished(other))
            | (Child::Finished(other), Child::Finished(side))
                if matches!(other.link, Link::Empty) && !matches!(side.link, Link::Internal(_)) =>
            {
                return Child::Finished(side.clone());
            }
            (Child::Finished(left), Child::Finished(right)) => {
                if let Link::Internal(node) = old.link
                    && node.left_hash == left.hash
                    && node.right_hash == right.hash
                {
                    return old.kept();
                }
            }
            _ => {}
        }
        if self.levels.len() <= depth {
            self.levels.resize_with(depth.saturating_add(1), Vec::new);
        }
        if let Some(level) = self.levels.get_mut(depth) {
            level.push(Unfinished { left, right });
        }
        Child::Unfinished
    }

    /// Hashes level by level, deepest first, and returns the top.
    fn finish(self, top: Child, hasher: &dyn BatchHasher) -> Finished {
        let mut below = Vec::new().into_iter();
        for level in self.levels.into_iter().rev() {
            below = finish_level(level, below, hasher).into_iter();
        }
        take(top, &mut below)
    }
}

fn finish_level(
    level: Vec<Unfinished>,
    mut below: vec::IntoIter<Finished>,
    hasher: &dyn BatchHasher,
) -> Vec<Finished> {
    let nodes: Vec<Internal> = level
        .into_iter()
        .map(|Unfinished { left, right }| {
            let left = take(left, &mut below);
            let right = take(right, &mut below);
            Internal {
                left_hash: left.hash,
                right_hash: right.hash,
                left: left.link,
                right: right.link,
            }
        })
        .collect();
    debug_assert!(below.next().is_none(), "every node has a parent");
    let pairs: Vec<[u8; 64]> = nodes
        .iter()
        .map(|node| pair(&node.left_hash, &node.right_hash))
        .collect();
    hasher
        .hash_pairs(&pairs)
        .into_iter()
        .zip(nodes)
        .map(|(digest, node)| Finished {
            link: Link::Internal(Arc::new(node)),
            hash: as_internal(digest),
        })
        .collect()
}

fn take(child: Child, below: &mut vec::IntoIter<Finished>) -> Finished {
    match child {
        Child::Finished(finished) => finished,
        Child::Unfinished => {
            let next = below.next();
            debug_assert!(
                next.is_some(),
                "the level below holds every unfinished child"
            );
            next.unwrap_or(Finished::EMPTY)
        }
    }
}

/// The subtrees below an old one; a leaf that is not alone any more moves down on its side.
fn children(old: Old<'_>, depth: usize) -> (Old<'_>, Old<'_>) {
    match old.link {
        Link::Empty => (Old::EMPTY, Old::EMPTY),
        Link::Leaf(leaf) if bit(&leaf.path, depth) => (Old::EMPTY, old),
        Link::Leaf(_) => (old, Old::EMPTY),
        Link::Internal(node) => (
            Old {
                link: &node.left,
                hash: node.left_hash,
            },
            Old {
                link: &node.right,
                hash: node.right_hash,
            },
        ),
    }
}

fn leaf_of(change: &Prepared) -> Finished {
    change.leaf.clone().unwrap_or(Finished::EMPTY)
}

/// The changes strictly ascending by path; the last of several for one path holds.
fn in_order(changes: &[LeafChange]) -> Cow<'_, [LeafChange]> {
    if changes.is_sorted_by(|(a, _), (b, _)| a < b) {
        return Cow::Borrowed(changes);
    }
    let mut ordered = changes.to_vec();
    ordered.reverse();
    ordered.sort_by_key(|(path, _)| *path);
    ordered.dedup_by_key(|(path, _)| *path);
    Cow::Owned(ordered)
}

fn prepare(changes: &[LeafChange], hasher: &dyn BatchHasher) -> Vec<Prepared> {
    let pairs: Vec<[u8; 64]> = changes
        .iter()
        .filter_map(|(path, value_hash)| value_hash.map(|value_hash| pair(path, &value_hash)))
        .collect();
    let mut digests = hasher.hash_pairs(&pairs).into_iter();
    changes
        .iter()
        .map(|&(path, value_hash)| Prepared {
            path,
            leaf: value_hash.and_then(|value_hash| {
                digests.next().map(|digest| Finished {
                    link: Link::Leaf(Arc::new(Leaf { path, value_hash })),
                    hash: as_leaf(digest),
                })
            }),
        })
        .collect()
}

fn pair(left: &Hash, right: &Hash) -> [u8; 64] {
    let mut bytes = [0; 64];
    let (head, tail) = bytes.split_at_mut(32);
    head.copy_from_slice(&left.0);
    tail.copy_from_slice(&right.0);
    bytes
}
