//! Stage 3: all signatures of a block in one batch.

use ordlane_primitives::{
    Address, Gas, Transaction, TxBytes, TxId,
    batch::{BatchVerifier, SignatureCheck},
};

use crate::{ValidationError, admit::Admitted};

/// A transaction of which only the state can say whether it is valid. Nothing else makes one.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    pub(crate) tx: Transaction,
    pub(crate) id: TxId,
    pub(crate) bytes: TxBytes,
    pub(crate) intrinsic: Gas,
}

/// A signature does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signature number {index} of transaction {tx_id} of {sender} does not verify")]
pub struct SignatureError {
    /// The transaction.
    pub tx_id: TxId,
    /// The sender, who is the signer that the authorisation names.
    pub sender: Address,
    /// The signature's position in the authorisation.
    pub index: usize,
}

/// Checks the signatures of those that were admitted; the others keep their error. Positions stay the same.
pub(crate) fn verify(
    admitted: Vec<Result<Admitted, ValidationError>>,
    verifier: &dyn BatchVerifier,
) -> Vec<Result<Verified, ValidationError>> {
    let checks: Vec<SignatureCheck<'_>> = admitted
        .iter()
        .flatten()
        .flat_map(|item| {
            let message = item.decoded.id.as_bytes().as_slice();
            let signatures = item.decoded.tx.auth.signatures();
            signatures.map(move |(key, signature)| SignatureCheck {
                key,
                message,
                signature,
            })
        })
        .collect();
    let mut verdicts = verifier.verify_batch(&checks).into_iter();
    admitted
        .into_iter()
        .map(|item| {
            let Admitted { decoded, intrinsic } = item?;
            let count = decoded.tx.auth.signature_count();
            // A verdict that is missing counts as a refusal: nothing is ever accepted for want of an answer.
            let bad = (0..count).fold(None, |bad, index| {
                let accepted = verdicts.next().unwrap_or(false);
                bad.or((!accepted).then_some(index))
            });
            match bad {
                Some(index) => Err(SignatureError {
                    tx_id: decoded.id,
                    sender: decoded.tx.payload.sender,
                    index,
                }
                .into()),
                None => Ok(Verified {
                    tx: decoded.tx,
                    id: decoded.id,
                    bytes: decoded.bytes,
                    intrinsic,
                }),
            }
        })
        .collect()
}
