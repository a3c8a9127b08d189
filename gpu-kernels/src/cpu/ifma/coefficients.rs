//! The coefficients of a combination, made from all that is combined.
//!
//! SHA-512 throughout, with a tag of 16 bytes first, and all in words of eight bytes. Check i of a group is in lane i
//! modulo 8 of part i / 8.
//!
//! 1. Every lane hashes the group's count, its own number, and per part the challenge SHA-512(R ‖ A ‖ M), not reduced, and
//!    the bytes of S: with that, every bit of keys, messages and signatures.
//! 2. The root is the hash of the count and of the eight digests.
//! 3. The hash of the root and a number gives four coefficients: lane j of number n those of parts 4 n to 4 n + 3.

use super::sha512::Stream;
use crate::cpu::vector::{Ifma, Kernel, LANES, U64x8};

/// What is hashed.
const LANE: [u64; 2] = tag(*b"ordlane/rlc/lane");
const ROOT: [u64; 2] = tag(*b"ordlane/rlc/root");
const COEFFICIENT: [u64; 2] = tag(*b"ordlane/rlc/coef");

const LANE_NUMBERS: [u64; LANES] = [0, 1, 2, 3, 4, 5, 6, 7];

const fn tag(text: [u8; 16]) -> [u64; 2] {
    let both = u128::from_be_bytes(text);
    [(both >> 64) as u64, low_word(both)]
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn low_word(number: u128) -> u64 {
    number as u64
}

/// What a part adds to the transcript.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    /// SHA-512(R ‖ A ‖ M) in words.
    pub(crate) challenge: [U64x8; 8],
    /// S in words.
    pub(crate) s: [U64x8; 4],
}

/// 128 bits per lane, in two words.
pub(crate) type Coefficient = [U64x8; 2];

/// Per part its coefficients.
pub(crate) struct Coefficients<'a> {
    /// How many checks the group has.
    pub(crate) count: usize,
    pub(crate) statements: &'a [Statement],
}

impl Kernel<Ifma> for Coefficients<'_> {
    type Output = Vec<Coefficient>;

    #[inline(always)]
    fn run(self, ifma: Ifma) -> Vec<Coefficient> {
        let count = U64x8::splat(ifma, self.count as u64);
        let lanes = U64x8::from_array(ifma, LANE_NUMBERS);
        let mut stream = Stream::new(ifma);
        stream.push_all(ifma, &U64x8::splat_all(ifma, LANE));
        stream.push_all(ifma, &[count, lanes]);
        for statement in self.statements {
            stream.push_all(ifma, &statement.challenge);
            stream.push_all(ifma, &statement.s);
        }
        let digests = stream.finish(ifma);

        let mut stream = Stream::new(ifma);
        stream.push_all(ifma, &U64x8::splat_all(ifma, ROOT));
        stream.push(ifma, count);
        for word in digests {
            stream.push_all(ifma, &U64x8::splat_all(ifma, word.to_array()));
        }
        let root = stream.finish(ifma);

        let mut coefficients = Vec::with_capacity(self.statements.len().saturating_add(3));
        for number in 0..self.statements.len().div_ceil(4) {
            let first = U64x8::splat(ifma, (number as u64).wrapping_mul(LANES as u64));
            let mut stream = Stream::new(ifma);
            stream.push_all(ifma, &U64x8::splat_all(ifma, COEFFICIENT));
            stream.push_all(ifma, &root);
            stream.push(ifma, first.add(lanes));
            let [a, b, c, d, e, f, g, h] = stream.finish(ifma);
            coefficients.extend_from_slice(&[[a, b], [c, d], [e, f], [g, h]]);
        }
        coefficients.truncate(self.statements.len());
        coefficients
    }
}

#[cfg(test)]
mod tests;
