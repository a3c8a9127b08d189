//! How the device does: whether it takes jobs now, later, or never again.
//!
//! Invariant: a device that was quarantined, or given up, takes no job again in this process; and each change for the
//! worse is said once in the log.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{GpuState, clock};

/// The state, and who waits for it to change.
#[derive(Debug)]
pub(crate) struct Health {
    state: Mutex<GpuState>,
    /// The state as far as it stands in the log: what those see who wait for it.
    told: Mutex<GpuState>,
    changed: Condvar,
    /// Whether the state is [`GpuState::Ready`]. It is written where the state is, with the lock held, and read without:
    /// who reads too old a value asks in vain, or not at all, which is no harm.
    is_ready: AtomicBool,
    start_by: Instant,
    quarantine: Arc<Quarantine>,
}

/// Devices that gave a wrong answer in this process, by identity.
#[derive(Debug, Default)]
pub(crate) struct Quarantine(Mutex<BTreeSet<String>>);

impl Quarantine {
    /// That of this process.
    pub(crate) fn of_process() -> Arc<Self> {
        static OF_PROCESS: LazyLock<Arc<Quarantine>> = LazyLock::new(Arc::default);
        Arc::clone(&OF_PROCESS)
    }

    pub(crate) fn holds(&self, identity: &str) -> bool {
        locked(&self.0).contains(identity)
    }

    fn add(&self, identity: &str) {
        locked(&self.0).insert(identity.to_owned());
    }
}

impl Health {
    pub(crate) fn new(start_timeout: Duration, quarantine: Arc<Quarantine>) -> Self {
        let now = clock::now();
        Self {
            state: Mutex::new(GpuState::Starting),
            told: Mutex::new(GpuState::Starting),
            changed: Condvar::new(),
            is_ready: AtomicBool::new(false),
            start_by: now.checked_add(start_timeout).unwrap_or(now),
            quarantine,
        }
    }

    pub(crate) fn state(&self) -> GpuState {
        *locked(&self.state)
    }

    /// Whether it takes jobs. Who asks while it starts notices when that takes too long.
    pub(crate) fn is_ready(&self) -> bool {
        if self.is_ready.load(Ordering::Acquire) {
            return true;
        }
        self.mark_if_late();
        false
    }

    /// Whether its start took too long.
    pub(crate) fn is_late(&self) -> bool {
        clock::now() >= self.start_by
    }

    pub(crate) fn is_quarantined(&self, identity: &str) -> bool {
        self.quarantine.holds(identity)
    }

    /// Waits until it is ready, or known not to become so. While it starts, that is no longer than the start may take.
    pub(crate) fn settle(&self, limit: Duration) -> GpuState {
        let mut told = locked(&self.told);
        let now = clock::now();
        let until = now.checked_add(limit).unwrap_or(now);
        while matches!(*told, GpuState::Starting | GpuState::Recovering) {
            let end = match *told {
                GpuState::Starting => until.min(self.start_by),
                _ => until,
            };
            let left = end.saturating_duration_since(clock::now());
            if left.is_zero() {
                break;
            }
            let (next, _) = self
                .changed
                .wait_timeout(told, left)
                .unwrap_or_else(PoisonError::into_inner);
            told = next;
        }
        drop(told);
        self.mark_if_late();
        self.state()
    }

    fn mark_if_late(&self) {
        if self.is_late() && self.turn(GpuState::Late, |state| state == GpuState::Starting) {
            tracing::warn!("the GPU was not ready in time; all batches run on the CPU");
            self.tell();
        }
    }

    /// It takes jobs from now on, unless it was given up meanwhile.
    pub(crate) fn ready(&self) -> bool {
        let turned = self.turn(GpuState::Ready, |state| {
            matches!(state, GpuState::Starting | GpuState::Recovering)
        });
        self.tell();
        turned
    }

    /// It takes none until it was opened again.
    pub(crate) fn recovering(&self, why: &dyn core::fmt::Display) {
        if self.turn(GpuState::Recovering, |state| state == GpuState::Ready) {
            tracing::warn!(
                %why,
                "the GPU failed; its batches are computed on the CPU until it is opened again"
            );
            self.tell();
        }
    }

    /// It gave a wrong answer.
    pub(crate) fn quarantine(&self, identity: &str, why: &dyn core::fmt::Display) {
        self.quarantine.add(identity);
        let turned = self.turn(GpuState::Quarantined, |state| {
            matches!(
                state,
                GpuState::Ready | GpuState::Recovering | GpuState::Starting
            )
        });
        if turned {
            tracing::error!(
                %why,
                adapter = identity,
                "the GPU gave a wrong answer and is not used in this process any more"
            );
            self.tell();
        }
    }

    /// There is none, or it is given up.
    pub(crate) fn off(&self, to: GpuState, why: &dyn core::fmt::Display) {
        if !self.turn(to, |state| {
            matches!(
                state,
                GpuState::Starting | GpuState::Recovering | GpuState::Ready
            )
        }) {
            return;
        }
        match to {
            GpuState::Absent => {
                static SAID: AtomicBool = AtomicBool::new(false);
                // The order of this and other accesses does not matter: the word alone says who is first.
                if !SAID.swap(true, Ordering::Relaxed) {
                    tracing::info!(%why, "no GPU is used; all batches run on the CPU");
                }
            }
            _ => tracing::warn!(%why, "the GPU is given up; all batches run on the CPU"),
        }
        self.tell();
    }

    /// Whether the state was one that may become `to`, and did.
    fn turn(&self, to: GpuState, may: impl FnOnce(GpuState) -> bool) -> bool {
        let mut state = locked(&self.state);
        let turned = may(*state);
        if turned {
            *state = to;
            // Pairs with the load of `is_ready`.
            self.is_ready
                .store(to == GpuState::Ready, Ordering::Release);
        }
        turned
    }

    /// Lets those see the state who wait for it. The log has it.
    fn tell(&self) {
        let mut told = locked(&self.told);
        *told = self.state();
        self.changed.notify_all();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
