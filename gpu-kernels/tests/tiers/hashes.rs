//! Digests.

use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig, HashTier, TierState, hash_tier_state};
use ordlane_primitives::{Hash, batch::BatchHasher as _};
use ordlane_testkit::vectors;
use sha2::{Digest, Sha256};

pub(crate) fn tiers() -> Vec<Dispatcher> {
    HashTier::ALL
        .into_iter()
        .filter(|tier| match hash_tier_state(*tier) {
            TierState::Usable => true,
            TierState::Absent => {
                println!("skipped: this CPU has no {}", tier.name());
                false
            }
            state => panic!("{tier:?} is {state:?}"),
        })
        .map(|tier| {
            Dispatcher::new(DispatcherConfig {
                hashes: Some(tier),
                ..DispatcherConfig::default()
            })
            .unwrap()
        })
        .collect()
}

fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at * 31 + seed * 17 + at / 7).to_le_bytes()[0])
        .collect()
}

fn digest(message: &[u8]) -> Hash {
    Hash(Sha256::digest(message).into())
}

fn all_agree(messages: &[Vec<u8>], who: &[Dispatcher]) {
    let parts: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let expected: Vec<Hash> = parts.iter().map(|message| digest(message)).collect();
    for dispatcher in who {
        assert_eq!(dispatcher.hash_messages(&parts), expected, "{dispatcher:?}");
    }
}

/// Published vectors, and so many checkpoints of the Monte Carlo one.
pub(crate) fn published_vectors_on(who: &[Dispatcher], checkpoints: usize) {
    let short = vectors::sha256_short();
    let messages: Vec<&[u8]> = short.iter().map(|case| case.message.as_slice()).collect();
    for dispatcher in who {
        for (digest, case) in dispatcher.hash_messages(&messages).iter().zip(&short) {
            assert_eq!(digest.0.as_slice(), case.digest, "{} bits", case.len_bits);
        }
    }
    let monte = vectors::sha256_monte();
    for dispatcher in who {
        let mut seed = monte.seed.clone();
        for checkpoint in monte.checkpoints.iter().take(checkpoints) {
            let mut last = [seed.clone(), seed.clone(), seed.clone()];
            for _ in 0..1_000 {
                let message = last.concat();
                // In several lanes, so that it is not passed on to another tier.
                let digests = dispatcher.hash_messages(&[message.as_slice(); 4]);
                assert!(digests.iter().all(|digest| *digest == digests[0]));
                last.rotate_left(1);
                last[2] = digests[0].0.to_vec();
            }
            seed = last[2].clone();
            let text: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(text, *checkpoint);
        }
    }
}

/// Messages of every length, alone and among equal ones; and of different lengths in one batch.
pub(crate) fn lengths_on(who: &[Dispatcher]) {
    for length in 0..=300 {
        all_agree(&[pattern(length, 0)], who);
        let equal: Vec<Vec<u8>> = (0..17).map(|seed| pattern(length, seed)).collect();
        all_agree(&equal, who);
    }
    let messages: Vec<Vec<u8>> = (0..700)
        .map(|seed| pattern(seed * 37 % 611, seed))
        .collect();
    all_agree(&messages, who);
    for count in 0..=40 {
        all_agree(&messages[..count], who);
    }
}

/// Pairs in batches of every size.
pub(crate) fn pairs_on(who: &[Dispatcher]) {
    let pairs: Vec<[u8; 64]> = (0..2_100)
        .map(|seed| pattern(64, seed).try_into().unwrap())
        .collect();
    let expected: Vec<Hash> = pairs.iter().map(|pair| digest(pair)).collect();
    for dispatcher in who {
        for size in (0..=100).chain([511, 512, 513, 1_999, 2_100]) {
            assert_eq!(
                dispatcher.hash_pairs(&pairs[..size]),
                expected[..size],
                "{size}: {dispatcher:?}"
            );
        }
    }
}

#[test]
fn published_vectors() {
    published_vectors_on(&tiers(), usize::MAX);
}

#[test]
fn messages_of_every_length_alone_and_among_others() {
    lengths_on(&tiers());
}

#[test]
fn pairs_in_batches_of_every_size() {
    pairs_on(&tiers());
}

#[test]
fn an_empty_batch_has_no_digests_on_any_tier() {
    for dispatcher in tiers() {
        assert!(dispatcher.hash_pairs(&[]).is_empty());
        assert!(dispatcher.hash_messages(&[]).is_empty());
    }
}
