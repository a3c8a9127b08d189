//! Stages 1 to 4 in their order, over any state: what a block needs of an engine before it is sealed.

use ordlane_gpu_kernels::Dispatcher;
use ordlane_primitives::{
    BlockHeader, BlockHeight, ChainParams, GasSchedule, Hash, RawKey, TimestampMs, TxBytes,
};
use ordlane_wasm::Contracts;

use crate::{
    BlockError, EngineError, Stages, SystemError, ValidationError,
    admit::{Rules, admit},
    decode::Decoded,
    execute::{self, OnInvalid, ParentState, Ran, Refusal, Runner, Transition},
    meters,
    stages::{Shares, Stopwatch},
    stored::decoded,
    verify::{Verified, verify},
};

/// Transactions per task when they are decoded.
const DECODES_PER_TASK: usize = 64;

/// Who does the work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workers<'a> {
    pub(crate) dispatcher: &'a Dispatcher,
    pub(crate) runner: &'a Runner,
    pub(crate) contracts: &'a Contracts,
}

/// The transactions of a block on their way: what is still in, and what was left out and why.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) verified: Vec<Verified>,
    /// The position of each in what the caller gave.
    pub(crate) positions: Vec<usize>,
    pub(crate) left_out: Vec<(usize, Refusal)>,
    pub(crate) stages: Stages,
}

/// Checks that a block's time is above its parent's.
pub(crate) fn check_timestamp(got: TimestampMs, parent: &BlockHeader) -> Result<(), BlockError> {
    if got > parent.timestamp_ms {
        return Ok(());
    }
    Err(BlockError::Timestamp {
        parent: parent.timestamp_ms,
        got,
    })
}

/// The rules for the block above `parent`, from the parent's state.
pub(crate) fn rules_above(
    parent: BlockHeight,
    state: &ParentState<'_>,
) -> Result<Rules, EngineError> {
    let height = execute::height_above(parent)?;
    let (params, schedule) = params_of(state)?;
    Ok(Rules {
        params,
        schedule,
        height,
    })
}

/// The chain's parameters and the schedule that they name.
pub(crate) fn params_of(
    state: &ParentState<'_>,
) -> Result<(ChainParams, &'static GasSchedule), SystemError> {
    let what = "chain parameters";
    let bytes = state
        .value(&RawKey::params())?
        .ok_or(SystemError::Corrupt { what, source: None })?;
    let params: ChainParams = decoded(what, &bytes)?;
    let schedule = params.schedule().map_err(SystemError::Genesis)?;
    Ok((params, schedule))
}

impl Workers<'_> {
    /// Stages 1 to 4 for all transactions of a block, none of which may be left out.
    pub(crate) fn run_block(
        &self,
        rules: &Rules,
        state: &ParentState<'_>,
        timestamp_ms: TimestampMs,
        transactions: &[TxBytes],
    ) -> Result<(Vec<Verified>, Ran, Stages), EngineError> {
        check_size(rules, transactions)?;
        let prepared = self.prepare(rules, transactions);
        self.run_prepared(rules, state, timestamp_ms, prepared)
    }

    /// Stage 4 for all transactions of a block, none of which may have been left out before.
    pub(crate) fn run_prepared(
        &self,
        rules: &Rules,
        state: &ParentState<'_>,
        timestamp_ms: TimestampMs,
        prepared: Prepared,
    ) -> Result<(Vec<Verified>, Ran, Stages), EngineError> {
        let Prepared {
            verified,
            left_out,
            mut stages,
            ..
        } = prepared;
        if let Some((index, Refusal::Invalid(source))) = left_out.into_iter().next() {
            let source = Box::new(source);
            return Err(BlockError::InvalidTransaction { index, source }.into());
        }
        let mut watch = Stopwatch::start();
        let codes = |hash: &Hash| state.code(hash);
        let vm = Transition {
            rules,
            timestamp_ms,
            contracts: self.contracts,
            codes: &codes,
        };
        let ran = self
            .runner
            .run(&vm, state, &verified, rules, OnInvalid::Refuse)?;
        stages.execute = watch.lap();
        Ok((verified, ran, stages))
    }

    /// Stages 1 to 3: decode, admit, verify. Positions stay the same.
    pub(crate) fn checked(
        &self,
        rules: &Rules,
        transactions: &[TxBytes],
    ) -> (Vec<Result<Verified, ValidationError>>, Stages) {
        let mut watch = Stopwatch::start();
        let (mut stages, shares) = (Stages::default(), Shares::default());
        let admitted = tracing::debug_span!("decode").in_scope(|| {
            self.dispatcher
                .lanes()
                .map_chunks(transactions, DECODES_PER_TASK, |part| {
                    let mut watch = Stopwatch::start();
                    let decoded: Vec<_> = part.iter().map(|tx| Decoded::from_bytes(tx)).collect();
                    let decoding = watch.lap();
                    let admitted = decoded
                        .into_iter()
                        .map(|decoded| Ok(admit(decoded?, rules)?));
                    let admitted = admitted.collect();
                    shares.add(decoding, watch.lap());
                    admitted
                })
        });
        (stages.decode, stages.admit) = shares.of(watch.lap());
        let outcomes =
            tracing::debug_span!("verify").in_scope(|| verify(admitted, self.dispatcher));
        stages.verify = watch.lap();
        meters::refused(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()));
        (outcomes, stages)
    }

    /// Parts the transactions that passed the first stages from those that did not.
    pub(crate) fn prepare(&self, rules: &Rules, transactions: &[TxBytes]) -> Prepared {
        let (outcomes, stages) = self.checked(rules, transactions);
        let (mut verified, mut positions, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for (position, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(tx) => {
                    verified.push(tx);
                    positions.push(position);
                }
                Err(error) => left_out.push((position, error.into())),
            }
        }
        Prepared {
            verified,
            positions,
            left_out,
            stages,
        }
    }
}

/// Checks that the chain allows a block of these transactions.
pub(crate) fn check_size(rules: &Rules, transactions: &[TxBytes]) -> Result<(), BlockError> {
    let (count, limit) = (transactions.len(), rules.params.max_block_txs as usize);
    if count > limit {
        return Err(BlockError::TooManyTransactions { count, limit });
    }
    let limit = u64::from(rules.params.max_block_bytes);
    let bytes = transactions
        .iter()
        .map(execute::block_bytes)
        .fold(0, u64::saturating_add);
    if bytes > limit {
        return Err(BlockError::TooManyBytes { bytes, limit });
    }
    Ok(())
}
