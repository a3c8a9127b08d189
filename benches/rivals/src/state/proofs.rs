//! What proofs take: to make them, to hold them, to verify them.

use super::workload::Key;
use crate::error::CompareError;
use crate::measure::{Spread, taken};

/// Somebody's proofs, each figure per proof.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProofFigures {
    pub(crate) bytes: f64,
    pub(crate) prove_us: Spread,
    pub(crate) verify_us: Spread,
}

/// Makes a proof of every key of the sample and verifies it against the root and the value, in every round; the first
/// round warms up.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts that a measurement divides"
)]
pub(super) fn measured<P>(
    name: &'static str,
    sample: &[(Key, Vec<u8>)],
    rounds: u32,
    mut prove: impl FnMut(&Key, &[u8]) -> Result<P, CompareError>,
    bytes: impl Fn(&P) -> Result<usize, CompareError>,
    verify: impl Fn(&P, &Key, &[u8]) -> bool,
) -> Result<ProofFigures, CompareError> {
    let count = sample.len().max(1) as f64;
    let (mut proving, mut verifying, mut size) = (Vec::new(), Vec::new(), 0);
    for _ in 0..=rounds {
        let (proofs, prove_taken) = taken(|| {
            let proofs = sample.iter().map(|(key, value)| prove(key, value));
            proofs.collect::<Result<Vec<P>, _>>()
        });
        let proofs = proofs?;
        let (are_right, verify_taken) = taken(|| {
            let mut all = proofs.iter().zip(sample);
            all.all(|(proof, (key, value))| verify(proof, key, value))
        });
        if !are_right {
            return Err(CompareError::Proof(name));
        }
        size = 0;
        for proof in &proofs {
            size += bytes(proof)?;
        }
        proving.push(prove_taken.cpu_s * 1e6 / count);
        verifying.push(verify_taken.cpu_s * 1e6 / count);
    }
    Ok(ProofFigures {
        bytes: size as f64 / count,
        prove_us: Spread::of(proving.get(1..).unwrap_or_default()),
        verify_us: Spread::of(verifying.get(1..).unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests {
    use super::measured;
    use crate::error::CompareError;

    #[test]
    fn a_proof_that_does_not_verify_is_an_error() {
        let sample = [([1; 32], vec![1]), ([2; 32], vec![2, 2, 2])];
        let right = measured(
            "test",
            &sample,
            2,
            |_, value| Ok(value.len()),
            |proof| Ok(*proof),
            |proof, _, value| value.len() == *proof,
        );
        assert!((right.unwrap().bytes - 2.0).abs() < 1e-9);
        let wrong = measured(
            "test",
            &sample,
            2,
            |_, value| Ok(value.len()),
            |proof| Ok(*proof),
            |_, key, _| key[0] == 1,
        );
        assert!(matches!(wrong, Err(CompareError::Proof("test"))));
    }
}
