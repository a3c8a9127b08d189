//! The state tree written a second time, slowly: from all leaves, each time anew.
//!
//! Purpose: roots and proofs to judge others by. It builds whatever it is asked for from a sorted list of leaves, and
//! keeps nothing.

use ordlane_primitives::{
    Hash,
    codec::Bounded,
    proof::{StateProof, Terminal},
    tree,
};

/// A path and the hash of the value there.
type Leaf = (Hash, Hash);

/// The leaves of a state, ascending by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateTree(Vec<Leaf>);

impl StateTree {
    /// The tree of these raw keys and values.
    pub fn new<'a>(state: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let leaf = |(key, value)| (tree::path_of(key), tree::value_hash(value));
        Self::of_leaves(state.into_iter().map(leaf))
    }

    /// The tree of these paths, each once, and value hashes.
    pub fn of_leaves(leaves: impl IntoIterator<Item = (Hash, Hash)>) -> Self {
        let mut leaves: Vec<_> = leaves.into_iter().collect();
        leaves.sort_unstable();
        Self(leaves)
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        node(&self.0, 0)
    }

    /// The proof of what is at a path.
    #[must_use]
    pub fn prove(&self, path: &Hash) -> StateProof {
        let (mut siblings, mut rest) = (Vec::new(), &self.0[..]);
        while rest.len() > 1 {
            let depth = siblings.len();
            let (left, right) = halves(rest, depth);
            let (sibling, own) = if tree::bit(path, depth) {
                (left, right)
            } else {
                (right, left)
            };
            siblings.push(node(sibling, depth + 1));
            rest = own;
        }
        let terminal = match rest {
            [(path, value_hash), ..] => Terminal::Leaf {
                path: *path,
                value_hash: *value_hash,
            },
            [] => Terminal::Empty,
        };
        StateProof {
            siblings: Bounded::new(siblings).expect("paths part within 256 bits"),
            terminal,
        }
    }
}

/// The node over leaves whose paths share `depth` bits.
fn node(leaves: &[Leaf], depth: usize) -> Hash {
    match leaves {
        [] => tree::EMPTY,
        [(path, value_hash)] => tree::leaf_node(path, value_hash),
        _ => {
            let (left, right) = halves(leaves, depth);
            tree::internal_node(&node(left, depth + 1), &node(right, depth + 1))
        }
    }
}

fn halves(leaves: &[Leaf], depth: usize) -> (&[Leaf], &[Leaf]) {
    leaves.split_at(leaves.partition_point(|(path, _)| !tree::bit(path, depth)))
}
