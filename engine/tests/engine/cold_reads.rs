//! What a contract's reads cost in time where no cache holds what they read: from a store that was just opened.
#![cfg(feature = "fjall")]

use std::{path::Path, sync::Arc, time::Instant};

use ordlane::{
    BlockContext, Engine,
    primitives::{
        Address, Amount, ChainId, ChainParams, Code, ContractInput, Gas, GasPrice, Genesis,
        GenesisAccount, GenesisContract, GenesisSlot, Memo, Nonce, ReceiptStatus, SigningKey,
        TX_VERSION, TimestampMs, TransactionPayload, TxKind, codec,
    },
    state::FjallStorage,
};
use ordlane_testkit::guests::PROBE;

const CONTRACT: Address = Address::from_bytes([9; 32]);
const SLOTS: u32 = 200_000;
const READS: u32 = 20_000;
const ROUNDS: usize = 11;

fn genesis(key: &SigningKey) -> Genesis {
    let slots = (0..SLOTS).map(|number| GenesisSlot {
        key: codec::BoundedBytes::new(number.to_le_bytes().to_vec()).unwrap(),
        value: codec::BoundedBytes::new(vec![7; 32]).unwrap(),
    });
    let mut slots: Vec<GenesisSlot> = slots.collect();
    slots.sort_by(|a, b| a.key.cmp(&b.key));
    let contract = GenesisContract {
        address: CONTRACT,
        balance: Amount(0),
        code: Code::new(PROBE.to_vec()).unwrap(),
        storage: codec::Bounded::new(slots).unwrap(),
    };
    let account = GenesisAccount {
        address: key.address(),
        balance: Amount(1 << 80),
    };
    let params = ChainParams::development(ChainId(1));
    let genesis = Genesis::new(params, TimestampMs(0), vec![account]).unwrap();
    genesis.with_contracts(vec![contract]).unwrap()
}

fn open(folder: &Path, genesis: &Genesis) -> Engine {
    let storage = Arc::new(FjallStorage::open(folder).unwrap());
    Engine::builder()
        .store(storage)
        .genesis(genesis.clone())
        .threads(1)
        .build()
        .unwrap()
}

#[test]
#[ignore = "a measurement, in release mode and on a quiet machine"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn nanoseconds_per_gas_of_reads_from_a_store_that_was_just_opened() {
    let key = SigningKey::from_seed([1; 32]);
    let genesis = genesis(&key);
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), &genesis));
    let input = [&[207][..], &READS.to_le_bytes(), &[0; 4]].concat();
    let tx = key.sign_transaction(TransactionPayload {
        version: TX_VERSION,
        chain_id: ChainId(1),
        sender: key.address(),
        nonce: Nonce(0),
        gas_limit: Gas(100_000_000),
        gas_price: GasPrice(1),
        valid_until: None,
        kind: TxKind::Call {
            contract: CONTRACT,
            input: ContractInput::new(input).unwrap(),
            value: Amount(0),
        },
        memo: Memo::default(),
    });
    let txs = [codec::encode(&tx)];
    let mut figures: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let engine = open(folder.path(), &genesis);
            let context = BlockContext::new(TimestampMs(1_000), Address::ZERO);
            let begun = Instant::now();
            let executed = engine
                .execute(&engine.durable_head().hash, &context, &txs)
                .unwrap();
            let ns = begun.elapsed().as_nanos() as f64;
            let receipt = &executed.receipts()[0];
            assert_eq!(receipt.status, ReceiptStatus::Success);
            assert_eq!(receipt.return_data[..4], READS.to_le_bytes());
            ns / receipt.gas_used.0 as f64
        })
        .collect();
    figures.sort_by(f64::total_cmp);
    println!(
        "{READS} of {SLOTS} slots: {:.2} ns/gas ({:.2}-{:.2})",
        figures[ROUNDS / 2],
        figures[0],
        figures[ROUNDS - 1]
    );
}
