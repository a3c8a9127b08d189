//! Verdicts on batches that are large enough to be verified together.

use ed25519_zebra::{Signature, VerificationKey};
use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig};
use ordlane_primitives::{
    batch::{BatchVerifier as _, SignatureCheck},
    signature,
};

use super::cases::{Case, honest, mixed_order_cases, small_order_cases, with_s_plus_order};

/// A dispatcher that has seen nothing yet, with the fastest tier.
fn fresh(threads: usize) -> Dispatcher {
    Dispatcher::new(DispatcherConfig {
        threads,
        ..DispatcherConfig::default()
    })
    .unwrap()
}

fn checks(cases: &[Case]) -> Vec<SignatureCheck<'_>> {
    cases.iter().map(Case::check).collect()
}

fn honest_cases(count: usize) -> Vec<Case> {
    (0..count as u64)
        .map(|seed| honest(seed, b"one of a group"))
        .collect()
}

/// What the rule, and zebra, say.
fn expected(cases: &[Case]) -> Vec<bool> {
    let verdict = |case: &Case| {
        let verdict = signature::verify(&case.key, &case.message, &case.signature);
        let zebra = VerificationKey::try_from(case.key).is_ok_and(|key| {
            let signature = Signature::from(case.signature);
            key.verify(&signature, &case.message).is_ok()
        });
        assert_eq!(verdict, zebra, "{case:02x?}");
        verdict
    };
    cases.iter().map(verdict).collect()
}

#[test]
fn sizes_around_those_of_groups_with_and_without_a_bad_one() {
    let cases = honest_cases(1_026);
    let all = checks(&cases);
    let mut bad = cases[0].clone();
    bad.signature[33] ^= 1;
    for threads in [1, 2, 3] {
        for size in [47, 48, 49, 63, 64, 65, 255, 256, 257, 511, 512, 513, 1_026] {
            assert_eq!(fresh(threads).verify_batch(&all[..size]), vec![true; size]);
            for place in [0, size / 2, size - 1] {
                let mut some = all[..size].to_vec();
                some[place] = bad.check();
                let mut expected = vec![true; size];
                expected[place] = false;
                assert_eq!(
                    fresh(threads).verify_batch(&some),
                    expected,
                    "{place} of {size} over {threads} threads"
                );
            }
        }
    }
}

#[test]
fn a_bad_signature_at_every_place_of_a_group() {
    let cases = honest_cases(256);
    let all = checks(&cases);
    let spoilt: Vec<Case> = cases
        .iter()
        .zip(0_usize..)
        .map(|(case, at)| {
            let mut case = case.clone();
            // In R, in the lower half of S, in the message by turns.
            match at % 3 {
                0 => case.signature[at % 32] ^= 4,
                1 => case.signature[32 + at % 16] ^= 4,
                _ => case.message[at % 14] ^= 4,
            }
            case
        })
        .collect();
    for size in [48, 256] {
        for (place, spoilt) in spoilt[..size].iter().enumerate() {
            let mut some = all[..size].to_vec();
            some[place] = spoilt.check();
            let mut expected = vec![true; size];
            expected[place] = false;
            assert_eq!(fresh(1).verify_batch(&some), expected, "{place} of {size}");
        }
    }
}

#[test]
fn points_of_small_and_mixed_order_among_honest_ones() {
    let odd: Vec<Case> = small_order_cases()
        .into_iter()
        .chain(mixed_order_cases())
        .collect();
    let holds = expected(&odd);
    assert_eq!(odd.len(), 196 + 128);
    let (valid, invalid): (Vec<_>, Vec<_>) = odd.iter().zip(&holds).partition(|(_, holds)| **holds);
    assert_eq!((valid.len(), invalid.len()), (196 + 64, 64));
    let cases = honest_cases(120);
    // All that hold in groups that hold, and each of the others alone among honest ones.
    for valid in valid.chunks(40) {
        let mut some = checks(&cases);
        for (place, (case, _)) in some.iter_mut().step_by(3).zip(valid) {
            *place = case.check();
        }
        assert_eq!(fresh(1).verify_batch(&some), vec![true; 120]);
    }
    for (place, (case, _)) in invalid.iter().enumerate() {
        let mut some = checks(&cases);
        some[place] = case.check();
        let mut expected = vec![true; 120];
        expected[place] = false;
        assert_eq!(fresh(1).verify_batch(&some), expected);
    }
}

#[test]
fn what_is_put_aside_among_honest_ones() {
    let mut cases = honest_cases(300);
    let kinds: [fn(&Case) -> Case; 4] = [
        with_s_plus_order,
        |case| Case {
            key: [2; 32],
            ..case.clone()
        },
        |case| {
            let mut case = case.clone();
            case.signature[..32].fill(2);
            case
        },
        |case| {
            let mut case = case.clone();
            case.signature[32..].fill(0xff);
            case
        },
    ];
    for (case, kind) in cases.iter_mut().step_by(7).zip(kinds.iter().cycle()) {
        *case = kind(case);
    }
    let expected = expected(&cases);
    assert_eq!(expected.iter().filter(|holds| !**holds).count(), 43);
    for threads in [1, 3] {
        assert_eq!(fresh(threads).verify_batch(&checks(&cases)), expected);
    }
}

#[test]
fn streams_of_bad_and_good_batches_have_the_same_verdicts_whatever_came_before() {
    let good = honest_cases(64);
    let bad: Vec<Case> = good
        .iter()
        .map(|case| {
            let mut case = case.clone();
            case.signature[32] ^= 1;
            case
        })
        .collect();
    let mut mixed = good.clone();
    mixed[17] = bad[17].clone();
    let of_mixed: Vec<bool> = (0..64).map(|at| at != 17).collect();
    for threads in [1, 2] {
        let dispatcher = fresh(threads);
        let judge = |cases: &[Case], expected: &[bool]| {
            assert_eq!(dispatcher.verify_batch(&checks(cases)), expected);
        };
        for round in 0..4 {
            for _ in 0..40 {
                judge(&bad, &[false; 64]);
            }
            for _ in 0..20 << round {
                judge(&good, &[true; 64]);
            }
            for _ in 0..3 {
                judge(&mixed, &of_mixed);
                judge(&good, &[true; 64]);
            }
        }
    }
}
