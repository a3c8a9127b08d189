//! Proofs about keys of the state, verified with nothing but a root.
//!
//! Purpose: a light client checks that a key has a value, or has none, without a store; with a [`MultiProof`] it does so
//! for many keys at once, and computes the root after they change.
//!
//! Source: the tree's rule in [`tree`]; the shape of the argument (a sibling per depth, and what
//! the path ends in) is that of every sparse Merkle tree.

use std::io;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{
    Account, Address, Hash, RawKey,
    codec::{self, Bounded, Canonical, DecodeCause},
    limits::{MAX_PROOF_BYTES, MAX_TREE_DEPTH},
    tree,
};

mod multi;

pub use multi::{EndNode, KeyValue, MultiProof, OtherLeaf, PathEnd};

/// What the path of a key ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// An empty subtree.
    Empty,
    /// A leaf: that of the key itself, or of another key that shares the path down to here.
    Leaf {
        /// The leaf's full path.
        path: Hash,
        /// The hash of the leaf's value.
        value_hash: Hash,
    },
}

/// The nodes beside a key's path, from the root down, and what the path ends in.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StateProof {
    /// The sibling below each depth, the root's children first; at most 256.
    pub siblings: Bounded<Hash, MAX_TREE_DEPTH>,
    /// What lies below the last sibling's parent on the key's side.
    pub terminal: Terminal,
}

/// What the state says of one account, with the proof of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// Whose account.
    pub address: Address,
    /// The record; `Account::default()` is shown as absent from the state.
    pub account: Account,
    /// The proof for the account's raw key.
    pub proof: StateProof,
}

impl AccountProof {
    /// Checks that under `root` the account is what this says.
    ///
    /// # Errors
    /// As [`StateProof::verify`].
    pub fn verify(&self, root: &Hash) -> Result<(), ProofError> {
        let value = (!self.account.is_absent()).then(|| codec::encode(&self.account));
        self.proof.verify(
            root,
            RawKey::account(&self.address).as_bytes(),
            value.as_deref(),
        )
    }
}

/// Why a proof does not show what it is said to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The proof leads to another root.
    #[error("the proof leads to root {actual}, not to {expected}")]
    RootMismatch {
        /// The root that was to be shown.
        expected: Hash,
        /// The root that the proof leads to.
        actual: Hash,
    },
    /// The leaf in the proof does not lie on the key's path.
    #[error("the proof's leaf does not lie on the key's path")]
    OffPath,
    /// The proof is longer than the tree can be: a leaf or an empty subtree sits beside nothing, and would be lifted.
    #[error("the proof is longer than the tree can be there")]
    NotMinimal,
    /// The proof shows that the key has no value.
    #[error("the proof shows that the key is absent")]
    Absent,
    /// The proof shows that the key has another value.
    #[error("the proof shows another value for the key")]
    OtherValue,
    /// The proof shows that the key has a value.
    #[error("the proof shows that the key is present")]
    Present,
    /// A multiproof was asked about no key; its root alone would show nothing.
    #[error("a proof of no keys shows nothing")]
    NoKeys,
    /// Two of the keys are one.
    #[error("a key is given twice")]
    DuplicateKey,
    /// A key is to change that is not among the proven ones.
    #[error("a key that is to change is not among the proven ones")]
    NotCovered,
    /// The multiproof's ends and siblings are not those that the keys ask for: too few, too many, or at other depths.
    #[error("the proof does not have the shape that the keys ask for")]
    Misshapen,
    /// A multiproof of so many keys has more parts than its encoding allows.
    #[error("a proof with {ends} ends and {siblings} siblings is too large")]
    TooLarge {
        /// How many ends of paths there are.
        ends: usize,
        /// How many siblings there are.
        siblings: usize,
    },
}

impl StateProof {
    /// Checks that under `root` the key has this value, or none.
    ///
    /// # Errors
    /// [`ProofError`] when the proof leads to another root or shows something else.
    pub fn verify(
        &self,
        root: &Hash,
        raw_key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), ProofError> {
        self.check_minimal()?;
        let path = tree::path_of(raw_key);
        let shown = self.shown_value_hash(&path)?;
        let actual = self.root_for(&path);
        if actual != *root {
            return Err(ProofError::RootMismatch {
                expected: *root,
                actual,
            });
        }
        match (shown, value) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(ProofError::Absent),
            (Some(_), None) => Err(ProofError::Present),
            (Some(shown), Some(value)) if shown == tree::value_hash(value) => Ok(()),
            (Some(_), Some(_)) => Err(ProofError::OtherValue),
        }
    }

    /// A lone leaf sits as high as it can, so it never has an empty sibling, nor an empty subtree a lone leaf.
    fn check_minimal(&self) -> Result<(), ProofError> {
        match self.siblings.last() {
            Some(&tree::EMPTY) => Err(ProofError::NotMinimal),
            Some(last) if self.terminal == Terminal::Empty && tree::is_leaf(last) => {
                Err(ProofError::NotMinimal)
            }
            _ => Ok(()),
        }
    }

    /// The hash of the key's value that the terminal shows, or none.
    fn shown_value_hash(&self, path: &Hash) -> Result<Option<Hash>, ProofError> {
        match self.terminal {
            Terminal::Empty => Ok(None),
            Terminal::Leaf {
                path: leaf,
                value_hash,
            } if leaf == *path => Ok(Some(value_hash)),
            Terminal::Leaf { path: leaf, .. }
                if tree::shared_bits(&leaf, path) >= self.siblings.len() =>
            {
                Ok(None)
            }
            Terminal::Leaf { .. } => Err(ProofError::OffPath),
        }
    }

    fn root_for(&self, path: &Hash) -> Hash {
        let terminal = match &self.terminal {
            Terminal::Empty => tree::EMPTY,
            Terminal::Leaf { path, value_hash } => tree::leaf_node(path, value_hash),
        };
        self.siblings
            .iter()
            .enumerate()
            .rev()
            .fold(terminal, |node, (depth, sibling)| {
                if tree::bit(path, depth) {
                    tree::internal_node(sibling, &node)
                } else {
                    tree::internal_node(&node, sibling)
                }
            })
    }
}

impl BorshSerialize for Terminal {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        match self {
            Self::Empty => writer.write_all(&[0]),
            Self::Leaf { path, value_hash } => {
                writer.write_all(&[1])?;
                path.serialize(writer)?;
                value_hash.serialize(writer)
            }
        }
    }
}

impl BorshDeserialize for Terminal {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        match u8::deserialize_reader(reader)? {
            0 => Ok(Self::Empty),
            1 => Ok(Self::Leaf {
                path: Hash::deserialize_reader(reader)?,
                value_hash: Hash::deserialize_reader(reader)?,
            }),
            value => Err(DecodeCause::UnknownDiscriminant {
                field: "terminal",
                value,
            }
            .into()),
        }
    }
}

impl Canonical for StateProof {
    const NAME: &'static str = "state proof";
    const MIN_BYTES: usize = 5;
    const MAX_BYTES: usize = MAX_PROOF_BYTES;
}

#[cfg(test)]
mod tests;
