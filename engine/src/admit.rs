//! Stage 2: every check that needs no state, in the order of the specification; signatures come after it.

use ordlane_primitives::{BlockHeight, ChainParams, Gas, GasSchedule, signature};

use crate::{ValidationError, decode::Decoded};

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

pub(crate) fn admit(decoded: Decoded, rules: &Rules) -> Result<Admitted, ValidationError> {
    let payload = &decoded.tx.payload;
    let auth = &decoded.tx.auth;
    if payload.chain_id != rules.params.chain_id {
        return Err(ValidationError::WrongChain {
            expected: rules.params.chain_id,
            got: payload.chain_id,
        });
    }
    let signer = auth.address();
    if signer != payload.sender {
        return Err(ValidationError::SignerMismatch {
            sender: payload.sender,
            signer,
        });
    }
    if let Some(index) = auth.keys().iter().position(signature::is_weak_key) {
        return Err(ValidationError::WeakPublicKey { index });
    }
    if let Some(valid_until) = payload.valid_until.filter(|last| *last < rules.height) {
        return Err(ValidationError::TxExpired {
            valid_until,
            height: rules.height,
        });
    }
    if payload.gas_price < rules.params.min_gas_price {
        return Err(ValidationError::GasPriceTooLow {
            minimum: rules.params.min_gas_price,
            got: payload.gas_price,
        });
    }
    let intrinsic = rules.schedule.intrinsic(payload, auth);
    if payload.gas_limit < intrinsic {
        return Err(ValidationError::GasLimitTooLow {
            intrinsic,
            got: payload.gas_limit,
        });
    }
    if payload.gas_limit > rules.params.block_gas_limit {
        return Err(ValidationError::GasLimitTooHigh {
            limit: rules.params.block_gas_limit,
            got: payload.gas_limit,
        });
    }
    Ok(Admitted { decoded, intrinsic })
}
