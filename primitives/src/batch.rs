//! The ports for batch cryptography.
//!
//! Purpose: callers hand over whole batches and never know who does the work. [`Sequential`] is the definition; every
//! other implementation (threads, SIMD, GPU) must give the same bytes and the same verdicts.

use core::fmt;

use crate::{
    hash::{Hash, sha256},
    levels::{self, LevelPlan},
    signature,
};

/// One signature to check under the rule of [`signature`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureCheck<'a> {
    /// The public key: 32 bytes, a compressed Edwards point.
    pub key: &'a [u8; 32],
    /// The signed message. For transactions and blocks it is a 32-byte hash.
    pub message: &'a [u8],
    /// The signature: 64 bytes, `R ‖ S`.
    pub signature: &'a [u8; 64],
}

/// Checks many signatures, each by itself.
pub trait BatchVerifier: Send + Sync + fmt::Debug {
    /// One verdict per check, in order: whether [`signature::verify`] accepts it.
    ///
    /// A fault of an accelerator is never a verdict: an implementation recomputes elsewhere.
    fn verify_batch(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool>;
}

/// Hashes many messages with plain SHA-256.
pub trait BatchHasher: Send + Sync + fmt::Debug {
    /// The digests of 64-byte messages, in order: tree nodes and list parents.
    fn hash_pairs(&self, pairs: &[[u8; 64]]) -> Vec<Hash>;

    /// The digests of messages of any length, in order: values and list leaves.
    fn hash_messages(&self, messages: &[&[u8]]) -> Vec<Hash>;

    /// The digests of a plan, in which some go into later messages. By default level after level, the parts of the plan
    /// by [`scatter`](Self::scatter).
    fn hash_levels(&self, plan: &mut LevelPlan) {
        levels::hash_by_level(plan, self);
    }

    /// Of the nodes of one level of a list, more than [`TOP_NODES`](crate::list::TOP_NODES), those of any level above it: by
    /// default the same ones. For a hasher that computes several levels at once; an odd node rises unchanged.
    fn lift(&self, nodes: Vec<Hash>) -> Vec<Hash> {
        nodes
    }

    /// Whether about so many hashes that depend on each other are better handed over as one plan than level by level, in
    /// parts that [`scatter`](Self::scatter) spreads. Both give the same digests.
    fn takes_plan(&self, hashes: usize) -> bool {
        let _ = hashes;
        false
    }

    /// Calls `part` with every number below `parts`, each once, on whatever threads this hasher has, and returns when all
    /// calls have. For work that hashes many small batches, of which each waits for another one.
    fn scatter(&self, parts: usize, part: &(dyn Fn(usize) + Sync)) {
        (0..parts).for_each(part);
    }
}

/// One after another, on the calling thread: the definition that all other implementations must equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequential;

impl BatchVerifier for Sequential {
    fn verify_batch(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
        checks
            .iter()
            .map(|check| signature::verify(check.key, check.message, check.signature))
            .collect()
    }
}

impl BatchHasher for Sequential {
    fn hash_pairs(&self, pairs: &[[u8; 64]]) -> Vec<Hash> {
        pairs.iter().map(|pair| sha256(pair)).collect()
    }

    fn hash_messages(&self, messages: &[&[u8]]) -> Vec<Hash> {
        messages.iter().map(|message| sha256(message)).collect()
    }
}
