//! Batches of signatures from any bytes, and the verdict that every verifier must give on them.
//!
//! A batch is a program: a byte chooses what kind of signature comes next, and the bytes after it say which one. So
//! whatever a fuzzer or a random stream gives, most signatures get past the first check that they meet. The verdict is
//! that of `ed25519-zebra`, an implementation of ZIP-215 that shares nothing with ours but curve25519-dalek's arithmetic.

use std::sync::LazyLock;

use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    edwards::CompressedEdwardsY,
    scalar::Scalar,
};
use ed25519_zebra::{Signature, VerificationKey};
use ordlane_primitives::{
    Hash, SigningKey,
    batch::{BatchHasher, BatchVerifier, SignatureCheck},
};
use sha2::{Digest as _, Sha256, Sha512};

/// Most signatures that one input makes.
pub const MAX_SIGNATURES: usize = 64;

/// The group order l, 32 bytes little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A key, a message and a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureCase {
    /// The public key, 32 bytes.
    pub key: [u8; 32],
    /// The message.
    pub message: Vec<u8>,
    /// The signature, `R ‖ S`.
    pub signature: [u8; 64],
}

impl SignatureCase {
    /// An honest signature by the key of a number.
    #[must_use]
    pub fn honest(signer: u64, message: &[u8]) -> Self {
        let mut seed = [0x5a; 32];
        seed[..8].copy_from_slice(&signer.to_le_bytes());
        let key = SigningKey::from_seed(seed);
        Self {
            key: key.public_key(),
            message: message.to_vec(),
            signature: key.sign(message),
        }
    }

    /// A signature whose key and R have parts of small order, each one of the eight; `damage` is added to its S.
    #[must_use]
    pub fn of_mixed_order(of_key: usize, of_r: usize, message: &[u8], damage: u8) -> Self {
        let (secret, nonce) = (
            Scalar::from(0x1234_5678_9abc_def1_u64),
            Scalar::from(77_u64),
        );
        let key = ED25519_BASEPOINT_POINT * secret + EIGHT_TORSION[of_key % 8];
        let r = ED25519_BASEPOINT_POINT * nonce + EIGHT_TORSION[of_r % 8];
        let (key, r) = (key.compress().0, r.compress().0);
        let hash = Sha512::new()
            .chain_update(r)
            .chain_update(key)
            .chain_update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let s = nonce + k * secret + Scalar::from(damage);
        Self {
            key,
            message: message.to_vec(),
            signature: joined(&r, s.as_bytes()),
        }
    }

    /// A key and an R of small order, by their numbers among [`small_order_encodings`].
    #[must_use]
    pub fn of_small_order(key: usize, r: usize, s: &[u8; 32], message: &[u8]) -> Self {
        let encodings = small_order_encodings();
        Self {
            key: encodings[key % encodings.len()],
            message: message.to_vec(),
            signature: joined(&encodings[r % encodings.len()], s),
        }
    }

    /// The same with S larger by l, which names the same scalar.
    #[must_use]
    pub fn with_s_plus_order(mut self) -> Self {
        let mut carry = 0;
        for (byte, order) in self.signature[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        self
    }

    /// The same with one bit flipped: of the signature, the key, or the message, by the bit's number.
    #[must_use]
    pub fn with_flipped_bit(mut self, bit: usize) -> Self {
        let bits = 8 * (96 + self.message.len());
        let (byte, mask) = (bit % bits / 8, 1 << (bit % 8));
        match byte {
            0..64 => self.signature[byte] ^= mask,
            64..96 => self.key[byte - 64] ^= mask,
            _ => self.message[byte - 96] ^= mask,
        }
        self
    }

    /// What a verifier is asked.
    #[must_use]
    pub fn check(&self) -> SignatureCheck<'_> {
        SignatureCheck {
            key: &self.key,
            message: &self.message,
            signature: &self.signature,
        }
    }

    /// The verdict of `ed25519-zebra`.
    #[must_use]
    pub fn holds(&self) -> bool {
        let signature = Signature::from(self.signature);
        VerificationKey::try_from(self.key)
            .is_ok_and(|key| key.verify(&signature, &self.message).is_ok())
    }
}

/// The encodings of the eight points of small order, canonical and not: 14, as ZIP-215 counts them.
#[must_use]
pub fn small_order_encodings() -> &'static [[u8; 32]] {
    static ENCODINGS: LazyLock<Vec<[u8; 32]>> = LazyLock::new(|| {
        let mut encodings = Vec::new();
        for low in 0..=u8::MAX {
            for (middle, high) in [(0, 0), (0xff, 0x7f)] {
                for sign in [0, 0x80] {
                    let mut bytes = [middle; 32];
                    (bytes[0], bytes[31]) = (low, high | sign);
                    encodings.push(bytes);
                }
            }
        }
        encodings.extend(EIGHT_TORSION.map(|point| point.compress().0));
        encodings.retain(|bytes| {
            let point = CompressedEdwardsY(*bytes).decompress();
            point.is_some_and(|point| point.is_small_order())
        });
        encodings.sort_unstable();
        encodings.dedup();
        encodings
    });
    &ENCODINGS
}

/// A batch from any bytes, of [`MAX_SIGNATURES`] at most. It ends where the bytes do.
#[must_use]
pub fn batch(bytes: &[u8]) -> Vec<SignatureCase> {
    let mut program = Program(bytes);
    let mut cases: Vec<SignatureCase> = Vec::new();
    while cases.len() < MAX_SIGNATURES
        && let Some(case) = program.case(&cases)
    {
        cases.push(case);
    }
    cases
}

/// Asserts that all of `tiers` agree with `ed25519-zebra` on the signatures, and with `sha2` on their messages and bytes;
/// how many signatures hold.
///
/// # Panics
/// When one disagrees, which is what it is for.
pub fn all_agree<T: BatchVerifier + BatchHasher>(cases: &[SignatureCase], tiers: &[T]) -> usize {
    let expected: Vec<bool> = cases.iter().map(SignatureCase::holds).collect();
    let checks: Vec<SignatureCheck<'_>> = cases.iter().map(SignatureCase::check).collect();
    let messages: Vec<&[u8]> = cases.iter().map(|case| case.message.as_slice()).collect();
    let pairs: Vec<[u8; 64]> = cases.iter().map(|case| case.signature).collect();
    let of_messages: Vec<Hash> = messages.iter().map(|message| digest(message)).collect();
    let of_pairs: Vec<Hash> = pairs.iter().map(|pair| digest(pair)).collect();
    for tier in tiers {
        let verdicts = tier.verify_batch(&checks);
        assert_eq!(verdicts.len(), cases.len(), "{tier:?}");
        for ((verdict, expected), case) in verdicts.into_iter().zip(&expected).zip(cases) {
            assert_eq!(verdict, *expected, "{tier:?}: {case:02x?}");
        }
        assert_eq!(
            tier.hash_messages(&messages),
            of_messages,
            "{tier:?}: {messages:02x?}"
        );
        assert_eq!(tier.hash_pairs(&pairs), of_pairs, "{tier:?}: {pairs:02x?}");
    }
    expected.into_iter().filter(|holds| *holds).count()
}

fn digest(message: &[u8]) -> Hash {
    Hash(Sha256::digest(message).into())
}

fn joined(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r);
    signature[32..].copy_from_slice(s);
    signature
}

/// What is left to read.
struct Program<'a>(&'a [u8]);

impl<'a> Program<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    /// A byte of length, then as many bytes or those that are left.
    fn message(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.byte()?).min(self.0.len());
        let (message, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(message)
    }

    fn honest(&mut self) -> Option<SignatureCase> {
        let signer = u64::from(self.byte()?);
        Some(SignatureCase::honest(signer, self.message()?))
    }

    /// The next signature. `before` are those that the batch has already.
    fn case(&mut self, before: &[SignatureCase]) -> Option<SignatureCase> {
        let kind = self.byte()?;
        Some(match kind % 8 {
            // Any bytes. Most S are not canonical unless their highest bits are cleared.
            0 => {
                let (key, mut signature) = (self.take()?, self.take::<64>()?);
                signature[63] &= if kind >= 128 { 0xff } else { 0x0f };
                let message = self.message()?.to_vec();
                SignatureCase {
                    key,
                    message,
                    signature,
                }
            }
            1 => self.honest()?,
            2 => {
                let bit = u16::from_le_bytes(self.take()?);
                self.honest()?.with_flipped_bit(usize::from(bit))
            }
            3 => self.honest()?.with_s_plus_order(),
            // S is 0, 1 or l.
            4 => {
                let [key, r] = self.take()?.map(usize::from);
                let mut one = [0; 32];
                one[0] = 1;
                let s = [[0; 32], [0; 32], one, ORDER][usize::from(kind >> 3) % 4];
                SignatureCase::of_small_order(key, r, &s, self.message()?)
            }
            5 => {
                let [of_key, of_r] = self.take()?.map(usize::from);
                let damage = kind >> 7;
                SignatureCase::of_mixed_order(of_key, of_r, self.message()?, damage)
            }
            // An honest one with a key or R of small order.
            6 => {
                let which = usize::from(self.byte()?);
                let encoding = small_order_encodings()[which % 14];
                let mut case = self.honest()?;
                if kind >= 128 {
                    case.key = encoding;
                } else {
                    case.signature[..32].copy_from_slice(&encoding);
                }
                case
            }
            // One from before, or its key and message with the signature of another.
            _ => {
                let [one, other] = self.take()?.map(usize::from);
                let mut case = before.get(one % before.len().max(1))?.clone();
                if kind >= 128 {
                    case.signature = before[other % before.len()].signature;
                }
                case
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::batch::Sequential;
    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{RngCore as _, SeedableRng as _},
    };

    use super::*;

    #[test]
    fn random_bytes_reach_both_verdicts_and_the_definition_agrees() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut all, mut holding) = (0, 0);
        for _ in 0..30 {
            let mut bytes = [0; 2_000];
            rng.fill_bytes(&mut bytes);
            let cases = batch(&bytes);
            all += cases.len();
            holding += all_agree(&cases, &[Sequential]);
        }
        assert!(all > 300, "{all}");
        assert!((all / 5..all / 2).contains(&holding), "{holding} of {all}");
    }

    #[test]
    fn there_are_fourteen_encodings_of_small_order_and_no_batch_is_too_long() {
        assert_eq!(small_order_encodings().len(), 14);
        assert_eq!(batch(&[1; 10_000]).len(), MAX_SIGNATURES);
        assert!(batch(&[]).is_empty());
        assert!(batch(&[0; 50]).is_empty());
    }

    #[test]
    #[should_panic(expected = "Liar")]
    fn a_verifier_that_errs_is_found() {
        #[derive(Debug)]
        struct Liar;
        impl BatchVerifier for Liar {
            fn verify_batch(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
                vec![true; checks.len()]
            }
        }
        impl BatchHasher for Liar {
            fn hash_pairs(&self, pairs: &[[u8; 64]]) -> Vec<Hash> {
                Sequential.hash_pairs(pairs)
            }

            fn hash_messages(&self, messages: &[&[u8]]) -> Vec<Hash> {
                Sequential.hash_messages(messages)
            }
        }
        let case = SignatureCase::honest(1, b"message").with_flipped_bit(3);
        all_agree(&[case], &[Liar]);
    }
}
