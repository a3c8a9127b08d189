//! The thread that owns the device.
//!
//! It opens the device, asks it for the known answers, measures it, and then takes jobs from a bounded channel, a few of
//! them in flight at once. A device that fails is dropped and opened again, which happens a bounded number of times and
//! later each time, and is tested again before it takes a job.
//!
//! Invariant: every job ends in an answer or a fault, also where a driver panics. Whoever waits for one does so with a limit of its own, since a driver
//! may keep this thread.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError},
    },
    time::{Duration, Instant},
};

use super::{
    accelerator::{Accelerator, Fault, OpenError, Opener},
    calibrate, device_test,
    handle::Shared,
    work::{Answer, Work},
};
use crate::{GpuState, clock};

/// How many jobs a device has begun and not ended at most.
pub(crate) const SLOTS: usize = 3;
/// How many jobs wait for a slot at most. Who comes after them computes on the CPU.
pub(crate) const QUEUE: usize = 4;
/// How long the thread waits for an answer before it looks for another job.
const SLICE: Duration = Duration::from_millis(2);
/// So many jobs after an opening, the failures before it are forgotten.
const RECOVERED_AFTER_JOBS: u32 = 256;

/// How often a device that failed is opened again, and after how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Openings after failures that nothing good has followed.
    pub(crate) tries: u32,
    /// The pause before the first of them. Each next one is four times as long.
    pub(crate) pause: Duration,
}

impl Patience {
    /// That of every device but those of tests: after 0.2, 0.8, 3.2 and 12.8 seconds.
    pub(crate) const OWN: Self = Self {
        tries: 4,
        pause: Duration::from_millis(200),
    };
}

/// What the thread hears.
#[derive(Debug)]
pub(crate) enum Request {
    Job(Job),
    /// A caller waited too long: the device is to be opened again.
    Wake,
}

/// A job, and where its answer goes.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) reply: SyncSender<Result<Answer, Fault>>,
    /// When its caller stops to wait.
    pub(crate) until: Instant,
}

impl Job {
    /// Hands over what came of it. A caller who gave up hears nothing.
    fn end(self, outcome: Result<Answer, Fault>) {
        let _ = self.reply.try_send(outcome);
    }
}

/// Why a device takes no more jobs.
enum End {
    /// Nobody has jobs any more.
    Closed,
    /// It is quarantined, or given up.
    Retired,
    /// It failed, after so many jobs.
    Failed(Fault, u32),
}

/// Runs until nobody has jobs any more, or there is no device for them.
pub(crate) fn run(
    mut opener: Box<dyn Opener>,
    jobs: Receiver<Request>,
    shared: &Arc<Shared>,
    patience: Patience,
) {
    let mut failures = 0_u32;
    loop {
        let end = match caught(|| open(&mut *opener, shared)).and_then(|opened| opened) {
            Ok(Some(mut device)) => {
                let end = caught(|| serve(&mut *device, &jobs, shared));
                // It may panic again for the same reason.
                let dropped = caught(|| drop(device));
                end.and_then(|end| dropped.map(|()| end))
                    .unwrap_or_else(|fault| End::Failed(fault, 0))
            }
            Ok(None) => return,
            Err(fault) => End::Failed(fault, 0),
        };
        let (fault, served) = match end {
            End::Closed | End::Retired => return,
            End::Failed(fault, served) => (fault, served),
        };
        failures = match served {
            RECOVERED_AFTER_JOBS.. => 1,
            _ => failures.saturating_add(1),
        };
        shared.health.recovering(&fault);
        if failures > patience.tries {
            let why = format!("it failed {failures} times, at last because {fault}");
            shared.health.off(GpuState::Failed, &why);
            return;
        }
        let pause = patience
            .pause
            .saturating_mul(4_u32.saturating_pow(failures.saturating_sub(1)));
        if !rest(&jobs, pause) {
            return;
        }
    }
}

/// What comes of a call of a driver, or of what wraps it, which panics where a device is lost while it is waited for.
fn caught<T>(call: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied());
        Fault::Lost(text.unwrap_or("its driver panicked").to_owned())
    })
}

/// Opens the device and tests it; none when it is given up for good.
fn open(opener: &mut dyn Opener, shared: &Shared) -> Result<Option<Box<dyn Accelerator>>, Fault> {
    let health = &shared.health;
    let is_first = health.state() == GpuState::Starting;
    let is_late = || is_first && health.is_late() || shared.is_closing();
    let mut device = match opener.open(&is_late) {
        _ if shared.is_closing() => return Ok(None),
        Ok(device) => device,
        Err(error @ OpenError::Absent(_)) if is_first => {
            health.off(GpuState::Absent, &error);
            return Ok(None);
        }
        Err(error @ OpenError::Late) => {
            health.off(GpuState::Late, &error);
            return Ok(None);
        }
        Err(error) if is_first => {
            health.off(GpuState::Failed, &error);
            return Ok(None);
        }
        // Whoever was there before may come back.
        Err(error) => return Err(Fault::Lost(error.to_string())),
    };
    let identity = device.facts().identity.clone();
    if health.is_quarantined(&identity) {
        health.quarantine(&identity, &"it gave a wrong answer before");
        return Ok(None);
    }
    // A report has its name, whatever comes of the test.
    shared.opened(device.facts().clone());
    if !device_test::passes(&mut *device, shared.start_timeout)? {
        health.quarantine(&identity, &"it failed its self-test");
        return Ok(None);
    }
    if shared.is_closing() {
        return Ok(None);
    }
    if !shared.is_calibrated() {
        shared.calibrated(calibrate::costs(&mut *device, shared.start_timeout)?);
    }
    if is_late() {
        health.off(GpuState::Late, &OpenError::Late);
        return Ok(None);
    }
    device.in_service();
    if !health.ready() {
        return Ok(None);
    }
    tracing::info!(
        adapter = device.facts().adapter,
        name = device.facts().name,
        "the GPU takes batches"
    );
    Ok(Some(device))
}

/// Takes jobs until there are no more, or the device fails.
fn serve(device: &mut dyn Accelerator, jobs: &Receiver<Request>, shared: &Shared) -> End {
    let mut flight: VecDeque<Job> = VecDeque::with_capacity(SLOTS);
    let mut served = 0_u32;
    let end = loop {
        match fill(device, jobs, shared, &mut flight) {
            Ok(()) => {}
            Err(end) => break end,
        }
        let Some(oldest) = flight.front() else {
            continue;
        };
        match device.finish(SLICE) {
            Ok(Some(answer)) => {
                served = served.saturating_add(1);
                if let Some(job) = flight.pop_front() {
                    job.end(Ok(answer));
                }
            }
            Ok(None) if clock::now() < oldest.until => {}
            Ok(None) => break End::Failed(Fault::Timeout, served),
            Err(fault) if fault.spares_device() => {
                if let Some(job) = flight.pop_front() {
                    job.end(Err(fault));
                }
            }
            Err(fault) => break End::Failed(fault, served),
        }
    };
    let end = match end {
        End::Failed(fault, _) => End::Failed(fault, served),
        end => end,
    };
    if let End::Failed(fault, _) = &end {
        // Before they hear of it, so that they ask for nothing more.
        shared.health.recovering(fault);
        flight
            .into_iter()
            .for_each(|job| job.end(Err(fault.clone())));
    }
    end
}

/// Begins jobs while there are slots and jobs; waits for one if none is in flight.
fn fill(
    device: &mut dyn Accelerator,
    jobs: &Receiver<Request>,
    shared: &Shared,
    flight: &mut VecDeque<Job>,
) -> Result<(), End> {
    while flight.len() < SLOTS {
        let request = match flight.is_empty() {
            true => jobs.recv().map_err(|_| End::Closed)?,
            false => match jobs.try_recv() {
                Ok(request) => request,
                // Those in flight are ended first.
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(()),
            },
        };
        let end = match shared.health.state() {
            GpuState::Ready => None,
            // A caller waited too long, perhaps while this thread was kept.
            GpuState::Recovering => Some(End::Failed(Fault::Timeout, 0)),
            _ => Some(End::Retired),
        };
        let job = match (request, end) {
            (Request::Job(job), None) => job,
            (Request::Wake, None) => continue,
            (Request::Wake, Some(end)) => return Err(end),
            (Request::Job(job), Some(end)) => {
                job.end(Err(Fault::Busy));
                return Err(end);
            }
        };
        if clock::now() >= job.until {
            job.end(Err(Fault::Busy));
            continue;
        }
        match device.begin(&job.work) {
            Ok(()) => flight.push_back(job),
            Err(fault) if fault.spares_device() => job.end(Err(fault)),
            Err(fault) => {
                job.end(Err(fault.clone()));
                return Err(End::Failed(fault, 0));
            }
        }
    }
    Ok(())
}

/// Waits, and sends away who comes meanwhile; whether there is anybody left.
fn rest(jobs: &Receiver<Request>, pause: Duration) -> bool {
    let now = clock::now();
    let until = now.checked_add(pause).unwrap_or(now);
    loop {
        let left = until.saturating_duration_since(clock::now());
        if left.is_zero() {
            return true;
        }
        match jobs.recv_timeout(left) {
            Ok(Request::Job(job)) => job.end(Err(Fault::Busy)),
            Ok(Request::Wake) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// Gives the device one piece of work and waits for the answer: for tests and measurements, before it takes jobs.
pub(crate) fn ask(
    device: &mut dyn Accelerator,
    work: &Work,
    limit: Duration,
) -> Result<Answer, Fault> {
    let now = clock::now();
    let until = now.checked_add(limit).unwrap_or(now);
    device.begin(work)?;
    loop {
        if let Some(answer) = device.finish(SLICE)? {
            return Ok(answer);
        }
        if clock::now() >= until {
            return Err(Fault::Timeout);
        }
    }
}
