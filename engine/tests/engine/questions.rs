//! Queries and proofs about the durable chain, in memory and after reopening a folder.

use std::sync::Arc;

use ordlane::{
    Engine, EngineError, SystemError,
    primitives::{Address, BlockHeight, Hash},
    state::{MemoryStorage, Storage},
};
use ordlane_testkit::workload::{Distribution, Workload};

use crate::support::{context, generator, workload};

fn run_chain(storage: Arc<dyn Storage>, load: &Workload) -> Engine {
    let generator = generator(load);
    let engine = Engine::builder()
        .store(storage)
        .genesis(generator.genesis().clone())
        .threads(2)
        .build()
        .unwrap();
    for generated in generator {
        let parent = engine.durable_head().hash;
        let executed = engine
            .execute(&parent, &context(&generated), &generated.txs)
            .unwrap();
        engine.commit(executed).unwrap();
    }
    engine
}

fn answers_are_those_of_the_blocks(engine: &Engine) {
    let tip = engine.durable_head();
    assert_eq!(tip.height.0, 3);
    for height in (1..=3).map(BlockHeight) {
        let block = engine.block(height).unwrap().unwrap();
        assert_eq!(engine.block_by_hash(&block.hash()).unwrap().unwrap(), block);
        let receipts = engine.receipts(height).unwrap().unwrap();
        for (index, (bytes, receipt)) in block
            .transactions
            .iter()
            .zip(&receipts)
            .enumerate()
            .step_by(17)
        {
            let record = engine.transaction(&receipt.tx_id).unwrap().unwrap();
            assert_eq!((record.height, record.index as usize), (height, index));
            assert_eq!(
                ordlane::primitives::codec::encode(&record.transaction),
                *bytes
            );
            assert_eq!(record.receipt, *receipt);
            let sender = record.transaction.payload.sender;
            let proof = engine.prove(&sender).unwrap();
            assert_eq!(proof.account, engine.state().account(&sender).unwrap());
            assert!(proof.account.nonce.0 > 0);
            assert_eq!(proof.verify(&tip.state_root), Ok(()));
            assert!(proof.verify(&block.header.transactions_root).is_err());
        }
    }
    let nobody = engine.prove(&Address::from_bytes([3; 32])).unwrap();
    assert!(nobody.account.is_absent());
    assert_eq!(nobody.verify(&tip.state_root), Ok(()));
    assert_eq!(engine.block(BlockHeight(4)).unwrap(), None);
    assert_eq!(engine.block_by_hash(&Hash([1; 32])).unwrap(), None);
    assert_eq!(engine.transaction(&Hash([1; 32])).unwrap(), None);
    assert_eq!(engine.receipts(BlockHeight(9)).unwrap(), None);
}

#[test]
fn answers_in_memory_are_those_of_the_blocks() {
    let storage = Arc::new(MemoryStorage::default());
    let engine = run_chain(storage, &workload(Distribution::Uniform, 30));
    answers_are_those_of_the_blocks(&engine);
}

#[cfg(feature = "fjall")]
#[test]
fn a_reopened_folder_gives_the_same_answers_and_goes_on() {
    use ordlane::state::FjallStorage;

    let folder = tempfile::tempdir().unwrap();
    let load = workload(Distribution::Uniform, 31);
    let open = || Arc::new(FjallStorage::open(folder.path()).unwrap());
    let before = run_chain(open(), &load).durable_head();
    let engine = Engine::builder().store(open()).build().unwrap();
    assert_eq!(engine.durable_head(), before);
    answers_are_those_of_the_blocks(&engine);
    assert_eq!(
        *engine.params().unwrap().schedule().unwrap(),
        ordlane::primitives::GAS_SCHEDULE_V1
    );

    let in_memory = run_chain(Arc::new(MemoryStorage::default()), &load);
    assert_eq!(in_memory.durable_head(), before);
}

#[test]
fn an_empty_store_needs_a_genesis_and_a_full_one_the_same() {
    let nothing = Engine::builder().build().unwrap_err();
    assert!(matches!(
        nothing,
        EngineError::System(SystemError::NoGenesis)
    ));

    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let one = generator(&workload(Distribution::Uniform, 1))
        .genesis()
        .clone();
    let other = generator(&workload(Distribution::Uniform, 2))
        .genesis()
        .clone();
    drop(
        Engine::builder()
            .store(Arc::clone(&storage))
            .genesis(one.clone())
            .build()
            .unwrap(),
    );
    let refused = Engine::builder()
        .store(Arc::clone(&storage))
        .genesis(other)
        .build()
        .unwrap_err();
    assert!(matches!(
        refused,
        EngineError::System(SystemError::OtherGenesis { .. })
    ));
    Engine::builder()
        .store(storage)
        .genesis(one)
        .build()
        .unwrap();
}

#[test]
fn no_threads_is_an_error_of_the_system() {
    let genesis = generator(&workload(Distribution::Uniform, 1))
        .genesis()
        .clone();
    let error = Engine::builder()
        .genesis(genesis)
        .threads(0)
        .build()
        .unwrap_err();
    assert!(matches!(
        error,
        EngineError::System(SystemError::Threads(_))
    ));
}
