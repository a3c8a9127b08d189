//! One proof of many keys.
//!
//! Purpose: the keys that a block touches are proven together, present and absent ones, and the root after they change
//! is computed from the proof alone.
//!
//! The verifier walks the tree from the root along the paths of its keys, left before right. Where no key lies on one
//! side of a node, that side's hash is the next sibling; where the walk reaches the depth of the next end, it stops there.
//! So the parts need no position but their order. What the keys themselves give, paths and values of those that
//! are present, is not in the proof.
//!
//! Invariants: for a set of keys and a tree there is one proof. No hash in it can be computed from the others or from the
//! keys, none is unused, and a lone leaf sits as high as it can.
//!
//! Deleting a key can leave a sibling alone, which then rises if it is a leaf. The top bit of its hash tells, and its hash
//! does not depend on its depth. A leaf that a new key pushes down is an end of the new key's path, so its path is known.
//!
//! ```
//! use ordlane_primitives::{
//!     Hash,
//!     proof::{EndNode, MultiProof, PathEnd, ProofError},
//!     tree,
//! };
//!
//! // A tree with one leaf: every path ends in it.
//! let root = tree::leaf_node(&tree::path_of(b"a"), &tree::value_hash(b"1"));
//! let ends = vec![PathEnd { depth: 0, node: EndNode::Own }];
//! let proof = MultiProof::new(ends, vec![], vec![])?;
//! let items: [(&[u8], Option<&[u8]>); 2] = [(b"a", Some(b"1")), (b"b", None)];
//! proof.verify(&root, &items)?;
//! let after = proof.verify_update(&root, &items, &[(b"a", None)])?;
//! assert_eq!(after, tree::EMPTY);
//! # Ok::<(), ProofError>(())
//! ```

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use super::{ProofError, StateProof};
use crate::{
    Hash,
    codec::{Bounded, Canonical, DecodeCause},
    limits::{
        MAX_MULTI_PROOF_BYTES, MAX_MULTI_PROOF_ENDS, MAX_MULTI_PROOF_SIBLINGS, MAX_TREE_DEPTH,
    },
};

mod assemble;
mod walk;

/// A raw key and its value, or none for a key that is absent.
pub type KeyValue<'a> = (&'a [u8], Option<&'a [u8]>);

/// What the paths of some neighbouring keys end in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndNode {
    /// An empty subtree: all of them are absent.
    Empty,
    /// The leaf of one of them; the others are absent.
    Own,
    /// The leaf of a key that was not asked for and shares the path down to here: all of them are absent.
    Other,
}

/// The leaf of a key that was not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct OtherLeaf {
    /// Its full path.
    pub path: Hash,
    /// The hash of its value.
    pub value_hash: Hash,
}

/// Where the paths of some neighbouring keys end: `depth` (2 bytes) and a byte for the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathEnd {
    /// How many nodes lie above, 0 to 256.
    pub depth: u16,
    /// What lies there.
    pub node: EndNode,
}

/// The proof of many keys: the ends of their paths, the leaves of other keys at such ends, and the hashes beside the paths
/// that are not ends themselves, each list in the order of the walk, which is ascending by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MultiProof {
    ends: Bounded<PathEnd, MAX_MULTI_PROOF_ENDS>,
    others: Bounded<OtherLeaf, MAX_MULTI_PROOF_ENDS>,
    siblings: Bounded<Hash, MAX_MULTI_PROOF_SIBLINGS>,
}

impl MultiProof {
    /// A proof of these parts, in the order of the walk. Whether they prove anything is for [`MultiProof::verify`] to say.
    ///
    /// # Errors
    /// [`ProofError::TooLarge`] when there are more of them than the encoding allows.
    pub fn new(
        ends: Vec<PathEnd>,
        others: Vec<OtherLeaf>,
        siblings: Vec<Hash>,
    ) -> Result<Self, ProofError> {
        let too_large = ProofError::TooLarge {
            ends: ends.len(),
            siblings: siblings.len(),
        };
        match (
            Bounded::new(ends),
            Bounded::new(others),
            Bounded::new(siblings),
        ) {
            (Ok(ends), Ok(others), Ok(siblings)) => Ok(Self {
                ends,
                others,
                siblings,
            }),
            _ => Err(too_large),
        }
    }

    /// Puts the proof of many paths together from the proofs of single ones, which `prove` gives; in any order, repeated
    /// paths count once. `prove` is asked once per end.
    ///
    /// # Errors
    /// [`ProofError::NoKeys`] without paths, [`ProofError::TooLarge`], and what `prove` returns.
    pub fn assemble<E: From<ProofError>>(
        paths: &[Hash],
        prove: impl FnMut(&Hash) -> Result<StateProof, E>,
    ) -> Result<Self, E> {
        assemble::assemble(paths, prove)
    }

    /// The ends of the paths, ascending.
    #[must_use]
    pub fn ends(&self) -> &[PathEnd] {
        &self.ends
    }

    /// The leaves of other keys at ends that are such, ascending.
    #[must_use]
    pub fn others(&self) -> &[OtherLeaf] {
        &self.others
    }

    /// The hashes beside the paths, in the order of the walk.
    #[must_use]
    pub fn siblings(&self) -> &[Hash] {
        &self.siblings
    }

    /// Checks that under `root` each of the keys has its value, or none. `items` may come in any order.
    ///
    /// The proof belongs to the set of the keys: one of more or other keys is refused, unless their paths have the
    /// same ends.
    ///
    /// # Errors
    /// [`ProofError`] when there is no key, a key comes twice, or the proof leads to another root or shows something
    /// else.
    pub fn verify(&self, root: &Hash, items: &[KeyValue<'_>]) -> Result<(), ProofError> {
        walk::walk(self, root, items, &[]).map(drop)
    }

    /// Checks as [`MultiProof::verify`] does, and computes the root after `changes`: new values of some of the keys, or
    /// none for those that go. Removing what is absent changes nothing.
    ///
    /// # Errors
    /// As [`MultiProof::verify`]; [`ProofError::NotCovered`] when a key is to change that is not among `items`.
    pub fn verify_update(
        &self,
        root: &Hash,
        items: &[KeyValue<'_>],
        changes: &[KeyValue<'_>],
    ) -> Result<Hash, ProofError> {
        walk::walk(self, root, items, changes)
    }
}

impl BorshSerialize for PathEnd {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        self.depth.serialize(writer)?;
        match self.node {
            EndNode::Empty => writer.write_all(&[0]),
            EndNode::Own => writer.write_all(&[1]),
            EndNode::Other => writer.write_all(&[2]),
        }
    }
}

impl BorshDeserialize for PathEnd {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let depth = u16::deserialize_reader(reader)?;
        if usize::from(depth) > MAX_TREE_DEPTH {
            return Err(DecodeCause::LengthAboveLimit {
                field: "depth",
                length: usize::from(depth),
                limit: MAX_TREE_DEPTH,
            }
            .into());
        }
        let node = match u8::deserialize_reader(reader)? {
            0 => EndNode::Empty,
            1 => EndNode::Own,
            2 => EndNode::Other,
            value => {
                return Err(DecodeCause::UnknownDiscriminant {
                    field: "end of a path",
                    value,
                }
                .into());
            }
        };
        Ok(Self { depth, node })
    }
}

impl Canonical for MultiProof {
    const NAME: &'static str = "multiproof";
    const MIN_BYTES: usize = 4 + 4 + 4;
    const MAX_BYTES: usize = MAX_MULTI_PROOF_BYTES;
}

#[cfg(test)]
mod tests;
