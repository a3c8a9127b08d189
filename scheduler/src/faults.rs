//! Faults that tests plant, to show that they would be caught.
//!
//! Without a model checker no fault can be planted: every question is answered `false` at compile time.

#[cfg(not(all(test, any(loom, shuttle))))]
use crate::types::TxIndex;

/// What can be done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The committer takes what lies at the frontier.
    SkipValidation,
    /// A run is validated when it ends, on whatever state there is, and not again at the frontier.
    #[cfg_attr(
        not(all(test, any(loom, shuttle))),
        expect(dead_code, reason = "only a planted one is asked for")
    )]
    EarlyCommit,
    /// A transaction that is run again leaves its old writes readable.
    SkipEstimate,
    /// A committer that gives the lock back looks at the frontier neither then nor before it sleeps.
    ForgetFrontier,
    /// A worker that found nothing sleeps without looking again.
    SleepAtOnce,
}

/// Whether the code is to do this wrong.
#[cfg(not(all(test, any(loom, shuttle))))]
#[inline(always)]
pub(crate) const fn planted(_: Fault) -> bool {
    false
}

/// For [`Fault::EarlyCommit`]: takes note whether a run that has ended holds.
#[cfg(not(all(test, any(loom, shuttle))))]
#[inline(always)]
pub(crate) fn validate_early(_: TxIndex, _: impl FnOnce() -> bool) {}

/// For [`Fault::EarlyCommit`]: whether the last run of a transaction held when it ended.
#[cfg(not(all(test, any(loom, shuttle))))]
#[inline(always)]
pub(crate) const fn was_valid_early(_: TxIndex) -> bool {
    false
}

#[cfg(all(test, any(loom, shuttle)))]
pub(crate) use planting::{plant, planted, validate_early, was_valid_early};

#[cfg(all(test, any(loom, shuttle)))]
mod planting {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeSet;

    use super::Fault;
    use crate::types::TxIndex;

    // A model checker has all its threads on the one of the test.
    thread_local! {
        static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
        static VALID_EARLY: RefCell<BTreeSet<TxIndex>> = const { RefCell::new(BTreeSet::new()) };
    }

    /// Plants a fault, or removes it, for this thread.
    pub(crate) fn plant(fault: Option<Fault>) {
        PLANTED.set(fault);
        VALID_EARLY.take();
    }

    pub(crate) fn planted(fault: Fault) -> bool {
        PLANTED.get() == Some(fault)
    }

    pub(crate) fn validate_early(tx: TxIndex, holds: impl FnOnce() -> bool) {
        if !planted(Fault::EarlyCommit) {
            return;
        }
        let holds = holds();
        VALID_EARLY.with_borrow_mut(|valid| {
            if holds {
                valid.insert(tx);
            } else {
                valid.remove(&tx);
            }
        });
    }

    pub(crate) fn was_valid_early(tx: TxIndex) -> bool {
        planted(Fault::EarlyCommit) && VALID_EARLY.with_borrow(|valid| valid.contains(&tx))
    }
}
