//! The dispatcher: who does a batch.
//!
//! Invariant: the choice of a tier is made here and nowhere else, and callers cannot see it in a result.

use ordlane_primitives::{
    Hash,
    batch::{BatchHasher, BatchVerifier, SignatureCheck},
};

use crate::{DispatchError, Lanes, cpu::portable};

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
}

impl Default for DispatcherConfig {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            threads: 1,
        }
    }
}

/// Runs batches of signature checks and hashes.
#[derive(Debug)]
pub struct Dispatcher {
    lanes: Lanes,
}

impl Dispatcher {
    /// Sets up the backend.
    ///
    /// # Errors
    /// [`DispatchError`] when there are no threads to run on.
    pub fn new(config: DispatcherConfig) -> Result<Self, DispatchError> {
        match config.backend {
            Backend::Auto | Backend::Cpu => Ok(Self {
                lanes: Lanes::new(config.threads)?,
            }),
        }
    }

    /// The name of the tier that runs batches, for reports.
    #[must_use]
    pub const fn tier(&self) -> &'static str {
        "cpu-portable"
    }

    /// The CPU threads, for other work that maps over a slice.
    #[must_use]
    pub const fn lanes(&self) -> &Lanes {
        &self.lanes
    }
}

impl BatchVerifier for Dispatcher {
    fn verify_batch(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
        portable::verify(&self.lanes, checks)
    }
}

impl BatchHasher for Dispatcher {
    fn hash_pairs(&self, pairs: &[[u8; 64]]) -> Vec<Hash> {
        portable::hash_pairs(&self.lanes, pairs)
    }

    fn hash_messages(&self, messages: &[&[u8]]) -> Vec<Hash> {
        portable::hash_messages(&self.lanes, messages)
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
