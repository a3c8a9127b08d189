//! Sets of signatures, each with the verdict of ed25519-zebra, for whoever verifies them.

use ed25519_zebra::{Signature, VerificationKey};
use ordlane_gpu_kernels::Dispatcher;
use ordlane_primitives::batch::{BatchVerifier as _, SignatureCheck};
use ordlane_testkit::vectors;

use super::cases::{
    Case, honest, mixed_order_cases, small_order_cases, small_order_encodings, with_s_plus_order,
};

pub(crate) fn checks(cases: &[Case]) -> Vec<SignatureCheck<'_>> {
    cases.iter().map(Case::check).collect()
}

/// The verdict of an implementation of ZIP-215 that shares nothing with ours but curve25519-dalek.
pub(crate) fn zebra(case: &Case) -> bool {
    let signature = Signature::from(case.signature);
    VerificationKey::try_from(case.key)
        .is_ok_and(|key| key.verify(&signature, &case.message).is_ok())
}

/// Each of `who` agrees with zebra; how many hold.
pub(crate) fn all_agree(cases: &[Case], who: &[Dispatcher]) -> usize {
    let expected: Vec<bool> = cases.iter().map(zebra).collect();
    for dispatcher in who {
        let verdicts = dispatcher.verify_batch(&checks(cases));
        assert_eq!(verdicts.len(), cases.len());
        for ((verdict, expected), case) in verdicts.into_iter().zip(&expected).zip(cases) {
            assert_eq!(verdict, *expected, "{dispatcher:?}: {case:02x?}");
        }
    }
    expected.into_iter().filter(|holds| *holds).count()
}

/// Wycheproof's, and those of the authors of Ed25519.
pub(crate) fn published_vectors(who: &[Dispatcher]) {
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
    all_agree(&cases, who);
    let cases: Vec<Case> = vectors::sign_cases()
        .into_iter()
        .map(|case| Case {
            key: case.public_key,
            message: case.message,
            signature: case.signature,
        })
        .collect();
    assert_eq!(all_agree(&cases, who), cases.len());
}

/// Every pair of encodings of small order holds.
pub(crate) fn small_order(who: &[Dispatcher]) {
    assert_eq!(small_order_encodings().len(), 14);
    let cases = small_order_cases();
    assert_eq!(cases.len(), 196);
    assert_eq!(all_agree(&cases, who), 196);
}

/// Keys and nonces of mixed order hold, unless S is damaged.
pub(crate) fn mixed_order(who: &[Dispatcher]) {
    let cases = mixed_order_cases();
    assert_eq!(all_agree(&cases, who), cases.len() / 2);
}

/// An S that is not the least never holds.
pub(crate) fn s_plus_order(who: &[Dispatcher]) {
    let cases: Vec<Case> = (0..20)
        .map(|seed| with_s_plus_order(&honest(seed, b"message")))
        .chain(small_order_cases().iter().map(with_s_plus_order))
        .collect();
    assert_eq!(all_agree(&cases, who), 0);
}

/// Every flipped bit of key, message and signature is seen.
pub(crate) fn flipped_bits(who: &[Dispatcher]) {
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
    assert_eq!(all_agree(&cases, who), 0);
}

/// Messages of every length up to four blocks.
pub(crate) fn message_lengths(who: &[Dispatcher]) {
    let text: Vec<u8> = (0..=255).cycle().take(450).collect();
    let cases: Vec<Case> = (0..text.len())
        .map(|length| honest(length as u64, &text[..length]))
        .collect();
    assert_eq!(all_agree(&cases, who), cases.len());
}

/// Every arrangement of good and bad signatures among eight neighbours, so many arrangements in a batch.
pub(crate) fn arrangements(who: &[Dispatcher], in_a_batch: usize) {
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
    let is_good = |lane: usize| ((lane / 8) >> (lane % 8)) & 1 == 1;
    let all: Vec<bool> = (0..256 * 8).map(is_good).collect();
    for bad in &bad {
        assert!(!zebra(bad));
        for expected in all.chunks(8 * in_a_batch) {
            let of = |good_one: &bool| if *good_one { good.check() } else { bad.check() };
            let batch: Vec<SignatureCheck<'_>> = expected.iter().map(of).collect();
            for dispatcher in who {
                assert_eq!(dispatcher.verify_batch(&batch), expected, "{dispatcher:?}");
            }
        }
    }
}

/// Key, R and S of one byte over and over, with another at either end: bounds of p, l, signs and limbs. They have a
/// verdict and never a panic.
pub(crate) fn arbitrary_bytes(who: &[Dispatcher]) {
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
    all_agree(&cases, who);
    for case in cases.iter().step_by(9) {
        all_agree(std::slice::from_ref(case), who);
    }
}
