//! Verdicts.

use ordlane_gpu_kernels::{
    Dispatcher, DispatcherConfig, SignatureTier, TierState, signature_tier_state,
};
use ordlane_primitives::batch::BatchVerifier as _;
use proptest::prelude::*;

use super::{
    cases::{Case, honest},
    sets::{self, checks},
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

#[test]
fn published_vectors() {
    sets::published_vectors(&tiers());
}

#[test]
fn every_pair_of_small_order_encodings_holds() {
    sets::small_order(&tiers());
}

#[test]
fn keys_and_nonces_of_mixed_order() {
    sets::mixed_order(&tiers());
}

#[test]
fn an_s_that_is_not_the_least_never_holds() {
    sets::s_plus_order(&tiers());
}

#[test]
fn every_flipped_bit_is_seen() {
    sets::flipped_bits(&tiers());
}

#[test]
fn messages_of_every_length_up_to_four_blocks() {
    sets::message_lengths(&tiers());
}

#[test]
fn every_arrangement_of_good_and_bad_lanes_keeps_them_apart() {
    sets::arrangements(&tiers(), 1);
}

#[test]
fn any_96_bytes_have_a_verdict_and_never_a_panic() {
    sets::arbitrary_bytes(&tiers());
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
        sets::all_agree(&cases, &tiers());
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
        sets::all_agree(&cases, &tiers());
    }
}
