//! What good parts on as many threads as ours has do: rayon over dalek, and NOMT.

use std::path::Path;

use ordlane_primitives::{Block, Genesis, Hash, codec};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::check::check;
use super::ledger::{Ledger, first_leaves};
use super::rival::{Applied, Rival};
use super::roots::{Leaves, Roots};
use crate::error::CompareError;
use crate::measure::taken;
use crate::state::nomt::{NomtRival, Workers};
use crate::state::rival::Rival as _;
use crate::state::workload::Op;

/// MiB of each of NOMT's two caches, its default: whatever such a state takes.
const CACHE_MIB: u32 = 256;

/// Transactions per task when leaves of lists are hashed.
const LEAVES_PER_TASK: usize = 256;

/// A chain in NOMT's files, with its accounts in memory.
pub(super) struct Strong {
    ledger: Ledger,
    tree: NomtRival,
    pool: ThreadPool,
}

/// What of a block is known before the tree is.
struct Ran {
    state_root: Hash,
    lists_equal: bool,
    leaves: Vec<Op>,
}

impl Strong {
    /// A chain that begins in a folder, or nothing where the system refuses what NOMT cannot do without.
    pub(super) fn begin(
        genesis: &Genesis,
        folder: &Path,
        threads: usize,
    ) -> Result<Option<Self>, CompareError> {
        let leaves = first_leaves(genesis);
        let workers = Workers::Commit(threads);
        let Some(mut tree) = NomtRival::open(folder, leaves.len(), CACHE_MIB, workers)? else {
            return Ok(None);
        };
        tree.apply(&leaves)?;
        Ok(Some(Self {
            ledger: Ledger::begin(genesis)?,
            tree,
            pool: ThreadPoolBuilder::new().num_threads(threads).build()?,
        }))
    }

    fn run(&mut self, bytes: &[u8]) -> Result<Ran, CompareError> {
        let Block {
            header,
            transactions,
            ..
        } = codec::decode(bytes)?;
        let rules = self.ledger.rules(header.number);
        let checked = self.pool.install(|| {
            let checked = transactions.par_iter().map(|bytes| check(bytes, &rules));
            checked.collect::<Result<Vec<_>, _>>()
        })?;
        let executed = self.ledger.execute(&header, &checked)?;
        let (ledger, receipts) = (&self.ledger, &executed.receipts);
        let firsts = (0_u32..).step_by(LEAVES_PER_TASK);
        let parts = transactions.chunks(LEAVES_PER_TASK);
        let parts: Vec<_> = firsts
            .zip(parts.zip(receipts.chunks(LEAVES_PER_TASK)))
            .collect();
        let (roots, leaves) = self.pool.install(|| {
            rayon::join(
                || {
                    let leaves = parts.par_iter();
                    let leaves =
                        leaves.map(|(first, (txs, receipts))| Leaves::of(*first, txs, receipts));
                    let all = leaves.collect::<Vec<_>>().into_iter();
                    all.fold(Leaves::default(), Leaves::then)
                        .roots(executed.gas_used)
                },
                || ledger.leaves(&executed.touched),
            )
        });
        Ok(Ran {
            state_root: header.state_root,
            lists_equal: roots == Roots::of(&header),
            leaves,
        })
    }
}

impl Rival for Strong {
    fn apply(&mut self, bytes: &[u8]) -> Result<Applied, CompareError> {
        let (ran, before) = taken(|| self.run(bytes));
        let ran = ran?;
        let applied = self.tree.apply(&ran.leaves)?;
        Ok(Applied {
            roots_equal: ran.lists_equal && applied.root == Some(ran.state_root.0),
            taken: before.and(applied.durable.unwrap_or_default()),
        })
    }
}
