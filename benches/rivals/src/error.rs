//! Why there is no comparison.

use std::convert::Infallible;

use ordlane_gpu_kernels::DispatchError;
use ordlane_rivals_apart::{LanesError, Unsuited};
use ordlane_scheduler::{ConfigError, RunError};

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
    /// The result could not be printed.
    #[error("the report: {0}")]
    Report(#[from] serde_json::Error),
}
