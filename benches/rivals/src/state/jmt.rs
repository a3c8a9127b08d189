//! jmt, with its store in memory.

use jmt::mock::MockTreeStore;
use jmt::{KeyHash, RootHash, Sha256Jmt};

use super::proofs::{ProofFigures, measured};
use super::rival::{Applied, Rival};
use super::workload::{Key, Op};
use crate::error::CompareError;
use crate::measure::taken;

/// A tree of jmt's.
#[derive(Default)]
pub(crate) struct JmtRival {
    store: MockTreeStore,
    /// The version of the next batch.
    next: u64,
    root: Option<RootHash>,
}

impl Rival for JmtRival {
    fn apply(&mut self, batch: &[Op]) -> Result<Applied, CompareError> {
        let values: Vec<_> = batch
            .iter()
            .map(|op| (KeyHash(op.key), op.new.clone()))
            .collect();
        let tree = Sha256Jmt::new(&self.store);
        let (put, root_taken) = taken(|| tree.put_value_set(values, self.next));
        let (root, nodes) = put.map_err(CompareError::jmt)?;
        // A chain prunes, too; neither writing nor pruning is counted.
        self.store
            .write_tree_update_batch(nodes)
            .and_then(|()| self.store.purge_stale_nodes(self.next))
            .map_err(CompareError::jmt)?;
        self.next += 1;
        self.root = Some(root);
        Ok(Applied {
            root: None,
            root_taken,
            durable: None,
        })
    }

    fn proofs(
        &mut self,
        sample: &[(Key, Vec<u8>)],
        rounds: u32,
    ) -> Result<ProofFigures, CompareError> {
        let (tree, version) = (Sha256Jmt::new(&self.store), self.next.saturating_sub(1));
        let root = self.root.ok_or(CompareError::Proof("jmt"))?;
        measured(
            "jmt",
            sample,
            rounds,
            |key, _| {
                let proven = tree.get_with_proof(KeyHash(*key), version);
                Ok(proven.map_err(CompareError::jmt)?.1)
            },
            |proof| Ok(borsh::to_vec(proof)?.len()),
            |proof, key, value| proof.verify_existence(root, KeyHash(*key), value).is_ok(),
        )
    }
}
