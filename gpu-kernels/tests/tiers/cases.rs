//! Signatures with something about them.

use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    edwards::CompressedEdwardsY,
    scalar::Scalar,
};
use ordlane_primitives::{SigningKey, batch::SignatureCheck};
use sha2::{Digest, Sha512};

/// A key, a message and a signature.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) key: [u8; 32],
    pub(crate) message: Vec<u8>,
    pub(crate) signature: [u8; 64],
}

impl Case {
    pub(crate) fn check(&self) -> SignatureCheck<'_> {
        SignatureCheck {
            key: &self.key,
            message: &self.message,
            signature: &self.signature,
        }
    }
}

/// An honest signature.
pub(crate) fn honest(seed: u64, message: &[u8]) -> Case {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let key = SigningKey::from_seed(bytes);
    Case {
        key: key.public_key(),
        message: message.to_vec(),
        signature: key.sign(message),
    }
}

/// The encodings of the eight points of small order, canonical and not: 14, as ZIP-215 counts them.
pub(crate) fn small_order_encodings() -> Vec<[u8; 32]> {
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
}

/// Every pair of them as A and R, with S = 0.
pub(crate) fn small_order_cases() -> Vec<Case> {
    let encodings = small_order_encodings();
    let mut cases = Vec::new();
    for key in &encodings {
        for r in &encodings {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(r);
            cases.push(Case {
                key: *key,
                message: b"Zcash".to_vec(),
                signature,
            });
        }
    }
    cases
}

/// Signatures under keys and with R that have each of the eight parts of small order; `spoiled` are those with another S.
pub(crate) fn mixed_order_cases() -> Vec<Case> {
    let (secret, nonce) = (
        Scalar::from(0x1234_5678_9abc_def1_u64),
        Scalar::from(77_u64),
    );
    let mut cases = Vec::new();
    for of_key in EIGHT_TORSION {
        for of_r in EIGHT_TORSION {
            let key = (ED25519_BASEPOINT_POINT * secret + of_key).compress().0;
            let r = (ED25519_BASEPOINT_POINT * nonce + of_r).compress().0;
            let message = b"mixed order".to_vec();
            let hash = Sha512::new()
                .chain_update(r)
                .chain_update(key)
                .chain_update(&message);
            let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
            for s in [nonce + k * secret, nonce + k * secret + Scalar::ONE] {
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(&r);
                signature[32..].copy_from_slice(s.as_bytes());
                cases.push(Case {
                    key,
                    message: message.clone(),
                    signature,
                });
            }
        }
    }
    cases
}

/// The same signature with S larger by l, which names the same scalar.
pub(crate) fn with_s_plus_order(case: &Case) -> Case {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut case = case.clone();
    let mut carry = 0;
    for (byte, order) in case.signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    case
}
