//! What runs: contracts, whatever they are made of, and what makes them of code.

use core::fmt::Debug;
use std::sync::Arc;

use ordlane_primitives::GasSchedule;

use crate::{Call, Fault, InvalidCode};

/// Which of its functions a contract is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// What runs once, when it is deployed.
    Init,
    /// What runs when it is called.
    Call,
}

/// A contract that is ready to run: WebAssembly, or Rust at a fixed address ([`Contracts::with_native`]).
///
/// It sees the world through its [`Call`] and nothing else, and what it does is a function of what it sees there: it keeps
/// nothing between calls, and asks no clock, no environment and no randomness.
///
/// [`Contracts::with_native`]: crate::Contracts::with_native
pub trait Contract: Debug + Send + Sync {
    /// What it takes of memory, about, in bytes.
    fn size_bytes(&self) -> usize {
        0
    }

    /// Runs it. What it returns is what the caller is given, at most 16 KiB.
    ///
    /// # Errors
    /// [`Fault`], its own or one that its [`Call`] gave it. Of a reason to revert the first KiB is kept.
    fn run(&self, entry: Entry, call: &mut Call<'_>) -> Result<Vec<u8>, Fault>;
}

/// Makes contracts of code.
///
/// Two engines are interchangeable only if they use, for every code and every input, the same gas to the last unit.
pub trait ContractEngine: Debug + Send + Sync {
    /// Checks code and makes it ready to run under a schedule.
    ///
    /// # Errors
    /// [`PrepareError`].
    fn prepare(
        &self,
        code: &[u8],
        schedule: &'static GasSchedule,
    ) -> Result<Arc<dyn Contract>, PrepareError>;
}

/// Why code was not made ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The code breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Box<InvalidCode>),
    /// The machine failed, or the code passed our rules and the engine refuses it all the same.
    #[error("the engine failed: {0}")]
    System(String),
}

impl From<PrepareError> for Fault {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Invalid(invalid) => Self::InvalidCode(invalid),
            PrepareError::System(text) => Self::System(text),
        }
    }
}
