//! Why there is no comparison.

use std::convert::Infallible;
use std::error::Error;
use std::{io, iter};

use ordlane::{EngineError, ImportError, SystemError};
use ordlane_gpu_kernels::DispatchError;
use ordlane_primitives::codec::DecodeError;
use ordlane_primitives::{ErrorCode, GenesisError};
use ordlane_rivals_apart::{LanesError, Unsuited};
use ordlane_scheduler::{ConfigError, RunError};
use ordlane_state::StateError;
use ordlane_testkit::workload::WorkloadError;
use rayon::ThreadPoolBuildError;

use crate::apart::ApartError;

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompareError {
    /// The executor could not be made.
    #[error("the executor: {0}")]
    Config(#[from] ConfigError),
    /// The block could not be run.
    #[error("the run: {0}")]
    Run(#[from] RunError<Infallible>),
    /// The block names an account that is not there.
    #[error("the accounts do not fit in memory")]
    Accounts,
    /// Our batches could not be set up.
    #[error("the dispatcher: {0}")]
    Dispatch(#[from] DispatchError),
    /// The rivals have no threads.
    #[error("a rival: {0}")]
    Lanes(#[from] LanesError),
    /// A rival cannot do what it was asked for.
    #[error("a rival: {0}")]
    Unsuited(#[from] Unsuited),
    /// The process apart failed while it was measured.
    #[error("the process apart: {0}")]
    Apart(#[from] ApartError),
    /// Our store refused a block.
    #[error("the store: {0}")]
    State(#[from] StateError),
    /// NOMT failed.
    #[error("NOMT: {0}")]
    Nomt(Box<dyn Error + Send + Sync>),
    /// jmt failed.
    #[error("jmt: {0}")]
    Jmt(Box<dyn Error + Send + Sync>),
    /// A proof does not show what it was made for.
    #[error("a proof of {0} does not verify")]
    Proof(&'static str),
    /// There is no such load.
    #[error("the load: {0}")]
    Load(#[from] WorkloadError),
    /// A transaction that was made for a block is not in it.
    #[error("a transaction was left out of its block: {0}")]
    LeftOut(String),
    /// Our engine refused a block, or failed.
    #[error("the engine: {}", chain(.0))]
    Engine(#[from] EngineError),
    /// Our engine could not be set up.
    #[error("the engine: {}", chain(.0))]
    System(#[from] SystemError),
    /// Our engine refused one of several blocks, or failed.
    #[error("the engine: {}", chain(.0))]
    Import(#[from] ImportError),
    /// A rival cannot read a block or a transaction.
    #[error("a rival: {0}")]
    Decode(#[from] DecodeError),
    /// A rival refused a transaction.
    #[error("a rival refuses a transaction: {0}")]
    Refused(ErrorCode),
    /// A rival does not know the chain's parameters.
    #[error("a rival: {0}")]
    Genesis(#[from] GenesisError),
    /// A rival has no threads.
    #[error("a rival: {0}")]
    Pool(#[from] ThreadPoolBuildError),
    /// A contract, or an engine of contracts.
    #[cfg(feature = "wasmtime")]
    #[error("contracts: {0}")]
    Wasm(String),
    /// Somebody had no turn in a round.
    #[error("a round in which somebody had no turn")]
    Turn,
    /// A folder could not be made or read.
    #[error("files: {0}")]
    Files(#[from] io::Error),
    /// The result could not be printed.
    #[error("the report: {0}")]
    Report(#[from] serde_json::Error),
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}

impl CompareError {
    pub(crate) fn nomt(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Nomt(error.into())
    }

    pub(crate) fn jmt(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Jmt(error.into())
    }
}
