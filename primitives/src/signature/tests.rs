use curve25519_dalek::constants::EIGHT_TORSION;

use super::*;
use crate::SigningKey;

/// ℓ added to S gives the same equation and another encoding: the classic malleability.
fn with_order_added(signature: &[u8; 64]) -> [u8; 64] {
    let mut out = *signature;
    let mut carry = 0_u16;
    for (byte, order) in out[32..].iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    out
}

#[test]
fn an_honest_signature_verifies_and_any_flipped_bit_does_not() {
    let key = SigningKey::from_seed([3; 32]);
    let message = [9; 32];
    let signature = key.sign(&message);
    assert!(verify(&key.public_key(), &message, &signature));
    for bit in 0..512 {
        let mut flipped = signature;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!verify(&key.public_key(), &message, &flipped), "bit {bit}");
    }
}

#[test]
fn a_scalar_at_or_above_the_order_is_refused() {
    let key = SigningKey::from_seed([4; 32]);
    let signature = key.sign(b"m");
    assert!(!verify(
        &key.public_key(),
        b"m",
        &with_order_added(&signature)
    ));
    assert!(!is_canonical_scalar(&GROUP_ORDER));
    let mut below = GROUP_ORDER;
    below[0] -= 1;
    assert!(is_canonical_scalar(&below));
    assert!(!is_canonical_scalar(&[0xff; 32]));
}

/// All 14 encodings of small-order points, canonical or not, made from their definition.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let mut encodings: Vec<[u8; 32]> = EIGHT_TORSION
        .iter()
        .map(|point| point.compress().0)
        .collect();
    for y in [
        [0; 32],
        EIGHT_TORSION[0].compress().0,
        EIGHT_TORSION[4].compress().0,
    ] {
        for sign in [0, 0x80] {
            let mut plain = y;
            plain[31] = (plain[31] & 0x7f) | sign;
            encodings.push(plain);
            // y + p still fits in 255 bits only for y below 19.
            if y[0] < 19 && y[1..31].iter().all(|byte| *byte == 0) {
                let mut shifted = FIELD_PRIME;
                shifted[0] += y[0];
                shifted[31] |= sign;
                encodings.push(shifted);
            }
        }
    }
    encodings.retain(|encoding| decompress(encoding).is_some());
    encodings.sort_unstable();
    encodings.dedup();
    encodings
}

#[test]
fn the_196_small_order_cases_of_zip_215_are_accepted_as_zebra_accepts_them() {
    let encodings = small_order_encodings();
    assert_eq!(encodings.len(), 14);
    for a in &encodings {
        assert!(is_weak_key(a), "{a:02x?}");
        for r in &encodings {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(r);
            assert!(verify(a, b"Zcash", &signature));
            let zebra = ed25519_zebra::VerificationKey::try_from(*a).unwrap();
            assert!(
                zebra
                    .verify(&ed25519_zebra::Signature::from(signature), b"Zcash")
                    .is_ok()
            );
        }
    }
}

#[test]
fn the_table_of_small_order_points_is_the_torsion_group() {
    for point in &EIGHT_TORSION {
        assert!(is_weak_key(&point.compress().0));
    }
    let mut ys: Vec<[u8; 32]> = EIGHT_TORSION
        .iter()
        .map(|point| point.compress().0)
        .collect();
    ys.iter_mut().for_each(|y| y[31] &= 0x7f);
    ys.sort_unstable();
    ys.dedup();
    let mut table = SMALL_ORDER_Y.to_vec();
    table.sort_unstable();
    assert_eq!(ys, table);
}

#[test]
fn honest_keys_are_not_weak_and_non_canonical_ones_are() {
    for seed in 0..64 {
        assert!(!is_weak_key(
            &SigningKey::from_seed([seed; 32]).public_key()
        ));
    }
    for low in 0..19 {
        let mut y = FIELD_PRIME;
        y[0] += low;
        assert!(is_weak_key(&y));
    }
    // Neither y = 2 nor y = p + 2 is on the curve; only the second is non-canonical.
    let mut y = [0; 32];
    y[0] = 2;
    assert!(decompress(&y).is_none() && !is_weak_key(&y));
    let mut y = FIELD_PRIME;
    y[0] += 2;
    assert!(decompress(&y).is_none() && is_weak_key(&y));
}

/// Adds a point of small order to an encoding of a point.
fn with_torsion(encoding: &[u8; 32], torsion: usize) -> [u8; 32] {
    (decompress(encoding).unwrap() + EIGHT_TORSION[torsion % 8])
        .compress()
        .0
}

fn zebra_accepts(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    ed25519_zebra::VerificationKey::try_from(*key).is_ok_and(|key| {
        key.verify(&ed25519_zebra::Signature::from(*signature), message)
            .is_ok()
    })
}

#[test]
fn mixed_order_points_are_judged_as_zebra_judges_them() {
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..8 {
        let key = SigningKey::from_seed([seed; 32]);
        let (public, signature) = (key.public_key(), key.sign(b"mixed"));
        for (a, r) in (0..8).flat_map(|a| (0..8).map(move |r| (a, r))) {
            // An honest R with torsion: cofactored verification accepts it under the challenge of its own bytes only,
            // so S is made anew for that challenge.
            let (public, r_bytes) = (
                with_torsion(&public, a),
                with_torsion(&split(&signature).0, r),
            );
            let scalar = Scalar::from_bytes_mod_order(split(&signature).1);
            let secret = key.expanded_scalar();
            let scalar_of = |key: &[u8; 32], signature: &[u8; 64]| {
                Scalar::from_bytes_mod_order(challenge(key, b"mixed", signature))
            };
            let mut mixed = [0; 64];
            mixed[..32].copy_from_slice(&r_bytes);
            let nonce = scalar - scalar_of(&key.public_key(), &signature) * secret;
            let s = nonce + scalar_of(&public, &mixed) * secret;
            mixed[32..].copy_from_slice(s.as_bytes());
            let mut broken = mixed;
            broken[32 + (a * 8 + r) % 31] ^= 1;
            for signature in [mixed, broken] {
                let verdict = verify(&public, b"mixed", &signature);
                assert_eq!(
                    verdict,
                    zebra_accepts(&public, b"mixed", &signature),
                    "{seed} {a} {r}"
                );
                if verdict { accepted += 1 } else { refused += 1 }
            }
        }
    }
    assert_eq!((accepted, refused), (8 * 64, 8 * 64));
}

proptest::proptest! {
    #[test]
    fn verdicts_equal_zebras_on_any_bytes(key: [u8; 32], r: [u8; 32], s: [u8; 32], message: Vec<u8>, tame: bool) {
        let mut s = s;
        if tame {
            s[31] &= 0x0f;
        }
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(&s);
        proptest::prop_assert_eq!(verify(&key, &message, &signature), zebra_accepts(&key, &message, &signature));
    }
}

#[test]
fn a_signature_verifies_when_its_scalar_is_canonical_and_the_equation_holds() {
    let key = SigningKey::from_seed([7; 32]);
    let (public, honest) = (key.public_key(), key.sign(b"message"));
    let k = challenge(&public, b"message", &honest);
    assert!(is_canonical_scalar(&k));
    assert!(equation_holds(&public, &honest, &k));
    // The equation alone does not ask for a canonical scalar, and holds for no other challenge.
    let malleable = with_order_added(&honest);
    assert!(equation_holds(&public, &malleable, &k));
    assert!(!verify(&public, b"message", &malleable));
    assert!(!equation_holds(
        &public,
        &honest,
        &challenge(&public, b"other", &honest)
    ));
}
