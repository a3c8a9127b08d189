//! Executing beside commits: neither waits for the other, and no half of a block is ever seen.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use ordlane::{
    BlockError, Engine, EngineError, Executed,
    primitives::{Account, Address, BlockHash, BlockHeader},
    state::{BlockMark, MemoryStorage, Space, StateError, Storage, Visit, Witness, WriteBatch},
};
use ordlane_testkit::workload::{Distribution, GeneratedBlock, Workload};

use crate::support::{context, engine, generator, parallel, workload};

type Hook = Arc<dyn Fn() + Send + Sync>;

/// A storage whose batches are written entry by entry. It calls somebody after every value that it has written, and
/// before every value that it reads; never from within such a call.
#[derive(Default)]
struct EntryByEntry {
    storage: MemoryStorage,
    after_write: Mutex<Option<Hook>>,
    before_read: Mutex<Option<Hook>>,
    called: AtomicBool,
}

impl EntryByEntry {
    fn call(&self, hook: &Mutex<Option<Hook>>) {
        let hook = hook.lock().unwrap().clone();
        let Some(hook) = hook else { return };
        if !self.called.swap(true, Ordering::SeqCst) {
            hook();
            self.called.store(false, Ordering::SeqCst);
        }
    }
}

impl fmt::Debug for EntryByEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryByEntry").finish_non_exhaustive()
    }
}

impl Storage for EntryByEntry {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        if space == Space::Flat {
            self.call(&self.before_read);
        }
        self.storage.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.storage.scan(space, from, visit)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        for entry in batch.into_entries() {
            let space = entry.0;
            let mut one = WriteBatch::new();
            one.extend([entry]);
            self.storage.write(one)?;
            if space == Space::Flat {
                self.call(&self.after_write);
            }
        }
        Ok(())
    }

    fn witness(&self) -> Result<Witness, StateError> {
        self.storage.witness()
    }

    fn attest(&self, tip: &BlockMark) -> Result<(), StateError> {
        self.storage.attest(tip)
    }
}

/// An engine over such a storage, and blocks for it.
fn setup(seed: u64, threads: usize) -> (Arc<Engine>, Arc<EntryByEntry>, Vec<GeneratedBlock>) {
    let generator = generator(&Workload {
        txs_per_block: 40,
        ..workload(Distribution::Uniform, seed)
    });
    let storage = Arc::new(EntryByEntry::default());
    let engine = Engine::builder()
        .store(Arc::<EntryByEntry>::clone(&storage))
        .genesis(generator.genesis().clone())
        .threads(threads)
        .mode(if threads == 1 {
            ordlane::Mode::Sequential
        } else {
            parallel()
        })
        .build()
        .unwrap();
    (Arc::new(engine), storage, generator.collect())
}

/// The first half of a block: another block on the same parent, with other values for the same accounts.
fn half(block: &GeneratedBlock) -> GeneratedBlock {
    GeneratedBlock {
        txs: block.txs[..block.txs.len() / 2].to_vec(),
        ..block.clone()
    }
}

fn execute(
    engine: &Engine,
    parent: &BlockHash,
    block: &GeneratedBlock,
) -> Result<Executed, EngineError> {
    engine.execute(parent, &context(block), &block.txs)
}

fn accounts(engine: &Engine, addresses: &[Address]) -> Vec<Account> {
    let state = engine.state();
    let account = |address| state.account(address).unwrap();
    addresses.iter().map(account).collect()
}

#[test]
fn a_value_read_while_a_block_is_written_entry_by_entry_is_that_of_the_block_below() {
    for threads in [1, 2, 8] {
        let (engine, storage, blocks) = setup(300, threads);
        let parent = engine.durable_head().hash;
        let sibling = half(&blocks[0]);
        let expected = execute(&engine, &parent, &sibling).unwrap();
        let (header, receipts) = (expected.header().clone(), expected.receipts().to_vec());
        let block = execute(&engine, &parent, &blocks[0]).unwrap();
        let hash = block.hash();
        let addresses: Vec<Address> = block
            .changes()
            .iter()
            .filter_map(|change| change.key.as_bytes().get(1..33))
            .map(|bytes| Address::from_bytes(bytes.try_into().unwrap()))
            .collect();
        let before = accounts(&engine, &addresses);
        assert!(addresses.len() > 20);

        let calls = Arc::new(AtomicUsize::new(0));
        let hook = {
            let (engine, calls) = (Arc::clone(&engine), Arc::clone(&calls));
            move || {
                calls.fetch_add(1, Ordering::SeqCst);
                assert_eq!(accounts(&engine, &addresses), before);
                let beside = execute(&engine, &parent, &sibling).unwrap();
                assert_eq!(*beside.header(), header);
                assert_eq!(beside.receipts(), receipts);
            }
        };
        *storage.after_write.lock().unwrap() = Some(Arc::new(hook));
        engine.commit(block).unwrap();
        *storage.after_write.lock().unwrap() = None;
        assert!(calls.load(Ordering::SeqCst) > 20);
        assert_eq!(engine.durable_head().hash, hash);
    }
}

#[test]
fn an_execution_whose_parent_is_outrun_runs_on_its_own_state_and_is_refused_when_it_is_sealed() {
    for threads in [1, 2, 8] {
        // After so many reads a sibling with half of the same transactions is committed.
        for reads in [1, 5, 12] {
            let (engine, storage, blocks) = setup(301, threads);
            let parent = engine.durable_head().hash;
            let sibling = execute(&engine, &parent, &half(&blocks[0])).unwrap();
            let sibling_hash = sibling.hash();

            let (left, sibling) = (AtomicUsize::new(reads), Mutex::new(Some(sibling)));
            let committing = Arc::clone(&engine);
            let hook = move || {
                if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                    let sibling = sibling.lock().unwrap().take().unwrap();
                    committing.commit(sibling).unwrap();
                }
            };
            *storage.before_read.lock().unwrap() = Some(Arc::new(hook));
            // Were a nonce read that the sibling has moved on, a transaction would be invalid.
            let outcome = execute(&engine, &parent, &blocks[0]);
            *storage.before_read.lock().unwrap() = None;
            assert_eq!(engine.durable_head().hash, sibling_hash);
            let error = outcome.unwrap_err();
            assert!(
                matches!(
                    &error,
                    EngineError::Block(BlockError::StaleParent { parent: of, durable })
                        if *of == parent && *durable == sibling_hash
                ),
                "{threads} threads, {reads} reads: {error:?}"
            );
        }
    }
}

#[test]
fn a_chain_of_executed_blocks_is_executed_on_while_its_lower_blocks_are_committed() {
    for threads in [1, 2, 8] {
        let (engine, storage, blocks) = setup(302, threads);
        let (twin, _, _) = setup(302, 1);
        let mut expected: Vec<BlockHeader> = Vec::new();
        for block in &blocks {
            let executed = execute(&twin, &twin.durable_head().hash, block).unwrap();
            expected.push(executed.header().clone());
            twin.commit(executed).unwrap();
        }

        let first = execute(&engine, &engine.durable_head().hash, &blocks[0]).unwrap();
        let second = execute(&engine, &first.hash(), &blocks[1]).unwrap();
        let top = second.hash();
        let lower = Mutex::new(vec![second, first]);
        let committing = Arc::clone(&engine);
        let hook = move || {
            let next = lower.lock().unwrap().pop();
            if let Some(next) = next {
                committing.commit(next).unwrap();
            }
        };
        *storage.before_read.lock().unwrap() = Some(Arc::new(hook));
        let third = execute(&engine, &top, &blocks[2]).unwrap();
        *storage.before_read.lock().unwrap() = None;
        assert_eq!(engine.durable_head().hash, top);
        assert_eq!(*third.header(), expected[2]);
        engine.commit(third).unwrap();
        assert_eq!(engine.durable_head(), twin.durable_head());
    }
}

#[test]
fn executions_that_race_the_commits_of_siblings_give_the_sequential_result_or_none() {
    // So many accounts that what the last blocks changed, which is in memory, has few of those that a block reads.
    let load = Workload {
        accounts: 2_000,
        blocks: 40,
        txs_per_block: 20,
        ..workload(Distribution::Uniform, 303)
    };
    let blocks: Vec<GeneratedBlock> = generator(&load).collect();
    let genesis = generator(&load).genesis().clone();
    // Of every parent: itself, and what half of the block after it gives.
    let alone = engine(&genesis, 1);
    let expected: Vec<(BlockHash, BlockHeader)> = blocks
        .iter()
        .map(|block| {
            let parent = alone.durable_head().hash;
            let beside = execute(&alone, &parent, &half(block)).unwrap();
            let header = beside.header().clone();
            let next = execute(&alone, &parent, block).unwrap();
            alone.commit(next).unwrap();
            (parent, header)
        })
        .collect();
    for threads in [1, 2, 8] {
        let engine = engine(&genesis, threads);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let racer = || {
                while !done.load(Ordering::SeqCst) {
                    let head = engine.durable_head();
                    let at = head.height.0 as usize;
                    let Some((parent, header)) = expected.get(at) else {
                        break;
                    };
                    assert_eq!(*parent, head.hash);
                    match execute(&engine, parent, &half(&blocks[at])) {
                        Ok(beside) => assert_eq!(beside.header(), header),
                        Err(EngineError::Block(BlockError::StaleParent { .. })) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            };
            let racers = [scope.spawn(racer), scope.spawn(racer)];
            for block in &blocks {
                let parent = engine.durable_head().hash;
                let next = execute(&engine, &parent, block).unwrap();
                engine.commit(next).unwrap();
            }
            done.store(true, Ordering::SeqCst);
            for racer in racers {
                racer.join().unwrap();
            }
        });
        assert_eq!(engine.durable_head(), alone.durable_head());
    }
}
