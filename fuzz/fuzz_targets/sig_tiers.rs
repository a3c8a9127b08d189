//! A batch of signatures from any bytes: every tier gives the verdicts of ed25519-zebra and the digests of sha2.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ordlane_gpu_kernels::{
    DispatchError, Dispatcher, DispatcherConfig, HashTier, SignatureTier, TierState,
};
use ordlane_testkit::signatures;

/// A dispatcher for each tier that the CPU has the instructions of.
static TIERS: LazyLock<Vec<Dispatcher>> = LazyLock::new(|| {
    let config = DispatcherConfig::default();
    let signatures = SignatureTier::ALL.map(|tier| DispatcherConfig {
        signatures: Some(tier),
        ..config
    });
    let hashes = HashTier::ALL.map(|tier| DispatcherConfig {
        hashes: Some(tier),
        ..config
    });
    let configs = signatures.into_iter().chain(hashes);
    configs
        .filter_map(|config| match Dispatcher::new(config) {
            Err(DispatchError::Tier {
                state: TierState::Absent,
                ..
            }) => None,
            made => Some(made.expect("a tier that passes its self-test")),
        })
        .collect()
});

fuzz_target!(|bytes: &[u8]| {
    signatures::all_agree(&signatures::batch(bytes), &TIERS);
});
