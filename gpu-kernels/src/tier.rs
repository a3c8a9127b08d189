//! The CPU's tiers: which there are here, which of them may be used, and what they do.
//!
//! Invariant: a tier other than the portable one is used only where the CPU has its instructions and it has given every
//! known answer right in this process.

use ordlane_primitives::{Hash, batch::SignatureCheck};

#[cfg(target_arch = "x86_64")]
use crate::cpu::{
    ifma,
    sha256::{ni::ShaNi, wide},
    vector::{Ifma, Wide},
};
use crate::{Lanes, cpu::portable, self_test::SelfTests};

/// Who verifies signatures on the CPU. Every tier gives the same verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SignatureTier {
    /// The rule itself, one signature after another. Every machine has it.
    Portable,
    /// Eight signatures at a time with AVX-512 IFMA.
    Avx512Ifma,
}

/// Who hashes on the CPU. Every tier gives the same digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum HashTier {
    /// The crate `sha2`, one message after another. Every machine has it.
    Portable,
    /// Two messages of 64 bytes at a time with the SHA extensions; others as the portable one.
    ShaNi,
    /// Sixteen messages at a time with AVX-512, and 64-byte ones twice that.
    Avx512,
}

impl SignatureTier {
    /// All of them, the slowest first.
    pub const ALL: [Self; 2] = [Self::Portable, Self::Avx512Ifma];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "cpu-portable",
            Self::Avx512Ifma => "cpu-avx512-ifma",
        }
    }
}

impl HashTier {
    /// All of them, the slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::ShaNi, Self::Avx512];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "cpu-portable",
            Self::ShaNi => "cpu-sha-ni",
            Self::Avx512 => "cpu-avx512",
        }
    }
}

/// Whether a tier can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TierState {
    /// It can.
    Usable,
    /// The CPU lacks its instructions.
    Absent,
    /// It gave a wrong answer in its self-test and is not used in this process.
    Faulty,
}

/// A tier of signatures that may be used.
#[derive(Debug)]
pub(crate) enum Verifier {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Ifma(ifma::Verifier),
}

/// A tier of hashes that may be used.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hasher {
    Portable,
    #[cfg(target_arch = "x86_64")]
    ShaNi(ShaNi),
    #[cfg(target_arch = "x86_64")]
    Avx512(Wide, Option<ShaNi>),
}

impl Verifier {
    /// The tier, or why not.
    pub(crate) fn of(tests: &SelfTests, tier: SignatureTier) -> Result<Self, TierState> {
        tests.verifier(|| Self::detect(tier))
    }

    /// The tier, where the CPU has its instructions.
    fn detect(tier: SignatureTier) -> Option<Self> {
        match tier {
            SignatureTier::Portable => Some(Self::Portable),
            #[cfg(target_arch = "x86_64")]
            SignatureTier::Avx512Ifma => {
                Ifma::detect().map(|proof| Self::Ifma(ifma::Verifier::new(proof)))
            }
            #[cfg(not(target_arch = "x86_64"))]
            SignatureTier::Avx512Ifma => None,
        }
    }

    /// The fastest that there is.
    pub(crate) fn fastest(tests: &SelfTests) -> Self {
        let tiers = SignatureTier::ALL.into_iter().rev();
        tiers
            .filter_map(|tier| Self::of(tests, tier).ok())
            .next()
            .unwrap_or(Self::Portable)
    }

    pub(crate) const fn tier(&self) -> SignatureTier {
        match self {
            Self::Portable => SignatureTier::Portable,
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(_) => SignatureTier::Avx512Ifma,
        }
    }

    /// One verdict per check.
    pub(crate) fn verify(&self, lanes: &Lanes, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
        let chunk = match self {
            Self::Portable => portable::SIGNATURES_PER_TASK,
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(_) => ifma::checks_per_task(checks.len(), lanes.threads()),
        };
        lanes.map_chunks(checks, chunk, |part| self.verify_here(part))
    }

    /// The same on the calling thread.
    pub(crate) fn verify_here(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
        match self {
            Self::Portable => portable::verify(checks),
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(verifier) => verifier.verify(checks),
        }
    }
}

#[cfg(feature = "gpu")]
impl Verifier {
    /// The challenge of each check, on the calling thread.
    pub(crate) fn challenges_here(&self, checks: &[SignatureCheck<'_>]) -> Vec<[u8; 32]> {
        match self {
            Self::Portable => portable::challenges(checks),
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(verifier) => verifier.challenges(checks),
        }
    }
}

impl Hasher {
    /// The tier, or why not.
    pub(crate) fn of(tests: &SelfTests, tier: HashTier) -> Result<Self, TierState> {
        tests.hasher(Self::detect(tests, tier).ok_or(TierState::Absent)?)
    }

    /// The tier, where the CPU has its instructions. What fills no vector of the widest goes to the next, if that is right.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(unused_variables, reason = "no tier here has another one within")
    )]
    fn detect(tests: &SelfTests, tier: HashTier) -> Option<Self> {
        match tier {
            HashTier::Portable => Some(Self::Portable),
            #[cfg(target_arch = "x86_64")]
            HashTier::ShaNi => ShaNi::detect().map(Self::ShaNi),
            #[cfg(target_arch = "x86_64")]
            HashTier::Avx512 => {
                let proof = Wide::detect()?;
                let rest = match Self::of(tests, HashTier::ShaNi) {
                    Ok(Self::ShaNi(proof)) => Some(proof),
                    _ => None,
                };
                Some(Self::Avx512(proof, rest))
            }
            #[cfg(not(target_arch = "x86_64"))]
            HashTier::ShaNi | HashTier::Avx512 => None,
        }
    }

    /// The fastest that there is.
    pub(crate) fn fastest(tests: &SelfTests) -> Self {
        let tiers = HashTier::ALL.into_iter().rev();
        tiers
            .filter_map(|tier| Self::of(tests, tier).ok())
            .next()
            .unwrap_or(Self::Portable)
    }

    pub(crate) const fn tier(self) -> HashTier {
        match self {
            Self::Portable => HashTier::Portable,
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi(_) => HashTier::ShaNi,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(..) => HashTier::Avx512,
        }
    }

    pub(crate) fn hash_pairs(self, lanes: &Lanes, pairs: &[[u8; 64]]) -> Vec<Hash> {
        lanes.map_chunks(pairs, portable::DIGESTS_PER_TASK, |part| {
            self.hash_pairs_here(part)
        })
    }

    pub(crate) fn hash_messages(self, lanes: &Lanes, messages: &[&[u8]]) -> Vec<Hash> {
        lanes.map_chunks(messages, portable::DIGESTS_PER_TASK, |part| {
            self.hash_messages_here(part)
        })
    }

    /// The same on the calling thread.
    pub(crate) fn hash_pairs_here(self, pairs: &[[u8; 64]]) -> Vec<Hash> {
        match self {
            Self::Portable => portable::hash_pairs(pairs),
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi(proof) => proof.hash_all_pairs(pairs),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(proof, rest) => wide::hash_all_pairs(proof, pairs, |pairs| match rest {
                Some(proof) => proof.hash_all_pairs(pairs),
                None => portable::hash_pairs(pairs),
            }),
        }
    }

    /// The same on the calling thread.
    pub(crate) fn hash_messages_here(self, messages: &[&[u8]]) -> Vec<Hash> {
        match self {
            Self::Portable => portable::hash_messages(messages),
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi(_) => portable::hash_messages(messages),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(proof, _) => wide::hash_all_messages(proof, messages),
        }
    }
}

/// Whether a tier of signatures can be used here.
#[must_use]
pub fn signature_tier_state(tier: SignatureTier) -> TierState {
    Verifier::of(SelfTests::of_process(), tier).map_or_else(|state| state, |_| TierState::Usable)
}

/// Whether a tier of hashes can be used here.
#[must_use]
pub fn hash_tier_state(tier: HashTier) -> TierState {
    Hasher::of(SelfTests::of_process(), tier).map_or_else(|state| state, |_| TierState::Usable)
}
