//! What happened to the transactions of a block while they were executed, for those who want to know what serialises
//! their blocks.
//!
//! Invariant: a trace is reported and never reaches a result. It differs from run to run, but for its positions and their
//! order.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use ordlane_scheduler::{Trace, TxTrace};

use crate::{Field, stages, verify::Verified};

/// How the transactions of one block were executed, in the order of their commits.
///
/// [`Executed::trace`](crate::Executed::trace) has it if the engine was built with
/// [`EngineBuilder::trace`](crate::EngineBuilder::trace).
///
/// ```
/// # use ordlane::{BlockContext, Engine};
/// # use ordlane::primitives::{Address, ChainId, ChainParams, Genesis, TimestampMs};
/// # let genesis = Genesis::new(ChainParams::development(ChainId(1)), TimestampMs(0), Vec::new())?;
/// # let (context, candidates) = (BlockContext::new(TimestampMs(1), Address::ZERO), []);
/// let engine = Engine::builder().genesis(genesis).trace(true).build()?;
/// let built = engine.build_block(&engine.durable_head().hash, &context, &candidates)?;
/// let trace = built.executed.trace().ok_or("the engine was built without traces")?;
/// for hot in trace.hottest(3) {
///     println!("{}: {} transactions met there", hot.field, hot.transactions);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockTrace {
    transactions: Vec<TransactionTrace>,
}

/// How one transaction was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionTrace {
    /// Its position among the transactions that the caller gave. A builder looks at some that it leaves out.
    pub position: usize,
    /// How many times it was run.
    pub runs: u32,
    /// The last field of which a run ahead had read what was no longer so.
    pub conflict: Option<Field>,
    /// How many times it was put back for a lower transaction.
    pub waits: u32,
    /// What it waited for: the last field that a lower one was about to write; where there was none, the nonce that it has
    /// in common with the lower one.
    pub waited_on: Option<Field>,
    /// When it was committed, since the first one could begin.
    pub committed_at: Duration,
}

/// A field on which transactions met others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HotField {
    /// Which one.
    pub field: Field,
    /// How many met others there.
    pub transactions: usize,
    /// How many of these had a conflict, and were run again.
    pub conflicts: usize,
    /// How many of these waited.
    pub waits: usize,
}

impl HotField {
    const fn new(field: Field) -> Self {
        Self {
            field,
            transactions: 0,
            conflicts: 0,
            waits: 0,
        }
    }
}

impl BlockTrace {
    /// The transactions that were committed or left out on final state, by ascending position.
    #[must_use]
    pub fn transactions(&self) -> &[TransactionTrace] {
        &self.transactions
    }

    /// The fields on which most transactions met others, most first, at most `most` of them.
    #[must_use]
    pub fn hottest(&self, most: usize) -> Vec<HotField> {
        let mut met: BTreeMap<Field, HotField> = BTreeMap::new();
        for traced in &self.transactions {
            let (conflict, waited_on) = (traced.conflict.as_ref(), traced.waited_on.as_ref());
            // One that met others twice on one field counts once.
            let other = waited_on.filter(|_| waited_on != conflict);
            for field in conflict.into_iter().chain(other) {
                let hot = met
                    .entry(field.clone())
                    .or_insert_with(|| HotField::new(field.clone()));
                hot.transactions = hot.transactions.saturating_add(1);
                let (conflicts, waits) = (conflict == Some(field), waited_on == Some(field));
                hot.conflicts = hot.conflicts.saturating_add(usize::from(conflicts));
                hot.waits = hot.waits.saturating_add(usize::from(waits));
            }
        }
        let mut hottest: Vec<HotField> = met.into_values().collect();
        // Stable, so that equally hot fields stay in their order.
        hottest.sort_by_key(|hot| Reverse(hot.transactions));
        hottest.truncate(most);
        hottest
    }

    /// Puts the caller's positions in the place of those among the transactions that were run.
    pub(crate) fn renumber(&mut self, positions: &[usize]) {
        for traced in &mut self.transactions {
            if let Some(position) = positions.get(traced.position) {
                traced.position = *position;
            }
        }
    }
}

/// Takes a trace while a block runs.
#[derive(Debug)]
pub(crate) struct Tracer(pub(crate) Trace<Field>);

impl Tracer {
    /// Its clock begins now.
    pub(crate) fn start() -> Self {
        Self(Trace::new(stages::nanoseconds()))
    }

    /// The trace of `txs`.
    pub(crate) fn finish(self, txs: &[Verified]) -> BlockTrace {
        let transactions = self.0.transactions().iter();
        BlockTrace {
            transactions: transactions.map(|traced| of_block(traced, txs)).collect(),
        }
    }
}

fn of_block(traced: &TxTrace<Field>, txs: &[Verified]) -> TransactionTrace {
    let position = traced.index.as_usize();
    // Who waited without having read anything did so for the only hint that there is.
    let hinted = || {
        let tx = txs.get(position).filter(|_| traced.waits > 0)?;
        Some(Field::Nonce(tx.tx.payload.sender))
    };
    TransactionTrace {
        position,
        runs: traced.runs,
        conflict: traced.conflict.clone(),
        waits: traced.waits,
        waited_on: traced.waited_on.clone().or_else(hinted),
        committed_at: Duration::from_nanos(traced.committed_at),
    }
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::Address;

    use super::*;

    const COLD: Field = Field::Balance(Address::from_bytes([1; 32]));
    const WARM: Field = Field::Nonce(Address::from_bytes([1; 32]));
    const HOT: Field = Field::Balance(Address::from_bytes([2; 32]));

    fn traced(
        position: usize,
        conflict: Option<Field>,
        waited_on: Option<Field>,
    ) -> TransactionTrace {
        TransactionTrace {
            position,
            runs: 1,
            conflict,
            waits: 0,
            waited_on,
            committed_at: Duration::ZERO,
        }
    }

    #[test]
    fn the_hottest_fields_come_first_and_a_transaction_counts_once_for_a_field() {
        let trace = BlockTrace {
            transactions: vec![
                traced(0, None, None),
                traced(1, Some(HOT), Some(HOT)),
                traced(2, Some(WARM), Some(HOT)),
                traced(3, None, Some(HOT)),
                traced(4, None, Some(WARM)),
                traced(5, Some(COLD), None),
            ],
        };
        let hot = |field, transactions, conflicts, waits| HotField {
            field,
            transactions,
            conflicts,
            waits,
        };
        let expected = [hot(HOT, 3, 1, 3), hot(WARM, 2, 1, 1), hot(COLD, 1, 1, 0)];
        assert_eq!(trace.hottest(9), expected);
        assert_eq!(trace.hottest(1), expected[..1]);
        assert!(trace.hottest(0).is_empty());
    }
}
