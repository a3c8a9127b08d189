//! Everything at once: calls from rayon jobs, questions while a block is being committed.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use ordlane::{
    Engine,
    state::{BlockMark, MemoryStorage, Space, StateError, Storage, Visit, Witness, WriteBatch},
};
use ordlane_testkit::workload::{Distribution, GeneratedBlock};

use crate::support::{context, engine, generator, workload};

/// A store in memory whose attestations wait for the test.
#[derive(Debug)]
struct Held {
    storage: MemoryStorage,
    /// Says that a batch was written and is to be attested, and waits for leave.
    gate: std::sync::Mutex<Option<(Sender<()>, Receiver<()>)>>,
}

impl Storage for Held {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.storage.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.storage.scan(space, from, visit)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        self.storage.write(batch)
    }

    fn witness(&self) -> Result<Witness, StateError> {
        self.storage.witness()
    }

    fn attest(&self, tip: &BlockMark) -> Result<(), StateError> {
        if let Some((written, leave)) = self.gate.lock().unwrap().as_ref() {
            written.send(()).unwrap();
            leave.recv().unwrap();
        }
        self.storage.attest(tip)
    }
}

#[test]
fn a_block_that_is_being_committed_is_not_there_yet() {
    let generator = generator(&workload(Distribution::Uniform, 70));
    let storage = Arc::new(Held {
        storage: MemoryStorage::default(),
        gate: std::sync::Mutex::new(None),
    });
    let engine = Engine::builder()
        .store(Arc::<Held>::clone(&storage))
        .genesis(generator.genesis().clone())
        .threads(1)
        .build()
        .unwrap();
    let (written, was_written) = channel();
    let (give_leave, leave) = channel();
    *storage.gate.lock().unwrap() = Some((written, leave));
    let block = generator.take(1).next().unwrap();
    let parent = engine.durable_head().hash;
    let executed = engine
        .execute(&parent, &context(&block), &block.txs)
        .unwrap();
    let (id, hash) = (executed.tx_ids()[0], executed.hash());
    thread::scope(|scope| {
        let commit = scope.spawn(|| engine.commit(executed).unwrap());
        was_written.recv().unwrap();
        let (transaction, block) = (engine.transaction(&id), engine.block_by_hash(&hash));
        give_leave.send(()).unwrap();
        commit.join().unwrap();
        assert_eq!(transaction.unwrap(), None);
        assert_eq!(block.unwrap(), None);
    });
    assert!(engine.transaction(&id).unwrap().is_some());
    assert!(engine.block_by_hash(&hash).unwrap().is_some());
}

/// Ends the process when `work` hangs: a test that waits for ever tells nobody anything.
#[cfg(feature = "rayon")]
fn must_end(what: &str, work: impl FnOnce() + Send) {
    let (done, ended) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(Duration::from_secs(120)).is_err() {
                eprintln!("{what} hangs");
                std::process::abort();
            }
        });
        work();
        done.send(()).unwrap();
    });
}

#[cfg(feature = "rayon")]
fn one_block(seed: u64) -> (Engine, GeneratedBlock) {
    let generator = generator(&workload(Distribution::Uniform, seed));
    let engine = engine(generator.genesis(), 2);
    (engine, generator.take(1).next().unwrap())
}

#[cfg(feature = "rayon")]
#[test]
fn blocks_are_executed_and_committed_from_the_jobs_of_a_rayon_pool() {
    let (engine, block) = one_block(71);
    let parent = engine.durable_head().hash;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap();
    must_end("executing and committing in a pool", || {
        pool.scope(|scope| {
            for _ in 0..24 {
                scope.spawn(|_| {
                    if let Ok(executed) = engine.execute(&parent, &context(&block), &block.txs) {
                        let _ = engine.commit(executed);
                    }
                });
            }
        });
    });
    assert_eq!(engine.durable_head().height.0, 1);
}

#[cfg(feature = "rayon")]
#[test]
fn transactions_are_prechecked_in_a_rayon_pool_while_others_commit() {
    let (engine, block) = one_block(72);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(2)
        .build()
        .unwrap();
    must_end("prechecking in a pool", || {
        thread::scope(|scope| {
            scope.spawn(|| {
                for later in 0..100 {
                    let mut context = context(&block);
                    context.timestamp_ms.0 += later;
                    let parent = engine.durable_head().hash;
                    engine
                        .commit(engine.execute(&parent, &context, &[]).unwrap())
                        .unwrap();
                }
            });
            pool.scope(|scope| {
                for _ in 0..60 {
                    scope.spawn(|_| drop(engine.precheck(&block.txs).unwrap()));
                }
            });
        });
    });
}
