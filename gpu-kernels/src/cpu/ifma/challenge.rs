//! Challenges, eight at a time, for those who check equations elsewhere.

use ordlane_primitives::batch::SignatureCheck;

use super::scalar::Scalar;
use super::sha512::sha512;
use super::verify::{fill, message_of};
use crate::cpu::vector::{Ifma, Kernel, LANES, U64x8, run_ifma};

/// The group order l, in words of 64 bits, the lowest first.
const ORDER: [u64; 4] = [
    0x5812_631a_5cf5_d3ed,
    0x14de_f9de_a2f7_9cd6,
    0,
    0x1000_0000_0000_0000,
];

/// `SHA-512(R ‖ A ‖ M) mod ℓ` of every check, 32 bytes little-endian.
pub(crate) fn challenges(ifma: Ifma, checks: &[SignatureCheck<'_>]) -> Vec<[u8; 32]> {
    let mut challenges = Vec::with_capacity(checks.len());
    for part in checks.chunks(LANES) {
        let Some(lanes) = fill(part) else {
            continue;
        };
        let words = run_ifma(ifma, Challenges(&lanes)).map(U64x8::to_array);
        challenges.extend((0..part.len()).map(|lane| {
            let number = words.map(|word| word.get(lane).copied().unwrap_or(0));
            least(number)
        }));
    }
    challenges
}

struct Challenges<'a>(&'a [SignatureCheck<'a>; LANES]);

impl Kernel<Ifma> for Challenges<'_> {
    type Output = [U64x8; 4];

    #[inline(always)]
    fn run(self, ifma: Ifma) -> [U64x8; 4] {
        let messages = self.0.each_ref().map(message_of);
        Scalar::reduce(ifma, sha512(ifma, &messages)).words()
    }
}

/// A number below 2 l modulo l, as bytes. What [`Scalar::reduce`] gives is below 2^252 + l.
fn least(number: [u64; 4]) -> [u8; 32] {
    let mut reduced = [0; 4];
    let mut borrow = false;
    for ((word, own), order) in reduced.iter_mut().zip(number).zip(ORDER) {
        let (difference, below) = own.overflowing_sub(order);
        let (difference, below_by_one) = difference.overflowing_sub(u64::from(borrow));
        *word = difference;
        borrow = below || below_by_one;
    }
    let mut bytes = [0; 32];
    let words = if borrow { number } else { reduced };
    for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::signature;
    use proptest::{collection, prelude::*};

    use super::*;

    #[test]
    fn numbers_around_the_order_are_brought_below_it() {
        let [low, ..] = ORDER;
        let with_low = |low| [low, ORDER[1], ORDER[2], ORDER[3]];
        let one = |byte| {
            let mut bytes = [0; 32];
            bytes[0] = byte;
            bytes
        };
        assert_eq!(least([7, 0, 0, 0]), one(7));
        assert_eq!(least(ORDER), one(0));
        assert_eq!(least(with_low(low + 9)), one(9));
        let below = with_low(low - 1);
        let bytes: Vec<u8> = below.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(least(below).as_slice(), bytes);
        // The greatest there can be: 2^252 + l - 1.
        let mut greatest = [0xff; 32];
        greatest[31] = 0x0f;
        assert_eq!(least([low - 1, ORDER[1], 0, 2 * ORDER[3]]), greatest);
    }

    proptest! {
        #[test]
        fn challenges_are_those_of_the_definition(
            signed in collection::vec(
                (any::<[u8; 32]>(), any::<[u8; 64]>(), collection::vec(any::<u8>(), 0..300)),
                0..20,
            ),
        ) {
            let Some(ifma) = Ifma::detect() else {
                return Ok(());
            };
            let checks: Vec<SignatureCheck<'_>> = signed
                .iter()
                .map(|(key, signature, message)| SignatureCheck { key, message, signature })
                .collect();
            let expected: Vec<[u8; 32]> = checks
                .iter()
                .map(|check| signature::challenge(check.key, check.message, check.signature))
                .collect();
            prop_assert_eq!(challenges(ifma, &checks), expected);
        }
    }
}
