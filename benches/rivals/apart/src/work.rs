//! What there is to do, and who can do it.

use serde::{Deserialize, Serialize};

use crate::clock::{self, Taken};
use crate::ed25519;
use crate::lanes::Lanes;
use crate::pairs::{self, PairsShape, digest_of};
use crate::signatures::{Batch, Check, SignatureShape};

/// Who does it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Rival {
    /// ed25519-dalek, one by one.
    Dalek,
    /// ed25519-zebra, one by one.
    Zebra,
    /// ed25519-zebra, all at once.
    ZebraBatch,
    /// ed25519-dalek, all at once: another rule.
    DalekBatch,
    /// sha2, one by one.
    Sha2,
    /// hashtree, all in one call.
    Hashtree,
}

/// Work in words.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub enum WorkShape {
    /// Signatures to check.
    Signatures(SignatureShape),
    /// Pairs to hash.
    Pairs(PairsShape),
}

/// Work.
#[derive(Clone, Debug)]
pub enum Work {
    /// Signatures to check.
    Signatures(Batch),
    /// Pairs to hash.
    Pairs(Vec<[u8; 64]>),
}

/// What was found out.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// Which signatures are right.
    Verdicts(Vec<bool>),
    /// The hash of all digests.
    Digest([u8; 32]),
}

/// A rival was asked for what it cannot do in this build.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0:?} cannot do this")]
pub struct Unsuited(pub Rival);

/// What a rival is called with.
type Ed25519 = fn(&[Check<'_>], &mut [bool]);
type Sha256 = fn(&[[u8; 64]], &mut [[u8; 32]]);

impl Work {
    /// Makes it.
    #[must_use]
    pub fn new(shape: WorkShape) -> Self {
        match shape {
            WorkShape::Signatures(shape) => Self::Signatures(Batch::new(shape)),
            WorkShape::Pairs(shape) => Self::Pairs(pairs::pairs(shape)),
        }
    }

    /// A hash of all its bytes.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        match self {
            Self::Signatures(batch) => batch.fingerprint(),
            Self::Pairs(pairs) => digest_of(pairs),
        }
    }

    /// Lets a rival do it, and says what that took.
    ///
    /// # Errors
    /// [`Unsuited`] when the rival is for other work, or is not in this build.
    pub fn run(&self, rival: Rival, lanes: &Lanes) -> Result<(Outcome, Taken), Unsuited> {
        match self {
            Self::Signatures(batch) => {
                let verify = verifier(rival).ok_or(Unsuited(rival))?;
                let checks = batch.checks();
                let (verdicts, taken) = clock::taken(|| lanes.map_chunks(&checks, verify));
                Ok((Outcome::Verdicts(verdicts), taken))
            }
            Self::Pairs(pairs) => {
                let hash = hasher(rival).ok_or(Unsuited(rival))?;
                let (digests, taken) = clock::taken(|| lanes.map_chunks(pairs, hash));
                Ok((Outcome::Digest(digest_of(digests)), taken))
            }
        }
    }
}

fn verifier(rival: Rival) -> Option<Ed25519> {
    match rival {
        Rival::Dalek => Some(ed25519::dalek),
        Rival::Zebra => Some(ed25519::zebra),
        Rival::ZebraBatch => Some(ed25519::zebra_batch),
        Rival::DalekBatch => Some(ed25519::dalek_batch),
        Rival::Sha2 | Rival::Hashtree => None,
    }
}

fn hasher(rival: Rival) -> Option<Sha256> {
    match rival {
        Rival::Sha2 => Some(pairs::sha2),
        #[cfg(feature = "hashtree")]
        Rival::Hashtree => Some(pairs::hashtree),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Rival, Work, WorkShape};
    use crate::{Lanes, PairsShape, SignatureShape};

    const CHECKERS: [Rival; 4] = [
        Rival::Dalek,
        Rival::Zebra,
        Rival::ZebraBatch,
        Rival::DalekBatch,
    ];

    fn signatures(invalid: f64, zipf: Option<f64>) -> Work {
        Work::new(WorkShape::Signatures(SignatureShape {
            batch: 24,
            message_bytes: 40,
            invalid,
            zipf,
        }))
    }

    #[test]
    fn every_rival_finds_the_corrupted_signatures_and_no_others() {
        for (invalid, zipf) in [(0.0, None), (0.001, None), (0.5, Some(1.1)), (1.0, None)] {
            let work = signatures(invalid, zipf);
            let Work::Signatures(batch) = &work else {
                panic!("these are signatures");
            };
            for threads in [1, 2] {
                let lanes = Lanes::new(threads).unwrap();
                for rival in CHECKERS {
                    let (outcome, _) = work.run(rival, &lanes).unwrap();
                    assert_eq!(outcome, Outcome::Verdicts(batch.expected()), "{rival:?}");
                }
            }
        }
    }

    #[test]
    fn the_digest_of_pairs_is_that_of_their_hashes_on_any_number_of_threads() {
        let work = Work::new(WorkShape::Pairs(PairsShape { pairs: 33 }));
        let digests = [1, 2, 3].map(|threads| {
            let lanes = Lanes::new(threads).unwrap();
            work.run(Rival::Sha2, &lanes).unwrap().0
        });
        assert_eq!(digests[0], digests[1]);
        assert_eq!(digests[0], digests[2]);
        let other = Work::new(WorkShape::Pairs(PairsShape { pairs: 32 }));
        let lanes = Lanes::new(1).unwrap();
        assert_ne!(other.run(Rival::Sha2, &lanes).unwrap().0, digests[0]);
    }

    #[test]
    fn a_rival_is_asked_for_its_own_work_only() {
        let lanes = Lanes::new(1).unwrap();
        let signatures = signatures(0.0, None);
        assert!(signatures.run(Rival::Sha2, &lanes).is_err());
        let pairs = Work::new(WorkShape::Pairs(PairsShape { pairs: 1 }));
        assert!(pairs.run(Rival::Dalek, &lanes).is_err());
    }

    #[cfg(feature = "hashtree")]
    #[test]
    fn hashtree_and_sha2_agree() {
        let lanes = Lanes::new(1).unwrap();
        crate::serve::start_hashtree();
        for pairs in [0, 1, 2, 15, 16, 17, 100] {
            let work = Work::new(WorkShape::Pairs(PairsShape { pairs }));
            let [ours, theirs] =
                [Rival::Sha2, Rival::Hashtree].map(|rival| work.run(rival, &lanes).unwrap().0);
            assert_eq!(ours, theirs);
        }
    }
}
