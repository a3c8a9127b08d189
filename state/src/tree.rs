//! The authenticated tree, in memory.
//!
//! Purpose: a binary sparse Merkle tree that is *persistent*: an update shares all it does not touch with its parent, and
//! a copy costs one pointer, so that many uncommitted blocks can hang on one parent and be dropped at will.
//!
//! Invariants: the rule of [`ordlane_primitives::tree`] and nothing else decides a root, so two trees with the same
//! leaves have the same root whatever their history; a lone leaf sits as high as it can; nothing recurses deeper than the
//! 256 bits of a path, dropping included.
//!
//! A node holds the hashes of its children beside the pointers to them: hashing a node touches no other memory.

use std::sync::Arc;

use ordlane_primitives::{
    Hash,
    batch::BatchHasher,
    codec::Bounded,
    proof::{StateProof, Terminal},
    tree::{EMPTY, bit},
};

mod update;

/// A change of one leaf: its path, and the hash of its new value or none when the leaf goes.
pub type LeafChange = (Hash, Option<Hash>);

/// How many leaves [`Tree::from_leaves`] adds at a time; bounds the memory it needs beside the tree and its input.
const LEAVES_PER_STEP: usize = 1 << 16;

/// A state tree: immutable, cheap to clone, and sharing what it has in common with the tree it came from.
///
/// ```
/// use ordlane_primitives::{batch::Sequential, tree};
/// use ordlane_state::Tree;
///
/// let parent = Tree::empty();
/// let leaf = (tree::path_of(b"key"), Some(tree::value_hash(b"value")));
/// let child = parent.update(&[leaf], &Sequential);
/// let proof = child.prove(&leaf.0);
/// assert_eq!(proof.verify(&child.root(), b"key", Some(b"value")), Ok(()));
/// assert_eq!(parent.root(), tree::EMPTY);
/// ```
#[derive(Clone)]
pub struct Tree {
    top: Link,
    root: Hash,
}

#[derive(Clone)]
enum Link {
    Empty,
    Leaf(Arc<Leaf>),
    Internal(Arc<Internal>),
}

struct Leaf {
    path: Hash,
    value_hash: Hash,
}

struct Internal {
    left_hash: Hash,
    right_hash: Hash,
    left: Link,
    right: Link,
}

impl Tree {
    /// The tree without leaves; its root is 32 zero bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            top: Link::Empty,
            root: EMPTY,
        }
    }

    /// The tree with these leaves, paths and value hashes, in any order; of two with one path the later holds.
    ///
    /// Hashes in wide batches; needs the tree, the list and little more memory.
    #[must_use]
    pub fn from_leaves(mut leaves: Vec<(Hash, Hash)>, hasher: &dyn BatchHasher) -> Self {
        leaves.sort_by_key(|(path, _)| *path);
        leaves
            .chunks(LEAVES_PER_STEP)
            .fold(Self::empty(), |tree, step| {
                let changes: Vec<LeafChange> = step
                    .iter()
                    .map(|(path, value_hash)| (*path, Some(*value_hash)))
                    .collect();
                tree.update(&changes, hasher)
            })
    }

    /// The root: 32 bytes that commit to every leaf.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// The tree after these changes; this one stays as it is.
    ///
    /// `changes` ascend by path, each path once, as [`hash_changes`](crate::hash_changes) returns them. Others are put
    /// in order first, and of several changes of one path the last holds. Removing what is absent changes nothing.
    /// All leaves are hashed in one batch, then all nodes of a level in one batch, deepest first.
    #[must_use]
    pub fn update(&self, changes: &[LeafChange], hasher: &dyn BatchHasher) -> Self {
        update::update(self, changes, hasher)
    }

    /// The proof of what the tree holds at a path: a value, or none.
    #[must_use]
    pub fn prove(&self, path: &Hash) -> StateProof {
        let mut siblings = Vec::new();
        let mut link = &self.top;
        while let Link::Internal(node) = link {
            let (sibling, child) = if bit(path, siblings.len()) {
                (node.left_hash, &node.right)
            } else {
                (node.right_hash, &node.left)
            };
            siblings.push(sibling);
            link = child;
        }
        let terminal = match link {
            Link::Leaf(leaf) => Terminal::Leaf {
                path: leaf.path,
                value_hash: leaf.value_hash,
            },
            Link::Empty | Link::Internal(_) => Terminal::Empty,
        };
        let siblings = Bounded::new(siblings);
        debug_assert!(siblings.is_ok(), "no node lies deeper than a path has bits");
        StateProof {
            siblings: siblings.unwrap_or_default(),
            terminal,
        }
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::empty()
    }
}

impl core::fmt::Debug for Tree {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tree")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}
