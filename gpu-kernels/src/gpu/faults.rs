//! Devices that fail when they are told to, for tests: what a dispatcher gives must not depend on it.
//!
//! They compute on the CPU, by the definition. Everything between them and a caller is what a real device has.

use core::sync::atomic::{AtomicU64, Ordering};
use std::{
    collections::{BTreeMap, VecDeque},
    panic::resume_unwind,
    sync::Arc,
    thread,
    time::Duration,
};

use ordlane_primitives::{
    Hash,
    batch::{BatchHasher as _, Sequential},
    signature::equation_holds,
};

use super::{
    Tier,
    accelerator::{Accelerator, Capacity, Facts, Fault, OpenError, Opener},
    handle::Gpu,
    health::Quarantine,
    list::{self, Below},
    tier::policy,
    work::{Answer, PerKind, Work},
    worker::Patience,
};
use crate::{DispatchError, Dispatcher, DispatcherConfig, self_test::SelfTests};

/// What goes wrong with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// Every answer is the opposite of the right one.
    Wrong,
    /// Every signature is accepted.
    AcceptsAll,
    /// There is one answer too few.
    Short,
    /// No answer ever comes.
    Hang,
    /// The driver keeps the thread of the device for so long.
    Stuck(Duration),
    /// The device is gone when the job begins.
    LostAtBegin,
    /// The device is gone before the job ends.
    LostAtEnd,
    /// The driver refuses the job.
    Refused,
    /// The device has no memory for it.
    OutOfMemory,
    /// The device has no memory left when the job is to end.
    OutOfMemoryAtEnd,
    /// The driver panics while the job is waited for, as wgpu does where a device is lost then.
    Panics,
    /// One signature that holds is refused.
    RefusesOne,
}

/// When what goes wrong.
#[derive(Clone, Debug)]
pub struct Faults {
    /// By the number of the job, from 0, counted since the first device took jobs.
    pub jobs: BTreeMap<u64, Failure>,
    /// The device has no memory for jobs with more items.
    pub memory_items: usize,
    /// Most items of a job, as the device says.
    pub job_items: usize,
    /// Most blocks of the messages of a job, as the device says.
    pub job_blocks: usize,
    /// Openings that fail, by number from 0. The first one that fails is for good.
    pub failed_openings: Vec<u64>,
    /// Openings after which the self-test gets wrong answers, by number from 0.
    pub faulty_openings: Vec<u64>,
    /// How long each opening takes.
    pub opening: Duration,
    /// The pause before the device is opened again, and how often that is tried.
    pub pause: Duration,
    /// See [`pause`](Self::pause).
    pub tries: u32,
}

impl Default for Faults {
    /// None.
    fn default() -> Self {
        Self {
            jobs: BTreeMap::new(),
            memory_items: usize::MAX,
            job_items: 1 << 16,
            job_blocks: 1 << 20,
            failed_openings: Vec::new(),
            faulty_openings: Vec::new(),
            opening: Duration::ZERO,
            pause: Duration::from_millis(1),
            tries: 3,
        }
    }
}

impl Faults {
    /// Any bytes as faults, and how many thousandths of a batch the device gets: the first three are that share and how many
    /// items fit into a job, and then each pair is the number of a job and what goes wrong with it. Nothing here takes long.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> (Self, u16) {
        let Some((&[low, high, items], jobs)) = bytes.split_first_chunk::<3>() else {
            return (Self::default(), 500);
        };
        let (jobs, _) = jobs.as_chunks::<2>();
        let failures = jobs.iter().map(|&[job, failure]| {
            let failure = match failure % 9 {
                0 => Failure::Wrong,
                1 => Failure::Short,
                2 => Failure::LostAtBegin,
                3 => Failure::LostAtEnd,
                4 => Failure::Refused,
                5 => Failure::OutOfMemory,
                6 => Failure::OutOfMemoryAtEnd,
                7 => Failure::Panics,
                _ => Failure::RefusesOne,
            };
            (u64::from(job), failure)
        });
        let faults = Self {
            jobs: failures.collect(),
            job_items: usize::from(items).saturating_add(1),
            tries: u32::MAX,
            pause: Duration::ZERO,
            ..Self::default()
        };
        let share = u16::from_le_bytes([low, high]).checked_rem(1_001);
        (faults, share.unwrap_or(0))
    }
}

/// A dispatcher with a device that fails as told. Its quarantine is its own.
///
/// # Errors
/// As [`Dispatcher::new`].
pub fn dispatcher(config: DispatcherConfig, faults: Faults) -> Result<Dispatcher, DispatchError> {
    dispatcher_quarantined_by(config, faults, Arc::default())
}

pub(crate) fn dispatcher_quarantined_by(
    config: DispatcherConfig,
    faults: Faults,
    quarantine: Arc<Quarantine>,
) -> Result<Dispatcher, DispatchError> {
    let patience = Patience {
        tries: faults.tries,
        pause: faults.pause,
    };
    let opener = Box::new(FaultyOpener {
        faults: Arc::new(faults),
        openings: 0,
        jobs: Arc::default(),
    });
    let gpu = Gpu::start(opener, &config.gpu, quarantine, patience);
    let tier = Tier::new(
        Arc::new(gpu),
        policy(config.backend, &config.gpu),
        config.gpu.verify_accepts_on_cpu,
    );
    Ok(Dispatcher::tested(&config, SelfTests::of_process())?.with_gpu(tier))
}

struct FaultyOpener {
    faults: Arc<Faults>,
    openings: u64,
    jobs: Arc<AtomicU64>,
}

impl Opener for FaultyOpener {
    fn open(&mut self, is_late: &dyn Fn() -> bool) -> Result<Box<dyn Accelerator>, OpenError> {
        let number = self.openings;
        self.openings = number.saturating_add(1);
        if !self.faults.opening.is_zero() {
            thread::sleep(self.faults.opening);
        }
        if is_late() {
            return Err(OpenError::Late);
        }
        if self.faults.failed_openings.contains(&number) {
            return Err(OpenError::Refused("it was told to refuse".into()));
        }
        let capacity = Capacity {
            items: self.faults.job_items,
            blocks: self.faults.job_blocks,
        };
        Ok(Box::new(FaultyDevice {
            facts: Facts {
                adapter: "a device of tests".into(),
                identity: "test".into(),
                name: "gpu-test",
                capacity: PerKind {
                    signatures: capacity,
                    pairs: capacity,
                    messages: capacity,
                    levels: capacity,
                },
                compiled: Vec::new(),
            },
            faults: Arc::clone(&self.faults),
            is_faulty: self.faults.faulty_openings.contains(&number),
            jobs: Arc::clone(&self.jobs),
            is_in_service: false,
            begun: VecDeque::new(),
        }))
    }
}

#[derive(Debug)]
struct FaultyDevice {
    facts: Facts,
    faults: Arc<Faults>,
    is_faulty: bool,
    jobs: Arc<AtomicU64>,
    is_in_service: bool,
    begun: VecDeque<(Option<Failure>, Answer)>,
}

impl Accelerator for FaultyDevice {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn begin(&mut self, work: &Work) -> Result<(), Fault> {
        let capacity = self.facts.capacity(work.kind());
        debug_assert!(work.len() <= capacity.items, "a job is larger than said");
        if work.len() > self.faults.memory_items {
            return Err(Fault::OutOfMemory);
        }
        let failure = match (self.is_in_service, self.is_faulty) {
            // The order of this and other accesses does not matter: each job has a number of its own.
            (true, _) => {
                let number = self.jobs.fetch_add(1, Ordering::Relaxed);
                self.faults.jobs.get(&number).copied()
            }
            (false, true) => Some(Failure::Wrong),
            (false, false) => None,
        };
        match failure {
            Some(Failure::LostAtBegin) => return Err(Fault::Lost("as told".into())),
            Some(Failure::Refused) => return Err(Fault::Refused("as told".into())),
            Some(Failure::OutOfMemory) => return Err(Fault::OutOfMemory),
            Some(Failure::Stuck(time)) => thread::sleep(time),
            _ => {}
        }
        self.begun.push_back((failure, answer(work, failure)));
        Ok(())
    }

    fn finish(&mut self, limit: Duration) -> Result<Option<Answer>, Fault> {
        match self.begun.front() {
            Some((Some(Failure::Hang), _)) | None => {
                thread::sleep(limit);
                return Ok(None);
            }
            Some((Some(Failure::LostAtEnd), _)) => return Err(Fault::Lost("as told".into())),
            Some((Some(Failure::OutOfMemoryAtEnd), _)) => {
                self.begun.pop_front();
                return Err(Fault::OutOfMemory);
            }
            // Without a message on the terminal.
            Some((Some(Failure::Panics), _)) => resume_unwind(Box::new("as told")),
            Some(_) => {}
        }
        Ok(self.begun.pop_front().map(|(_, answer)| answer))
    }

    fn in_service(&mut self) {
        self.is_in_service = true;
    }
}

/// What the definition says, spoilt.
fn answer(work: &Work, failure: Option<Failure>) -> Answer {
    let mut answer = right_answer(work);
    match (&mut answer, failure) {
        (Answer::Verdicts(verdicts), Some(Failure::Wrong)) => {
            verdicts.iter_mut().for_each(|verdict| *verdict ^= true);
        }
        (Answer::Verdicts(verdicts), Some(Failure::AcceptsAll)) => verdicts.fill(true),
        (Answer::Verdicts(verdicts), Some(Failure::RefusesOne)) => {
            if let Some(verdict) = verdicts.iter_mut().rev().find(|verdict| **verdict) {
                *verdict = false;
            }
        }
        (Answer::Verdicts(verdicts), Some(Failure::Short)) => drop(verdicts.pop()),
        (Answer::Digests(digests), Some(Failure::Wrong)) => {
            digests
                .iter_mut()
                .for_each(|Hash(digest)| digest.iter_mut().for_each(|byte| *byte ^= 1));
        }
        (Answer::Digests(digests), Some(Failure::Short)) => drop(digests.pop()),
        _ => {}
    }
    answer
}

fn right_answer(work: &Work) -> Answer {
    match work {
        Work::Signatures(equations) => Answer::Verdicts(
            equations
                .iter()
                .map(|equation| {
                    equation_holds(&equation.key, &equation.signature, &equation.challenge)
                })
                .collect(),
        ),
        Work::Pairs(pairs) => Answer::Digests(Sequential.hash_pairs(pairs)),
        Work::Messages(texts) => {
            let messages: Vec<&[u8]> = texts.iter().collect();
            Answer::Digests(Sequential.hash_messages(&messages))
        }
        Work::Levels(plan) => {
            let mut plan = plan.clone();
            Sequential.hash_levels(&mut plan);
            Answer::Digests(plan.digests().to_vec())
        }
        Work::List(leaves) => {
            let mut above = Vec::new();
            for number in 0..work.len() {
                above.extend(match list::below(leaves, &above, number) {
                    Some(Below::Pair(message)) => Sequential.hash_pairs(&[message]),
                    Some(Below::Alone(child)) => vec![child],
                    None => Vec::new(),
                });
            }
            Answer::Digests(above)
        }
    }
}
