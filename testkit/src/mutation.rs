//! Deterministic damage to bytes, for tests of decoders.
//!
//! Random flips alone rarely get past the first length field, so some mutations know that formats have such fields.

use rand_chacha::rand_core::RngCore;

use crate::random::{below, index, pick};

/// Most mutations that [`mutate`] applies to one input.
const MAX_MUTATIONS: u64 = 4;
/// Most bytes that one mutation adds.
const MAX_ADDED_BYTES: usize = 64;

/// One kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mutation {
    /// One bit is flipped.
    FlipBit,
    /// One byte becomes a value at a limit: 0, 1, 127, 128, 255.
    SetByte,
    /// Random bytes are put in between.
    Insert,
    /// A run of bytes goes.
    Delete,
    /// The end goes.
    Truncate,
    /// A run of bytes comes twice.
    Duplicate,
    /// A run of bytes overwrites another.
    Splice,
    /// Four bytes, a likely length field, claim another length.
    LengthLie,
}

impl Mutation {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::FlipBit,
        Self::SetByte,
        Self::Insert,
        Self::Delete,
        Self::Truncate,
        Self::Duplicate,
        Self::Splice,
        Self::LengthLie,
    ];

    /// Damages bytes in this way. What needs bytes to work on leaves an empty input as it is.
    pub fn apply(self, bytes: &mut Vec<u8>, rng: &mut impl RngCore) {
        if bytes.is_empty() && self != Self::Insert {
            return;
        }
        let at = index(rng, bytes.len());
        match self {
            Self::FlipBit => bytes[at] ^= 1 << below(rng, 8),
            Self::SetByte => bytes[at] = pick(rng, &[0, 1, 0x7f, 0x80, 0xff]),
            Self::Insert => {
                let mut added = vec![0; 1 + index(rng, MAX_ADDED_BYTES)];
                rng.fill_bytes(&mut added);
                drop(bytes.splice(at..at, added));
            }
            Self::Delete => drop(bytes.drain(run(bytes.len(), at, rng))),
            Self::Truncate => bytes.truncate(at),
            Self::Duplicate => {
                let copied = bytes[run(bytes.len(), at, rng)].to_vec();
                drop(bytes.splice(at..at, copied));
            }
            Self::Splice => {
                let source = run(bytes.len(), at, rng);
                let target = index(rng, bytes.len() - source.len() + 1);
                bytes.copy_within(source, target);
            }
            Self::LengthLie => lie(bytes, at, rng),
        }
    }
}

/// A copy with one to four mutations.
#[must_use]
pub fn mutate(bytes: &[u8], rng: &mut impl RngCore) -> Vec<u8> {
    let mut mutated = bytes.to_vec();
    for _ in 0..=below(rng, MAX_MUTATIONS) {
        let mutation = pick(rng, &Mutation::ALL);
        mutation.apply(&mut mutated, rng);
    }
    mutated
}

/// A run of bytes from a position on, not longer than what a mutation may add.
fn run(len: usize, at: usize, rng: &mut impl RngCore) -> core::ops::Range<usize> {
    let longest = (len - at).min(MAX_ADDED_BYTES);
    at..at + 1 + index(rng, longest)
}

/// Writes a false length where a true one may stand: four bytes that are, little-endian, at most the bytes after them.
fn lie(bytes: &mut [u8], from: usize, rng: &mut impl RngCore) {
    let true_length = |at: usize| -> Option<u32> {
        let field = bytes.get(at..at + 4)?;
        let length = u32::from_le_bytes(field.try_into().ok()?);
        (length as usize <= bytes.len() - at - 4).then_some(length)
    };
    let found = (from..bytes.len())
        .chain(0..from)
        .find_map(|at| Some((at, true_length(at)?)));
    let Some((at, length)) = found else { return };
    let random = rng.next_u32();
    let lies = [
        0,
        length.wrapping_sub(1),
        length.wrapping_add(1),
        length ^ 0x0100_0000,
        u32::MAX,
        random,
        random >> 16,
    ];
    bytes[at..at + 4].copy_from_slice(&pick(rng, &lies).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

    use super::*;

    #[test]
    fn damage_is_a_function_of_the_random_stream() {
        let bytes: Vec<u8> = (0..200).collect();
        let damaged = |seed| mutate(&bytes, &mut ChaCha8Rng::seed_from_u64(seed));
        assert_eq!(damaged(1), damaged(1));
        assert!((0..20).any(|seed| damaged(seed) != damaged(seed + 1)));
    }

    #[test]
    fn every_mutation_takes_every_short_input() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for len in 0..40 {
            for mutation in Mutation::ALL {
                for _ in 0..50 {
                    let mut bytes = vec![0; len];
                    mutation.apply(&mut bytes, &mut rng);
                    assert!(bytes.len() <= len + MAX_ADDED_BYTES, "{mutation:?}");
                }
            }
        }
    }

    #[test]
    fn a_lie_replaces_a_plausible_length() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for _ in 0..100 {
            let mut bytes = [[0xff; 8], [3, 0, 0, 0, 7, 7, 7, 0xff]].concat();
            Mutation::LengthLie.apply(&mut bytes, &mut rng);
            assert_eq!(bytes[..6], [0xff; 6]);
        }
    }
}
