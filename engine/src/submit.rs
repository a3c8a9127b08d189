//! Stage 6 beside the others: a thread that commits, so that the next block is executed while this one is written.
//!
//! Invariants: blocks are committed in the order in which they were submitted, one at a time; at most so many as the engine
//! was built with are submitted and not done; nobody is told that a block is durable before it is. Where a thread cannot be
//! had, blocks are committed when they are submitted.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, OnceLock,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use crate::{
    Committed, Engine, EngineError, Executed, Head, SystemError, durable::DurableChain,
    layer::MAX_DEPTH,
};

/// How many blocks may be submitted and not durable, unless the builder says otherwise.
const DEFAULT_UNSYNCED: usize = 4;
/// The most that it can say: half of what can be stacked, so that the other half can be executed.
const MAX_UNSYNCED: usize = MAX_DEPTH / 2;

type Outcome = Result<Committed, EngineError>;

/// A block that was submitted. Dropping this does not take the block back.
#[derive(Debug)]
#[must_use = "whether the block has become durable is said here only"]
pub struct Pending {
    head: Head,
    outcome: Receiver<Outcome>,
}

impl Pending {
    /// The block.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Waits until the block is on disk, or is known not to be.
    ///
    /// # Errors
    /// Those of [`Engine::commit`]. Once a write has failed, every block that was submitted after it ends in
    /// [`StateError::Poisoned`](ordlane_state::StateError::Poisoned).
    pub fn wait(self) -> Result<Committed, EngineError> {
        self.outcome.recv().map_err(|_| ended())?
    }
}

impl Engine {
    /// Hands an executed block over to be committed, and returns without waiting for the disk: what follows can be executed
    /// on it meanwhile. Waits only while [`max_unsynced_blocks`](crate::EngineBuilder::max_unsynced_blocks) are not done.
    ///
    /// The block is part of [`Engine::executed_head`] at once, and of everything that speaks of durable blocks when it is
    /// one. Blocks are committed in the order in which they are submitted. Dropping the engine waits for all of them.
    ///
    /// ```
    /// # use ordlane::{BlockContext, Engine};
    /// # use ordlane::primitives::{Address, ChainId, ChainParams, Genesis, TimestampMs};
    /// # let genesis = Genesis::new(ChainParams::development(ChainId(1)), TimestampMs(0), Vec::new())?;
    /// let engine = Engine::builder().genesis(genesis).build()?;
    /// let mut parent = engine.durable_head().hash;
    /// let mut pending = Vec::new();
    /// for second in 1..=3 {
    ///     let context = BlockContext::new(TimestampMs(second * 1_000), Address::ZERO);
    ///     let executed = engine.execute(&parent, &context, &[])?;
    ///     parent = executed.hash();
    ///     pending.push(engine.submit(executed));
    /// }
    /// for block in pending {
    ///     println!("{} is durable", block.wait()?.head.height);
    /// }
    /// assert_eq!(engine.durable_head().hash, parent);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn submit(&self, executed: Executed) -> Pending {
        self.committer.submit(executed)
    }

    /// Waits until every block that was submitted before is done, and returns the durable head.
    ///
    /// # Errors
    /// [`SystemError`] when the store has failed. That a block was refused is said by its [`Pending`] only.
    pub fn flush(&self) -> Result<Head, EngineError> {
        self.committer.flush()?;
        self.store.check_healthy().map_err(SystemError::from)?;
        Ok(self.durable_head())
    }
}

/// Commits what is submitted.
#[derive(Debug)]
pub(crate) struct Committer {
    chain: Arc<DurableChain>,
    max_unsynced: usize,
    /// Set by the first block that is submitted; nothing where a thread cannot be had.
    thread: OnceLock<Option<Thread>>,
}

#[derive(Debug)]
struct Thread {
    jobs: SyncSender<Job>,
    handle: JoinHandle<()>,
}

#[derive(Debug)]
enum Job {
    Commit {
        executed: Box<Executed>,
        outcome: SyncSender<Outcome>,
        /// That of the caller.
        span: tracing::Span,
    },
    /// Says when it is its turn.
    Flush(SyncSender<()>),
}

impl Committer {
    pub(crate) fn new(chain: Arc<DurableChain>, max_unsynced: Option<NonZeroUsize>) -> Self {
        let max_unsynced = max_unsynced.map_or(DEFAULT_UNSYNCED, NonZeroUsize::get);
        Self {
            chain,
            max_unsynced: max_unsynced.min(MAX_UNSYNCED),
            thread: OnceLock::new(),
        }
    }

    /// Commits a block after all that were submitted, and waits for it.
    pub(crate) fn commit(&self, executed: Executed) -> Outcome {
        if self.running().is_some() {
            self.submit(executed).wait()
        } else {
            self.chain.commit(executed)
        }
    }

    fn submit(&self, executed: Executed) -> Pending {
        let head = executed.head();
        let (sender, outcome) = sync_channel(1);
        let pending = Pending { head, outcome };
        match self.thread.get_or_init(|| self.start()) {
            Some(thread) => {
                let job = Job::Commit {
                    executed: Box::new(executed),
                    outcome: sender,
                    span: tracing::Span::current(),
                };
                // A thread that has ended drops the job, and `wait` says so.
                let _ = thread.jobs.send(job);
            }
            None => {
                let _ = sender.send(self.chain.commit(executed));
            }
        }
        pending
    }

    /// Waits for all that was submitted.
    pub(crate) fn flush(&self) -> Result<(), SystemError> {
        let Some(thread) = self.running() else {
            return Ok(());
        };
        let (sender, turn) = sync_channel(1);
        let _ = thread.jobs.send(Job::Flush(sender));
        turn.recv().map_err(|_| ended())
    }

    fn running(&self) -> Option<&Thread> {
        self.thread.get()?.as_ref()
    }

    fn start(&self) -> Option<Thread> {
        // One more is in the thread's hands.
        let (jobs, receiver) = sync_channel(self.max_unsynced.saturating_sub(1));
        let chain = Arc::clone(&self.chain);
        let handle = thread::Builder::new()
            .name("ordlane-commit".to_owned())
            .spawn(move || work(&chain, &receiver))
            .ok()?;
        Some(Thread { jobs, handle })
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        if let Some(Thread { jobs, handle }) = self.thread.take().flatten() {
            drop(jobs);
            // A storage that holds its engine may be the one to drop it, on that thread.
            if handle.thread().id() != thread::current().id() {
                // A panic has been told to whoever waits for a block.
                let _ = handle.join();
            }
        }
    }
}

fn work(chain: &DurableChain, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        // Nobody may be waiting any more.
        match job {
            Job::Commit {
                executed,
                outcome,
                span,
            } => {
                let _ = outcome.send(span.in_scope(|| chain.commit(*executed)));
            }
            Job::Flush(turn) => {
                let _ = turn.send(());
            }
        }
    }
}

fn ended() -> SystemError {
    SystemError::Internal("the committing thread has panicked".into())
}
