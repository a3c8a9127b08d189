//! Stage 4: verified transactions run over a parent's state.
//!
//! Invariant: what comes out is what running them one after another gives, whatever the number of threads. Fees are
//! collected beside the state, so no transaction sees those of its own block.

mod base;
mod collect;
mod contract;
mod field;
mod journal;
mod output;
mod runtime_error;
mod transition;

use std::{
    iter,
    sync::{Mutex, TryLockError},
};

use ordlane_primitives::{Amount, BlockHeight, Receipt};
use ordlane_scheduler::{Config, Executor, MemoryFor, Mode, Options, RunError, Vm};

use self::field::Credit;
pub(crate) use self::{
    base::{ParentState, RawState},
    collect::{Collector, OnInvalid, Writes, block_bytes},
    field::FieldValue,
    transition::{Outcome, Transition},
};
pub use self::{
    collect::Refusal,
    field::{Field, SlotKey},
    runtime_error::RuntimeError,
    transition::TransitionError,
};
use crate::{
    BlockError, BlockTrace, EngineError, SystemError, ValidationError, admit::Rules,
    executed::Failure, meters, trace::Tracer, verify::Verified,
};

/// What the transactions of a block did, before its end phase.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The receipts of the transactions that are in the block, in order.
    pub(crate) receipts: Vec<Receipt>,
    /// Why those of them failed that did, in order.
    pub(crate) failures: Vec<Failure>,
    /// Which of the given transactions those are.
    pub(crate) included: Vec<usize>,
    /// Those that cannot be in the block, and why.
    pub(crate) invalid: Vec<(usize, ValidationError)>,
    /// The first one that did not fit; none after it was looked at.
    pub(crate) cut_at: Option<usize>,
    /// What they wrote.
    pub(crate) writes: Writes,
    /// Gas used before refunds.
    pub(crate) gas_used: u64,
    /// The fees of all of them.
    pub(crate) fees: Amount,
    /// How they were run, if somebody wanted to know.
    pub(crate) trace: Option<BlockTrace>,
}

/// A Vm that runs transactions over fields: [`Transition`], and what tests put in its place.
pub(crate) trait FieldVm:
    Vm<Key = Field, Value = FieldValue, Delta = Credit, Tx = Verified, Output = Outcome>
{
}

impl<M> FieldVm for M where
    M: Vm<Key = Field, Value = FieldValue, Delta = Credit, Tx = Verified, Output = Outcome>
{
}

/// The threads that run transactions, and the memory that goes from block to block.
#[derive(Debug)]
pub(crate) struct Runner {
    executor: Executor,
    memory: Mutex<MemoryFor<Transition<'static>>>,
    /// Whether every block is run with a trace.
    traces: bool,
}

impl Runner {
    pub(crate) fn new(executor: Executor, traces: bool) -> Self {
        Self {
            executor,
            memory: Mutex::default(),
            traces,
        }
    }

    /// The calling thread alone, one transaction after another.
    pub(crate) fn sequential() -> Result<Self, SystemError> {
        let config = Config {
            threads: 1,
            mode: Mode::Sequential,
            ..Config::default()
        };
        let executor = Executor::new(config).map_err(|error| SystemError::Threads(error.into()))?;
        Ok(Self::new(executor, false))
    }

    /// Runs `txs` over `parent`. Positions in the result are positions in `txs`.
    pub(crate) fn run<M: FieldVm>(
        &self,
        vm: &M,
        parent: &ParentState<'_>,
        txs: &[Verified],
        rules: &Rules,
        on_invalid: OnInvalid,
    ) -> Result<Ran, EngineError> {
        let _span = tracing::debug_span!("execute").entered();
        let mut collector = Collector::new(parent, txs, rules, on_invalid);
        let mut tracer = self.traces.then(Tracer::start);
        let mut options = Options::default();
        options.trace = tracer.as_mut().map(|tracer| &mut tracer.0);
        // While another block has it, this one is run without. A panic leaves it empty.
        let mut memory = match self.memory.try_lock() {
            Ok(memory) => Some(memory),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        };
        options.memory = memory.as_deref_mut();
        let outcome = self
            .executor
            .run_with(vm, parent, txs, &mut collector, options);
        drop(memory);
        // What the collector refused stands below whatever stopped the run, so it is the first fault.
        if let Some(error) = collector.take_refusal() {
            if let BlockError::InvalidTransaction { source, .. } = &error {
                meters::refused(iter::once(&**source));
            }
            return Err(error.into());
        }
        match outcome {
            Ok(_) => {
                let ran = collector.finish()?;
                meters::refused(ran.invalid.iter().map(|(_, error)| error));
                let trace = tracer.map(|tracer| tracer.finish(txs));
                Ok(Ran { trace, ..ran })
            }
            Err(RunError::Panicked { index, message }) => Err(BlockError::Panicked {
                index: index.as_usize(),
                message,
            }
            .into()),
            Err(RunError::Base { source, .. }) => Err(source.into()),
            Err(other) => Err(SystemError::Internal(describe(&other)).into()),
        }
    }
}

/// The height that a block on `parent` has.
pub(crate) fn height_above(parent: BlockHeight) -> Result<BlockHeight, BlockError> {
    parent.next().ok_or(BlockError::NoHeight { parent })
}

/// An error with all its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
