//! THE signature rule: Ed25519 under ZIP-215.
//!
//! Purpose: a verdict that single, batched, SIMD and GPU verification can all agree on, for every input.
//! 1. `S` is canonical: below the group order ℓ, compared here and not by a dependency;
//! 2. `A` and `R` decompress; non-canonical encodings of either are accepted;
//! 3. `[8]([S]B − [k]A − R) = 0` with `k = SHA-512(R ‖ A ‖ M) mod ℓ`, over the bytes as given.
//!
//! Outside the equation, a *validity rule of blocks* refuses keys of the protocol that are non-canonical or of small
//! order ([`is_weak_key`]). Source: ZIP 215; RFC 8032 for the rest.

use curve25519_dalek::{
    edwards::{CompressedEdwardsY, EdwardsPoint},
    scalar::Scalar,
    traits::IsIdentity,
};
use sha2::{Digest, Sha512};

/// The group order ℓ = 2^252 + 27742317777372353535851937790883648493, 32 bytes little-endian.
const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The field prime p = 2^255 − 19, 32 bytes little-endian.
const FIELD_PRIME: [u8; 32] = [
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];

/// The canonical y coordinates (sign bit clear) of the eight points of small order: 1, −1, 0 and ±the two of order 8.
const SMALL_ORDER_Y: [[u8; 32]; 5] = [
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
    [0; 32],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
];

/// Whether `signature` (`R ‖ S`, 64 bytes) over `message` verifies under `key` (32 bytes). Never panics, on any input.
#[must_use]
pub fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let (_, s) = split(signature);
    is_canonical_scalar(&s) && equation_holds(key, signature, &challenge(key, message, signature))
}

/// The challenge `k = SHA-512(R ‖ A ‖ M) mod ℓ`, 32 bytes little-endian.
///
/// For accelerators that decide the equation alone, and for those who compare with them.
#[must_use]
pub fn challenge(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> [u8; 32] {
    let (r, _) = split(signature);
    let digest = Sha512::new()
        .chain_update(r)
        .chain_update(key)
        .chain_update(message)
        .finalize();
    Scalar::from_bytes_mod_order_wide(&digest.into()).to_bytes()
}

/// Points 2 and 3 of the rule: whether `A` and `R` decompress, and the equation holds for a challenge. Whether `S` is
/// canonical is not asked.
#[must_use]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the group's operations are complete and never overflow"
)]
pub fn equation_holds(key: &[u8; 32], signature: &[u8; 64], challenge: &[u8; 32]) -> bool {
    let (r_bytes, s_bytes) = split(signature);
    let (Some(a), Some(r)) = (decompress(key), decompress(&r_bytes)) else {
        return false;
    };
    let s = Scalar::from_bytes_mod_order(s_bytes);
    let k = Scalar::from_bytes_mod_order(*challenge);
    let expected_r = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-a, &s);
    (expected_r - r).mul_by_cofactor().is_identity()
}

/// Whether a protocol key (of a sender, a policy's member, a validator, a provider) must be refused: its encoding is
/// non-canonical, or its point is of small order.
///
/// A non-canonical encoding is weak whether or not it is a point. A canonical encoding of no point is not called weak; no
/// signature verifies under it.
#[must_use]
pub fn is_weak_key(key: &[u8; 32]) -> bool {
    let mut y = *key;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    // x = 0 only for y = ±1, both of small order, so a set sign bit on x = 0 is covered too.
    !is_below(&y, &FIELD_PRIME) || SMALL_ORDER_Y.contains(&y)
}

/// Whether 32 little-endian bytes are a scalar below ℓ.
#[must_use]
pub fn is_canonical_scalar(bytes: &[u8; 32]) -> bool {
    is_below(bytes, &GROUP_ORDER)
}

fn decompress(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
    CompressedEdwardsY(*bytes).decompress()
}

/// Compares little-endian numbers from their most significant byte down.
fn is_below(number: &[u8; 32], bound: &[u8; 32]) -> bool {
    number.iter().rev().lt(bound.iter().rev())
}

fn split(signature: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    let (mut r, mut s) = ([0; 32], [0; 32]);
    let (head, tail) = signature.split_at(32);
    r.copy_from_slice(head);
    s.copy_from_slice(tail);
    (r, s)
}

#[cfg(test)]
mod tests;
