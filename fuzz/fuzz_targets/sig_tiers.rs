//! A batch of signatures from any bytes: every tier gives the verdicts of ed25519-zebra and the digests of sha2.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ordlane_gpu_kernels::{
    DispatchError, Dispatcher, DispatcherConfig, HashTier, SignatureTier, TierState,
};
use ordlane_testkit::signatures::{self, SignatureCase};

/// Honest signatures, as many as the first byte says beside those of the input: with them a batch is large enough to be
/// verified together.
static HONEST: LazyLock<Vec<SignatureCase>> = LazyLock::new(|| {
    (0..=u8::MAX)
        .map(|signer| SignatureCase::honest(signer.into(), &[signer; 32]))
        .collect()
});

/// A dispatcher for each tier that the CPU has the instructions of. They are new for each input: what one has learnt of
/// failures is not to decide which way the next input goes.
fn tiers() -> Vec<Dispatcher> {
    let mut config = DispatcherConfig::default();
    config.threads = 1;
    let signatures = SignatureTier::ALL.map(|tier| DispatcherConfig {
        signatures: Some(tier),
        ..config.clone()
    });
    let hashes = HashTier::ALL.map(|tier| DispatcherConfig {
        hashes: Some(tier),
        ..config.clone()
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
}

fuzz_target!(|bytes: &[u8]| {
    let mut cases = signatures::batch(bytes);
    let honest = bytes.first().map_or(0, |first| usize::from(*first));
    cases.extend_from_slice(&HONEST[..honest]);
    signatures::all_agree(&cases, &tiers());
});
