//! Where each transaction stands: one packed atomic word.
//!
//! ```text
//!            claim                publish
//!   Ready ----------> Executing ----------> Executed
//!     ^  ^             ^ |  ^                  |
//!     |  +--- stale ---|-+  +------ claim -----+   (to validate it)
//!     |          hand out|
//!     |                  v
//!     +---- wake ---- Blocked
//! ```
//!
//! Invariant: whoever the cursor hands a transaction to, or who moves it to `Executing`, owns it until it moves it on; all
//! others leave it alone. The word holds the transaction's index too, since its slot serves another one after the commit: a
//! claim by an old name fails.

use crate::sync::{AtomicU64, Ordering};
use crate::types::{Incarnation, TxIndex, Version};

const PHASE_BITS: u32 = 2;
const PHASE_MASK: u64 = (1 << PHASE_BITS) - 1;
const OWNER_BITS: u32 = 8;
const OWNER_MASK: u64 = (1 << OWNER_BITS) - 1;
const INCARNATION_SHIFT: u32 = PHASE_BITS + OWNER_BITS;
const INCARNATION_MASK: u64 = (1 << (32 - INCARNATION_SHIFT)) - 1;

/// A worker's name in a status. With more workers than names some share one, so it is a hint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner(u8);

impl Owner {
    /// The worker with this number.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is a hint, whose names may be shared"
    )]
    pub(crate) const fn new(worker: usize) -> Self {
        Self(worker as u8)
    }
}

/// What may be done with a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has left its owner, and anyone may run it.
    Ready,
    /// Someone runs or commits it, or is yet to get it from the cursor.
    Executing,
    /// It waits for the frontier.
    Executed,
    /// It waits for a lower transaction to be committed; at the frontier it waits for nobody.
    Blocked,
}

/// One reading of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) version: Version,
    pub(crate) phase: Phase,
    /// Who moved it there; nobody in particular unless it is executed.
    pub(crate) owner: Owner,
}

impl Snapshot {
    fn pack(self) -> u64 {
        let phase = match self.phase {
            Phase::Ready => 0,
            Phase::Executing => 1,
            Phase::Executed => 2,
            Phase::Blocked => 3,
        };
        let incarnation = u64::from(self.version.incarnation.get()) & INCARNATION_MASK;
        u64::from(self.version.tx.get()) << 32
            | incarnation << INCARNATION_SHIFT
            | u64::from(self.owner.0) << PHASE_BITS
            | phase
    }

    fn unpack(word: u64) -> Self {
        let phase = match word & PHASE_MASK {
            0 => Phase::Ready,
            1 => Phase::Executing,
            2 => Phase::Executed,
            _ => Phase::Blocked,
        };
        let incarnation = (word >> INCARNATION_SHIFT & INCARNATION_MASK) as u32;
        let owner = Owner((word >> PHASE_BITS & OWNER_MASK) as u8);
        let version = Version {
            tx: TxIndex::new((word >> 32) as u32),
            incarnation: Incarnation::new(incarnation),
        };
        Self {
            version,
            phase,
            owner,
        }
    }
}

/// The status of the transaction that a slot holds.
///
/// All accesses are sequentially consistent: a worker stores a status and then looks whether the frontier is there, the
/// committer stores the frontier and then looks at the status, and one of the two must see the other.
#[derive(Debug)]
pub(crate) struct Status(AtomicU64);

impl Status {
    /// The first run of `tx` is to come, by whom the cursor hands it to.
    pub(crate) fn new(tx: TxIndex) -> Self {
        Self(AtomicU64::new(first(tx).pack()))
    }

    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        Snapshot::unpack(self.0.load(Ordering::SeqCst))
    }

    /// Takes the transaction if it is still as `seen`; `true` makes the caller its owner.
    #[inline]
    pub(crate) fn claim(&self, seen: Snapshot) -> bool {
        seen.phase != Phase::Executing && self.exchange(seen, Phase::Executing)
    }

    /// Makes a blocked transaction ready; `true` asks the caller to requeue it.
    pub(crate) fn wake(&self, tx: TxIndex) -> bool {
        let seen = self.load();
        seen.version.tx == tx && seen.phase == Phase::Blocked && self.exchange(seen, Phase::Ready)
    }

    /// Moves a transaction on; only its owner may.
    #[inline]
    pub(crate) fn leave(&self, version: Version, phase: Phase) {
        self.store(version, phase, Owner::default());
    }

    /// Moves a transaction that has run on; only its owner may, who leaves its name.
    #[inline]
    pub(crate) fn leave_executed(&self, version: Version, owner: Owner) {
        self.store(version, Phase::Executed, owner);
    }

    #[inline]
    fn store(&self, version: Version, phase: Phase, owner: Owner) {
        let next = Snapshot {
            version,
            phase,
            owner,
        };
        self.0.store(next.pack(), Ordering::SeqCst);
    }

    /// Gives the slot of a committed transaction to `tx`; only the owner may. The frontier is stored after it, and nobody
    /// looks at `tx` who has not seen that.
    #[inline]
    pub(crate) fn hand_over(&self, tx: TxIndex) {
        self.0.store(first(tx).pack(), Ordering::Release);
    }

    fn exchange(&self, seen: Snapshot, phase: Phase) -> bool {
        let next = Snapshot { phase, ..seen }.pack();
        self.0
            .compare_exchange(seen.pack(), next, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}

/// The run after `version`. The number wraps after four million runs, and is nothing but a name for what a run has written.
pub(crate) fn next_incarnation(version: Version) -> Version {
    let number = version.incarnation.get().wrapping_add(1);
    Version {
        incarnation: Incarnation::new(number),
        ..version
    }
}

fn first(tx: TxIndex) -> Snapshot {
    Snapshot {
        version: Version {
            tx,
            incarnation: Incarnation::new(0),
        },
        phase: Phase::Executing,
        owner: Owner::default(),
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::{Owner, Phase, Snapshot, Status, next_incarnation};
    use crate::types::{Incarnation, TxIndex, Version};

    #[test]
    fn packing_keeps_every_field() {
        for phase in [
            Phase::Ready,
            Phase::Executing,
            Phase::Executed,
            Phase::Blocked,
        ] {
            for tx in [0, 1, u32::MAX] {
                for incarnation in [0, 1, (1 << 22) - 1] {
                    let version = Version {
                        tx: TxIndex::new(tx),
                        incarnation: Incarnation::new(incarnation),
                    };
                    let owner = Owner::new(incarnation as usize);
                    let snapshot = Snapshot {
                        version,
                        phase,
                        owner,
                    };
                    assert_eq!(Snapshot::unpack(snapshot.pack()), snapshot);
                }
            }
        }
    }

    #[test]
    fn after_four_million_runs_a_transaction_is_still_itself() {
        let status = Status::new(TxIndex::new(7));
        let mut version = status.load().version;
        version.incarnation = Incarnation::new((1 << 22) - 1);
        status.leave(next_incarnation(version), Phase::Ready);
        let seen = status.load();
        assert_eq!(
            (seen.version.tx, seen.phase),
            (TxIndex::new(7), Phase::Ready)
        );
        assert_eq!(seen.version.incarnation, Incarnation::new(0));
        assert!(status.claim(seen));
    }

    #[test]
    fn one_claim_wins_and_old_names_do_not() {
        let status = Status::new(TxIndex::new(7));
        let handed_out = status.load();
        assert!(!status.claim(handed_out), "it is the cursor's");
        status.leave(handed_out.version, Phase::Ready);
        let seen = status.load();
        assert!(status.claim(seen));
        assert!(!status.claim(seen));
        assert!(
            !status.claim(status.load()),
            "an owned transaction cannot be claimed"
        );
        status.leave(next_incarnation(seen.version), Phase::Blocked);
        assert!(!status.claim(seen), "an old reading");
        assert!(!status.wake(TxIndex::new(8)));
        assert!(status.wake(TxIndex::new(7)));
        assert!(!status.wake(TxIndex::new(7)));
        let seen = status.load();
        assert_eq!(
            (seen.phase, seen.version.incarnation),
            (Phase::Ready, Incarnation::new(1))
        );
        status.hand_over(TxIndex::new(39));
        assert!(!status.claim(seen), "another transaction's slot");
    }
}
