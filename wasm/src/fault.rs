//! How a call ends that does not return.

use ordlane_primitives::{Address, Amount, ErrorCode};

use crate::{Interrupt, InvalidCode};

/// Why a call ended without returning. All that it did is taken back, but for the gas that it used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The contract reverted, and gave these bytes for a reason.
    #[error("the contract reverted with {} bytes", .0.len())]
    Revert(Vec<u8>),
    /// Its gas does not cover what comes next. All of it is used.
    #[error("out of gas")]
    OutOfGas,
    /// An instruction failed.
    #[error("the contract trapped: {0}")]
    Trap(&'static str),
    /// Code was to be deployed that breaks a rule.
    #[error("the code is refused")]
    InvalidCode(#[source] Box<InvalidCode>),
    /// The address at which to deploy has been used.
    #[error("{0} is in use")]
    AddressInUse(Address),
    /// There is no contract to call.
    #[error("there is no contract at {0}")]
    NoContract(Address),
    /// Calls are nested too deep.
    #[error("calls are nested deeper than {limit}")]
    TooDeep {
        /// How deep they may be.
        limit: usize,
    },
    /// The contract is being called, and has not allowed another call meanwhile.
    #[error("{0} is being called and allows no other call meanwhile")]
    Reentrancy(Address),
    /// A read-only call was to change something.
    #[error("{0} in a read-only call")]
    ReadOnly(&'static str),
    /// What is to be moved is more than there is to spend.
    #[error("{amount} is more than {from} can spend")]
    AmountAboveBalance {
        /// Whose tokens were to be moved.
        from: Address,
        /// How many.
        amount: Amount,
    },
    /// A size or a number is above its limit.
    #[error("{found} {what}, at most {limit} are allowed")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// An argument means nothing.
    #[error("invalid argument: {0}")]
    InvalidArgument(&'static str),
    /// The host ended the execution. It is no result.
    #[error(transparent)]
    Interrupted(#[from] Interrupt),
    /// The machine failed. It is no result.
    #[error("the system failed: {0}")]
    System(String),
}

impl Fault {
    /// The stable code that receipts and calling contracts see; none for what is no result.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        Some(match self {
            Self::Revert(_) => ErrorCode::Revert,
            Self::OutOfGas => ErrorCode::OutOfGas,
            Self::Trap(_) => ErrorCode::Trap,
            Self::InvalidCode(_) => ErrorCode::InvalidCode,
            Self::AddressInUse(_) => ErrorCode::AddressInUse,
            Self::NoContract(_) => ErrorCode::NoContract,
            Self::TooDeep { .. } => ErrorCode::CallTooDeep,
            Self::Reentrancy(_) => ErrorCode::ReentrancyRefused,
            Self::ReadOnly(_) => ErrorCode::StateAccessDenied,
            Self::AmountAboveBalance { .. } => ErrorCode::AmountAboveBalance,
            Self::Limit { .. } => ErrorCode::ContractLimit,
            Self::InvalidArgument(_) => ErrorCode::InvalidOperation,
            Self::Interrupted(_) | Self::System(_) => return None,
        })
    }

    /// What the contract gave for a reason.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match self {
            Self::Revert(payload) => payload,
            _ => &[],
        }
    }
}
