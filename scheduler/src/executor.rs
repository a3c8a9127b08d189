//! The entry point: an executor with its threads, and what it says about a run.

use std::fmt;

use crate::base::Base;
use crate::cancel::Cancel;
use crate::config::Config;
#[cfg(feature = "rayon")]
use crate::config::Mode;
use crate::error::{ConfigError, RunError};
use crate::feed::Feed;
use crate::input::Input;
use crate::memory::MemoryFor;
use crate::sequential;
use crate::sink::Sink;
use crate::trace::Trace;
use crate::vm::Vm;

#[cfg(feature = "rayon")]
use crate::parallel::{self, Pool};

/// The most transactions in one run.
pub(crate) const TRANSACTION_LIMIT: usize = 1 << 31;

/// In [`Mode::Auto`], blocks with fewer transactions are run sequentially: waking the threads would cost more.
#[cfg(feature = "rayon")]
const PARALLEL_FROM: u32 = 16;

/// What a caller may add to one run. None of it changes a result, but for where a cancelled one ends.
#[non_exhaustive]
pub struct Options<'a, M: Vm> {
    /// Ends the run when it is thrown.
    pub cancel: Option<&'a Cancel>,
    /// Is told what happened to each transaction.
    pub trace: Option<&'a mut Trace<M::Key>>,
    /// Is used instead of new memory.
    pub memory: Option<&'a mut MemoryFor<M>>,
}

impl<M: Vm> Default for Options<'_, M> {
    fn default() -> Self {
        Self {
            cancel: None,
            trace: None,
            memory: None,
        }
    }
}

impl<M: Vm> fmt::Debug for Options<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("cancel", &self.cancel)
            .field("trace", &self.trace)
            .field("memory", &self.memory)
            .finish()
    }
}

impl<'a, M: Vm> Options<'a, M> {
    /// With a switch that ends the run.
    #[must_use]
    pub fn cancel(mut self, cancel: &'a Cancel) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// With a trace to be filled.
    #[must_use]
    pub fn trace(mut self, trace: &'a mut Trace<M::Key>) -> Self {
        self.trace = Some(trace);
        self
    }

    /// With memory that an earlier run has left.
    #[must_use]
    pub fn memory(mut self, memory: &'a mut MemoryFor<M>) -> Self {
        self.memory = Some(memory);
        self
    }
}

/// Runs blocks. It owns its threads.
///
/// One run at a time has the threads; another caller waits for them. Only a caller that is itself a thread of a rayon pool
/// runs its block sequentially then, since it may be standing on top of the run it would wait for.
#[derive(Debug)]
pub struct Executor {
    config: Config,
    #[cfg(feature = "rayon")]
    pool: Option<Pool>,
}

impl Executor {
    /// Starts the threads that `config` asks for.
    ///
    /// # Errors
    /// [`ConfigError`] when a setting is outside its limits or the threads cannot be started.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        #[cfg(feature = "rayon")]
        let pool = match config.mode {
            Mode::Sequential => None,
            Mode::Auto if config.threads == 1 => None,
            Mode::Auto | Mode::Parallel => Some(Pool::new(config.threads)?),
        };
        Ok(Self {
            config,
            #[cfg(feature = "rayon")]
            pool,
        })
    }

    /// The settings it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Runs `txs` over `base` and gives `sink` exactly what running them one after another would.
    ///
    /// # Errors
    /// [`RunError`]: the block could not be run to its end. What stands below the transaction that the error names has
    /// reached the sink, nothing else has.
    pub fn run<M, B, S>(
        &self,
        vm: &M,
        base: &B,
        txs: &[M::Tx],
        sink: &mut S,
    ) -> Result<Summary, RunError<B::Error>>
    where
        M: Vm,
        B: Base<Key = M::Key, Value = M::Value>,
        S: Sink<M::Key, M::Value, M::Output>,
    {
        self.run_with(vm, base, txs, sink, Options::default())
    }

    /// [`Executor::run`] with more options.
    ///
    /// # Errors
    /// As for [`Executor::run`], and [`RunError::Cancelled`].
    pub fn run_with<M, B, S>(
        &self,
        vm: &M,
        base: &B,
        txs: &[M::Tx],
        sink: &mut S,
        options: Options<'_, M>,
    ) -> Result<Summary, RunError<B::Error>>
    where
        M: Vm,
        B: Base<Key = M::Key, Value = M::Value>,
        S: Sink<M::Key, M::Value, M::Output>,
    {
        if txs.len() > TRANSACTION_LIMIT {
            return Err(RunError::TooManyTransactions {
                count: txs.len(),
                limit: TRANSACTION_LIMIT,
            });
        }
        self.run_input(vm, base, Input::Slice(txs), sink, options)
    }

    /// [`Executor::run_with`] for a block that is still growing: transactions are run as they come, until the other end of
    /// the feed is dropped.
    ///
    /// # Errors
    /// As for [`Executor::run_with`].
    pub fn run_feed<M, B, S>(
        &self,
        vm: &M,
        base: &B,
        block: Feed<M::Tx>,
        sink: &mut S,
        options: Options<'_, M>,
    ) -> Result<Summary, RunError<B::Error>>
    where
        M: Vm,
        B: Base<Key = M::Key, Value = M::Value>,
        S: Sink<M::Key, M::Value, M::Output>,
    {
        self.run_input(vm, base, Input::Feed(&block), sink, options)
    }

    fn run_input<M, B, S>(
        &self,
        vm: &M,
        base: &B,
        input: Input<'_, M::Tx>,
        sink: &mut S,
        options: Options<'_, M>,
    ) -> Result<Summary, RunError<B::Error>>
    where
        M: Vm,
        B: Base<Key = M::Key, Value = M::Value>,
        S: Sink<M::Key, M::Value, M::Output>,
    {
        #[cfg(feature = "rayon")]
        if parallel::inside_worker() {
            return Err(RunError::Reentrant);
        }
        #[cfg(feature = "rayon")]
        if let Some(pool) = &self.pool
            && (self.config.mode == Mode::Parallel || !input.is_shorter_than(PARALLEL_FROM))
            && let Some(turn) = pool.turn()
        {
            return parallel::run(&turn, self.config.window, vm, base, input, sink, options);
        }
        sequential::run(vm, base, &input, sink, options)
    }
}

/// What a run did. Only `committed`, `skipped` and `cut` are part of its result; the counts of work differ between
/// runs and modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// How many transactions stand.
    pub committed: usize,
    /// How many the sink dropped with [`Flow::Skip`](crate::Flow::Skip).
    pub skipped: usize,
    /// Whether the sink ended the block.
    pub cut: bool,
    /// How many times the Vm was called.
    pub executions: u64,
    /// How many transactions had read something that was no longer so when their turn came.
    pub conflicts: u64,
}
