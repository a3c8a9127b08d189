//! Why transactions fail that are in a block.

use ordlane_primitives::{Address, Amount, ErrorCode, Gas, TxId};
use ordlane_wasm::Fault;

/// Why a transaction is in a block and failed: what its receipt has no room for. Source: seed specification, section 8.2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// Its gas limit does not cover an operation. All of its gas is used.
    #[error(
        "out of gas: {operation} brings transaction {tx_id} to {needed}, its limit is {gas_limit}"
    )]
    OutOfGas {
        /// The transaction.
        tx_id: TxId,
        /// Its limit, which is the gas that it is charged.
        gas_limit: Gas,
        /// What it had used with the operation.
        needed: Gas,
        /// The operation.
        operation: &'static str,
    },
    /// The amount is above what its sender can spend beside the highest fee.
    #[error("transaction {tx_id} moves {amount}, and {available} can be spent")]
    AmountAboveBalance {
        /// The transaction.
        tx_id: TxId,
        /// What it moves.
        amount: Amount,
        /// What can be spent.
        available: Amount,
    },
    /// The contract that it called or deployed failed.
    #[error("contract {contract} of transaction {tx_id} failed")]
    Contract {
        /// The transaction.
        tx_id: TxId,
        /// What it called, or where it deployed.
        contract: Address,
        /// The stable code of the cause.
        code: ErrorCode,
        /// How.
        #[source]
        fault: Fault,
    },
}

impl RuntimeError {
    /// The stable code, which the receipt has.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::OutOfGas { .. } => ErrorCode::OutOfGas,
            Self::AmountAboveBalance { .. } => ErrorCode::AmountAboveBalance,
            Self::Contract { code, .. } => *code,
        }
    }
}
