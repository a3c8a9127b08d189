//! Signature checks by dalek and by zebra, from bytes.
//!
//! A batch that fails says of none of its signatures whether it is right, so a user then checks them one by one; that is
//! a part of what a batch costs.

use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use ed25519_zebra::{VerificationKey, VerificationKeyBytes, batch};

use crate::signatures::Check;

/// dalek, one by one.
pub(crate) fn dalek(checks: &[Check<'_>], verdicts: &mut [bool]) {
    for (check, verdict) in checks.iter().zip(verdicts) {
        *verdict = dalek_single(check);
    }
}

/// zebra, one by one.
pub(crate) fn zebra(checks: &[Check<'_>], verdicts: &mut [bool]) {
    for (check, verdict) in checks.iter().zip(verdicts) {
        *verdict = zebra_single(check);
    }
}

/// zebra, all at once.
pub(crate) fn zebra_batch(checks: &[Check<'_>], verdicts: &mut [bool]) {
    let mut batch = batch::Verifier::new();
    for check in checks {
        let key = VerificationKeyBytes::from(*check.key);
        batch.queue((key, Signature::from_bytes(check.signature), check.message));
    }
    match batch.verify(rand::rng()) {
        Ok(()) => verdicts.fill(true),
        Err(_) => zebra(checks, verdicts),
    }
}

/// dalek, all at once: another rule, by which a signature can be right in one batch and wrong in another.
pub(crate) fn dalek_batch(checks: &[Check<'_>], verdicts: &mut [bool]) {
    let keys: Result<Vec<_>, _> = checks
        .iter()
        .map(|check| VerifyingKey::from_bytes(check.key))
        .collect();
    let signatures: Vec<_> = checks
        .iter()
        .map(|check| Signature::from_bytes(check.signature))
        .collect();
    let messages: Vec<_> = checks.iter().map(|check| check.message).collect();
    match keys.and_then(|keys| ed25519_dalek::verify_batch(&messages, &signatures, &keys)) {
        Ok(()) => verdicts.fill(true),
        Err(_) => dalek(checks, verdicts),
    }
}

fn dalek_single(check: &Check<'_>) -> bool {
    let signature = Signature::from_bytes(check.signature);
    VerifyingKey::from_bytes(check.key)
        .is_ok_and(|key| key.verify(check.message, &signature).is_ok())
}

fn zebra_single(check: &Check<'_>) -> bool {
    let signature = Signature::from_bytes(check.signature);
    VerificationKey::try_from(*check.key)
        .is_ok_and(|key| key.verify(&signature, check.message).is_ok())
}
