//! NOMT, with its own files.

use std::path::Path;

use bitvec::order::Msb0;
use bitvec::view::BitView;
use nomt::hasher::{Sha2Hasher, ValueHasher};
use nomt::trie::LeafData;
use nomt::{IoUringPermission, KeyReadWrite, Nomt, Options, SessionParams, check_iou_permissions};

use super::proofs::{ProofFigures, measured};
use super::rival::{Applied, Rival};
use super::workload::{Key, Op};
use crate::error::CompareError;
use crate::measure::taken;

/// NOMT's default, enough for some millions of keys.
const MIN_BUCKETS: u32 = 64_000;
/// Its pages have 126 nodes; with so many keys to a bucket its table does not fill up.
const KEYS_PER_BUCKET: usize = 8;

/// A store of NOMT's.
pub(crate) struct NomtRival {
    nomt: Nomt<Sha2Hasher>,
}

/// How many threads NOMT has for a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workers {
    /// One for the tree and one for reading and writing.
    One,
    /// As many as it takes by default.
    Default,
    /// So many for the tree, and as many for reading and writing as it takes by default.
    Commit(usize),
}

impl NomtRival {
    /// The store, or nothing where the system refuses what NOMT cannot do without.
    pub(crate) fn open(
        folder: &Path,
        keys: usize,
        cache_mib: u32,
        workers: Workers,
    ) -> Result<Option<Self>, CompareError> {
        if !matches!(check_iou_permissions(), IoUringPermission::Allowed) {
            return Ok(None);
        }
        let mut options = Options::new();
        options.path(folder);
        options.page_cache_size(cache_mib as usize);
        options.leaf_cache_size(cache_mib as usize);
        let buckets = u32::try_from(keys / KEYS_PER_BUCKET).unwrap_or(u32::MAX);
        options.hashtable_buckets(buckets.max(MIN_BUCKETS));
        match workers {
            Workers::One => {
                options.commit_concurrency(1);
                options.io_workers(1);
            }
            Workers::Default => {}
            Workers::Commit(workers) => options.commit_concurrency(workers),
        }
        let nomt = Nomt::open(options).map_err(CompareError::nomt)?;
        Ok(Some(Self { nomt }))
    }
}

impl Rival for NomtRival {
    fn apply(&mut self, batch: &[Op]) -> Result<Applied, CompareError> {
        let writes = batch
            .iter()
            .map(|op| (op.key, KeyReadWrite::Write(op.new.clone())))
            .collect();
        let nomt = &self.nomt;
        let (finished, root_taken) =
            taken(|| nomt.begin_session(SessionParams::default()).finish(writes));
        let finished = finished.map_err(CompareError::nomt)?;
        let root = finished.root().into_inner();
        let (committed, write) = taken(|| finished.commit(nomt));
        committed.map_err(CompareError::nomt)?;
        Ok(Applied {
            root: Some(root),
            root_taken,
            durable: Some(root_taken.and(write)),
        })
    }

    fn proofs(
        &mut self,
        sample: &[(Key, Vec<u8>)],
        rounds: u32,
    ) -> Result<ProofFigures, CompareError> {
        let root = self.nomt.root().into_inner();
        let session = self.nomt.begin_session(SessionParams::default());
        measured(
            "NOMT",
            sample,
            rounds,
            |key, _| session.prove(*key).map_err(CompareError::nomt),
            |proof| Ok(borsh::to_vec(proof)?.len()),
            |proof, key, value| {
                let leaf = LeafData {
                    key_path: *key,
                    value_hash: Sha2Hasher::hash_value(value),
                };
                let verified = proof.verify::<Sha2Hasher>(key.view_bits::<Msb0>(), root);
                verified.is_ok_and(|verified| matches!(verified.confirm_value(&leaf), Ok(true)))
            },
        )
    }
}
