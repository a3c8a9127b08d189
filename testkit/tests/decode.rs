//! Decoders under a flood of damaged input: no panic, one encoding, a typed error for all else.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop the test, as the tests themselves do"
)]

mod samples;

use ordlane_primitives::{
    Account, Block, BlockHeader, BlockWitness, ChainParams, Genesis, Receipt, Transaction,
    codec::{Canonical, DecodeCause},
    proof::{MultiProof, StateProof},
};
use ordlane_testkit::{fuzz, mutation::mutate};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

use self::samples::Samples;

/// Inputs per transaction test; an unoptimised build takes fewer.
const TX_INPUTS: u64 = if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};
/// Inputs per test of any other type.
const OTHER_INPUTS: u64 = TX_INPUTS / 10;

/// Damages samples and decodes; gives the number of inputs that were accepted nevertheless.
fn flood<T: Canonical>(samples: &[Vec<u8>], inputs: u64, seed: u64) -> u64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let damaged = (0..inputs)
        .zip(samples.iter().cycle())
        .map(|(_, sample)| mutate(sample, &mut rng));
    damaged
        .filter(|bytes| fuzz::decode_canonical::<T>(bytes).is_ok())
        .count() as u64
}

#[test]
fn damaged_transactions_are_refused_or_have_one_encoding() {
    let accepted = flood::<Transaction>(&Samples::new().transactions, TX_INPUTS, 1);
    // A flipped bit in an amount or a signature is still a transaction: the flood reaches both outcomes.
    assert!(
        accepted > TX_INPUTS / 20 && accepted < TX_INPUTS / 2,
        "{accepted}"
    );
}

#[test]
fn damaged_transactions_keep_their_identity_consistent() {
    let samples = Samples::new();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (_, sample) in (0..OTHER_INPUTS / 10).zip(samples.transactions.iter().cycle()) {
        fuzz::tx_decode(&mutate(sample, &mut rng));
    }
}

#[test]
fn damaged_blocks_are_refused_or_have_one_encoding() {
    let samples = Samples::new();
    let accepted = flood::<Block>(std::slice::from_ref(&samples.block), OTHER_INPUTS, 3);
    assert!(accepted > 0);
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for _ in 0..OTHER_INPUTS / 10 {
        fuzz::block_decode(&mutate(&samples.block, &mut rng));
    }
}

#[test]
fn damaged_values_of_the_other_types_are_refused_or_have_one_encoding() {
    let samples = Samples::new();
    assert!(flood::<BlockHeader>(&[samples.header], OTHER_INPUTS, 5) > 0);
    assert!(flood::<Receipt>(&[samples.receipt], OTHER_INPUTS, 6) > 0);
    assert!(flood::<StateProof>(&[samples.proof], OTHER_INPUTS, 7) > 0);
    assert!(flood::<MultiProof>(&[samples.multi_proof], OTHER_INPUTS, 13) > 0);
    assert!(flood::<BlockWitness>(&[samples.witness], OTHER_INPUTS, 14) > 0);
    assert!(flood::<Genesis>(std::slice::from_ref(&samples.genesis), OTHER_INPUTS, 8) > 0);
    assert!(
        flood::<ChainParams>(
            &[samples.genesis[..ChainParams::MIN_BYTES].to_vec()],
            OTHER_INPUTS,
            9
        ) > 0
    );
    assert!(flood::<Account>(&[vec![7; Account::BYTES]], OTHER_INPUTS, 10) > 0);
}

#[test]
fn damaged_proofs_of_a_small_state_show_nothing_that_is_not_true() {
    let samples = [&[7][..], &[30], &[0, 1, 9, 23, 24, 39], &[5, 6, 7]];
    let samples = samples.map(fuzz::proof_sample);
    let mut rng = ChaCha8Rng::seed_from_u64(15);
    for (_, sample) in (0..OTHER_INPUTS).zip(samples.iter().cycle()) {
        fuzz::proof_verify(sample);
        fuzz::proof_verify(&mutate(sample, &mut rng));
    }
}

#[test]
fn garbage_is_never_more_than_an_error() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for input in 0..OTHER_INPUTS {
        let mut bytes = vec![0; usize::try_from(input % 700).unwrap()];
        rng.fill_bytes(&mut bytes);
        fuzz::roundtrip_canonical(&bytes);
    }
}

#[test]
fn every_prefix_of_every_sample_is_refused_as_cut_short() {
    let samples = Samples::new();
    let cut_short = |cause| {
        matches!(
            cause,
            DecodeCause::Truncated | DecodeCause::Undersized { .. }
        )
    };
    for tx in &samples.transactions {
        for end in 0..tx.len() {
            assert!(cut_short(
                fuzz::decode_canonical::<Transaction>(&tx[..end])
                    .unwrap_err()
                    .cause
            ));
        }
    }
    for end in 0..samples.block.len() {
        assert!(cut_short(
            fuzz::decode_canonical::<Block>(&samples.block[..end])
                .unwrap_err()
                .cause
        ));
    }
}
