//! A store that fails: an error of the system, never of a transaction, and nothing acknowledged is lost.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ordlane::{
    Engine, EngineError, SystemError,
    primitives::{BlockHeight, ErrorCode},
    state::{BlockMark, MemoryStorage, Space, StateError, Storage, Visit, Witness, WriteBatch},
};
use ordlane_testkit::workload::Distribution;

use crate::support::{context, generator, parallel, workload};

/// A store in memory that refuses reads of values, or writes, when it is told to.
#[derive(Debug, Default)]
struct Failing {
    storage: MemoryStorage,
    reads_fail: AtomicBool,
    writes_fail: AtomicBool,
}

impl Failing {
    fn check(&self, fails: &AtomicBool, action: &'static str) -> Result<(), StateError> {
        if fails.load(Ordering::SeqCst) {
            let source = io::Error::from(io::ErrorKind::StorageFull).into();
            return Err(StateError::Exhausted { action, source });
        }
        Ok(())
    }
}

impl Storage for Failing {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        // The parameters can always be read: what is to fail is a read in the middle of a transaction.
        if space == Space::Flat && key.len() > 1 {
            self.check(&self.reads_fail, "read a value")?;
        }
        self.storage.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.storage.scan(space, from, visit)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        self.check(&self.writes_fail, "write a batch")?;
        self.storage.write(batch)
    }

    fn witness(&self) -> Result<Witness, StateError> {
        self.storage.witness()
    }

    fn attest(&self, tip: &BlockMark) -> Result<(), StateError> {
        self.storage.attest(tip)
    }
}

fn system(error: EngineError) -> StateError {
    match error {
        EngineError::System(SystemError::State(error)) => error,
        other => panic!("not about the store: {other:?}"),
    }
}

#[test]
fn a_read_that_fails_stops_the_block_and_is_no_receipt() {
    for threads in [1, 2, 8] {
        let generator = generator(&workload(Distribution::Uniform, 60));
        let storage = Arc::new(Failing::default());
        let engine = Engine::builder()
            .store(Arc::<Failing>::clone(&storage))
            .genesis(generator.genesis().clone())
            .threads(threads)
            .mode(if threads == 1 {
                ordlane::Mode::Sequential
            } else {
                parallel()
            })
            .build()
            .unwrap();
        let block = generator.take(1).next().unwrap();
        let parent = engine.durable_head();
        storage.reads_fail.store(true, Ordering::SeqCst);
        let error = engine
            .execute(&parent.hash, &context(&block), &block.txs)
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::ResourceExhausted);
        assert!(matches!(system(error), StateError::Exhausted { .. }));
        let error = engine
            .build_block(&parent.hash, &context(&block), &block.txs)
            .unwrap_err();
        assert!(matches!(system(error), StateError::Exhausted { .. }));

        storage.reads_fail.store(false, Ordering::SeqCst);
        let executed = engine
            .execute(&parent.hash, &context(&block), &block.txs)
            .unwrap();
        engine.commit(executed).unwrap();
    }
}

#[test]
fn a_write_that_fails_poisons_the_handle_and_reopening_shows_the_last_durable_block() {
    let generator = generator(&workload(Distribution::Uniform, 61));
    let genesis = generator.genesis().clone();
    let blocks: Vec<_> = generator.collect();
    let storage = Arc::new(Failing::default());
    let open = || {
        Engine::builder()
            .store(Arc::<Failing>::clone(&storage))
            .genesis(genesis.clone())
            .build()
            .unwrap()
    };
    let engine = open();
    let execute = |engine: &Engine, at: usize| {
        engine.execute(
            &engine.durable_head().hash,
            &context(&blocks[at]),
            &blocks[at].txs,
        )
    };
    engine.commit(execute(&engine, 0).unwrap()).unwrap();
    let acknowledged = engine.durable_head();

    let second = execute(&engine, 1).unwrap();
    let third_before = engine
        .execute(&second.hash(), &context(&blocks[2]), &blocks[2].txs)
        .unwrap();
    storage.writes_fail.store(true, Ordering::SeqCst);
    assert!(matches!(
        system(engine.commit(second).unwrap_err()),
        StateError::Exhausted { .. }
    ));
    storage.writes_fail.store(false, Ordering::SeqCst);
    assert_eq!(engine.durable_head(), acknowledged);
    assert!(matches!(
        system(execute(&engine, 1).unwrap_err()),
        StateError::Poisoned { .. }
    ));
    drop((third_before, engine));

    let engine = open();
    assert_eq!(engine.durable_head(), acknowledged);
    for at in [1, 2] {
        engine.commit(execute(&engine, at).unwrap()).unwrap();
    }
    assert_eq!(engine.durable_head().height, BlockHeight(3));
}
