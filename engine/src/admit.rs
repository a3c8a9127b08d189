//! Stage 2: every check that needs no state, in the order of the specification; signatures come after it.

use ordlane_primitives::{
    Address, BlockHeight, ChainId, ChainParams, ErrorCode, Gas, GasPrice, GasSchedule, Transaction,
    TxId, signature,
};

use crate::decode::Decoded;

/// The rules that one block's transactions are admitted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) params: ChainParams,
    pub(crate) schedule: &'static GasSchedule,
    /// The height of the block that is to contain them.
    pub(crate) height: BlockHeight,
}

/// A transaction that passed all checks but those of signatures and state.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    pub(crate) decoded: Decoded,
    /// What it costs before it runs.
    pub(crate) intrinsic: Gas,
}

/// Why a transaction is refused without a look at signatures or state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// It is for another chain.
    #[error("is for chain {got}, this is chain {expected}")]
    WrongChain {
        /// This chain.
        expected: ChainId,
        /// The transaction's chain.
        got: ChainId,
    },
    /// The sender is not who authorises.
    #[error("sender {sender} of transaction {tx_id} is not the signer {signer}")]
    SignerMismatch {
        /// The transaction.
        tx_id: TxId,
        /// The claimed sender.
        sender: Address,
        /// The address of the authorisation.
        signer: Address,
    },
    /// A public key is non-canonical or of small order.
    #[error("public key number {index} is non-canonical or of small order")]
    WeakPublicKey {
        /// The key's position in the authorisation.
        index: usize,
    },
    /// Its last valid height has passed.
    #[error("was valid until height {valid_until}, this is height {height}")]
    TxExpired {
        /// The last height at which it could be included.
        valid_until: BlockHeight,
        /// The block's height.
        height: BlockHeight,
    },
    /// The gas price is below the chain's minimum.
    #[error("gas price {got} is below the minimum {minimum}")]
    GasPriceTooLow {
        /// The chain's minimum.
        minimum: GasPrice,
        /// The transaction's price.
        got: GasPrice,
    },
    /// The gas limit does not cover what it costs before it runs.
    #[error("gas limit {got} is below the intrinsic gas {intrinsic}")]
    GasLimitTooLow {
        /// What it costs before it runs.
        intrinsic: Gas,
        /// The transaction's limit.
        got: Gas,
    },
    /// The gas limit is above the block's.
    #[error("gas limit {got} is above the block's {limit}")]
    GasLimitTooHigh {
        /// The block's limit.
        limit: Gas,
        /// The transaction's limit.
        got: Gas,
    },
}

impl AdmissionError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::WrongChain { .. } => ErrorCode::WrongChain,
            Self::SignerMismatch { .. } => ErrorCode::SignerMismatch,
            Self::WeakPublicKey { .. } => ErrorCode::WeakPublicKey,
            Self::TxExpired { .. } => ErrorCode::TxExpired,
            Self::GasPriceTooLow { .. } => ErrorCode::GasPriceTooLow,
            Self::GasLimitTooLow { .. } => ErrorCode::GasLimitTooLow,
            Self::GasLimitTooHigh { .. } => ErrorCode::GasLimitTooHigh,
        }
    }
}

pub(crate) fn admit(decoded: Decoded, rules: &Rules) -> Result<Admitted, AdmissionError> {
    let payload = &decoded.tx.payload;
    let auth = &decoded.tx.auth;
    if payload.chain_id != rules.params.chain_id {
        return Err(AdmissionError::WrongChain {
            expected: rules.params.chain_id,
            got: payload.chain_id,
        });
    }
    let signer = auth.address();
    if signer != payload.sender {
        return Err(AdmissionError::SignerMismatch {
            tx_id: decoded.id,
            sender: payload.sender,
            signer,
        });
    }
    if let Some(index) = auth.keys().iter().position(signature::is_weak_key) {
        return Err(AdmissionError::WeakPublicKey { index });
    }
    let intrinsic = check_unsigned(&decoded.tx, rules)?;
    Ok(Admitted { decoded, intrinsic })
}

/// The checks that say nothing of keys, and the intrinsic gas.
pub(crate) fn check_unsigned(tx: &Transaction, rules: &Rules) -> Result<Gas, AdmissionError> {
    let payload = &tx.payload;
    if let Some(valid_until) = payload.valid_until.filter(|last| *last < rules.height) {
        return Err(AdmissionError::TxExpired {
            valid_until,
            height: rules.height,
        });
    }
    if payload.gas_price < rules.params.min_gas_price {
        return Err(AdmissionError::GasPriceTooLow {
            minimum: rules.params.min_gas_price,
            got: payload.gas_price,
        });
    }
    let intrinsic = rules.schedule.intrinsic(payload, &tx.auth);
    if payload.gas_limit < intrinsic {
        return Err(AdmissionError::GasLimitTooLow {
            intrinsic,
            got: payload.gas_limit,
        });
    }
    if payload.gas_limit > rules.params.block_gas_limit {
        return Err(AdmissionError::GasLimitTooHigh {
            limit: rules.params.block_gas_limit,
            got: payload.gas_limit,
        });
    }
    Ok(intrinsic)
}
