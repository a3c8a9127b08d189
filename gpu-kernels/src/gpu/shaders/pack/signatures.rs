//! Signature checks as the kernels take them.
//!
//! What is not the GPU's part is done here: whether S is canonical, and the challenge k. Both scalars are given in a form
//! whose digits can be cut out without carries: k plus eight in each of its 64 digits of four bits, and s plus 128 in each
//! of its 32 digits of eight bits. The sums stay below 2^256, for both scalars are below 2^254; and a digit less eight, or
//! less 128, is the signed digit.

use ordlane_primitives::{batch::SignatureCheck, signature::is_canonical_scalar};

#[cfg(test)]
use crate::gpu::shaders::kernels::finish::ACCEPTED;
use crate::gpu::shaders::{MAX_SIGNATURES, WORKGROUP_SIZE};

/// Eight in every digit of four bits.
const EIGHTS: u64 = 0x8888_8888_8888_8888;
/// 128 in every digit of eight bits.
const BYTES_OF_128: u64 = 0x8080_8080_8080_8080;

/// Checks in the form of the kernels' buffers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackedChecks {
    /// How many checks there are.
    pub(crate) count: u32,
    /// The length of rows: the count as a multiple of a workgroup.
    pub(crate) stride: u32,
    /// `encodings`, 32 bytes each: the keys, and from `stride` the R of the signatures.
    pub(crate) encodings: Vec<[u8; 32]>,
    /// `scalars`: k and s of each check.
    pub(crate) scalars: Vec<[u64; 8]>,
    /// Whether S is canonical. Where it is not, the verdict is `false` whatever the kernels say.
    pub(crate) canonical: Vec<bool>,
}

impl PackedChecks {
    /// Packs at most [`MAX_SIGNATURES`] checks; what is beyond is left out.
    #[cfg(test)]
    pub(crate) fn pack(checks: &[SignatureCheck<'_>]) -> Self {
        Self::pack_with(checks, |checks| {
            checks.iter().map(|check| PackedCheck::of(check)).collect()
        })
    }

    /// The same with a way to pack each of them, by which the work can be spread over threads.
    pub(crate) fn pack_with(
        checks: &[SignatureCheck<'_>],
        pack: impl FnOnce(&[SignatureCheck<'_>]) -> Vec<PackedCheck>,
    ) -> Self {
        let checks = checks.get(..MAX_SIGNATURES as usize).unwrap_or(checks);
        let rows = checks.len().next_multiple_of(WORKGROUP_SIZE as usize);
        let packed = pack(checks);
        let mut encodings = vec![[0; 32]; 2 * rows];
        let (keys, rs) = encodings.split_at_mut(rows);
        for (((key, r), check), packed) in keys.iter_mut().zip(rs).zip(checks).zip(&packed) {
            *key = *check.key;
            *r = packed.r;
        }
        let mut scalars: Vec<[u64; 8]> = packed.iter().map(|packed| packed.scalars).collect();
        scalars.resize(rows, [0; 8]);
        Self {
            count: small(checks.len()),
            stride: small(rows),
            encodings,
            scalars,
            canonical: packed.iter().map(|packed| packed.canonical).collect(),
        }
    }

    /// The verdicts on all checks, by what `ed25519_finish` has written.
    #[cfg(test)]
    pub(crate) fn verdicts(&self, words: &[u32]) -> Vec<bool> {
        let verdicts = self.canonical.iter().zip(words);
        verdicts
            .map(|(canonical, word)| *canonical && *word == ACCEPTED)
            .collect()
    }
}

/// What is computed of a check on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedCheck {
    r: [u8; 32],
    scalars: [u64; 8],
    canonical: bool,
}

impl PackedCheck {
    /// With the challenge that `primitives` computes.
    #[cfg(test)]
    pub(crate) fn of(check: &SignatureCheck<'_>) -> Self {
        Self::with_challenge(
            check,
            &ordlane_primitives::signature::challenge(check.key, check.message, check.signature),
        )
    }

    /// With a challenge k that was computed elsewhere: below 2^254.
    pub(crate) fn with_challenge(check: &SignatureCheck<'_>, k: &[u8; 32]) -> Self {
        let (r, s) = halves(check.signature);
        let canonical = is_canonical_scalar(&s);
        let s = if canonical { s } else { [0; 32] };
        let mut scalars = [0; 8];
        let (low, high) = scalars.split_at_mut(4);
        low.copy_from_slice(&plus(k, EIGHTS));
        high.copy_from_slice(&plus(&s, BYTES_OF_128));
        Self {
            r,
            scalars,
            canonical,
        }
    }
}

fn halves(signature: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    let (mut r, mut s) = ([0; 32], [0; 32]);
    let (head, tail) = signature.split_at(32);
    r.copy_from_slice(head);
    s.copy_from_slice(tail);
    (r, s)
}

/// The words of a number below 2^254, with the same word added to each of them.
fn plus(number: &[u8; 32], word: u64) -> [u64; 4] {
    let (chunks, _) = number.as_chunks::<8>();
    let mut sum = [0; 4];
    let mut carry = false;
    for (place, chunk) in sum.iter_mut().zip(chunks) {
        (*place, carry) = u64::from_le_bytes(*chunk).carrying_add(word, carry);
    }
    debug_assert!(!carry, "the scalar is below 2^254");
    sum
}

/// A number of checks or rows, which is at most [`MAX_SIGNATURES`].
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(MAX_SIGNATURES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_scalar() {
        let mut largest = [0xff; 32];
        largest[31] = 0x3f;
        for scalar in [[0; 32], [1; 32], [0x0f; 32], largest] {
            let words = plus(&scalar, EIGHTS);
            let nibbles =
                (0..64).map(|at| i64::try_from(words[at / 16] >> (at % 16 * 4) & 15).unwrap() - 8);
            assert_eq!(number(nibbles, 4), scalar);
            let words = plus(&scalar, BYTES_OF_128);
            let bytes =
                (0..32).map(|at| i64::try_from(words[at / 8] >> (at % 8 * 8) & 255).unwrap() - 128);
            assert_eq!(number(bytes, 8), scalar);
        }
    }

    /// The number with these signed digits, which is not negative.
    fn number(digits: impl Iterator<Item = i64>, bits: u32) -> [u8; 32] {
        let mut bytes = [0_i64; 32];
        for (at, digit) in digits.enumerate() {
            let bit = at * bits as usize;
            bytes[bit / 8] += digit << (bit % 8);
        }
        let mut carry = 0;
        let bytes = bytes.map(|byte| {
            let sum = byte + carry;
            carry = sum >> 8;
            u8::try_from(sum & 255).unwrap()
        });
        assert_eq!(carry, 0);
        bytes
    }
}
