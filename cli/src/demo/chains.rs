//! The two chains of the demo: one executed in parallel, one sequentially, each in a store on disk.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use ordlane::{
    Backend, BlockTrace, Engine, EventQuery, EventRecord, Mode, Stages,
    gpu_kernels::START_TIMEOUT,
    primitives::{Address, BlockHeight, Event, Genesis, Receipt, ReceiptStatus},
    state::{EventFilter, MAX_EVENT_PAGE},
};

use super::fork::{self, ForkFiles, ForkJson};
use crate::{
    backend::BackendArg,
    block_files,
    data_dir::{self, Cache},
    proof_json::ProofJson,
};

/// One chain and how long its blocks took.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) engine: Arc<Engine>,
    /// Whether neighbouring blocks are in different stages at once.
    overlaps: bool,
    pub(crate) stages: Stages,
    /// From the first block file to the last durable block. Where stages overlap, it is less than all of them together.
    pub(crate) wall: Duration,
}

/// Both chains, and what they have in common so far.
#[derive(Debug)]
pub(crate) struct Chains {
    pub(crate) parallel: Chain,
    pub(crate) sequential: Chain,
}

/// How a block was executed, and its height.
type Traced = (BlockHeight, BlockTrace);

/// What a comparison of everything in both stores found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    pub(crate) roots_equal: bool,
    pub(crate) receipts_equal: bool,
    pub(crate) events_equal: bool,
    pub(crate) txs: usize,
    pub(crate) failed_txs: usize,
    pub(crate) events: usize,
}

impl Chain {
    fn open(
        store: &Path,
        genesis: &Genesis,
        threads: usize,
        mode: Mode,
        backend: Backend,
        cache: Cache,
        trace: bool,
    ) -> anyhow::Result<Self> {
        let engine = Engine::builder()
            .store(Arc::new(cache.storage(store)?))
            .cache_bytes(cache.page_bytes())
            .genesis(genesis.clone())
            .threads(threads)
            .mode(mode)
            .backend(backend)
            .trace(trace)
            .build()?;
        // A GPU, where there is one, is ready before the clock runs.
        let _ = engine.dispatcher().wait_for_gpu(START_TIMEOUT);
        Ok(Self {
            engine: Arc::new(engine),
            overlaps: threads > 1,
            stages: Stages::default(),
            wall: Duration::ZERO,
        })
    }

    /// Executes the blocks of files and makes them durable: in parallel, while one block is written, the next is hashed and
    /// others are executed and verified; sequentially, one thing after another. `done` hears of each, with its trace if it
    /// has one.
    pub(crate) fn run(
        &mut self,
        files: &[PathBuf],
        done: impl FnMut(Option<Traced>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let start = now();
        if self.overlaps {
            self.run_overlapping(files, done)?;
        } else {
            self.run_in_turn(files, done)?;
        }
        self.wall = now().saturating_duration_since(start);
        Ok(())
    }

    fn run_overlapping(
        &mut self,
        files: &[PathBuf],
        mut done: impl FnMut(Option<Traced>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (mut stages, mut told) = (self.stages, Ok(()));
        let outcome = block_files::import(&self.engine, files, |block| {
            stages = stages.plus(&block.committed.stages);
            if told.is_ok() {
                let height = block.committed.head.height;
                told = done(block.trace.clone().map(|trace| (height, trace)));
            }
        });
        self.stages = stages;
        outcome.and(told)
    }

    fn run_in_turn(
        &mut self,
        files: &[PathBuf],
        mut done: impl FnMut(Option<Traced>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for path in files {
            let bytes = data_dir::read_block(path)?;
            let executed = self.engine.import_block(&bytes);
            let executed =
                executed.with_context(|| format!("cannot execute {}", path.display()))?;
            let height = executed.header().number;
            let traced = executed.trace().map(|trace| (height, trace.clone()));
            let committed = self.engine.commit(executed)?;
            self.stages = self.stages.plus(&committed.stages);
            done(traced)?;
        }
        Ok(())
    }

    /// All events of the chain, in its order, as the index finds them: so far all are of transfers.
    fn events(&self) -> anyhow::Result<Vec<EventRecord>> {
        let mut query = EventQuery {
            filter: EventFilter::Topic(Event::name_topic("Transfer")),
            from: None,
            limit: MAX_EVENT_PAGE,
        };
        let mut all = Vec::new();
        loop {
            let page = self.engine.events(&query)?;
            all.extend(page.events);
            query.from = page.next;
            if query.from.is_none() {
                return Ok(all);
            }
        }
    }

    fn receipts(&self, height: BlockHeight) -> anyhow::Result<Vec<Receipt>> {
        self.engine
            .receipts(height)?
            .with_context(|| format!("block {height} has no receipts"))
    }
}

impl Chains {
    pub(crate) fn open(
        data: &Path,
        sequential: &Path,
        genesis: &Genesis,
        (threads, backend): (usize, BackendArg),
        cache: Cache,
        trace: bool,
    ) -> anyhow::Result<Self> {
        let mode = if threads == 1 {
            Mode::Auto
        } else {
            Mode::Parallel
        };
        Ok(Self {
            parallel: Chain::open(
                &data_dir::store_path(data),
                genesis,
                threads,
                mode,
                backend.into(),
                cache,
                trace,
            )?,
            sequential: Chain::open(
                sequential,
                genesis,
                1,
                Mode::Sequential,
                Backend::Cpu,
                cache,
                false,
            )?,
        })
    }

    /// Takes a fork into both chains.
    pub(crate) fn fork(&self, files: &ForkFiles) -> anyhow::Result<ForkJson> {
        let parallel = fork::run(&self.parallel.engine, files)?;
        let sequential = fork::run(&self.sequential.engine, files)?;
        Ok(ForkJson::new(&parallel, &sequential))
    }

    /// Reads everything back from both stores and compares it.
    pub(crate) fn compare(&self) -> anyhow::Result<Comparison> {
        let (parallel, sequential) = (&self.parallel.engine, &self.sequential.engine);
        let mut found = Comparison {
            roots_equal: parallel.durable_head() == sequential.durable_head(),
            receipts_equal: true,
            events_equal: true,
            txs: 0,
            failed_txs: 0,
            events: 0,
        };
        for height in (1..=parallel.durable_head().height.0).map(BlockHeight) {
            found.roots_equal &= parallel.block(height)? == sequential.block(height)?;
            let (ours, theirs) = (
                self.parallel.receipts(height)?,
                self.sequential.receipts(height)?,
            );
            found.receipts_equal &= ours == theirs;
            found.txs += ours.len();
            found.failed_txs += ours
                .iter()
                .filter(|receipt| receipt.status != ReceiptStatus::Success)
                .count();
        }
        let events = self.parallel.events()?;
        found.events_equal = events == self.sequential.events()?;
        found.events = events.len();
        Ok(found)
    }

    /// Proves an account from the parallel chain's store, writes the proof down, reads it again, and checks it against
    /// the sequential chain's root, with no store.
    pub(crate) fn prove(&self, address: Address) -> anyhow::Result<bool> {
        let engine = &self.parallel.engine;
        let proof = engine.prove(&address)?;
        let written = serde_json::to_vec(&ProofJson::new(&proof, &engine.durable_head()))?;
        let (_, read) = ProofJson::parse(&written)?;
        Ok(read
            .verify(&self.sequential.engine.durable_head().state_root)
            .is_ok())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a figure for people, never part of a result"
)]
fn now() -> Instant {
    Instant::now()
}
