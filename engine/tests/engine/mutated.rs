//! Mutated transactions through decode, admit and verify: a typed error each, and no panic.

use ordlane_testkit::{mutation::mutate, workload::Distribution};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};

use crate::support::{engine, generator, workload};

/// A million where the build is fast enough for it.
const MUTATIONS: usize = if cfg!(debug_assertions) {
    20_000
} else {
    1_000_000
};

#[test]
fn a_mutated_transaction_is_a_typed_error_and_never_a_panic() {
    let generator = generator(&workload(Distribution::Uniform, 40));
    let engine = engine(generator.genesis(), 2);
    let originals: Vec<Vec<u8>> = generator.take(1).flat_map(|block| block.txs).collect();
    assert!(
        engine
            .precheck(&originals)
            .unwrap()
            .iter()
            .all(Result::is_ok)
    );

    let mut rng = ChaCha8Rng::seed_from_u64(41);
    let (mut refused, mut codes) = (0, std::collections::BTreeMap::new());
    for batch in 0..MUTATIONS.div_ceil(10_000) {
        let mutated: Vec<Vec<u8>> = (0..10_000.min(MUTATIONS))
            .map(|i| mutate(&originals[(batch * 10_000 + i) % originals.len()], &mut rng))
            .collect();
        for (bytes, result) in mutated.iter().zip(engine.precheck(&mutated).unwrap()) {
            match result {
                Ok(_) => assert!(
                    originals.contains(bytes),
                    "a changed transaction passed: {bytes:02x?}"
                ),
                Err(error) => {
                    refused += 1;
                    *codes.entry(error.code()).or_insert(0_usize) += 1;
                }
            }
        }
    }
    assert!(
        refused > MUTATIONS * 9 / 10,
        "only {refused} of {MUTATIONS} were refused"
    );
    println!("{refused} of {MUTATIONS} refused, by code: {codes:?}");
    assert!(codes.len() >= 8, "{codes:?}");
}
