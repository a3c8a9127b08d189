//! What the demo prints.

use std::path::Path;

use anyhow::bail;
use ordlane::Stages;
use serde::Serialize;

use super::{
    Args,
    chains::{Chain, Chains},
    trace_file::Traced,
};
use crate::{
    backend::Backends,
    report::{self, ms, ratio},
};

/// The demo's result. The keys are stable.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Transactions per block, as asked for.
    txs: u32,
    blocks: u64,
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
    /// Of the wall time, in which blocks are written while later ones are executed.
    parallel_tps: f64,
    sequential_tps: f64,
    speedup: f64,
    /// Milliseconds from the first block file to the last durable block.
    wall_ms: f64,
    sequential_wall_ms: f64,
    /// Milliseconds of all blocks together. `persist` runs beside the other stages, so together they are more than the wall
    /// time.
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
            decode: ms(stages.decode),
            verify: ms(stages.verify),
            execute: ms(stages.execute),
            hash: ms(stages.hash),
            persist: ms(stages.persist),
        }
    }
}

impl Summary {
    pub(crate) fn new(
        args: &Args,
        data: &Path,
        threads: usize,
        chains: &Chains,
        proof_verified: bool,
        trace: Option<Traced>,
    ) -> anyhow::Result<Self> {
        let found = chains.compare()?;
        let (parallel, sequential) = (&chains.parallel, &chains.sequential);
        let wall = |chain: &Chain| chain.wall.as_secs_f64();
        let backends = Backends::of(parallel.engine.dispatcher());
        let tps = |chain: &Chain| ratio(found.txs as f64, wall(chain)).round();
        Ok(Self {
            txs: args.txs,
            blocks: args.blocks,
            total_txs: found.txs,
            accounts: args.accounts,
            threads,
            verify_backend: backends.verify,
            hash_backend: backends.hash,
            gpu_adapter: backends.adapter,
            zipf: args
                .zipf
                .map(|exponent| exponent.to_string().parse())
                .transpose()?,
            failing: args.failing.to_string().parse()?,
            seed: args.seed,
            state_root: parallel.engine.durable_head().state_root.to_string(),
            sequential_state_root: sequential.engine.durable_head().state_root.to_string(),
            roots_equal: found.roots_equal,
            receipts_equal: found.receipts_equal,
            events_equal: found.events_equal,
            proof_verified,
            failed_txs: found.failed_txs,
            events: found.events,
            parallel_tps: tps(parallel),
            sequential_tps: tps(sequential),
            speedup: ratio(wall(sequential), wall(parallel)),
            wall_ms: ms(parallel.wall),
            sequential_wall_ms: ms(sequential.wall),
            stages: StagesJson::from(&parallel.stages),
            sequential_stages: StagesJson::from(&sequential.stages),
            data: args.data.as_ref().map(|_| data.display().to_string()),
            trace,
        })
    }

    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let yes = |equal: bool| if equal { "equal" } else { "DIFFERENT" }.to_owned();
        report::print(&format!(
            "{} blocks of {} signed transfers among {} accounts, {} of them failing; {} threads against one\n",
            self.blocks, self.txs, self.accounts, self.failed_txs, self.threads
        ))?;
        let row = |name: &str, ours: f64, theirs: f64| {
            [
                name.to_owned(),
                format!("{ours:.1}"),
                format!("{theirs:.1}"),
                format!("{:.2}", ratio(theirs, ours)),
            ]
        };
        let (ours, theirs) = (&self.stages, &self.sequential_stages);
        let mut rows = vec![
            row("decode", ours.decode, theirs.decode),
            row("verify", ours.verify, theirs.verify),
            row("execute", ours.execute, theirs.execute),
            row("hash", ours.hash, theirs.hash),
            row("persist", ours.persist, theirs.persist),
            row("wall", self.wall_ms, self.sequential_wall_ms),
        ];
        rows.push([
            "txs per second".into(),
            format!("{:.0}", self.parallel_tps),
            format!("{:.0}", self.sequential_tps),
            format!("{:.2}", self.speedup),
        ]);
        report::print_numbers(["stage, ms", "parallel", "sequential", "speed-up"], rows)?;
        report::print("")?;
        report::print_fields(&[
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
        ])?;
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
        if self.roots_equal && self.receipts_equal && self.events_equal && self.proof_verified {
            return Ok(());
        }
        bail!("the parallel and the sequential chain differ, or the proof was refused");
    }
}
