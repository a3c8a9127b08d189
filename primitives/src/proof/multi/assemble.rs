//! From the proofs of single paths to one of many.

use super::{EndNode, MultiProof, OtherLeaf, PathEnd};
use crate::{
    Hash,
    proof::{ProofError, StateProof, Terminal},
    tree::bit,
};

pub(super) fn assemble<E, P>(paths: &[Hash], prove: P) -> Result<MultiProof, E>
where
    E: From<ProofError>,
    P: FnMut(&Hash) -> Result<StateProof, E>,
{
    let mut paths = paths.to_vec();
    paths.sort_unstable();
    paths.dedup();
    let mut parts = Parts {
        prove,
        ends: Vec::new(),
        others: Vec::new(),
        siblings: Vec::new(),
    };
    let first = paths.first().ok_or(ProofError::NoKeys)?;
    let proof = (parts.prove)(first)?;
    parts.subtree(&paths, 0, &proof)?;
    Ok(MultiProof::new(parts.ends, parts.others, parts.siblings)?)
}

struct Parts<P> {
    prove: P,
    ends: Vec<PathEnd>,
    others: Vec<OtherLeaf>,
    siblings: Vec<Hash>,
}

impl<P> Parts<P> {
    /// Adds what the walk meets below the node at `depth` that all these paths go through; `proof` is that of the first.
    /// It ends where the proof does, at most 256 levels down.
    fn subtree<E>(&mut self, paths: &[Hash], depth: u16, proof: &StateProof) -> Result<(), E>
    where
        P: FnMut(&Hash) -> Result<StateProof, E>,
    {
        let level = usize::from(depth);
        let Some(sibling) = proof.siblings.get(level) else {
            self.end(paths, depth, proof);
            return Ok(());
        };
        let below = depth.saturating_add(1);
        match paths.split_at(paths.partition_point(|path| !bit(path, level))) {
            ([], right) => {
                self.siblings.push(*sibling);
                self.subtree(right, below, proof)
            }
            (left, []) => {
                self.subtree(left, below, proof)?;
                self.siblings.push(*sibling);
                Ok(())
            }
            (left, right @ [first, ..]) => {
                self.subtree(left, below, proof)?;
                let proof = (self.prove)(first)?;
                self.subtree(right, below, &proof)
            }
        }
    }

    fn end(&mut self, paths: &[Hash], depth: u16, proof: &StateProof) {
        let node = match proof.terminal {
            Terminal::Empty => EndNode::Empty,
            Terminal::Leaf { path, .. } if paths.binary_search(&path).is_ok() => EndNode::Own,
            Terminal::Leaf { path, value_hash } => {
                self.others.push(OtherLeaf { path, value_hash });
                EndNode::Other
            }
        };
        self.ends.push(PathEnd { depth, node });
    }
}
