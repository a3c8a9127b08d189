//! What one thread does without haste: dalek, a hash map, sha2, jmt. Nothing becomes durable.

use ordlane_primitives::{Block, Genesis, codec};

use super::check::check;
use super::ledger::{Ledger, first_leaves};
use super::rival::{Applied, Rival};
use super::roots::{Leaves, Roots};
use crate::error::CompareError;
use crate::measure::taken;
use crate::state::jmt::JmtRival;
use crate::state::rival::Rival as _;
use crate::state::workload::Op;

/// A chain in memory.
pub(super) struct Naive {
    ledger: Ledger,
    tree: JmtRival,
}

impl Naive {
    pub(super) fn begin(genesis: &Genesis) -> Result<Self, CompareError> {
        let mut tree = JmtRival::default();
        tree.apply(&first_leaves(genesis))?;
        Ok(Self {
            ledger: Ledger::begin(genesis)?,
            tree,
        })
    }

    /// Whether the lists of the next block are what its header says, and what becomes of the tree.
    fn run(&mut self, bytes: &[u8]) -> Result<(bool, Vec<Op>), CompareError> {
        let Block {
            header,
            transactions,
            ..
        } = codec::decode(bytes)?;
        let rules = self.ledger.rules(header.number);
        let checked = transactions.iter().map(|bytes| check(bytes, &rules));
        let checked = checked.collect::<Result<Vec<_>, _>>()?;
        let executed = self.ledger.execute(&header, &checked)?;
        let leaves = Leaves::of(0, &transactions, &executed.receipts);
        let roots = leaves.roots(executed.gas_used);
        let leaves = self.ledger.leaves(&executed.touched);
        Ok((roots == Roots::of(&header), leaves))
    }
}

impl Rival for Naive {
    fn apply(&mut self, bytes: &[u8]) -> Result<Applied, CompareError> {
        let (ran, before) = taken(|| self.run(bytes));
        let (roots_equal, leaves) = ran?;
        let applied = self.tree.apply(&leaves)?;
        Ok(Applied {
            roots_equal,
            taken: before.and(applied.root_taken),
        })
    }
}
