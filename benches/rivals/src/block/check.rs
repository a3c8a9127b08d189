//! All that a rival asks of a transaction before it looks at the state. Source: `docs/SPEC.md`, validation.

use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use ordlane_primitives::{
    BlockHeight, ChainParams, ErrorCode, Gas, GasSchedule, Transaction, TransactionPayload, TxId,
    signature,
};

use crate::error::CompareError;

/// A transaction that only the state can refuse.
pub(super) struct Checked {
    pub(super) payload: TransactionPayload,
    pub(super) id: TxId,
    /// What it costs before it does anything.
    pub(super) intrinsic: Gas,
}

/// What transactions of a block are checked by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) params: ChainParams,
    pub(super) schedule: &'static GasSchedule,
    /// That of the block.
    pub(super) height: BlockHeight,
}

/// Decodes a transaction, checks all that needs no state, and verifies its signatures one by one.
pub(super) fn check(bytes: &[u8], rules: &Rules) -> Result<Checked, CompareError> {
    let (Transaction { payload, auth }, id) = Transaction::decode_with_id(bytes)?;
    let Rules {
        params,
        schedule,
        height,
    } = rules;
    let intrinsic = schedule.intrinsic(&payload, &auth);
    let checks = [
        (payload.chain_id == params.chain_id, ErrorCode::WrongChain),
        (auth.address() == payload.sender, ErrorCode::SignerMismatch),
        (
            !auth.keys().iter().any(signature::is_weak_key),
            ErrorCode::WeakPublicKey,
        ),
        (
            payload.valid_until.is_none_or(|last| last >= *height),
            ErrorCode::TxExpired,
        ),
        (
            payload.gas_price >= params.min_gas_price,
            ErrorCode::GasPriceTooLow,
        ),
        (payload.gas_limit >= intrinsic, ErrorCode::GasLimitTooLow),
        (
            payload.gas_limit <= params.block_gas_limit,
            ErrorCode::GasLimitTooHigh,
        ),
        (
            auth.signatures()
                .all(|(key, signature)| verifies(key, id.as_bytes(), signature)),
            ErrorCode::InvalidSignature,
        ),
    ];
    match checks.into_iter().find(|(holds, _)| !holds) {
        Some((_, code)) => Err(CompareError::Refused(code)),
        None => Ok(Checked {
            payload,
            id,
            intrinsic,
        }),
    }
}

fn verifies(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| {
        key.verify(message, &Signature::from_bytes(signature))
            .is_ok()
    })
}
