//! Questions while a block is being committed.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use ordlane::{
    Engine,
    state::{BlockMark, MemoryStorage, Space, StateError, Storage, Visit, Witness, WriteBatch},
};
use ordlane_testkit::workload::Distribution;

use crate::support::{context, generator, workload};

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
