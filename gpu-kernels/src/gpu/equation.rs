//! What a device is told of a signature: its equation.
//!
//! The canonical-S check and the challenges are the CPU's. A signature whose S is not canonical keeps its place in the
//! batch, with an S of zero, and is refused whatever the device says of it.

use ordlane_primitives::{batch::SignatureCheck, signature::is_canonical_scalar};

use super::work::Equation;
use crate::tier::Verifier;

/// The equations of signatures, on the calling thread.
pub(crate) fn equations(verifier: &Verifier, checks: &[SignatureCheck<'_>]) -> Vec<Equation> {
    let challenges = verifier.challenges_here(checks);
    let equations = checks.iter().zip(challenges);
    equations
        .map(|(check, challenge)| {
            let mut signature = *check.signature;
            if !has_canonical_scalar(&signature) {
                let (_, s) = signature.split_at_mut(32);
                s.fill(0);
            }
            Equation {
                key: *check.key,
                signature,
                challenge,
            }
        })
        .collect()
}

/// The verdicts on signatures, of those on their equations; nothing unless there is one for each.
pub(crate) fn verdicts(checks: &[SignatureCheck<'_>], mut holds: Vec<bool>) -> Option<Vec<bool>> {
    if holds.len() != checks.len() {
        return None;
    }
    for (holds, check) in holds.iter_mut().zip(checks) {
        *holds &= has_canonical_scalar(check.signature);
    }
    Some(holds)
}

/// Whether the verdict on a signature is that on its equation.
pub(crate) fn is_asked(check: &SignatureCheck<'_>) -> bool {
    has_canonical_scalar(check.signature)
}

fn has_canonical_scalar(signature: &[u8; 64]) -> bool {
    signature.last_chunk().is_some_and(is_canonical_scalar)
}
