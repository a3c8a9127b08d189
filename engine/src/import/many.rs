//! Importing many blocks: while one is synced, the next is sealed, the one after it executed, and another decoded and
//! verified.
//!
//! A block is executed on the changes of the block before it, before that one has its roots. Its parent's hash, which only
//! the roots give, is taken from the header that the parent claims to have.
//!
//! Invariants:
//! - a claimed header is compared with the whole of what execution gave before the block is submitted; so nothing is ever
//!   committed that stands on a claim;
//! - every stage passes an error on in the place of the block, and ends. So the error that is reported is that of the first
//!   block that has one, the one that importing one by one would report, and all blocks below it are durable;
//! - between the stages there is room for one block, and for those that may be unsynced.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, Scope},
};

use ordlane_primitives::{Block, BlockHash, BlockHeader, BlockHeight, Gas, Hash, ReceiptStatus};

use super::{check_after, check_before, context_of, decode, expect_field};
use crate::{
    BlockError, BlockTrace, Committed, Engine, EngineError, Executed, Head, Pending, SystemError,
    admit::Rules,
    changes::Changes,
    durable::Durable,
    execute::ParentState,
    meters,
    run::{self, Prepared},
    seal, slot,
    stages::Stopwatch,
    unsealed::{Ground, Unsealed},
};

/// How many blocks wait between two stages.
const WAITING: usize = 1;

/// A block that was imported and is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportedBlock {
    /// The block, and how long each of its stages took. Stages of several blocks run at once.
    pub committed: Committed,
    /// How many transactions it has.
    pub transactions: usize,
    /// How many of them failed when they ran.
    pub failed: usize,
    /// The gas that it used.
    pub gas_used: Gas,
    /// How its transactions were executed, if the engine was built with
    /// [`EngineBuilder::trace`](crate::EngineBuilder::trace).
    pub trace: Option<BlockTrace>,
}

/// Why the import of many blocks ended. All blocks before this one are durable, neither this one nor any after it is; only
/// where a write failed it may be found on disk after the next opening.
#[derive(Debug, thiserror::Error)]
#[error("block number {position} of those to be imported{}", named(claimed.as_ref()))]
#[non_exhaustive]
pub struct ImportError {
    /// How many blocks stand before it among those that were given.
    pub position: usize,
    /// The height and the hash that its header has; nothing if it could not be decoded or its authorisation is refused.
    pub claimed: Option<(BlockHeight, BlockHash)>,
    /// What is wrong.
    #[source]
    pub source: Box<EngineError>,
}

fn named(claimed: Option<&(BlockHeight, BlockHash)>) -> String {
    claimed.map_or_else(String::new, |(height, hash)| {
        format!(", which says it is {hash} at height {height}")
    })
}

impl Engine {
    /// Imports blocks, given as canonical bytes in their order, the first one on the durable block, and makes them durable.
    /// Each is checked like one that is [imported](Engine::import_block) alone, with the same result; the stages of
    /// neighbours overlap. `done` is told of each when it is on disk.
    ///
    /// Waits for what was submitted before. Where another block is committed or one is undone meanwhile, the import ends.
    ///
    /// Returns the durable head once the iterator has ended; after an error, once it has given the block that it is about
    /// to give.
    ///
    /// # Errors
    /// [`ImportError`] around what [`Engine::import_block`] and [`Engine::commit`] would have returned for the first block
    /// that cannot be imported.
    #[tracing::instrument(skip_all)]
    pub fn import_blocks<I>(
        &self,
        blocks: I,
        mut done: impl FnMut(&ImportedBlock),
    ) -> Result<Head, ImportError>
    where
        I: IntoIterator<Item: AsRef<[u8]>, IntoIter: Send>,
    {
        let outcome = self.import_all(blocks.into_iter(), &mut done);
        if outcome.is_err() {
            // What was submitted after a block that failed is refused; when this returns, nothing goes on.
            let _ = self.flush();
        }
        outcome
    }

    fn import_all<B: AsRef<[u8]>>(
        &self,
        blocks: impl Iterator<Item = B> + Send,
        done: &mut impl FnMut(&ImportedBlock),
    ) -> Result<Head, ImportError> {
        self.flush().map_err(at_begin)?;
        let base = self.chain.durable();
        let rules = self.rules_for(&self.durable_parent()).map_err(at_begin)?;
        let (running, sealing) = (Running::new(self, &base), Sealing::new(self, &base));
        thread::scope(|scope| {
            let (checked, to_execute) = sync_channel(WAITING);
            let (ran, to_seal) = sync_channel(WAITING);
            let (submitted, to_wait_for) = sync_channel(WAITING);
            start(scope, "ordlane-seal", move || {
                forward(&to_seal, &submitted, sealing.stage());
            })?;
            start(scope, "ordlane-run", move || {
                forward(&to_execute, &ran, running.stage());
            })?;
            start(scope, "ordlane-verify", move || {
                self.check_all(blocks, &rules, &checked);
            })?;
            // Its end drops the receiver, which ends all stages before it.
            wait_for_all(self.durable_head(), to_wait_for, done)
        })
    }

    /// The first stage: decodes and verifies.
    fn check_all<B: AsRef<[u8]>>(
        &self,
        blocks: impl Iterator<Item = B>,
        rules: &Rules,
        next: &SyncSender<Passed<Checked>>,
    ) {
        for (position, bytes) in blocks.enumerate() {
            let outcome = self.check(bytes.as_ref(), rules);
            let ends = outcome.is_err();
            let claimed = outcome.as_ref().ok().map(Checked::claimed);
            let passed = Passed {
                position,
                claimed,
                outcome: outcome.map_err(Into::into),
            };
            if next.send(passed).is_err() || ends {
                return;
            }
        }
    }

    /// What can be done without the block's parent. That a transaction is not valid is found out here and said later, when
    /// it is its turn among the checks.
    fn check(&self, bytes: &[u8], rules: &Rules) -> Result<Checked, BlockError> {
        let mut watch = Stopwatch::start();
        let block = decode(bytes)?;
        slot::check_authorised(&*self.proposers, &block)?;
        let decode = watch.lap();
        let dispatcher = &self.dispatcher;
        let transactions_root = seal::transactions_root(&block.transactions, dispatcher);
        let hash = watch.lap();
        let rules = Rules {
            height: block.header.number,
            ..*rules
        };
        // Whoever has a body of his own choice, or one that is too large, does not get his signatures verified.
        let worth_it = transactions_root == block.header.transactions_root
            && run::check_size(&rules, &block.transactions).is_ok();
        let prepared = worth_it.then(|| {
            let mut prepared = self.workers().prepare(&rules, &block.transactions);
            let stages = &mut prepared.stages;
            stages.decode = stages.decode.saturating_add(decode);
            stages.hash = hash;
            prepared
        });
        Ok(Checked {
            hash: block.header.hash(),
            block,
            transactions_root,
            rules,
            prepared,
        })
    }
}

/// Starts a stage. Where a later one cannot be started, those before it find nobody to work for, and end.
fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    stage: impl FnOnce() + Send + 'scope,
) -> Result<(), ImportError> {
    let span = tracing::Span::current();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn_scoped(scope, move || span.in_scope(stage))
        .map(|_| ())
        .map_err(|error| at_begin(SystemError::Threads(error.into()).into()))
}

/// An error before the first block.
fn at_begin(source: EngineError) -> ImportError {
    ImportError {
        position: 0,
        claimed: None,
        source: Box::new(source),
    }
}

/// The last stage: waits for the disk.
fn wait_for_all(
    mut head: Head,
    blocks: Receiver<Passed<Submitted>>,
    done: &mut impl FnMut(&ImportedBlock),
) -> Result<Head, ImportError> {
    for passed in blocks {
        let Passed {
            position,
            claimed,
            outcome,
        } = passed;
        // What is refused when it is committed is counted there.
        let imported = meters::counted(outcome)
            .and_then(Submitted::wait)
            .map_err(|source| ImportError {
                position,
                claimed,
                source: Box::new(source),
            })?;
        head = imported.committed.head;
        done(&imported);
    }
    Ok(head)
}

/// A block on its way from stage to stage, or the error that ended its way.
#[derive(Debug)]
struct Passed<T> {
    position: usize,
    claimed: Option<(BlockHeight, BlockHash)>,
    outcome: Result<T, EngineError>,
}

/// Takes blocks through a stage until one has an error or nobody wants them any more.
fn forward<T, U>(
    from: &Receiver<Passed<T>>,
    to: &SyncSender<Passed<U>>,
    mut stage: impl FnMut(T) -> Result<U, EngineError>,
) {
    while let Ok(passed) = from.recv() {
        let outcome = passed.outcome.and_then(&mut stage);
        let ends = outcome.is_err();
        let passed = Passed {
            position: passed.position,
            claimed: passed.claimed,
            outcome,
        };
        if to.send(passed).is_err() || ends {
            return;
        }
    }
}

/// A block that was decoded and, if it is worth it, verified.
#[derive(Debug)]
struct Checked {
    block: Block,
    /// The hash of the header that it claims to have.
    hash: BlockHash,
    transactions_root: Hash,
    /// What it was verified by.
    rules: Rules,
    prepared: Option<Prepared>,
}

impl Checked {
    const fn claimed(&self) -> (BlockHeight, BlockHash) {
        (self.block.header.number, self.hash)
    }
}

/// A block that was executed and has no roots yet.
#[derive(Debug)]
struct Unproven {
    block: Block,
    unsealed: Unsealed,
}

/// A block whose header is right.
#[derive(Debug)]
struct Submitted {
    pending: Pending,
    transactions: usize,
    failed: usize,
    gas_used: Gas,
    trace: Option<BlockTrace>,
}

impl Submitted {
    fn wait(self) -> Result<ImportedBlock, EngineError> {
        Ok(ImportedBlock {
            committed: self.pending.wait()?,
            transactions: self.transactions,
            failed: self.failed,
            gas_used: self.gas_used,
            trace: self.trace,
        })
    }
}

/// The second stage: executes each block on the one before it.
#[derive(Debug)]
struct Running<'a> {
    engine: &'a Engine,
    /// The last block, as it claims to be.
    header: BlockHeader,
    hash: BlockHash,
    /// The last block that is known to be durable.
    durable: BlockHash,
    /// The changes of those above it, the oldest first.
    above: VecDeque<(BlockHash, Arc<Changes>)>,
}

impl<'a> Running<'a> {
    fn new(engine: &'a Engine, base: &Durable) -> Self {
        Self {
            engine,
            header: base.header.clone(),
            hash: base.hash,
            durable: base.hash,
            above: VecDeque::new(),
        }
    }

    fn stage(mut self) -> impl FnMut(Checked) -> Result<Unproven, EngineError> + Send + 'a {
        move |checked| self.run(checked)
    }

    fn run(&mut self, checked: Checked) -> Result<Unproven, EngineError> {
        let given = &checked.block.header;
        if given.parent_hash != self.hash {
            return Err(self.no_parent(&given.parent_hash)?.into());
        }
        let engine = self.engine;
        let _kept = engine.chain.keep();
        let durable = engine.chain.durable();
        self.forget_durable(&durable)?;
        let layers = self.above.iter().rev();
        let state = ParentState::new(
            engine.chain.snapshot(&durable),
            layers.map(|(_, changes)| Arc::clone(changes)).collect(),
        );

        let context = context_of(given);
        run::check_timestamp(context.timestamp_ms, &self.header)?;
        let rules = run::rules_above(self.header.number, &state)?;
        self.engine.check_due(&self.header, &rules, &context)?;
        check_before(given, &self.hash, &rules)?;
        let root = checked.transactions_root;
        expect_field("transactions_root", &root, &given.transactions_root)?;
        run::check_size(&rules, &checked.block.transactions)?;
        let workers = engine.workers();
        let prepared = match checked.prepared {
            Some(prepared) if rules == checked.rules => prepared,
            _ => workers.prepare(&rules, &checked.block.transactions),
        };
        let (verified, ran, stages) =
            workers.run_prepared(&rules, &state, context.timestamp_ms, prepared)?;
        let unsealed = Unsealed::new(&state, &rules, &context, verified, ran, stages)?;

        self.header = given.clone();
        self.hash = checked.hash;
        self.above
            .push_back((checked.hash, Arc::clone(&unsealed.changes)));
        Ok(Unproven {
            block: checked.block,
            unsealed: unsealed.with_transactions_root(Some(root)),
        })
    }

    /// Lets go of the blocks that are durable now. The durable block is one of them, or somebody else's.
    fn forget_durable(&mut self, durable: &Durable) -> Result<(), BlockError> {
        while self.durable != durable.hash {
            let Some((hash, _)) = self.above.pop_front() else {
                return Err(BlockError::StaleParent {
                    parent: self.hash,
                    durable: durable.hash,
                });
            };
            self.durable = hash;
        }
        Ok(())
    }

    /// Why a block cannot stand on `parent`: it is not the block before it, which would be durable by now.
    fn no_parent(&self, parent: &BlockHash) -> Result<BlockError, SystemError> {
        if self.above.iter().any(|(hash, _)| hash == parent) {
            let (parent, durable) = (*parent, self.hash);
            return Ok(BlockError::StaleParent { parent, durable });
        }
        self.engine.no_parent(parent, &self.hash)
    }
}

/// The third stage: makes the roots, compares the header, and submits.
#[derive(Debug)]
struct Sealing<'a> {
    engine: &'a Engine,
    ground: Ground,
}

impl<'a> Sealing<'a> {
    fn new(engine: &'a Engine, base: &Durable) -> Self {
        let ground = Ground {
            hash: base.hash,
            tree: base.tree.clone(),
            layer: None,
            depth: 0,
        };
        Self { engine, ground }
    }

    fn stage(mut self) -> impl FnMut(Unproven) -> Result<Submitted, EngineError> + Send + 'a {
        move |unproven| self.seal(unproven)
    }

    fn seal(&mut self, unproven: Unproven) -> Result<Submitted, EngineError> {
        let Unproven { block, unsealed } = unproven;
        let engine = self.engine;
        // What is submitted is stacked; the room for it bounds how many those are.
        let durable = engine.durable_head().height;
        let stacked = block.header.number.0.saturating_sub(durable.0);
        self.ground.depth = usize::try_from(stacked)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        let mut executed = engine.seal(&self.ground, unsealed)?;
        check_after(&block.header, executed.header())?;
        executed.block.proposer_auth = block.proposer_auth;
        self.ground.hash = executed.hash();
        self.ground.tree = executed.layer.tree.clone();
        self.ground.layer = Some(Arc::clone(&executed.layer));
        Ok(submit(engine, executed))
    }
}

fn submit(engine: &Engine, mut executed: Executed) -> Submitted {
    let trace = executed.trace.take();
    let receipts = executed.receipts();
    let failed = receipts
        .iter()
        .filter(|receipt| receipt.status != ReceiptStatus::Success);
    Submitted {
        transactions: receipts.len(),
        failed: failed.count(),
        gas_used: executed.header().gas_used,
        trace,
        pending: engine.submit(executed),
    }
}
