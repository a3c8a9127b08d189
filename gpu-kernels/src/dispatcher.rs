//! The dispatcher: who does a batch.
//!
//! Invariant: the choice of a tier is made here and nowhere else, and callers cannot see it in a result.

use ordlane_primitives::{
    Hash,
    batch::{BatchHasher, BatchVerifier, SignatureCheck},
};

use crate::{
    DispatchError, HashTier, Lanes, SignatureTier,
    self_test::SelfTests,
    tier::{Hasher, Verifier},
};

/// Where batches may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// The fastest that this machine and this build offer.
    #[default]
    Auto,
    /// The CPU alone.
    Cpu,
}

/// How a dispatcher is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatcherConfig {
    /// Where batches may run.
    pub backend: Backend,
    /// How many CPU threads share a batch, at least 1.
    pub threads: usize,
    /// Who verifies signatures on the CPU; the fastest that there is if nobody in particular.
    pub signatures: Option<SignatureTier>,
    /// Who hashes on the CPU; the fastest that there is if nobody in particular.
    pub hashes: Option<HashTier>,
}

impl Default for DispatcherConfig {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            threads: 1,
            signatures: None,
            hashes: None,
        }
    }
}

/// Runs batches of signature checks and hashes.
#[derive(Debug)]
pub struct Dispatcher {
    lanes: Lanes,
    verifier: Verifier,
    hasher: Hasher,
}

impl Dispatcher {
    /// Sets up the backend.
    ///
    /// # Errors
    /// [`DispatchError`] when there are no threads to run on, or a tier that was asked for cannot be used.
    pub fn new(config: DispatcherConfig) -> Result<Self, DispatchError> {
        Self::tested(config, SelfTests::of_process())
    }

    /// With tiers that passed these self-tests.
    pub(crate) fn tested(
        config: DispatcherConfig,
        tests: &SelfTests,
    ) -> Result<Self, DispatchError> {
        let verifier = match config.signatures {
            None => Verifier::fastest(tests),
            Some(tier) => Verifier::of(tests, tier).map_err(|state| DispatchError::Tier {
                tier: tier.name(),
                state,
            })?,
        };
        let hasher = match config.hashes {
            None => Hasher::fastest(tests),
            Some(tier) => Hasher::of(tests, tier).map_err(|state| DispatchError::Tier {
                tier: tier.name(),
                state,
            })?,
        };
        match config.backend {
            Backend::Auto | Backend::Cpu => Ok(Self {
                lanes: Lanes::new(config.threads)?,
                verifier,
                hasher,
            }),
        }
    }

    /// The name of the tier that verifies signatures, for reports.
    #[must_use]
    pub const fn tier(&self) -> &'static str {
        self.signature_tier().name()
    }

    /// The CPU tier that verifies signatures.
    #[must_use]
    pub const fn signature_tier(&self) -> SignatureTier {
        self.verifier.tier()
    }

    /// The CPU tier that hashes.
    #[must_use]
    pub const fn hash_tier(&self) -> HashTier {
        self.hasher.tier()
    }

    /// The CPU threads, for other work that maps over a slice.
    #[must_use]
    pub const fn lanes(&self) -> &Lanes {
        &self.lanes
    }
}

impl BatchVerifier for Dispatcher {
    fn verify_batch(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
        self.verifier.verify(&self.lanes, checks)
    }
}

impl BatchHasher for Dispatcher {
    fn hash_pairs(&self, pairs: &[[u8; 64]]) -> Vec<Hash> {
        self.hasher.hash_pairs(&self.lanes, pairs)
    }

    fn hash_messages(&self, messages: &[&[u8]]) -> Vec<Hash> {
        self.hasher.hash_messages(&self.lanes, messages)
    }

    fn scatter(&self, parts: usize, part: &(dyn Fn(usize) + Sync)) {
        self.lanes.scatter(parts, part);
    }
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::{SigningKey, batch::Sequential};

    use super::*;

    fn dispatcher(threads: usize) -> Dispatcher {
        Dispatcher::new(DispatcherConfig {
            threads,
            ..DispatcherConfig::default()
        })
        .unwrap()
    }

    #[test]
    fn verdicts_equal_the_sequential_ones_for_every_batch_size() {
        let keys: Vec<SigningKey> = (0..70_u8)
            .map(|seed| SigningKey::from_seed([seed; 32]))
            .collect();
        let publics: Vec<[u8; 32]> = keys.iter().map(SigningKey::public_key).collect();
        let mut signatures: Vec<[u8; 64]> = keys.iter().map(|key| key.sign(b"message")).collect();
        signatures
            .iter_mut()
            .step_by(3)
            .for_each(|signature| signature[5] ^= 1);
        let checks: Vec<SignatureCheck<'_>> = publics
            .iter()
            .zip(&signatures)
            .map(|(key, signature)| SignatureCheck {
                key,
                message: b"message",
                signature,
            })
            .collect();
        let expected = Sequential.verify_batch(&checks);
        for threads in [1, 2, 3] {
            let dispatcher = dispatcher(threads);
            for size in 0..=checks.len() {
                assert_eq!(dispatcher.verify_batch(&checks[..size]), expected[..size]);
            }
        }
    }

    #[test]
    fn digests_equal_the_sequential_ones() {
        let pairs: Vec<[u8; 64]> = (0..2000_u32).map(|i| [(i % 251) as u8; 64]).collect();
        let texts: Vec<Vec<u8>> = (0..600_usize).map(|length| vec![7; length]).collect();
        let messages: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        for threads in [1, 2, 3] {
            let dispatcher = dispatcher(threads);
            assert_eq!(dispatcher.hash_pairs(&pairs), Sequential.hash_pairs(&pairs));
            assert_eq!(
                dispatcher.hash_messages(&messages),
                Sequential.hash_messages(&messages)
            );
            assert!(dispatcher.hash_pairs(&[]).is_empty());
        }
    }
}
