//! Contracts in blocks: parallel execution gives what the oracle gives, on every number of threads, with prepared contracts
//! and without.

use std::sync::Arc;

use ordlane::{
    Engine,
    contracts::{Contracts, DEFAULT_CACHE_BYTES, Interpreter},
    primitives::{BlockHeight, BlockWitness, ReceiptStatus, codec},
    verify_witness,
};
use ordlane_testkit::{
    oracle::Oracle,
    workload::{ContractLoad, Distribution, Holders, Workload},
};

use crate::support::{build_and_compare, generator, workload};

const THREADS: [usize; 4] = [1, 2, 3, 8];

fn contracts() -> Arc<Contracts> {
    Arc::new(Contracts::new(Arc::new(Interpreter), DEFAULT_CACHE_BYTES))
}

fn load(load: ContractLoad, seed: u64) -> Workload {
    Workload {
        accounts: 60,
        txs_per_block: 80,
        blocks: 2,
        failing: "0.3".parse().unwrap(),
        ..workload(Distribution::Contracts(load), seed)
    }
}

/// Builds, imports and commits a chain on an engine, beside the oracle; gives the number of failed transactions.
fn chain_equals_oracle(workload: &Workload, threads: usize, contracts: &Arc<Contracts>) -> usize {
    let generator = generator(workload);
    let genesis = generator.genesis().clone();
    let engine = || {
        Engine::builder()
            .genesis(genesis.clone())
            .threads(threads)
            .contracts(Arc::clone(contracts))
            .build()
            .unwrap()
    };
    let (builder, importer) = (engine(), engine());
    let mut oracle = Oracle::new(&genesis);
    let mut failed = 0;
    for generated in generator {
        let (built, expected) = build_and_compare(&builder, &oracle, &generated);
        let executed = built.executed;
        let imported = importer
            .import_block(&codec::encode(executed.block()))
            .unwrap();
        assert_eq!(imported.receipts(), executed.receipts());
        assert_eq!(imported.changes(), executed.changes());
        importer.commit(imported).unwrap();
        let receipts = executed.receipts().iter();
        failed += receipts
            .filter(|receipt| receipt.status != ReceiptStatus::Success)
            .count();
        builder.commit(executed).unwrap();
        oracle.commit(&expected);
    }
    failed
}

#[test]
fn every_load_equals_the_oracle_on_every_number_of_threads() {
    let loads = [
        ContractLoad::Token(Holders::Disjoint),
        ContractLoad::Token(Holders::Zipf("1.1".parse().unwrap())),
        ContractLoad::Token(Holders::Hot),
        ContractLoad::Amm { pools: 1 },
        ContractLoad::Amm { pools: 10 },
        ContractLoad::Nft { chosen: false },
        ContractLoad::Nft { chosen: true },
        ContractLoad::Relay,
        ContractLoad::Deploy,
        ContractLoad::Compute { rounds: 20 },
        ContractLoad::Mixed,
    ];
    for (seed, kind) in (400..).zip(loads) {
        for threads in THREADS {
            // Cold the first time, and warm the second.
            let contracts = contracts();
            for _ in 0..2 {
                let failed = chain_equals_oracle(&load(kind, seed), threads, &contracts);
                assert_eq!(failed, 48, "{kind:?}, seed {seed}, {threads} threads");
            }
        }
    }
}

#[test]
fn a_cache_that_holds_nothing_changes_nothing() {
    let cramped = Arc::new(Contracts::new(Arc::new(Interpreter), 1));
    for threads in THREADS {
        chain_equals_oracle(&load(ContractLoad::Mixed, 450), threads, &cramped);
    }
    let stats = cramped.cache_stats();
    assert!(stats.evictions > 0 && stats.entries <= 1, "{stats:?}");
}

#[test]
fn a_block_of_contracts_is_executed_again_without_a_store() {
    for kind in [ContractLoad::Mixed, ContractLoad::Deploy] {
        let generator = generator(&load(kind, 460));
        let engine = Engine::builder()
            .genesis(generator.genesis().clone())
            .threads(2)
            .build()
            .unwrap();
        let mut oracle = Oracle::new(generator.genesis());
        for generated in generator {
            let (built, expected) = build_and_compare(&engine, &oracle, &generated);
            let receipts = built.executed.receipts().to_vec();
            let height = engine.commit(built.executed).unwrap().head.height;
            let bytes = engine.witness(height).unwrap().to_bytes();
            let witness = BlockWitness::from_bytes(&bytes).unwrap();
            let verified = verify_witness(&witness).unwrap();
            assert_eq!(verified.receipts, receipts);
            let diffs = engine.transaction_diffs(height).unwrap().unwrap();
            assert_eq!(diffs.transactions.len(), receipts.len());
            oracle.commit(&expected);
        }
        assert_eq!(engine.durable_head().height, BlockHeight(2));
    }
}
