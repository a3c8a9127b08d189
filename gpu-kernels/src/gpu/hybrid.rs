//! One batch on the GPU and the CPU at once.
//!
//! The GPU gets a range from the front in jobs, of which a few are in flight; the CPU does the others and then takes from
//! the back of that range what no job has yet, so that both end together whatever was expected. What a job has no answer
//! to, the CPU computes.
//!
//! Invariant: results lie at the index of their item, and none of them comes from a device of which any answer that was
//! looked at was wrong.

use core::ops::Range;
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use ordlane_primitives::{Hash, levels::LevelPlan};

use super::{
    accelerator::Fault,
    batch::Batch,
    cost::{Cost, is_worth_it_alone, per, share},
    handle::{Gpu, Ticket},
    list::{self, Below},
    recheck::sample,
    work::{Answer, Kind, PerKind, Work},
    worker::SLOTS,
};
use crate::{GpuState, clock, tier::Hasher};

/// The GPU's range is cut into so many jobs, so that one is computed while another is carried to it.
const JOBS_PER_BATCH: usize = 4;
/// A job has at least so many items where there are as many: signatures, hashes.
const FEWEST_SIGNATURES: usize = 1_024;
const FEWEST_HASHES: usize = 16_384;
/// What is left of the GPU's range is cut into so many pieces, of which the CPU takes the last one.
const PIECES_OF_REST: usize = 4;
/// The CPU takes at least so many items for each of its threads.
const FEWEST_PER_THREAD: usize = 64;
/// A job takes about so long at most: what waits for it has a deadline, and some systems end a GPU's work that takes long.
const JOB_TIME: Duration = Duration::from_millis(250);
/// Batches below so many units say nothing about rates.
const FEWEST_TO_LEARN_FROM: u64 = 256;

/// Who gets how much of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// As much as the measurements say, and less or more as it turns out.
    Measured,
    /// The GPU gets so many thousandths.
    Permille(u16),
}

/// What is known of the CPU's speed.
#[derive(Debug)]
pub(crate) struct CpuCosts(Mutex<PerKind<Cost>>);

impl CpuCosts {
    pub(crate) const fn new(costs: PerKind<Cost>) -> Self {
        Self(Mutex::new(costs))
    }

    pub(crate) fn of(&self, kind: Kind) -> Cost {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .of(kind)
    }

    fn saw(&self, kind: Kind, units: u64, time: Duration) {
        if units >= FEWEST_TO_LEARN_FROM {
            let mut costs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let cost = costs.of_mut(kind);
            *cost = cost.corrected(units, time);
        }
    }
}

/// How many items of a batch the GPU gets.
pub(crate) fn gpu_items<B: Batch>(batch: &B, gpu: &Gpu, policy: Policy, cpu: &CpuCosts) -> usize {
    let items = batch.len();
    let permille = match policy {
        Policy::Permille(permille) => usize::from(permille.min(1_000)),
        Policy::Measured => {
            let units = batch.units(0..items);
            let Some(cost) = gpu.cost(B::KIND) else {
                return 0;
            };
            let share = share(units, cost, cpu.of(B::KIND));
            let permille = per(share.saturating_mul(1_000), units);
            usize::try_from(permille).unwrap_or(0)
        }
    };
    items.saturating_mul(permille) / 1_000
}

/// The results of a batch, of which the GPU gets the first `share` items; and how many of them it did.
pub(crate) fn run<B: Batch>(
    batch: &B,
    gpu: &Gpu,
    share: usize,
    policy: Policy,
    cpu: (&CpuCosts, usize),
) -> (Vec<B::Result>, usize) {
    let items = batch.len();
    let share = share.min(items);
    let rest = Rest(Mutex::new(0..share));
    let (fed, mut pieces) = if share == items {
        (Some(feed(batch, gpu, &rest, false)), Vec::new())
    } else {
        let log = tracing::dispatcher::get_default(Clone::clone);
        let feed = || tracing::dispatcher::with_default(&log, || feed(batch, gpu, &rest, true));
        thread::scope(|scope| {
            let feeder = thread::Builder::new()
                .name("ordlane-feed".into())
                .spawn_scoped(scope, feed);
            let pieces = on_cpu(batch, share..items, &rest, policy, cpu);
            let fed = match feeder {
                Ok(feeder) => feeder.join().ok(),
                // Without a thread nothing was fed.
                Err(_) => Some(Fed::default()),
            };
            (fed, pieces)
        })
    };
    let is_quarantined = gpu.health().state() == GpuState::Quarantined;
    let Some(fed) = fed.filter(|fed| !(fed.is_wrong || is_quarantined && fed.items > 0)) else {
        return (batch.on_cpu(0..items), 0);
    };
    let from_gpu = fed.items;
    pieces.extend(fed.pieces);
    let left = fed.failed.into_iter().chain([rest.all()]);
    for range in left.filter(|range| !range.is_empty()) {
        pieces.push((range.start, batch.on_cpu(range)));
    }
    match joined(pieces, items) {
        Some(results) => (results, from_gpu),
        None => (batch.on_cpu(0..items), 0),
    }
}

/// Whether a plan of so many hashes is for the GPU.
pub(crate) fn takes_plan(items: usize, gpu: &Gpu, policy: Policy, cpu: &CpuCosts) -> bool {
    let units = u64::try_from(items).unwrap_or(u64::MAX);
    let is_worth_it = match policy {
        Policy::Permille(permille) => permille > 0,
        Policy::Measured => gpu
            .cost(Kind::Levels)
            .is_some_and(|cost| is_worth_it_alone(units, cost, cpu.of(Kind::Levels))),
    };
    items > 0 && is_worth_it && items <= gpu.capacity(Kind::Levels).items
}

/// The digests of a plan by the GPU alone, if that is worth it and works.
pub(crate) fn run_plan(
    plan: &LevelPlan,
    gpu: &Gpu,
    policy: Policy,
    cpu: &CpuCosts,
    hasher: Hasher,
) -> Option<Vec<Hash>> {
    if !takes_plan(plan.len(), gpu, policy, cpu) {
        return None;
    }
    let is_right = |slots: &[usize], digests: &[Hash]| {
        let own = hasher.hash_pairs_here(&plan.filled(slots, digests));
        own.len() == slots.len()
            && slots.iter().zip(own).all(|(slot, digest)| {
                let marked = plan.links().get(*slot).map(|link| link.mark(digest));
                marked.as_ref() == digests.get(*slot)
            })
    };
    run_whole(gpu, Work::Levels(plan.clone()), plan.len(), is_right)
}

/// A level of a list that the GPU has computed above these leaves, and how many nodes it took; if that is worth it and
/// works.
pub(crate) fn run_list(
    leaves: &[Hash],
    gpu: &Gpu,
    policy: Policy,
    cpu: &CpuCosts,
    hasher: Hasher,
) -> Option<(Vec<Hash>, usize)> {
    let items = list::above(leaves.len());
    if !takes_plan(items, gpu, policy, cpu) {
        return None;
    }
    let is_right = |numbers: &[usize], above: &[Hash]| {
        numbers
            .iter()
            .all(|number| match list::below(leaves, above, *number) {
                Some(Below::Pair(message)) => {
                    hasher.hash_pairs_here(&[message]).first() == above.get(*number)
                }
                Some(Below::Alone(child)) => Some(&child) == above.get(*number),
                None => false,
            })
    };
    let above = run_whole(gpu, Work::List(leaves.to_vec()), items, is_right)?;
    Some((list::top(leaves.len(), &above)?, items))
}

/// The digests of work that cannot be split, if it works. `is_right` compares those with these numbers.
fn run_whole(
    gpu: &Gpu,
    work: Work,
    items: usize,
    is_right: impl FnOnce(&[usize], &[Hash]) -> bool,
) -> Option<Vec<Hash>> {
    let (outcome, time) = clock::timed(|| {
        let ticket = gpu.submit(work)?;
        gpu.wait(&ticket, Kind::Levels, items)
    });
    let Ok(Answer::Digests(digests)) = outcome else {
        return None;
    };
    if digests.len() != items {
        gpu.quarantine(&Fault::Malformed);
        return None;
    }
    let numbers = sample(&(0..items).collect::<Vec<_>>());
    if !is_right(&numbers, &digests) {
        gpu.quarantine(&"a digest of a plan or a list is wrong");
        return None;
    }
    gpu.saw(Kind::Levels, u64::try_from(items).unwrap_or(u64::MAX), time);
    (gpu.health().state() != GpuState::Quarantined).then_some(digests)
}

/// What is left of the GPU's range.
struct Rest(Mutex<Range<usize>>);

impl Rest {
    /// The next job: as many items from the front as `fit` says.
    fn front(&self, fit: impl FnOnce(Range<usize>) -> usize) -> Option<Range<usize>> {
        let mut rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.is_empty() {
            return None;
        }
        // What fits into no job is one for itself, which is refused.
        let length = fit(rest.clone()).clamp(1, rest.len());
        let end = rest.start.saturating_add(length);
        let front = rest.start..end;
        rest.start = end;
        Some(front)
    }

    /// A piece from the back, of at least so many items.
    fn back(&self, fewest: usize) -> Option<Range<usize>> {
        let mut rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.is_empty() {
            return None;
        }
        let length = rest.len().div_ceil(PIECES_OF_REST).max(fewest);
        let start = rest.end.saturating_sub(length).max(rest.start);
        let back = start..rest.end;
        rest.end = start;
        Some(back)
    }

    fn all(&self) -> Range<usize> {
        let mut rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = rest.clone();
        rest.start = rest.end;
        all
    }
}

/// Results, and the index of the first of them.
type Piece<R> = (usize, Vec<R>);

/// What came of the GPU's range.
struct Fed<R> {
    pieces: Vec<Piece<R>>,
    /// How many results there are.
    items: usize,
    failed: Vec<Range<usize>>,
    /// Whether an answer was wrong.
    is_wrong: bool,
}

impl<R> Default for Fed<R> {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            items: 0,
            failed: Vec::new(),
            is_wrong: false,
        }
    }
}

/// Hands the range over in jobs, a few at once, and looks at samples of the answers.
fn feed<B: Batch>(batch: &B, gpu: &Gpu, rest: &Rest, lanes_are_busy: bool) -> Fed<B::Result> {
    let mut fed = Fed::default();
    let mut waiting: VecDeque<(Range<usize>, Ticket)> = VecDeque::with_capacity(SLOTS);
    let fewest = match B::KIND {
        Kind::Signatures => FEWEST_SIGNATURES,
        Kind::Pairs | Kind::Messages | Kind::Levels => FEWEST_HASHES,
    };
    let whole = rest.0.lock().unwrap_or_else(PoisonError::into_inner).len();
    let per_job = whole.div_ceil(JOBS_PER_BATCH).max(fewest);
    let per_job = per_job.min(in_time(batch, 0..whole, gpu));
    let mut units = 0_u64;
    let start = clock::now();
    loop {
        while waiting.len() < SLOTS {
            let capacity = gpu.capacity(B::KIND);
            if capacity.items == 0 {
                break;
            }
            let fit = |range: Range<usize>| batch.fitting(range, capacity).min(per_job);
            let Some(range) = rest.front(fit) else {
                break;
            };
            if batch.fitting(range.clone(), capacity) < range.len() {
                fed.failed.push(range);
                continue;
            }
            match gpu.submit(batch.work(range.clone(), lanes_are_busy)) {
                Ok(ticket) => waiting.push_back((range, ticket)),
                Err(_) => {
                    fed.failed.push(range);
                    break;
                }
            }
        }
        let Some((range, ticket)) = waiting.pop_front() else {
            break;
        };
        let answer = gpu.wait(&ticket, B::KIND, range.len());
        let Ok(answer) = answer else {
            fed.failed.push(range);
            continue;
        };
        match checked(batch, range.clone(), answer) {
            Ok(results) => {
                units = units.saturating_add(batch.units(range.clone()));
                fed.items = fed.items.saturating_add(range.len());
                fed.pieces.push((range.start, results));
            }
            Err(wrong) => {
                gpu.quarantine(&wrong);
                fed.is_wrong = true;
                return fed;
            }
        }
    }
    if units >= FEWEST_TO_LEARN_FROM {
        let time = clock::now().saturating_duration_since(start);
        gpu.saw(B::KIND, units, time);
    }
    fed
}

/// How many items of a range, on the average, the device does in the time of a job.
fn in_time<B: Batch>(batch: &B, range: Range<usize>, gpu: &Gpu) -> usize {
    let Some(cost) = gpu.cost(B::KIND) else {
        return range.len();
    };
    let items = u64::try_from(range.len()).unwrap_or(u64::MAX);
    let units = cost.units_within(JOB_TIME).saturating_mul(items);
    let items = per(units, batch.units(range));
    usize::try_from(items).unwrap_or(usize::MAX).max(1)
}

/// The results of a range, unless one that was looked at is wrong.
fn checked<B: Batch>(
    batch: &B,
    range: Range<usize>,
    answer: Answer,
) -> Result<Vec<B::Result>, String> {
    let results = batch
        .results(range.clone(), answer)
        .ok_or_else(|| Fault::Malformed.to_string())?;
    let for_device: Vec<usize> = range
        .clone()
        .filter(|index| batch.is_for_device(*index))
        .collect();
    let mut indices = sample(&for_device);
    let at = |index: &usize| results.get(index.saturating_sub(range.start));
    let confirmed = for_device
        .iter()
        .filter(|index| at(index).is_some_and(|result| batch.is_confirmed(*result)));
    indices.extend(confirmed);
    let own = batch.some_on_cpu(&indices);
    let differs = |(index, own): (&usize, &B::Result)| {
        let at = index.saturating_sub(range.start);
        results.get(at) != Some(own)
    };
    if own.len() != indices.len() || indices.iter().zip(&own).any(differs) {
        return Err(format!(
            "one of {} {} is wrong",
            range.len(),
            B::KIND.name()
        ));
    }
    Ok(results)
}

/// The CPU's range, and then what is left of the other one.
fn on_cpu<B: Batch>(
    batch: &B,
    range: Range<usize>,
    rest: &Rest,
    policy: Policy,
    (costs, threads): (&CpuCosts, usize),
) -> Vec<Piece<B::Result>> {
    let units = batch.units(range.clone());
    let (results, time) = clock::timed(|| batch.on_cpu(range.clone()));
    costs.saw(B::KIND, units, time);
    let mut pieces: Vec<Piece<B::Result>> = std::iter::once((range.start, results)).collect();
    let fewest = FEWEST_PER_THREAD.saturating_mul(threads);
    while policy == Policy::Measured
        && let Some(range) = rest.back(fewest)
    {
        pieces.push((range.start, batch.on_cpu(range)));
    }
    pieces
}

/// The results in order, if they are one for each item.
fn joined<R: Copy>(mut pieces: Vec<Piece<R>>, items: usize) -> Option<Vec<R>> {
    pieces.sort_unstable_by_key(|(start, _)| *start);
    let mut results = Vec::with_capacity(items);
    for (start, piece) in pieces {
        if start != results.len() {
            debug_assert!(piece.is_empty(), "two pieces of a batch meet");
            continue;
        }
        results.extend(piece);
    }
    debug_assert_eq!(results.len(), items);
    (results.len() == items).then_some(results)
}
