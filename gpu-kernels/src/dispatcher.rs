//! The dispatcher: who does a batch.
//!
//! Invariant: the choice of a tier is made here and nowhere else, and callers cannot see it in a result.

use std::time::Duration;

use ordlane_primitives::{
    Hash,
    batch::{BatchHasher, BatchVerifier, SignatureCheck},
    levels::{LevelPlan, hash_by_level},
};

use crate::{
    DispatchError, GpuOptions, GpuReport, GpuState, HashTier, Lanes, SignatureTier, Usage,
    self_test::SelfTests,
    tier::{Hasher, Verifier},
    usage::Count,
};

/// Where batches may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// The fastest that this machine and this build offer: a GPU and the CPU together where that is faster, else the CPU.
    #[default]
    Auto,
    /// The CPU alone.
    Cpu,
    /// The GPU, for whole batches of any size, even if the adapter is software or the CPU would be faster. The CPU does what
    /// it cannot, and everything where there is none.
    Gpu,
}

/// How a dispatcher is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DispatcherConfig {
    /// Where batches may run.
    pub backend: Backend,
    /// How many CPU threads share a batch, at least 1.
    pub threads: usize,
    /// Who verifies signatures on the CPU; the fastest that there is if nobody in particular.
    pub signatures: Option<SignatureTier>,
    /// Who hashes on the CPU; the fastest that there is if nobody in particular.
    pub hashes: Option<HashTier>,
    /// How the GPU is used, where it is.
    pub gpu: GpuOptions,
}

impl Default for DispatcherConfig {
    fn default() -> Self {
        Self {
            backend: Backend::Auto,
            threads: 1,
            signatures: None,
            hashes: None,
            gpu: GpuOptions::default(),
        }
    }
}

/// Runs batches of signature checks and hashes.
#[derive(Debug)]
pub struct Dispatcher {
    lanes: Lanes,
    verifier: Verifier,
    hasher: Hasher,
    #[cfg(feature = "gpu")]
    gpu: Option<crate::gpu::Tier>,
    signatures: Count,
    hashes: Count,
}

impl Dispatcher {
    /// Sets up the backend. A GPU becomes ready in the background; until then batches run on the CPU.
    ///
    /// # Errors
    /// [`DispatchError`] when there are no threads to run on, or a tier that was asked for cannot be used.
    pub fn new(config: DispatcherConfig) -> Result<Self, DispatchError> {
        let dispatcher = Self::tested(&config, SelfTests::of_process())?;
        #[cfg(feature = "gpu")]
        let dispatcher = Self {
            gpu: crate::gpu::Tier::of_process(config.backend, &config.gpu),
            ..dispatcher
        };
        #[cfg(not(feature = "gpu"))]
        if config.backend == Backend::Gpu {
            tracing::warn!("this build has no GPU; all batches run on the CPU");
        }
        Ok(dispatcher)
    }

    /// On the CPU, with tiers that passed these self-tests.
    pub(crate) fn tested(
        config: &DispatcherConfig,
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
        Ok(Self {
            lanes: Lanes::new(config.threads)?,
            verifier,
            hasher,
            #[cfg(feature = "gpu")]
            gpu: None,
            signatures: Count::default(),
            hashes: Count::default(),
        })
    }

    /// The same with another GPU.
    #[cfg(all(feature = "gpu", any(test, feature = "faults")))]
    pub(crate) fn with_gpu(self, gpu: crate::gpu::Tier) -> Self {
        Self {
            gpu: Some(gpu),
            ..self
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

    /// Waits until the GPU takes batches, or is known not to, but no longer than `limit`. Where there is none, that is at
    /// once.
    #[must_use]
    pub fn wait_for_gpu(&self, limit: Duration) -> GpuState {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = &self.gpu {
            return gpu.settle(limit);
        }
        let _ = limit;
        GpuState::Absent
    }

    /// What is known of the GPU.
    #[must_use]
    pub fn gpu(&self) -> GpuReport {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = &self.gpu {
            return gpu.report(self.cpu());
        }
        GpuReport::ABSENT
    }

    /// Who did how much so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let ((gpu_signatures, cpu_signatures), (gpu_hashes, cpu_hashes)) =
            (self.signatures.get(), self.hashes.get());
        Usage {
            gpu_signatures,
            cpu_signatures,
            gpu_hashes,
            cpu_hashes,
        }
    }

    #[cfg(feature = "gpu")]
    const fn cpu(&self) -> crate::gpu::Cpu<'_> {
        crate::gpu::Cpu {
            lanes: &self.lanes,
            verifier: &self.verifier,
            hasher: self.hasher,
        }
    }
}

impl BatchVerifier for Dispatcher {
    fn verify_batch(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = &self.gpu
            && let Some((verdicts, on_gpu)) = gpu.verify(self.cpu(), checks)
        {
            self.signatures.add(checks.len(), on_gpu);
            return verdicts;
        }
        self.signatures.add(checks.len(), 0);
        self.verifier.verify(&self.lanes, checks)
    }
}

impl BatchHasher for Dispatcher {
    fn hash_pairs(&self, pairs: &[[u8; 64]]) -> Vec<Hash> {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = &self.gpu
            && let Some((digests, on_gpu)) = gpu.hash_pairs(self.cpu(), pairs)
        {
            self.hashes.add(pairs.len(), on_gpu);
            return digests;
        }
        self.hashes.add(pairs.len(), 0);
        self.hasher.hash_pairs(&self.lanes, pairs)
    }

    fn hash_messages(&self, messages: &[&[u8]]) -> Vec<Hash> {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = &self.gpu
            && let Some((digests, on_gpu)) = gpu.hash_messages(self.cpu(), messages)
        {
            self.hashes.add(messages.len(), on_gpu);
            return digests;
        }
        self.hashes.add(messages.len(), 0);
        self.hasher.hash_messages(&self.lanes, messages)
    }

    fn hash_levels(&self, plan: &mut LevelPlan) {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = &self.gpu
            && let Some(digests) = gpu.hash_levels(self.cpu(), plan)
        {
            self.hashes.add(plan.len(), plan.len());
            plan.complete(digests);
            return;
        }
        hash_by_level(plan, self);
    }

    fn lift(&self, nodes: Vec<Hash>) -> Vec<Hash> {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = &self.gpu
            && let Some((top, on_gpu)) = gpu.lift(self.cpu(), &nodes)
        {
            self.hashes.add(on_gpu, on_gpu);
            return top;
        }
        nodes
    }

    fn takes_plan(&self, hashes: usize) -> bool {
        #[cfg(feature = "gpu")]
        if let Some(gpu) = &self.gpu {
            return gpu.takes_plan(self.cpu(), hashes);
        }
        let _ = hashes;
        false
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
