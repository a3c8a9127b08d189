//! What can go wrong: with the settings, and with a run.

use std::error::Error;

use crate::types::TxIndex;

/// Why an [`Executor`](crate::Executor) could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No thread could run anything.
    #[error("an executor needs at least one thread")]
    ZeroThreads,
    /// The speculation window per thread is outside its limits.
    #[error("a window of {window} transactions per thread is not between 1 and {limit}")]
    Window {
        /// What was asked for.
        window: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The operating system gave no threads.
    #[error("the thread pool could not be started")]
    ThreadPool(#[source] Box<dyn Error + Send + Sync>),
}

/// Why a run ended before its block did.
///
/// Where a transaction's `index` is named, everything below it was given to the sink and nothing at or above it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError<E: Error + 'static> {
    /// The state below the block could not be read.
    #[error("transaction {index}: the base state could not be read")]
    Base {
        /// The transaction that was reading.
        index: TxIndex,
        /// What the base said.
        #[source]
        source: E,
    },
    /// The Vm asked for a range of a base that has no order.
    #[error("transaction {index}: the base has no order, so it has no ranges")]
    Unordered {
        /// The transaction that was reading.
        index: TxIndex,
    },
    /// The Vm panicked on final state.
    #[error("transaction {index} panicked: {message}")]
    Panicked {
        /// The transaction that was running.
        index: TxIndex,
        /// The text of the panic.
        message: String,
    },
    /// The Vm reported a failure of the system on final state.
    #[error("transaction {index}: the Vm reported a fatal error")]
    Fatal {
        /// The transaction that was running.
        index: TxIndex,
        /// What the Vm said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The caller's [`Cancel`](crate::Cancel) was thrown.
    #[error("the run was cancelled at transaction {index}")]
    Cancelled {
        /// The first transaction that the sink was not given.
        index: TxIndex,
    },
    /// The call came from inside a worker of a running executor.
    #[error("a run was started from inside a worker of a running executor")]
    Reentrant,
    /// The block has more transactions than there are indices.
    #[error("{count} transactions are more than the {limit} that one run takes")]
    TooManyTransactions {
        /// The length of the block.
        count: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// The protocol's own invariant did not hold: a bug in this crate.
    #[error("transaction {index}: internal error, {what}")]
    Internal {
        /// The transaction at the frontier.
        index: TxIndex,
        /// What was found.
        what: &'static str,
    },
}
