use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION},
    scalar::Scalar as DalekScalar,
};
use ordlane_primitives::{SigningKey, signature};
use sha2::{Digest, Sha512};

use super::*;

/// A key, a message and a signature.
#[derive(Clone)]
struct Case {
    key: [u8; 32],
    message: Vec<u8>,
    signature: [u8; 64],
}

impl Case {
    fn check(&self) -> SignatureCheck<'_> {
        SignatureCheck {
            key: &self.key,
            message: &self.message,
            signature: &self.signature,
        }
    }

    fn holds(&self) -> bool {
        signature::verify(&self.key, &self.message, &self.signature)
    }

    /// The same with another scalar added to S.
    fn with_error(&self, error: DalekScalar) -> Self {
        let mut case = self.clone();
        let mut s = [0; 32];
        s.copy_from_slice(&case.signature[32..]);
        let s = DalekScalar::from_canonical_bytes(s).unwrap() + error;
        case.signature[32..].copy_from_slice(s.as_bytes());
        case
    }
}

fn honest(count: usize) -> Vec<Case> {
    let cases = (0..count).map(|number| {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let key = SigningKey::from_seed(seed);
        let message = seed[..number % 32].to_vec();
        Case {
            key: key.public_key(),
            signature: key.sign(&message),
            message,
        }
    });
    cases.collect()
}

/// Signatures that hold, whose key and R have each of the parts of small order, with and without one of large order.
fn of_mixed_order() -> Vec<Case> {
    let mut cases = Vec::new();
    for [secret, nonce] in
        [[0, 0], [0, 9], [5, 0], [5, 9_u64]].map(|pair| pair.map(DalekScalar::from))
    {
        for of_key in EIGHT_TORSION {
            for of_r in EIGHT_TORSION {
                let key = (ED25519_BASEPOINT_POINT * secret + of_key).compress().0;
                let r = (ED25519_BASEPOINT_POINT * nonce + of_r).compress().0;
                let hash = Sha512::new().chain_update(r).chain_update(key);
                let k = DalekScalar::from_bytes_mod_order_wide(&hash.finalize().into());
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(&r);
                signature[32..].copy_from_slice((nonce + k * secret).as_bytes());
                cases.push(Case {
                    key,
                    message: Vec::new(),
                    signature,
                });
            }
        }
    }
    cases
}

/// `None` on a CPU without the instructions.
fn together(cases: &[Case]) -> Option<Option<Vec<bool>>> {
    let Some(ifma) = Ifma::detect() else {
        println!("skipped: this CPU has no AVX-512 IFMA");
        return None;
    };
    let checks: Vec<SignatureCheck<'_>> = cases.iter().map(Case::check).collect();
    Some(verify_together(ifma, BaseTable::get(ifma), &checks))
}

#[test]
fn the_self_test_has_the_smallest_and_the_largest_group() {
    let [smallest, largest, _] = crate::known_answers::GROUPS;
    assert_eq!([smallest, largest], [SMALLEST_GROUP, LARGEST_GROUP]);
}

#[test]
fn honest_groups_of_every_kind_of_size_hold_together() {
    let cases = honest(LARGEST_GROUP);
    for count in (1..=41).chain([47, 48, 49, 63, 64, 65, 100, 160, 161, 255, LARGEST_GROUP]) {
        if let Some(verdicts) = together(&cases[..count]) {
            assert_eq!(verdicts, Some(vec![true; count]), "{count}");
        }
    }
}

#[test]
fn one_invalid_signature_at_any_place_makes_a_group_fail() {
    for count in [1, 9, SMALLEST_GROUP, 33, LARGEST_GROUP] {
        let cases = honest(count);
        let step = if count == LARGEST_GROUP { 5 } else { 1 };
        for place in (0..count).step_by(step) {
            let mut spoilt = cases.clone();
            spoilt[place] = cases[place].with_error(DalekScalar::ONE);
            if let Some(verdicts) = together(&spoilt) {
                assert_eq!(verdicts, None, "{place} of {count}");
            }
        }
    }
}

#[test]
fn parts_of_small_order_do_not_keep_valid_signatures_from_holding_together() {
    let mixed = of_mixed_order();
    assert!(mixed.iter().all(Case::holds));
    assert_eq!(mixed.len(), LARGEST_GROUP);
    if let Some(verdicts) = together(&mixed) {
        assert_eq!(verdicts, Some(vec![true; mixed.len()]));
    }
    let mut cases = honest(60);
    for mixed in mixed.chunks(4) {
        cases.splice(20..24, mixed.iter().cloned());
        if let Some(verdicts) = together(&cases) {
            assert_eq!(verdicts, Some(vec![true; 60]));
        }
    }
    // and do not make an invalid one hold
    for (place, mixed) in mixed.iter().enumerate() {
        cases[place % 60] = mixed.with_error(DalekScalar::ONE);
        if let Some(verdicts) = together(&cases) {
            assert_eq!(verdicts, None);
        }
        cases[place % 60] = mixed.clone();
    }
}

#[test]
fn what_can_never_hold_is_put_aside_and_spoils_nothing() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let cases = honest(50);
    let spoils: [fn(&mut Case); 4] = [
        |case| case.key = [2; 32],
        |case| case.signature[..32].fill(2),
        |case| case.signature[32..].fill(0xff),
        |case| case.signature[32..].copy_from_slice(&ORDER),
    ];
    for (number, spoil) in spoils.iter().enumerate() {
        for places in [
            vec![0],
            vec![7, 8, 9],
            vec![49],
            (0..50).step_by(2).collect(),
            (0..50).collect(),
        ] {
            let mut spoilt = cases.clone();
            places.iter().for_each(|place| spoil(&mut spoilt[*place]));
            let expected = (0..50).map(|at| !places.contains(&at)).collect();
            assert!(places.iter().all(|place| !spoilt[*place].holds()));
            if let Some(verdicts) = together(&spoilt) {
                assert_eq!(verdicts, Some(expected), "{number}: {places:?}");
            }
        }
    }
}

#[test]
fn errors_that_cancel_for_equal_coefficients_do_not_cancel() {
    let cases = honest(64);
    for (one, other) in [(0, 1), (0, 8), (3, 35), (5, 37), (62, 63)] {
        let mut spoilt = cases.clone();
        spoilt[one] = cases[one].with_error(DalekScalar::ONE);
        spoilt[other] = cases[other].with_error(-DalekScalar::ONE);
        if let Some(verdicts) = together(&spoilt) {
            assert_eq!(verdicts, None, "{one}, {other}");
        }
        // The same signature twice, with opposite errors.
        spoilt[other] = cases[one].with_error(-DalekScalar::ONE);
        if let Some(verdicts) = together(&spoilt) {
            assert_eq!(verdicts, None, "{one}, {other}");
        }
    }
}

#[test]
fn one_signature_many_times() {
    let [case] = &honest(1)[..] else { return };
    for count in [2, 40, LARGEST_GROUP] {
        if let Some(verdicts) = together(&vec![case.clone(); count]) {
            assert_eq!(verdicts, Some(vec![true; count]));
        }
        let wrong = case.with_error(DalekScalar::ONE);
        if let Some(verdicts) = together(&vec![wrong; count]) {
            assert_eq!(verdicts, None);
        }
    }
}
