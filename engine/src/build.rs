//! Building a block out of candidates: what cannot be in it is left out, and the builder says why.

use ordlane_primitives::{BlockHash, Hash, TxBytes, limits::MAX_BLOCK_TXS};

use crate::{
    BlockContext, BlockError, Engine, EngineError, Executed,
    admit::Rules,
    engine::Parent,
    execute::{FieldVm, OnInvalid, Ran, Refusal, Transition},
    meters,
    run::Prepared,
    stages::Stopwatch,
    unsealed::Unsealed,
};

/// How many transactions that panic a builder leaves out before it gives up.
const MAX_QUARANTINED: usize = 16;

/// A block that was built, and what is not in it.
#[derive(Debug)]
pub struct Built {
    /// The block.
    pub executed: Executed,
    /// The candidates that are not in it, by ascending position.
    pub left_out: Vec<LeftOut>,
}

/// A candidate that is not in the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its position among the candidates.
    pub position: usize,
    /// Why it was left out.
    pub reason: Refusal,
}

impl Engine {
    /// Builds the block after `parent` out of candidates, given as bytes, in their order. Nothing becomes durable.
    ///
    /// A candidate that cannot be in the block is left out; at the first that the block's gas or count has no room for,
    /// the block ends.
    ///
    /// # Errors
    /// [`BlockError`] when the parent is unknown or stale, the timestamp is not above the parent's, or there are more
    /// than 10^6 candidates; [`SystemError`](crate::SystemError) when the store fails.
    #[tracing::instrument(skip_all, fields(parent = %parent, candidates = candidates.len()))]
    pub fn build_block(
        &self,
        parent: &BlockHash,
        context: &BlockContext,
        candidates: &[TxBytes],
    ) -> Result<Built, EngineError> {
        meters::counted(self.dispatcher.lanes().detached(|| {
            let parent = self.parent(parent)?;
            let rules = self.rules(&parent, context)?;
            let codes = |hash: &Hash| parent.state.code(hash);
            let vm = Transition {
                rules: &rules,
                timestamp_ms: context.timestamp_ms,
                contracts: &self.contracts,
                codes: &codes,
            };
            self.build_with(&vm, &parent, &rules, context, candidates)
        }))
    }

    fn build_with<M>(
        &self,
        vm: &M,
        parent: &Parent<'_>,
        rules: &Rules,
        context: &BlockContext,
        candidates: &[TxBytes],
    ) -> Result<Built, EngineError>
    where
        M: FieldVm,
    {
        if candidates.len() > MAX_BLOCK_TXS {
            let (count, limit) = (candidates.len(), MAX_BLOCK_TXS);
            return Err(BlockError::TooManyTransactions { count, limit }.into());
        }
        let mut prepared = self.workers().prepare(rules, candidates);
        let mut watch = Stopwatch::start();
        let mut ran = self.run_without_panics(vm, parent, rules, &mut prepared)?;
        let Prepared {
            verified,
            positions,
            left_out,
            mut stages,
        } = prepared;
        stages.execute = watch.lap();
        if let Some(trace) = &mut ran.trace {
            trace.renumber(&positions);
        }

        let position_of = |index: usize| positions.get(index).copied();
        let cut = ran.cut_at.and_then(position_of).unwrap_or(candidates.len());
        let invalid_by_state = ran
            .invalid
            .iter()
            .filter_map(|(index, error)| Some((position_of(*index)?, error.clone().into())));
        let mut left_out: Vec<LeftOut> = left_out
            .into_iter()
            .chain(invalid_by_state)
            .filter(|(position, _)| *position < cut)
            .map(|(position, reason)| LeftOut { position, reason })
            .chain((cut..candidates.len()).map(|position| LeftOut {
                position,
                reason: Refusal::BlockFull,
            }))
            .collect();
        left_out.sort_unstable_by_key(|left_out| left_out.position);
        let unsealed = Unsealed::new(&parent.state, rules, context, verified, ran, stages)?;
        let executed = self.seal(&parent.ground(), unsealed)?;
        Ok(Built { executed, left_out })
    }

    /// Runs the candidates; each one that panics on final state is taken out, and the others run again.
    fn run_without_panics<M>(
        &self,
        vm: &M,
        parent: &Parent<'_>,
        rules: &Rules,
        prepared: &mut Prepared,
    ) -> Result<Ran, EngineError>
    where
        M: FieldVm,
    {
        let mut quarantined = 0;
        loop {
            let txs = &prepared.verified;
            let run = self
                .runner
                .run(vm, &parent.state, txs, rules, OnInvalid::LeaveOut);
            match run {
                Err(EngineError::Block(BlockError::Panicked { index, message }))
                    if quarantined < MAX_QUARANTINED && index < prepared.verified.len() =>
                {
                    tracing::error!(index, message, "a candidate panicked and is left out");
                    quarantined = quarantined.saturating_add(1);
                    prepared.verified.remove(index);
                    let position = prepared.positions.remove(index);
                    prepared.left_out.push((position, Refusal::Panicked));
                }
                other => return other,
            }
        }
    }
}

#[cfg(test)]
mod tests;
