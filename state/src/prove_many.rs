//! One proof of many keys, out of a tree.

use ordlane_primitives::{Hash, proof::MultiProof};

use crate::{StateError, Tree};

impl Tree {
    /// The proof of what the tree holds at these paths, values or none, in any order; repeated paths count once.
    ///
    /// Needs the memory of the proof and of one path.
    ///
    /// # Errors
    /// [`StateError::Unprovable`] without paths, or when there are more than a proof can be of; those of
    /// [`Tree::prove`].
    pub fn prove_many(&self, paths: &[Hash]) -> Result<MultiProof, StateError> {
        MultiProof::assemble(paths, |path| self.prove(path))
    }
}
