//! The counters of a run and the status words.

use std::collections::BTreeSet;
use std::sync::Arc;

use loom::thread;

use super::exhausted::{exhaust, version};
use crate::parallel::progress::Progress;
use crate::parallel::status::{Owner, Phase, Status, next_incarnation};
use crate::sync::{AtomicU32, Ordering, UnsafeCell};
use crate::types::TxIndex;

const TXS: u32 = 3;

/// Takes what there is, so often, and never more than the window beyond the frontier lets it.
fn take(progress: &Progress, times: u32, window: u32) -> Vec<u32> {
    let mut taken = Vec::new();
    for _ in 0..times {
        if let Some(range) = progress.take(TXS, false) {
            assert!(range.end <= progress.frontier().get() + window + 1);
            assert!(!range.is_empty());
            taken.extend(range);
        }
    }
    taken
}

#[test]
fn every_transaction_is_handed_out_once() {
    exhaust(None, || {
        let progress = Arc::new(Progress::new(3, 1));
        let others = [(), ()].map(|()| {
            let progress = Arc::clone(&progress);
            thread::spawn(move || take(&progress, 1, 1))
        });
        let mut taken: Vec<u32> = progress.take(TXS, true).into_iter().flatten().collect();
        assert_eq!(taken, [0], "the frontier's is the committer's");
        progress.advance(1);
        taken.extend(take(&progress, 1, 1));
        for other in others {
            taken.extend(other.join().unwrap());
        }
        while let Some(range) = progress.take(TXS, true) {
            taken.extend(range);
            progress.advance(1);
        }
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2]);
    });
}

/// What only the owner of a transaction touches; loom panics where two of them are not ordered.
struct Owned {
    status: Status,
    content: UnsafeCell<u32>,
}

// Two threads would not be allowed to share the content otherwise; that they may is what is shown.
#[expect(unsafe_code, reason = "the model checker decides whether it holds")]
// SAFETY: the content is touched through loom's cell alone, which panics where an access is not ordered.
unsafe impl Sync for Owned {}

#[test]
fn one_claim_at_a_time_wins_and_none_by_an_old_name() {
    exhaust(None, || {
        let shared = Arc::new(Owned {
            status: Status::new(TxIndex::new(0)),
            content: UnsafeCell::new(0),
        });
        // Two who validate or run it again, while its first owner still has it.
        let claimers = [1, 2].map(|name: usize| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let seen = shared.status.load();
                let claimed = shared.status.claim(seen);
                if claimed {
                    assert_eq!(seen.version.tx, TxIndex::new(0));
                    shared.content.get();
                    let next = next_incarnation(seen.version);
                    shared.status.leave_executed(next, Owner::new(name));
                }
                u32::from(claimed)
            })
        });
        shared.content.get();
        shared.status.leave(version(0, 0), Phase::Ready);
        // The committer, who gives the slot to another transaction.
        let seen = shared.status.load();
        let handed_over = shared.status.claim(seen);
        if handed_over {
            shared.content.get();
            shared.status.hand_over(TxIndex::new(4));
        }
        let claims: u32 = claimers.map(|claimer| claimer.join().unwrap()).iter().sum();
        let last = shared.status.load();
        if handed_over {
            assert_eq!(
                (last.version, last.phase),
                (version(4, 0), Phase::Executing)
            );
            assert_eq!(claims, seen.version.incarnation.get());
        } else {
            assert_eq!(last.version, version(0, claims));
        }
    });
}

#[test]
fn whoever_may_have_read_too_early_is_looked_at_after_the_change() {
    exhaust(None, || {
        // All three were handed out to four workers, and have run.
        let progress = Progress::new(4, TXS);
        for _ in 0..TXS {
            progress.take(TXS, true);
        }
        let shared = Arc::new((progress, [AtomicU32::new(0), AtomicU32::new(0)]));
        let changers = [0, 1].map(|tx: u32| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (progress, changed) = &*shared;
                changed[tx as usize].store(1, Ordering::Relaxed);
                progress.suspect_above(TxIndex::new(tx));
            })
        });
        let (progress, changed) = &*shared;
        let mut looked_at = BTreeSet::new();
        let mut look = || {
            while let Some(suspect) = progress.next_suspect() {
                for tx in 0..suspect.get().min(2) {
                    if changed[tx as usize].load(Ordering::Relaxed) == 1 {
                        looked_at.insert((suspect.get(), tx));
                    }
                }
            }
        };
        look();
        for changer in changers {
            changer.join().unwrap();
        }
        look();
        assert_eq!(looked_at, BTreeSet::from([(1, 0), (2, 0), (2, 1)]));
    });
}
