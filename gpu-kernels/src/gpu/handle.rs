//! What a dispatcher has of the device: a way to hand over jobs, and what is known of it.

use core::fmt;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    accelerator::{Capacity, Facts, Fault, Opener},
    cost::Cost,
    health::{Health, Quarantine},
    work::{Answer, Kind, PerKind, Work},
    worker::{self, Job, Patience, QUEUE, Request},
};
use crate::{GpuOptions, GpuState, clock};

/// How long the end of the last handle waits for the thread to end. One that a driver keeps is left to itself.
const FAREWELL: Duration = Duration::from_secs(2);
/// What the thread needs to compile kernels, whose straight-line code nests deeply in a compiler.
const STACK_BYTES: usize = 1 << 24;
/// A job that the device has no memory for halves what it is given, down to so many items.
const FEWEST_ITEMS: usize = 64;

/// What the thread of the device and its callers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) health: Health,
    job_timeout: Duration,
    /// How long one answer of a test may take: kernels are compiled for the first ones.
    pub(crate) start_timeout: Duration,
    facts: Mutex<Option<Facts>>,
    costs: OnceLock<Mutex<PerKind<Cost>>>,
    has_told_of_memory: AtomicBool,
    /// Whether the last handle has ended, so that nobody wants the device any more.
    is_closing: AtomicBool,
}

impl Shared {
    /// Whether nobody wants the device any more. Too old a value only costs time.
    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    pub(crate) fn is_calibrated(&self) -> bool {
        self.costs.get().is_some()
    }

    pub(crate) fn calibrated(&self, costs: PerKind<Cost>) {
        let _ = self.costs.set(Mutex::new(costs));
    }

    /// The device was opened, perhaps again. What it had no memory for before is not forgotten.
    pub(crate) fn opened(&self, facts: Facts) {
        let mut known = locked(&self.facts);
        let before = known.take();
        let mut facts = facts;
        for kind in Kind::ALL {
            let most = before
                .as_ref()
                .map_or(usize::MAX, |before| before.capacity(kind).items);
            let capacity = facts.capacity.of_mut(kind);
            capacity.items = capacity.items.min(most);
        }
        *known = Some(facts);
    }
}

/// The device as its callers have it. The thread ends with the last handle.
pub(crate) struct Gpu {
    shared: Arc<Shared>,
    jobs: Option<SyncSender<Request>>,
    /// Hears of the end of the thread.
    ended: Mutex<Option<(Receiver<()>, thread::JoinHandle<()>)>>,
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

/// A job that was handed over.
#[derive(Debug)]
pub(crate) struct Ticket {
    answer: Receiver<Result<Answer, Fault>>,
    until: Instant,
}

impl Gpu {
    /// Starts the thread, which opens the device. Nobody waits for it.
    pub(crate) fn start(
        opener: Box<dyn Opener>,
        options: &GpuOptions,
        quarantine: Arc<Quarantine>,
        patience: Patience,
    ) -> Self {
        let shared = Arc::new(Shared {
            health: Health::new(options.start_timeout, quarantine),
            job_timeout: options.job_timeout,
            start_timeout: options.start_timeout,
            facts: Mutex::new(None),
            costs: OnceLock::new(),
            has_told_of_memory: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
        });
        let (jobs, waiting) = mpsc::sync_channel(QUEUE);
        let (end, ended) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("ordlane-gpu".into())
            .stack_size(STACK_BYTES)
            .spawn({
                let shared = Arc::clone(&shared);
                // It logs to where those do who started it.
                let log = tracing::dispatcher::get_default(Clone::clone);
                move || {
                    tracing::dispatcher::with_default(&log, || {
                        let run = || worker::run(opener, waiting, &shared, patience);
                        // A driver's own code is not below this, but what wraps it is.
                        if catch_unwind(AssertUnwindSafe(run)).is_err() {
                            shared.health.off(GpuState::Failed, &"its thread panicked");
                        }
                    });
                    let _ = end.try_send(());
                }
            });
        let ended = match thread {
            Ok(thread) => Some((ended, thread)),
            Err(error) => {
                shared.health.off(GpuState::Failed, &error);
                None
            }
        };
        Self {
            shared,
            jobs: Some(jobs),
            ended: Mutex::new(ended),
        }
    }

    pub(crate) fn health(&self) -> &Health {
        &self.shared.health
    }

    /// What the device is, once it was opened.
    pub(crate) fn facts(&self) -> Option<Facts> {
        locked(&self.shared.facts).clone()
    }

    /// How much it takes in one job of a kind; nothing while it is not ready.
    pub(crate) fn capacity(&self, kind: Kind) -> Capacity {
        if !self.shared.health.is_ready() {
            return Capacity::default();
        }
        locked(&self.shared.facts)
            .as_ref()
            .map_or_else(Capacity::default, |facts| facts.capacity(kind))
    }

    pub(crate) fn cost(&self, kind: Kind) -> Option<Cost> {
        self.shared.costs.get().map(|costs| *locked(costs).of(kind))
    }

    /// Corrects what is known of its speed.
    pub(crate) fn saw(&self, kind: Kind, units: u64, time: Duration) {
        if let Some(costs) = self.shared.costs.get() {
            let mut costs = locked(costs);
            let cost = costs.of_mut(kind);
            *cost = cost.corrected(units, time);
        }
    }

    /// Hands a job over, unless nobody takes it now.
    pub(crate) fn submit(&self, work: Work) -> Result<Ticket, Fault> {
        let jobs = match &self.jobs {
            Some(jobs) if self.shared.health.is_ready() => jobs,
            _ => return Err(Fault::Busy),
        };
        let now = clock::now();
        let until = now.checked_add(self.shared.job_timeout).unwrap_or(now);
        let (reply, answer) = mpsc::sync_channel(1);
        let job = Job { work, reply, until };
        jobs.try_send(Request::Job(job)).map_err(|_| Fault::Busy)?;
        Ok(Ticket { answer, until })
    }

    /// Waits for the answer. A device that gives none in time takes no more jobs until it was opened again, and one that
    /// has no memory gets less in the next jobs.
    pub(crate) fn wait(&self, ticket: &Ticket, kind: Kind, items: usize) -> Result<Answer, Fault> {
        let left = ticket.until.saturating_duration_since(clock::now());
        let outcome = match ticket.answer.recv_timeout(left) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => Err(Fault::Timeout),
            Err(RecvTimeoutError::Disconnected) => Err(Fault::Busy),
        };
        match &outcome {
            Err(fault @ Fault::Timeout) => {
                self.shared.health.recovering(fault);
                // A full channel wakes the thread as well.
                if let Some(jobs) = &self.jobs {
                    let _ = jobs.try_send(Request::Wake);
                }
            }
            Err(Fault::OutOfMemory) => self.take_less(kind, items),
            _ => {}
        }
        outcome
    }

    /// Half of what was too much.
    fn take_less(&self, kind: Kind, items: usize) {
        let mut known = locked(&self.shared.facts);
        let Some(facts) = known.as_mut() else {
            return;
        };
        let capacity = facts.capacity.of_mut(kind);
        let before = capacity.items;
        capacity.items = match items {
            0..=FEWEST_ITEMS => 0,
            _ => before.min((items / 2).max(FEWEST_ITEMS)),
        };
        let most = capacity.items;
        // Who hears of it may ask what is known.
        drop(known);
        // The order of this and other accesses does not matter: the word alone says who is first.
        if most < before && !self.shared.has_told_of_memory.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                kind = kind.name(),
                items,
                most,
                "the GPU has no memory for a batch; it gets smaller ones"
            );
        }
    }

    /// It gave a wrong answer and is not used any more.
    pub(crate) fn quarantine(&self, why: &dyn fmt::Display) {
        let identity = self
            .facts()
            .map_or_else(String::new, |facts| facts.identity);
        self.shared.health.quarantine(&identity, why);
        // The thread gives the device back.
        if let Some(jobs) = &self.jobs {
            let _ = jobs.try_send(Request::Wake);
        }
    }
}

impl Drop for Gpu {
    fn drop(&mut self) {
        self.jobs = None;
        self.shared.is_closing.store(true, Ordering::Relaxed);
        let ended = locked(&self.ended).take();
        if let Some((ended, thread)) = ended
            && ended.recv_timeout(FAREWELL).is_ok()
        {
            let _ = thread.join();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
