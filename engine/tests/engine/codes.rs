//! The codes of a genesis: durable with it, and carried by whatever carries its state.

use std::{fs, ops::ControlFlow, sync::Arc, thread, time::Duration};

use ordlane::{
    Engine,
    primitives::{
        Account, Address, Amount, BlockHeight, BlockWitness, Code, Genesis, GenesisContract,
        RawKey, batch::Sequential, codec, codec::Bounded, hash::code_hash,
    },
    state::{MemoryStorage, StateStore, Storage, snapshot},
    verify_witness,
};
use ordlane_testkit::{
    guests,
    workload::{Distribution, GeneratedBlock, Workload},
};

use crate::support::{context, generator, workload};

/// A contract.
const MODULE: &[u8] = guests::TOKEN;
/// Another one.
const ANOTHER: &[u8] = guests::NFT;

fn address(number: u8) -> Address {
    Address::from_bytes([number; 32])
}

/// A genesis with three contracts, two of which have the same code, and a block on it.
fn begun() -> (Genesis, GeneratedBlock) {
    let mut generator = generator(&Workload {
        txs_per_block: 10,
        blocks: 1,
        ..workload(Distribution::Uniform, 140)
    });
    let contract = |number, code: &[u8]| GenesisContract {
        address: address(number),
        balance: Amount(0),
        code: Code::new(code.to_vec()).unwrap(),
        storage: Bounded::default(),
    };
    let contracts = vec![
        contract(1, MODULE),
        contract(2, ANOTHER),
        contract(3, MODULE),
    ];
    let genesis = generator.genesis().clone().with_contracts(contracts);
    (genesis.unwrap(), generator.next().unwrap())
}

fn commit(engine: &Engine, generated: &GeneratedBlock) {
    let parent = engine.durable_head().hash;
    let executed = engine
        .execute(&parent, &context(generated), &generated.txs)
        .unwrap();
    engine.commit(executed).unwrap();
}

/// Checks that a storage has the codes of the genesis and is whole.
fn has_codes(storage: Arc<dyn Storage>) {
    let report = StateStore::fsck(storage.as_ref(), &Sequential, &mut |_| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings());
    assert_eq!(report.codes, 2);
    let store = StateStore::open(storage, Arc::new(Sequential)).unwrap();
    for (number, code) in [(1, MODULE), (2, ANOTHER), (3, MODULE)] {
        let key = RawKey::account(&address(number));
        let value = store.read(key.as_bytes()).unwrap().unwrap();
        let account: Account = codec::decode(&value).unwrap();
        assert_eq!(account.code_hash, code_hash(code));
        let found = store.code(&account.code_hash).unwrap();
        assert_eq!(found.as_deref(), Some(code));
    }
}

#[test]
fn the_codes_of_a_genesis_are_durable_with_it() {
    let (genesis, generated) = begun();
    let storage = Arc::new(MemoryStorage::new());
    let engine = Engine::builder()
        .genesis(genesis.clone())
        .store(storage.clone())
        .threads(1)
        .build()
        .unwrap();
    commit(&engine, &generated);
    drop(engine);
    has_codes(storage.clone());
    let again = Engine::builder().genesis(genesis).store(storage).build();
    assert_eq!(again.unwrap().durable_head().height, BlockHeight(1));
}

#[test]
fn a_block_that_calls_no_contract_has_no_code_in_its_witness() {
    let (genesis, generated) = begun();
    let engine = Engine::builder()
        .genesis(genesis)
        .threads(1)
        .build()
        .unwrap();
    commit(&engine, &generated);
    let bytes = engine.witness(BlockHeight(1)).unwrap().to_bytes();
    let witness = BlockWitness::from_bytes(&bytes).unwrap();
    assert!(witness.codes.is_empty());
    assert_eq!(verify_witness(&witness).unwrap().hash, witness.block.hash());
}

#[test]
fn a_checkpoint_carries_the_codes() {
    let (genesis, generated) = begun();
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .genesis(genesis)
        .threads(1)
        .checkpoints(folder.path())
        .checkpoint_interval(1)
        .build()
        .unwrap();
    commit(&engine, &generated);
    for _ in 0..2_000 {
        if !engine.checkpoints().unwrap().is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let file = fs::read(folder.path().join("1.snapshot")).unwrap();
    let storage = Arc::new(MemoryStorage::new());
    let mut go_on = |_| ControlFlow::Continue(());
    snapshot::restore(
        &mut &file[..],
        storage.as_ref(),
        &Sequential,
        None,
        &mut go_on,
    )
    .unwrap();
    has_codes(storage);
}
