//! The self-tests: each tier is asked for the known answers once, and what came of it is remembered.
//!
//! Invariant: a tier that gave a wrong answer is not used as long as the process lives, and that is said once, as an error
//! in the log.

use std::sync::OnceLock;

use ordlane_primitives::{Hash, batch::SignatureCheck};

use crate::{
    HashTier, SignatureTier, TierState, known_answers,
    tier::{Hasher, Verifier},
};

/// What is tested: the tiers' own functions, save where a test plants a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernels {
    pub(crate) verify: fn(&Verifier, &[SignatureCheck<'_>]) -> Vec<bool>,
    pub(crate) hash_pairs: fn(Hasher, &[[u8; 64]]) -> Vec<Hash>,
    pub(crate) hash_messages: fn(Hasher, &[&[u8]]) -> Vec<Hash>,
}

impl Kernels {
    /// Those that batches run on.
    pub(crate) const OWN: Self = Self {
        verify: Verifier::verify_here,
        hash_pairs: Hasher::hash_pairs_here,
        hash_messages: Hasher::hash_messages_here,
    };
}

/// Whether each tier is right, as far as it has been asked.
#[derive(Debug)]
pub(crate) struct SelfTests {
    kernels: Kernels,
    avx512_ifma: OnceLock<bool>,
    sha_ni: OnceLock<bool>,
    avx512: OnceLock<bool>,
}

impl SelfTests {
    /// None made yet.
    pub(crate) const fn of(kernels: Kernels) -> Self {
        Self {
            kernels,
            avx512_ifma: OnceLock::new(),
            sha_ni: OnceLock::new(),
            avx512: OnceLock::new(),
        }
    }

    /// Those of this process.
    pub(crate) fn of_process() -> &'static Self {
        static OF_PROCESS: SelfTests = SelfTests::of(Kernels::OWN);
        &OF_PROCESS
    }

    /// A verifier, unless there is none or it is faulty. Each answer of the test is asked of a new one, so that what one
    /// remembers of failures is neither in the way of the test nor left over from it.
    pub(crate) fn verifier(
        &self,
        make: impl Fn() -> Option<Verifier>,
    ) -> Result<Verifier, TierState> {
        let verifier = make().ok_or(TierState::Absent)?;
        let tier = verifier.tier();
        let known = match tier {
            SignatureTier::Portable => return Ok(verifier),
            SignatureTier::Avx512Ifma => &self.avx512_ifma,
        };
        let test = || {
            known_answers::verifies(|checks| {
                make().map_or_else(Vec::new, |verifier| {
                    (self.kernels.verify)(&verifier, checks)
                })
            })
        };
        let is_right = once(known, "signatures", tier.name(), test);
        is_right.then_some(verifier).ok_or(TierState::Faulty)
    }

    /// The hasher, unless it is faulty.
    pub(crate) fn hasher(&self, hasher: Hasher) -> Result<Hasher, TierState> {
        let tier = hasher.tier();
        let known = match tier {
            HashTier::Portable => return Ok(hasher),
            HashTier::ShaNi => &self.sha_ni,
            HashTier::Avx512 => &self.avx512,
        };
        let test = || {
            known_answers::hashes(
                |pairs| (self.kernels.hash_pairs)(hasher, pairs),
                |messages| (self.kernels.hash_messages)(hasher, messages),
            )
        };
        let is_right = once(known, "hashes", tier.name(), test);
        is_right.then_some(hasher).ok_or(TierState::Faulty)
    }
}

/// What the test said the first time. A failure is reported then, after the lock is left: who listens to the log may ask
/// for a tier itself.
fn once(
    known: &OnceLock<bool>,
    of: &'static str,
    tier: &'static str,
    test: impl FnOnce() -> bool,
) -> bool {
    let mut is_first = false;
    let is_right = *known.get_or_init(|| {
        is_first = true;
        test()
    });
    if is_first && !is_right {
        tracing::error!(
            of,
            tier,
            "a tier failed its self-test and is not used in this process"
        );
    }
    is_right
}

#[cfg(test)]
mod tests;
