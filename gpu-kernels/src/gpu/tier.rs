//! The GPU as a dispatcher has it: which batches go there, and what is told of it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use ordlane_primitives::{Hash, batch::SignatureCheck, levels::LevelPlan};

use super::{
    batch::{Batch, Messages, Pairs, Signatures},
    calibrate,
    cost::{Cost, crossover},
    handle::Gpu,
    hybrid::{self, CpuCosts, Policy},
    registry,
    work::Kind,
};
use crate::{
    Backend, Calibration, GpuOptions, GpuReport, GpuState, Lanes,
    tier::{Hasher, Verifier},
};

/// A device that a dispatcher shares with others, and what it gives it.
#[derive(Debug)]
pub(crate) struct Tier {
    gpu: Arc<Gpu>,
    policy: Policy,
    confirms_accepts: bool,
    cpu: OnceLock<CpuCosts>,
}

/// The CPU's side of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu<'a> {
    pub(crate) lanes: &'a Lanes,
    pub(crate) verifier: &'a Verifier,
    pub(crate) hasher: Hasher,
}

impl Tier {
    /// That of this process, which all dispatchers with the same options share; none where the CPU is to do everything.
    pub(crate) fn of_process(backend: Backend, options: &GpuOptions) -> Option<Self> {
        if backend == Backend::Cpu {
            return None;
        }
        let mut device = options.clone();
        device.allow_software |= backend == Backend::Gpu;
        let policy = policy(backend, options);
        let gpu = registry::shared(device);
        Some(Self::new(gpu, policy, options.verify_accepts_on_cpu))
    }

    pub(crate) const fn new(gpu: Arc<Gpu>, policy: Policy, confirms_accepts: bool) -> Self {
        Self {
            gpu,
            policy,
            confirms_accepts,
            cpu: OnceLock::new(),
        }
    }

    /// The verdicts, and how many of them the GPU gave; nothing if the batch is not for it.
    pub(crate) fn verify(
        &self,
        cpu: Cpu<'_>,
        checks: &[SignatureCheck<'_>],
    ) -> Option<(Vec<bool>, usize)> {
        let batch = Signatures {
            checks,
            lanes: cpu.lanes,
            verifier: cpu.verifier,
            confirms_accepts: self.confirms_accepts,
        };
        self.run(cpu, &batch)
    }

    pub(crate) fn hash_pairs(
        &self,
        cpu: Cpu<'_>,
        pairs: &[[u8; 64]],
    ) -> Option<(Vec<Hash>, usize)> {
        let batch = Pairs {
            pairs,
            lanes: cpu.lanes,
            hasher: cpu.hasher,
        };
        self.run(cpu, &batch)
    }

    pub(crate) fn hash_messages(
        &self,
        cpu: Cpu<'_>,
        messages: &[&[u8]],
    ) -> Option<(Vec<Hash>, usize)> {
        let batch = Messages {
            messages,
            lanes: cpu.lanes,
            hasher: cpu.hasher,
        };
        self.run(cpu, &batch)
    }

    /// Whether a plan of so many hashes is for the GPU.
    pub(crate) fn takes_plan(&self, cpu: Cpu<'_>, hashes: usize) -> bool {
        self.is_open_to(cpu)
            && hybrid::takes_plan(hashes, &self.gpu, self.policy, self.cpu_costs(cpu))
    }

    /// The digests of a plan, if the GPU gave them.
    pub(crate) fn hash_levels(&self, cpu: Cpu<'_>, plan: &LevelPlan) -> Option<Vec<Hash>> {
        if !self.is_open_to(cpu) {
            return None;
        }
        hybrid::run_plan(
            plan,
            &self.gpu,
            self.policy,
            self.cpu_costs(cpu),
            cpu.hasher,
        )
    }

    /// A level above these leaves of a list, if the GPU gave it, and how many nodes that took.
    pub(crate) fn lift(&self, cpu: Cpu<'_>, leaves: &[Hash]) -> Option<(Vec<Hash>, usize)> {
        if !self.is_open_to(cpu) {
            return None;
        }
        let costs = self.cpu_costs(cpu);
        hybrid::run_list(leaves, &self.gpu, self.policy, costs, cpu.hasher)
    }

    fn run<B: Batch>(&self, cpu: Cpu<'_>, batch: &B) -> Option<(Vec<B::Result>, usize)> {
        if batch.len() == 0 || !self.is_open_to(cpu) {
            return None;
        }
        let costs = self.cpu_costs(cpu);
        match hybrid::gpu_items(batch, &self.gpu, self.policy, costs) {
            0 => None,
            share => Some(hybrid::run(
                batch,
                &self.gpu,
                share,
                self.policy,
                (costs, cpu.lanes.threads()),
            )),
        }
    }

    /// Whether the device takes jobs and the calling thread may wait for it. A thread of a pool has others waiting for it.
    fn is_open_to(&self, cpu: Cpu<'_>) -> bool {
        self.gpu.health().is_ready() && !cpu.lanes.is_within_pool()
    }

    fn cpu_costs(&self, cpu: Cpu<'_>) -> &CpuCosts {
        self.cpu.get_or_init(|| {
            CpuCosts::new(calibrate::cpu_costs(cpu.lanes, cpu.verifier, cpu.hasher))
        })
    }

    /// Waits until the device is ready, or known not to become so.
    pub(crate) fn settle(&self, limit: Duration) -> GpuState {
        self.gpu.health().settle(limit)
    }

    /// What is known of the device.
    pub(crate) fn report(&self, cpu: Cpu<'_>) -> GpuReport {
        let state = self.gpu.health().state();
        let facts = self.gpu.facts();
        let calibration = Kind::ALL.into_iter().filter_map(|kind| {
            let gpu = self.gpu.cost(kind)?;
            let cpu = self.cpu_costs(cpu).of(kind);
            Some(Calibration {
                kernel: kind.name(),
                gpu_latency_us: gpu.latency_ns / 1_000,
                gpu_per_second: per_second(gpu),
                cpu_per_second: per_second(cpu),
                crossover: crossover(gpu, cpu),
            })
        });
        GpuReport {
            state,
            calibration: match state {
                GpuState::Ready => calibration.collect(),
                _ => Vec::new(),
            },
            adapter: facts.as_ref().map(|facts| facts.adapter.clone()),
            backend: facts.as_ref().map(|facts| facts.name),
            compiled: facts.map_or_else(Vec::new, |facts| facts.compiled),
        }
    }
}

/// Who gets how much.
pub(crate) fn policy(backend: Backend, options: &GpuOptions) -> Policy {
    match (options.share_permille, backend) {
        (Some(permille), _) => Policy::Permille(permille),
        (None, Backend::Gpu) => Policy::Permille(1_000),
        (None, _) => Policy::Measured,
    }
}

const fn per_second(cost: Cost) -> u64 {
    match 1_000_000_000_000_u64.checked_div(cost.unit_ps) {
        Some(rate) => rate,
        None => 0,
    }
}
