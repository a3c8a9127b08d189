//! What the demo prints.

use std::path::Path;

use anyhow::bail;
use ordlane::Stages;
use ordlane_testkit::workload::Share;
use serde::Serialize;

use super::{
    Args, Load,
    chains::{Chain, Chains},
    fork::ForkJson,
    trace_file::Traced,
};
use crate::{
    backend::Backends,
    report::{self, ms, ratio},
};

/// The demo's result. The keys are stable.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    workload: Load,
    /// Transactions per block, as asked for.
    txs: u32,
    blocks: u64,
    /// In all durable blocks, those of the fork among them.
    total_txs: usize,
    accounts: u32,
    threads: usize,
    /// Who verified and who hashed for the parallel chain: tiers, joined by `+` where a batch was split.
    verify_backend: String,
    hash_backend: String,
    /// The adapter of the GPU that took part.
    gpu_adapter: Option<String>,
    zipf: Option<f64>,
    failing: f64,
    seed: u64,
    state_root: String,
    sequential_state_root: String,
    roots_equal: bool,
    receipts_equal: bool,
    events_equal: bool,
    proof_verified: bool,
    failed_txs: usize,
    events: usize,
    /// How the best chain changed above the last block, if it did.
    fork: Option<ForkJson>,
    /// Of the wall time, without what a fork takes.
    parallel_tps: f64,
    sequential_tps: f64,
    speedup: f64,
    /// Milliseconds from the first block file to the last durable block.
    wall_ms: f64,
    sequential_wall_ms: f64,
    /// Milliseconds of all blocks together, without a fork's. In parallel the stages of neighbours overlap, so together they
    /// are more than the wall time.
    stages: StagesJson,
    sequential_stages: StagesJson,
    data: Option<String>,
    trace: Option<Traced>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct StagesJson {
    decode: f64,
    verify: f64,
    execute: f64,
    hash: f64,
    persist: f64,
}

impl From<&Stages> for StagesJson {
    fn from(stages: &Stages) -> Self {
        Self {
            // What its name has meant since it was there: all that needs neither signatures nor state.
            decode: ms(stages.decode.saturating_add(stages.admit)),
            verify: ms(stages.verify),
            execute: ms(stages.execute),
            hash: ms(stages.hash),
            persist: ms(stages.persist),
        }
    }
}

/// What was asked for, or chosen where nothing was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) threads: usize,
    pub(crate) failing: Share,
}

/// What the chains have shown.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) proven: bool,
    pub(crate) fork: Option<ForkJson>,
    pub(crate) traced: Option<Traced>,
}

impl Summary {
    pub(crate) fn new(
        args: &Args,
        data: &Path,
        chains: &Chains,
        asked: Asked,
        shown: Found,
    ) -> anyhow::Result<Self> {
        let found = chains.compare()?;
        let (parallel, sequential) = (&chains.parallel, &chains.sequential);
        let wall = |chain: &Chain| chain.wall.as_secs_f64();
        let backends = Backends::of(parallel.engine.dispatcher());
        let timed = u64::from(args.txs).saturating_mul(args.blocks);
        let tps = |chain: &Chain| ratio(timed as f64, wall(chain)).round();
        Ok(Self {
            workload: args.workload,
            txs: args.txs,
            blocks: args.blocks,
            total_txs: found.txs,
            accounts: args.accounts,
            threads: asked.threads,
            verify_backend: backends.verify,
            hash_backend: backends.hash,
            gpu_adapter: backends.adapter,
            zipf: args
                .zipf
                .map(|exponent| exponent.to_string().parse())
                .transpose()?,
            failing: asked.failing.to_string().parse()?,
            seed: args.seed,
            state_root: parallel.engine.durable_head().state_root.to_string(),
            sequential_state_root: sequential.engine.durable_head().state_root.to_string(),
            roots_equal: found.roots_equal,
            receipts_equal: found.receipts_equal,
            events_equal: found.events_equal,
            proof_verified: shown.proven,
            failed_txs: found.failed_txs,
            events: found.events,
            fork: shown.fork,
            parallel_tps: tps(parallel),
            sequential_tps: tps(sequential),
            speedup: ratio(wall(sequential), wall(parallel)),
            wall_ms: ms(parallel.wall),
            sequential_wall_ms: ms(sequential.wall),
            stages: StagesJson::from(&parallel.stages),
            sequential_stages: StagesJson::from(&sequential.stages),
            data: args.data.as_ref().map(|_| data.display().to_string()),
            trace: shown.traced,
        })
    }

    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let yes = |equal: bool| if equal { "equal" } else { "DIFFERENT" }.to_owned();
        let and_fork = match self.fork {
            Some(_) => " and a fork above them",
            None => "",
        };
        report::print(&format!(
            "{} blocks{and_fork} of {} signed transactions among {} accounts; {} of {} failed; {} threads against one\n",
            self.blocks, self.txs, self.accounts, self.failed_txs, self.total_txs, self.threads
        ))?;
        let row = |name: &str, ours: f64, theirs: f64, speed_up: String| {
            [
                name.to_owned(),
                format!("{ours:.1}"),
                format!("{theirs:.1}"),
                speed_up,
            ]
        };
        // Stages that run at once wait for each other's threads, so only the whole can be compared.
        let stage = |name: &str, ours: f64, theirs: f64| row(name, ours, theirs, String::new());
        let (ours, theirs) = (&self.stages, &self.sequential_stages);
        let mut rows = vec![
            stage("decode", ours.decode, theirs.decode),
            stage("verify", ours.verify, theirs.verify),
            stage("execute", ours.execute, theirs.execute),
            stage("hash", ours.hash, theirs.hash),
            stage("persist", ours.persist, theirs.persist),
            row(
                "wall",
                self.wall_ms,
                self.sequential_wall_ms,
                format!("{:.2}", self.speedup),
            ),
        ];
        rows.push([
            "txs per second".into(),
            format!("{:.0}", self.parallel_tps),
            format!("{:.0}", self.sequential_tps),
            format!("{:.2}", self.speedup),
        ]);
        report::print_numbers(["stage, ms", "parallel", "sequential", "speed-up"], rows)?;
        report::print("")?;
        let mut fields = vec![
            ("verified by", self.verify_backend.clone()),
            ("hashed by", self.hash_backend.clone()),
            ("state root", self.state_root.clone()),
            ("roots", yes(self.roots_equal)),
            ("receipts", yes(self.receipts_equal)),
            ("events", yes(self.events_equal)),
            (
                "proof",
                if self.proof_verified {
                    "verified without the store"
                } else {
                    "REFUSED"
                }
                .into(),
            ),
        ];
        fields.extend(self.fork.as_ref().map(|fork| ("reorg", fork.text())));
        report::print_fields(&fields)?;
        if let Some(trace) = &self.trace {
            trace.print()?;
        }
        match &self.data {
            Some(data) => report::print(&format!(
                "\nkept in {data}; look into it with `ordlane inspect --data {data} tip`"
            )),
            None => Ok(()),
        }
    }

    /// An error unless everything is equal and proven.
    pub(crate) fn verdict(&self) -> anyhow::Result<()> {
        let equal = self.roots_equal && self.receipts_equal && self.events_equal;
        if !self.fork.as_ref().is_none_or(ForkJson::is_right) {
            bail!("the fork did not change the best chain as it must");
        }
        if equal && self.proof_verified {
            return Ok(());
        }
        bail!("the parallel and the sequential chain differ, or the proof was refused");
    }
}
