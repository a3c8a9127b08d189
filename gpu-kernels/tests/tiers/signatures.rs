//! Verdicts.

use ed25519_zebra::{Signature, VerificationKey};
use ordlane_gpu_kernels::{
    Dispatcher, DispatcherConfig, SignatureTier, TierState, signature_tier_state,
};
use ordlane_primitives::batch::{BatchVerifier as _, SignatureCheck};
use ordlane_testkit::vectors;
use proptest::prelude::*;

use super::cases::{
    Case, honest, mixed_order_cases, small_order_cases, small_order_encodings, with_s_plus_order,
};

/// A dispatcher for every tier that there is here; the portable one first.
pub(crate) fn tiers() -> Vec<Dispatcher> {
    SignatureTier::ALL
        .into_iter()
        .filter(|tier| match signature_tier_state(*tier) {
            TierState::Usable => true,
            TierState::Absent => {
                println!("skipped: this CPU has no {}", tier.name());
                false
            }
            state => panic!("{tier:?} is {state:?}"),
        })
        .map(|tier| {
            Dispatcher::new(DispatcherConfig {
                signatures: Some(tier),
                ..DispatcherConfig::default()
            })
            .unwrap()
        })
        .collect()
}

fn checks(cases: &[Case]) -> Vec<SignatureCheck<'_>> {
    cases.iter().map(Case::check).collect()
}

/// The verdict of an implementation of ZIP-215 that shares nothing with ours but curve25519-dalek.
fn zebra(case: &Case) -> bool {
    let signature = Signature::from(case.signature);
    VerificationKey::try_from(case.key)
        .is_ok_and(|key| key.verify(&signature, &case.message).is_ok())
}

/// Every tier agrees with zebra; how many hold.
fn all_agree(cases: &[Case]) -> usize {
    let expected: Vec<bool> = cases.iter().map(zebra).collect();
    for dispatcher in tiers() {
        let verdicts = dispatcher.verify_batch(&checks(cases));
        assert_eq!(verdicts.len(), cases.len());
        for ((verdict, expected), case) in verdicts.into_iter().zip(&expected).zip(cases) {
            assert_eq!(verdict, *expected, "{}: {case:02x?}", dispatcher.tier());
        }
    }
    expected.into_iter().filter(|holds| *holds).count()
}

#[test]
fn published_vectors() {
    let cases: Vec<Case> = vectors::wycheproof()
        .into_iter()
        .filter_map(|case| {
            Some(Case {
                key: case.public_key.try_into().ok()?,
                message: case.message,
                signature: case.signature.try_into().ok()?,
            })
        })
        .collect();
    assert!(cases.len() > 100);
    all_agree(&cases);
    let cases: Vec<Case> = vectors::sign_cases()
        .into_iter()
        .map(|case| Case {
            key: case.public_key,
            message: case.message,
            signature: case.signature,
        })
        .collect();
    assert_eq!(all_agree(&cases), cases.len());
}

#[test]
fn every_pair_of_small_order_encodings_holds() {
    assert_eq!(small_order_encodings().len(), 14);
    let cases = small_order_cases();
    assert_eq!(cases.len(), 196);
    assert_eq!(all_agree(&cases), 196);
}

#[test]
fn keys_and_nonces_of_mixed_order() {
    let cases = mixed_order_cases();
    assert_eq!(all_agree(&cases), cases.len() / 2);
}

#[test]
fn an_s_that_is_not_the_least_never_holds() {
    let cases: Vec<Case> = (0..20)
        .map(|seed| with_s_plus_order(&honest(seed, b"message")))
        .chain(small_order_cases().iter().map(with_s_plus_order))
        .collect();
    assert_eq!(all_agree(&cases), 0);
}

#[test]
fn every_flipped_bit_is_seen() {
    let original = honest(1, b"a message of 32 bytes, more less");
    let mut cases = Vec::new();
    for bit in 0..512 {
        let mut case = original.clone();
        case.signature[bit / 8] ^= 1 << (bit % 8);
        cases.push(case);
    }
    for bit in 0..256 {
        let mut case = original.clone();
        case.key[bit / 8] ^= 1 << (bit % 8);
        cases.push(case);
        let mut case = original.clone();
        case.message[bit / 8] ^= 1 << (bit % 8);
        cases.push(case);
    }
    assert_eq!(all_agree(&cases), 0);
}

#[test]
fn messages_of_every_length_up_to_four_blocks() {
    let text: Vec<u8> = (0..=255).cycle().take(450).collect();
    let cases: Vec<Case> = (0..text.len())
        .map(|length| honest(length as u64, &text[..length]))
        .collect();
    assert_eq!(all_agree(&cases), cases.len());
}

#[test]
fn batches_of_every_size_give_one_verdict_per_check_in_order() {
    let mut cases: Vec<Case> = (0..97).map(|seed| honest(seed, b"size")).collect();
    for case in cases.iter_mut().step_by(5) {
        case.signature[40] ^= 1;
    }
    let cases: Vec<Case> = cases.into_iter().cycle().take(4_097).collect();
    let all = checks(&cases);
    let expected: Vec<bool> = (0..cases.len()).map(|at| at % 97 % 5 != 0).collect();
    let sizes = (0..=33).chain([63, 64, 65, 4_095, 4_096, 4_097]);
    for threads in [1, 3] {
        let dispatcher = Dispatcher::new(DispatcherConfig {
            threads,
            ..DispatcherConfig::default()
        })
        .unwrap();
        for size in sizes.clone() {
            assert_eq!(
                dispatcher.verify_batch(&all[..size]),
                expected[..size],
                "{size} over {threads} threads"
            );
        }
    }
}

#[test]
fn every_arrangement_of_good_and_bad_lanes_keeps_them_apart() {
    let good = honest(3, b"lane");
    let bad: Vec<Case> = {
        let mut no_point = good.clone();
        no_point.key = [2; 32];
        let mut wrong_s = good.clone();
        wrong_s.signature[32] ^= 1;
        let mut no_r = good.clone();
        no_r.signature[..32].fill(2);
        vec![no_point, wrong_s, no_r, with_s_plus_order(&good)]
    };
    for dispatcher in tiers() {
        for bad in &bad {
            assert!(!zebra(bad));
            for arrangement in 0..=u8::MAX {
                let is_good = |lane: usize| arrangement >> lane & 1 == 1;
                let group: Vec<SignatureCheck<'_>> = (0..8)
                    .map(|lane| {
                        if is_good(lane) {
                            good.check()
                        } else {
                            bad.check()
                        }
                    })
                    .collect();
                let expected: Vec<bool> = (0..8).map(is_good).collect();
                assert_eq!(dispatcher.verify_batch(&group), expected);
            }
        }
    }
}

#[test]
fn an_empty_batch_has_no_verdicts_on_any_tier() {
    for dispatcher in tiers() {
        assert!(dispatcher.verify_batch(&[]).is_empty());
    }
    for threads in [1, 3] {
        let dispatcher = Dispatcher::new(DispatcherConfig {
            threads,
            ..DispatcherConfig::default()
        })
        .unwrap();
        assert!(dispatcher.verify_batch(&[]).is_empty());
    }
}

#[test]
fn any_96_bytes_have_a_verdict_and_never_a_panic() {
    // Key, R and S of one byte over and over, with another at either end: bounds of p, l, signs and limbs.
    let bytes = [0, 1, 0x10, 0x7f, 0x80, 0xec, 0xed, 0xff];
    let mut parts = Vec::new();
    for inner in [0, 0x55, 0xff] {
        for first in bytes {
            for last in bytes {
                let mut part = [inner; 32];
                (part[0], part[31]) = (first, last);
                parts.push(part);
            }
        }
    }
    let cases: Vec<Case> = (0..3 * parts.len())
        .map(|at| {
            let [key, r, s] =
                [at, at * 5 + at / 7, at * 11 + at / 5].map(|at| parts[at % parts.len()]);
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&r);
            signature[32..].copy_from_slice(&s);
            Case {
                key,
                message: vec![0; at % 3],
                signature,
            }
        })
        .collect();
    all_agree(&cases);
    for case in cases.iter().step_by(9) {
        all_agree(std::slice::from_ref(case));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_bytes_have_one_verdict(
        parts in prop::collection::vec(
            (any::<[u8; 32]>(), prop::collection::vec(any::<u8>(), 0..300), any::<[[u8; 32]; 2]>()),
            1..40,
        ),
        low_s in any::<bool>(),
    ) {
        let cases: Vec<Case> = parts
            .into_iter()
            .map(|(key, message, [r, mut s])| {
                // Most S are not canonical otherwise.
                s[31] &= if low_s { 0x0f } else { 0xff };
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(&r);
                signature[32..].copy_from_slice(&s);
                Case { key, message, signature }
            })
            .collect();
        all_agree(&cases);
    }

    #[test]
    fn honest_signatures_with_some_damage_have_one_verdict(
        damage in prop::collection::vec(
            (any::<u64>(), prop::collection::vec(any::<u8>(), 0..200), any::<Option<u16>>()),
            1..40,
        ),
    ) {
        let cases: Vec<Case> = damage
            .into_iter()
            .map(|(seed, message, damage)| {
                let mut case = honest(seed, &message);
                if let Some(bit) = damage {
                    let bit = usize::from(bit) % 512;
                    case.signature[bit / 8] ^= 1 << (bit % 8);
                }
                case
            })
            .collect();
        all_agree(&cases);
    }
}
