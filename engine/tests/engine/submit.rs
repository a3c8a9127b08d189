//! Blocks that are submitted: in order, bounded, durable before anybody is told, and none above one that failed.

use std::{
    io,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use ordlane::{
    BlockError, Engine, EngineError, Executed, Pending, SystemError,
    primitives::{BlockHash, BlockHeight, Genesis},
    state::{BlockMark, MemoryStorage, Space, StateError, Storage, Visit, Witness, WriteBatch},
};
use ordlane_testkit::workload::{Distribution, GeneratedBlock, Workload};

use crate::support::{context, engine, generator, parallel, workload};

/// What becomes of the block that is to fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    NothingIsWritten,
    AllIsWritten,
    Panic,
}

/// A storage in memory that writes blocks when it has leave to, and fails at one of them.
#[derive(Debug, Default)]
pub(crate) struct Controlled {
    storage: MemoryStorage,
    /// Blocks that were written and attested.
    done: AtomicUsize,
    /// One leave is taken per block.
    leave: Mutex<Option<Receiver<()>>>,
    /// Which block fails, counted from 1, and how.
    fault: Mutex<(usize, Fault)>,
    blocks: AtomicUsize,
}

impl Controlled {
    pub(crate) fn fail(&self, at: usize, fault: Fault) {
        self.blocks.store(0, Ordering::SeqCst);
        *self.fault.lock().unwrap() = (at, fault);
    }

    pub(crate) fn hold(&self) -> Sender<()> {
        let (give, leave) = channel();
        *self.leave.lock().unwrap() = Some(leave);
        give
    }
}

impl Storage for Controlled {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.storage.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.storage.scan(space, from, visit)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        let entries = batch.clone().into_entries();
        if !entries.iter().any(|(space, ..)| *space == Space::Block) {
            return self.storage.write(batch);
        }
        if let Some(leave) = self.leave.lock().unwrap().as_ref() {
            leave.recv().unwrap();
        }
        let block = self.blocks.fetch_add(1, Ordering::SeqCst) + 1;
        let (at, fault) = *self.fault.lock().unwrap();
        if block == at {
            match fault {
                Fault::None | Fault::NothingIsWritten => {}
                Fault::AllIsWritten => self.storage.write(batch)?,
                Fault::Panic => panic!("as the test wants it"),
            }
            let source = io::Error::from(io::ErrorKind::StorageFull).into();
            let action = "write a batch";
            return Err(StateError::Exhausted { action, source });
        }
        self.storage.write(batch)
    }

    fn witness(&self) -> Result<Witness, StateError> {
        self.storage.witness()
    }

    fn attest(&self, tip: &BlockMark) -> Result<(), StateError> {
        self.storage.attest(tip)?;
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

pub(crate) struct Setup {
    pub(crate) storage: Arc<Controlled>,
    pub(crate) genesis: Genesis,
    pub(crate) blocks: Vec<GeneratedBlock>,
}

impl Setup {
    pub(crate) fn new(seed: u64, blocks: u64) -> Self {
        let generator = generator(&Workload {
            blocks,
            txs_per_block: 20,
            ..workload(Distribution::Uniform, seed)
        });
        Self {
            storage: Arc::default(),
            genesis: generator.genesis().clone(),
            blocks: generator.collect(),
        }
    }

    pub(crate) fn open(&self, threads: usize, max_unsynced: usize) -> Engine {
        let mode = if threads == 1 {
            ordlane::Mode::Sequential
        } else {
            parallel()
        };
        let engine = Engine::builder()
            .store(Arc::<Controlled>::clone(&self.storage))
            .genesis(self.genesis.clone())
            .threads(threads)
            .mode(mode)
            .max_unsynced_blocks(NonZeroUsize::new(max_unsynced).unwrap())
            .build()
            .unwrap();
        // The genesis block is none of those that tests count.
        self.storage.done.store(0, Ordering::SeqCst);
        engine
    }

    /// The hash of every block, as a chain that commits one after another has them.
    fn hashes(&self) -> Vec<BlockHash> {
        let twin = engine(&self.genesis, 1);
        let commit = |block| {
            let executed = execute(&twin, &twin.durable_head().hash, block);
            twin.commit(executed).unwrap().head.hash
        };
        self.blocks.iter().map(commit).collect()
    }
}

fn execute(engine: &Engine, parent: &BlockHash, block: &GeneratedBlock) -> Executed {
    engine.execute(parent, &context(block), &block.txs).unwrap()
}

/// Executes blocks on top of each other and submits each.
fn submit_all(engine: &Engine, blocks: &[GeneratedBlock]) -> Vec<Pending> {
    let mut parent = engine.executed_head().hash;
    let submit = |block| {
        let executed = execute(engine, &parent, block);
        parent = executed.hash();
        engine.submit(executed)
    };
    blocks.iter().map(submit).collect()
}

fn state_error(error: EngineError) -> StateError {
    match error {
        EngineError::System(SystemError::State(error)) => error,
        other => panic!("not about the store: {other:?}"),
    }
}

#[test]
fn a_chain_that_is_submitted_is_the_chain_that_is_committed_one_by_one() {
    for threads in [1, 2, 8] {
        for max_unsynced in [1, 2, 4, 100] {
            let setup = Setup::new(310, 12);
            let expected = setup.hashes();
            let engine = setup.open(threads, max_unsynced);
            let pending = submit_all(&engine, &setup.blocks);
            for (pending, hash) in pending.into_iter().zip(&expected) {
                assert_eq!(pending.head().hash, *hash);
                assert_eq!(pending.wait().unwrap().head.hash, *hash);
            }
            assert_eq!(engine.durable_head().hash, expected[11]);
        }
    }
}

#[test]
fn a_submitted_block_is_executed_at_once_and_durable_only_when_it_is_on_disk() {
    let setup = Setup::new(311, 3);
    let engine = setup.open(2, 4);
    let leave = setup.storage.hold();
    let begin = engine.durable_head();
    let executed = execute(&engine, &begin.hash, &setup.blocks[0]);
    let (id, first) = (executed.tx_ids()[0], executed.head());
    let mut pending = vec![engine.submit(executed)];
    pending.extend(submit_all(&engine, &setup.blocks[1..]));
    let last = *pending[2].head();

    assert_eq!(engine.executed_head(), last);
    assert_eq!(engine.durable_head(), begin);
    assert_eq!(engine.transaction(&id).unwrap(), None);
    assert_eq!(engine.block_by_hash(&first.hash).unwrap(), None);
    let somebody = setup.genesis.accounts()[0].address;
    let (head, proof) = engine.prove_at_head(&somebody).unwrap();
    assert_eq!(head, begin);
    assert_eq!(proof.verify(&begin.state_root), Ok(()));

    for pending in pending {
        leave.send(()).unwrap();
        let head = *pending.head();
        assert_eq!(pending.wait().unwrap().head, head);
        assert_eq!(engine.durable_head(), head);
        assert!(engine.block_by_hash(&head.hash).unwrap().is_some());
    }
    assert!(engine.transaction(&id).unwrap().is_some());
    assert_eq!(engine.executed_head(), last);
}

#[test]
fn no_more_blocks_are_submitted_than_may_be_unsynced() {
    for max_unsynced in [1, 2, 4] {
        let setup = Setup::new(312, 9);
        let engine = setup.open(1, max_unsynced);
        let leave = setup.storage.hold();
        let returned = AtomicUsize::new(0);
        thread::scope(|scope| {
            let submitting = scope.spawn(|| {
                let mut parent = engine.durable_head().hash;
                for block in &setup.blocks {
                    let executed = execute(&engine, &parent, block);
                    parent = executed.hash();
                    let _ = engine.submit(executed);
                    let submitted = returned.fetch_add(1, Ordering::SeqCst) + 1;
                    let done = setup.storage.done.load(Ordering::SeqCst);
                    assert!(submitted <= done + max_unsynced);
                }
            });
            for block in 1..=setup.blocks.len() {
                // As many as may be are submitted; then there is time for one that may not.
                let may_be = setup.blocks.len().min(block - 1 + max_unsynced);
                while returned.load(Ordering::SeqCst) < may_be && !submitting.is_finished() {
                    thread::yield_now();
                }
                thread::sleep(Duration::from_millis(5));
                leave.send(()).unwrap();
            }
        });
        assert_eq!(engine.flush().unwrap().height, BlockHeight(9));
    }
}

#[test]
fn nothing_above_a_block_that_fails_is_acknowledged_and_reopening_goes_on_from_there() {
    for fault in [Fault::NothingIsWritten, Fault::AllIsWritten] {
        for at in 1..=4 {
            let setup = Setup::new(313, 4);
            let expected = setup.hashes();
            let engine = setup.open(2, 4);
            setup.storage.fail(at, fault);
            let leave = setup.storage.hold();
            let pending = submit_all(&engine, &setup.blocks);
            setup.blocks.iter().for_each(|_| leave.send(()).unwrap());
            for (number, pending) in (1..).zip(pending) {
                match (number, pending.wait()) {
                    (number, Ok(committed)) if number < at => {
                        assert_eq!(committed.head.hash, expected[number - 1]);
                    }
                    (number, Err(error)) if number == at => {
                        assert!(matches!(state_error(error), StateError::Exhausted { .. }));
                    }
                    (number, Err(error)) if number > at => {
                        assert!(matches!(state_error(error), StateError::Poisoned { .. }));
                    }
                    (number, other) => panic!("block {number} of {at}: {other:?}"),
                }
            }
            assert_eq!(engine.durable_head().height.0, at as u64 - 1);
            assert!(matches!(
                state_error(engine.flush().unwrap_err()),
                StateError::Poisoned { .. }
            ));
            drop(engine);

            setup.storage.fail(0, Fault::None);
            *setup.storage.leave.lock().unwrap() = None;
            let engine = setup.open(2, 4);
            let written = usize::from(fault == Fault::AllIsWritten);
            let height = at - 1 + written;
            assert_eq!(engine.durable_head().height.0, height as u64);
            for pending in submit_all(&engine, &setup.blocks[height..]) {
                let _ = pending.wait().unwrap();
            }
            assert_eq!(engine.durable_head().hash, expected[3]);
        }
    }
}

#[test]
fn a_storage_that_panics_ends_every_ticket_in_a_typed_error() {
    let setup = Setup::new(314, 3);
    let expected = setup.hashes();
    let engine = setup.open(1, 4);
    setup.storage.fail(2, Fault::Panic);
    let pending = submit_all(&engine, &setup.blocks);
    let outcomes: Vec<_> = pending.into_iter().map(Pending::wait).collect();
    assert_eq!(outcomes[0].as_ref().unwrap().head.hash, expected[0]);
    for outcome in &outcomes[1..] {
        assert!(matches!(
            outcome,
            Err(EngineError::System(SystemError::Internal(_)))
        ));
    }
    assert!(engine.flush().is_err());
    let again = engine.execute(&expected[0], &context(&setup.blocks[1]), &[]);
    assert!(engine.commit(again.unwrap()).is_err());
    assert_eq!(engine.durable_head().hash, expected[0]);
}

#[test]
fn a_block_that_is_refused_takes_those_on_top_of_it_with_it_and_no_others() {
    let setup = Setup::new(315, 3);
    let expected = setup.hashes();
    let engine = setup.open(2, 4);
    let begin = engine.durable_head().hash;
    let first = execute(&engine, &begin, &setup.blocks[0]);
    let beside = engine
        .execute(&begin, &context(&setup.blocks[0]), &[])
        .unwrap();
    let above = execute(&engine, &first.hash(), &setup.blocks[1]);
    let above_beside = engine
        .execute(&beside.hash(), &context(&setup.blocks[1]), &[])
        .unwrap();
    let first = engine.submit(first);
    let refused = [engine.submit(beside), engine.submit(above_beside)];
    let above = engine.submit(above);
    assert_eq!(first.wait().unwrap().head.hash, expected[0]);
    for pending in refused {
        assert!(matches!(
            pending.wait(),
            Err(EngineError::Block(BlockError::NotOnTip { .. }))
        ));
    }
    assert_eq!(above.wait().unwrap().head.hash, expected[1]);
    assert_eq!(engine.flush().unwrap().hash, expected[1]);
}

#[test]
fn dropping_the_engine_waits_for_what_was_submitted() {
    let setup = Setup::new(316, 4);
    let expected = setup.hashes();
    let engine = setup.open(2, 4);
    let leave = setup.storage.hold();
    let mut pending = submit_all(&engine, &setup.blocks);
    pending.truncate(1);
    setup.blocks.iter().for_each(|_| leave.send(()).unwrap());
    drop(engine);
    assert_eq!(setup.storage.done.load(Ordering::SeqCst), 4);
    assert_eq!(
        pending.remove(0).wait().unwrap().head.hash,
        expected[0],
        "a ticket outlives its engine"
    );
    *setup.storage.leave.lock().unwrap() = None;
    assert_eq!(setup.open(1, 1).durable_head().hash, expected[3]);
}

#[test]
fn commits_flushes_and_rollbacks_come_after_what_was_submitted() {
    let setup = Setup::new(317, 4);
    let expected = setup.hashes();
    let engine = setup.open(2, 4);
    let _ = submit_all(&engine, &setup.blocks[..3]);
    let last = execute(&engine, &expected[2], &setup.blocks[3]);
    assert_eq!(engine.commit(last).unwrap().head.hash, expected[3]);

    engine.rollback_to(BlockHeight(1)).unwrap();
    assert_eq!(engine.durable_head().hash, expected[0]);
    let _ = submit_all(&engine, &setup.blocks[1..]);
    assert_eq!(engine.flush().unwrap().hash, expected[3]);
    engine.rollback_to(BlockHeight(0)).unwrap();
    let _ = submit_all(&engine, &setup.blocks);
    let undone = engine.rollback_to(BlockHeight(2)).unwrap();
    assert_eq!(undone.hash, expected[1]);
    assert_eq!(engine.durable_head(), undone);
    assert_eq!(engine.executed_head(), undone);
}
