//! The two chains of the demo: one executed in parallel, one sequentially, each in a store on disk.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use ordlane::{
    BlockTrace, Engine, Mode, Stages,
    primitives::{Address, BlockHeight, Genesis, Receipt, ReceiptStatus},
    state::FjallStorage,
};

use crate::{data_dir, proof_json::ProofJson};

/// One chain and how long its blocks took.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) engine: Engine,
    pub(crate) stages: Stages,
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
        trace: bool,
    ) -> anyhow::Result<Self> {
        let storage = FjallStorage::open(store)
            .with_context(|| format!("cannot open {}", store.display()))?;
        let engine = Engine::builder()
            .store(Arc::new(storage))
            .genesis(genesis.clone())
            .threads(threads)
            .mode(mode)
            .trace(trace)
            .build()?;
        Ok(Self {
            engine,
            stages: Stages::default(),
        })
    }

    fn execute(&mut self, bytes: &[u8]) -> anyhow::Result<Option<Traced>> {
        let executed = self.engine.import_block(bytes)?;
        let height = executed.header().number;
        let traced = executed.trace().map(|trace| (height, trace.clone()));
        let committed = self.engine.commit(executed)?;
        self.stages = self.stages.plus(&committed.stages);
        Ok(traced)
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
        threads: usize,
        trace: bool,
    ) -> anyhow::Result<Self> {
        let mode = if threads == 1 {
            Mode::Auto
        } else {
            Mode::Parallel
        };
        Ok(Self {
            parallel: Chain::open(&data_dir::store_path(data), genesis, threads, mode, trace)?,
            sequential: Chain::open(sequential, genesis, 1, Mode::Sequential, false)?,
        })
    }

    /// Executes and commits one block, given as bytes, on both chains, one after the other. Gives the trace of the
    /// parallel one, if it has any.
    pub(crate) fn execute(&mut self, bytes: &[u8]) -> anyhow::Result<Option<Traced>> {
        let traced = self.parallel.execute(bytes)?;
        self.sequential.execute(bytes)?;
        Ok(traced)
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
            let events = |receipts: &[Receipt]| -> Vec<_> {
                receipts
                    .iter()
                    .flat_map(|receipt| receipt.events.to_vec())
                    .collect()
            };
            let (our_events, their_events) = (events(&ours), events(&theirs));
            found.events_equal &= our_events == their_events;
            found.txs += ours.len();
            found.events += our_events.len();
            found.failed_txs += ours
                .iter()
                .filter(|receipt| receipt.status != ReceiptStatus::Success)
                .count();
        }
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
