//! Batches from bytes: those that fuzzing begins with, and random ones.

use ordlane_gpu_kernels::Dispatcher;
use ordlane_testkit::signatures::{SignatureCase, all_agree, batch};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

use super::{hashes, signatures};

/// Checks so many signatures of random programs, and hashes of their parts; how many hold.
pub(crate) fn random(count: usize, seed: u64, who: &[Dispatcher]) -> usize {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut checked, mut holding) = (0, 0);
    let mut cases: Vec<SignatureCase> = Vec::new();
    while checked < count {
        // Batches of all sizes, up to some that are cut into several runs.
        let size = 1 + rng.next_u32() as usize % 600;
        while cases.len() < size {
            let mut bytes = [0; 2_000];
            rng.fill_bytes(&mut bytes);
            cases.append(&mut batch(&bytes));
        }
        let rest = cases.split_off(size.min(count - checked));
        checked += cases.len();
        holding += all_agree(&cases, who);
        cases = rest;
    }
    assert_eq!(checked, count);
    holding
}

/// What fuzzing of signatures begins with.
pub(crate) fn corpus(who: &[Dispatcher]) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/sig_tiers");
    let (mut all, mut holding) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let cases = batch(&bytes);
        assert!(!cases.is_empty());
        all += cases.len();
        holding += all_agree(&cases, who);
    }
    assert!(all > 80, "{all}");
    assert!((all / 3..all).contains(&holding), "{holding} of {all}");
}

#[test]
fn what_fuzzing_begins_with_has_one_verdict_on_every_tier() {
    corpus(&signatures::tiers());
    corpus(&hashes::tiers());
}

#[test]
fn random_batches_have_one_verdict_on_every_tier() {
    let holding = random(1_000, 1, &signatures::tiers());
    assert!((200..600).contains(&holding), "{holding}");
}

/// `cargo test --release -p ordlane-gpu-kernels --test tiers million -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes; every signature is checked by ed25519-zebra, too"]
fn a_million_random_signatures_have_one_verdict_on_every_tier() {
    let seed = 2;
    let holding = random(1_000_000, seed, &signatures::tiers());
    println!(
        "1,000,000 signatures, seed {seed}, {holding} of them hold; every tier of {:?} agrees with ed25519-zebra",
        signatures::tiers()
            .iter()
            .map(|tier| tier.tier())
            .collect::<Vec<_>>()
    );
    assert!((200_000..600_000).contains(&holding), "{holding}");
}
