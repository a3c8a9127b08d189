//! Witnesses: what they hold, that they verify without a store, and that nothing in them can be changed.

use ordlane::{
    BlockContext, BlockError, Engine, MAX_ROLLED_BACK_BLOCKS, WitnessError,
    primitives::{
        Block, BlockHeight, BlockWitness, ChainId, ChainParams, Code, FeeRule, Genesis, Hash,
        RawKey, SigningKey, TimestampMs, WitnessEntry,
        batch::Sequential,
        codec::{self, Bounded, Canonical as _},
        hash::code_hash,
        proof::ProofError,
        tree,
    },
    state::Tree,
    verify_witness,
};
use ordlane_testkit::{
    golden::committed_chain,
    mutation::mutate,
    oracle::Oracle,
    oracle_witness,
    workload::{Distribution, Workload},
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

use crate::support::{context, engine, generator, workload};

/// Imports the committed chain and gives the engine and the receipts of every block.
fn golden_engine(threads: usize) -> (Engine, Vec<Block>) {
    let chain = committed_chain();
    let engine = engine(&chain.genesis, threads);
    for block in &chain.blocks {
        let imported = engine.import_block(&codec::encode(block)).unwrap();
        engine.commit(imported).unwrap();
    }
    (engine, chain.blocks)
}

fn small_load(txs_per_block: u32) -> Workload {
    Workload {
        accounts: 4,
        txs_per_block,
        blocks: 1,
        ..workload(Distribution::Uniform, 5)
    }
}

/// A chain with one block of a few transactions, signed by its proposer.
fn small(txs_per_block: u32) -> (Engine, BlockWitness) {
    let mut generator = generator(&small_load(txs_per_block));
    let engine = engine(generator.genesis(), 1);
    let proposer = SigningKey::from_seed([77; 32]);
    let generated = generator.next().unwrap();
    let context = BlockContext::new(generated.timestamp_ms, proposer.address());
    let parent = engine.durable_head().hash;
    let mut built = engine
        .build_block(&parent, &context, &generated.txs)
        .unwrap();
    built.executed.sign(&proposer);
    engine.commit(built.executed).unwrap();
    let witness = engine.witness(BlockHeight(1)).unwrap();
    (engine, witness)
}

#[test]
fn every_block_of_the_committed_chain_verifies_from_its_witness_alone() {
    let (engine, blocks) = golden_engine(2);
    for block in &blocks {
        let height = block.header.number;
        let bytes = engine.witness(height).unwrap().to_bytes();
        let witness = BlockWitness::from_bytes(&bytes).unwrap();
        assert_eq!(witness.block, *block);
        let verified = verify_witness(&witness).unwrap();
        assert_eq!(
            (verified.hash, &verified.header),
            (block.hash(), &block.header)
        );
        assert_eq!(verified.receipts, engine.receipts(height).unwrap().unwrap());
        let diff = engine.reverse_diff(height).unwrap().unwrap();
        let undone: Vec<_> = verified
            .changes
            .into_iter()
            .map(|change| (change.key, change.old))
            .collect();
        assert_eq!(undone, diff.entries());
    }
}

#[test]
fn a_witness_holds_what_the_oracle_says_that_the_block_touches() {
    let (engine, blocks) = golden_engine(2);
    let mut oracle = Oracle::new(&committed_chain().genesis);
    for block in &blocks {
        let mut context = oracle.next_context(block.header.proposer);
        context.timestamp_ms = block.header.timestamp_ms;
        let result = oracle.execute(&context, &block.transactions);
        let expected = oracle_witness::witness(&oracle, &result);
        assert_eq!(engine.witness(block.header.number).unwrap(), expected);
        oracle.commit(&result);
    }
}

#[test]
fn every_distribution_on_any_number_of_threads_has_one_witness() {
    let distributions = [
        Distribution::Uniform,
        Distribution::HotReceiver,
        Distribution::Chains { senders: 2 },
        Distribution::Hostile,
    ];
    for (distribution, seed) in distributions.into_iter().zip(1..) {
        for fee_rule in [FeeRule::PayProposer, FeeRule::Burn] {
            let load = Workload {
                params: ChainParams {
                    fee_rule,
                    ..ChainParams::development(ChainId(7))
                },
                ..workload(distribution, seed)
            };
            let mut witnesses = Vec::new();
            for threads in [1, 2, 8] {
                let generator = generator(&load);
                let engine = engine(generator.genesis(), threads);
                for generated in generator {
                    let parent = engine.durable_head().hash;
                    let built = engine
                        .build_block(&parent, &context(&generated), &generated.txs)
                        .unwrap();
                    engine.commit(built.executed).unwrap();
                }
                let made: Vec<_> = (1..=load.blocks)
                    .map(|height| engine.witness(BlockHeight(height)).unwrap())
                    .collect();
                witnesses.push(made);
            }
            assert!(witnesses.iter().all(|made| *made == witnesses[0]));
            for witness in &witnesses[0] {
                let verified = verify_witness(witness).unwrap();
                assert_eq!(verified.hash, witness.block.hash());
            }
        }
    }
}

#[test]
fn a_block_without_transactions_reads_the_parameters_alone() {
    let chain = committed_chain();
    let engine = engine(&chain.genesis, 1);
    let context = BlockContext::new(
        TimestampMs(1_900_000_000_000),
        chain.blocks[0].header.proposer,
    );
    let parent = engine.durable_head().hash;
    let executed = engine.execute(&parent, &context, &[]).unwrap();
    engine.commit(executed).unwrap();
    let witness = engine.witness(BlockHeight(1)).unwrap();
    let keys: Vec<_> = witness.entries.iter().map(|entry| &entry.key).collect();
    assert_eq!(keys, [&RawKey::params()]);
    assert!(verify_witness(&witness).unwrap().changes.is_empty());
}

#[test]
fn no_witness_is_made_of_a_block_without_parent_or_beyond_reach() {
    let chain = committed_chain();
    let genesis: &Genesis = &chain.genesis;
    let engine = engine(genesis, 1);
    let proposer = chain.blocks[0].header.proposer;
    let commit_one = |timestamp_ms: u64| {
        let context = BlockContext::new(TimestampMs(timestamp_ms), proposer);
        let parent = engine.durable_head().hash;
        let executed = engine.execute(&parent, &context, &[]).unwrap();
        engine.commit(executed).unwrap();
    };
    let first = 1_900_000_000_000;
    (0..MAX_ROLLED_BACK_BLOCKS).for_each(|n| commit_one(first + n));
    assert!(matches!(
        engine.witness(BlockHeight(0)),
        Err(WitnessError::Genesis)
    ));
    assert!(matches!(
        engine.witness(BlockHeight(MAX_ROLLED_BACK_BLOCKS + 1)),
        Err(WitnessError::NoBlock { .. })
    ));
    engine.witness(BlockHeight(1)).unwrap();
    commit_one(first + MAX_ROLLED_BACK_BLOCKS);
    assert!(matches!(
        engine.witness(BlockHeight(1)),
        Err(WitnessError::TooFarBack { .. })
    ));
    engine.witness(BlockHeight(2)).unwrap();
}

#[test]
fn an_entry_too_few_or_too_many_is_refused_even_with_a_proof_of_its_own() {
    let (_, witness) = small(3);
    let parent = genesis_tree(3);
    let proof_of = |witness: &BlockWitness| {
        let items = witness.items();
        let paths: Vec<Hash> = items.iter().map(|(key, _)| tree::path_of(key)).collect();
        parent.prove_many(&paths).unwrap()
    };
    for at in 0..witness.entries.len() {
        let mut fewer = witness.clone();
        let removed = fewer.entries.remove(at);
        assert!(matches!(
            verify_witness(&fewer),
            Err(WitnessError::Proof(_))
        ));
        fewer.proof = proof_of(&fewer);
        let refused = verify_witness(&fewer).unwrap_err();
        match refused {
            WitnessError::Missing { key } => assert_eq!(key, removed.key),
            other => panic!("{other}"),
        }
    }
    let mut more = witness;
    more.entries.push(WitnessEntry {
        key: RawKey::from_bytes(vec![0xff; 5]),
        value: None,
    });
    more.proof = proof_of(&more);
    assert!(matches!(
        verify_witness(&more),
        Err(WitnessError::Unused { .. })
    ));
    more.entries.swap(0, 1);
    assert!(matches!(
        verify_witness(&more),
        Err(WitnessError::Proof(ProofError::Misshapen))
    ));
}

#[test]
fn a_code_that_the_block_does_not_ask_for_is_refused() {
    let (_, witness) = small(3);
    assert!(witness.codes.is_empty());
    let codes = |codes: &[&[u8]]| {
        let code = |code: &&[u8]| Code::new(code.to_vec()).unwrap();
        Bounded::new(codes.iter().map(code).collect()).unwrap()
    };
    let mut more = witness;
    more.codes = codes(&[b"code"]);
    let bytes = more.to_bytes();
    assert_eq!(BlockWitness::from_bytes(&bytes).unwrap(), more);
    let refused = verify_witness(&more).unwrap_err();
    let unused = code_hash(b"code");
    let right = matches!(refused, WitnessError::UnusedCode { hash } if hash == unused);
    assert!(right, "{refused}");
    more.codes = codes(&[b"code", b"code"]);
    assert!(matches!(
        verify_witness(&more),
        Err(WitnessError::Proof(ProofError::Misshapen))
    ));
}

/// The tree of the genesis block that [`small`] begins with.
fn genesis_tree(txs_per_block: u32) -> Tree {
    let generator = generator(&small_load(txs_per_block));
    let leaf =
        |(key, value): (RawKey, Vec<u8>)| (tree::path_of(key.as_bytes()), tree::value_hash(&value));
    let leaves = generator.genesis().state().into_iter().map(leaf).collect();
    Tree::from_leaves(leaves, &Sequential).unwrap()
}

#[test]
fn a_false_header_field_is_named() {
    let (_, witness) = small(3);
    let field_of = |change: fn(&mut BlockWitness)| {
        let mut changed = witness.clone();
        changed.block.proposer_auth = None;
        change(&mut changed);
        match verify_witness(&changed) {
            Err(WitnessError::Block(BlockError::Header { field, .. })) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        field_of(|w| w.block.header.state_root.0[31] ^= 1),
        "state_root"
    );
    assert_eq!(field_of(|w| w.block.header.gas_used.0 += 1), "gas_used");
    assert_eq!(
        field_of(|w| w.block.header.events_root.0[0] ^= 1),
        "events_root"
    );
    assert_eq!(
        field_of(|w| w.block.header.receipts_root.0[0] ^= 1),
        "receipts_root"
    );
    assert_eq!(field_of(|w| w.parent.gas_used.0 += 1), "parent_hash");
    assert_eq!(
        field_of(|w| w.block.transactions.truncate(1)),
        "transactions_root"
    );
}

/// Whether the bytes of a file are accepted as the witness of a block with this hash.
fn is_accepted(bytes: &[u8], hash: Hash) -> bool {
    BlockWitness::from_bytes(bytes)
        .is_ok_and(|witness| verify_witness(&witness).is_ok_and(|verified| verified.hash == hash))
}

/// Whether the bytes of a witness are accepted although whoever changed them gave them a checksum of their own.
fn is_accepted_resealed(body: &[u8], hash: Hash) -> bool {
    codec::decode::<BlockWitness>(body)
        .is_ok_and(|witness| verify_witness(&witness).is_ok_and(|verified| verified.hash == hash))
}

#[test]
fn no_small_witness_with_a_flipped_bit_is_accepted() {
    let (_, witness) = small(2);
    let bytes = witness.to_bytes();
    let hash = witness.block.hash();
    assert!(is_accepted(&bytes, hash));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!is_accepted(&flipped, hash), "bit {bit}");
    }
    for end in 0..bytes.len() {
        assert!(!is_accepted(&bytes[..end], hash), "{end} bytes");
    }
}

#[test]
fn no_small_witness_with_a_flipped_bit_and_a_new_checksum_is_accepted() {
    let (_, witness) = small(2);
    let body = codec::encode(&witness);
    let hash = witness.block.hash();
    assert!(is_accepted_resealed(&body, hash));
    // Every bit of every byte would take long: one of each byte does, and each bit is of some bytes.
    for (at, bit) in (0..body.len()).zip((0..8).cycle()) {
        let mut flipped = body.clone();
        flipped[at] ^= 1 << bit;
        assert!(
            !is_accepted_resealed(&flipped, hash),
            "byte {at}, bit {bit}"
        );
    }
}

#[test]
fn no_larger_witness_with_a_flipped_bit_is_accepted() {
    let (engine, blocks) = golden_engine(1);
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for block in [&blocks[4], &blocks[19]] {
        let witness = engine.witness(block.header.number).unwrap();
        let (bytes, body) = (witness.to_bytes(), codec::encode(&witness));
        let mut bit = || rng.next_u64() as usize;
        for _ in 0..2_000 {
            let (mut flipped, bit) = (bytes.clone(), bit() % (bytes.len() * 8));
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_accepted(&flipped, block.hash()), "bit {bit}");
        }
        for _ in 0..100 {
            let (mut flipped, bit) = (body.clone(), bit() % (body.len() * 8));
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_accepted_resealed(&flipped, block.hash()), "bit {bit}");
        }
    }
}

#[test]
fn a_damaged_witness_never_panics() {
    let (_, witness) = small(2);
    let body = codec::encode(&witness);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for _ in 0..1_000 {
        let damaged = mutate(&body, &mut rng);
        if damaged != body && damaged.len() <= BlockWitness::MAX_BYTES {
            assert!(!is_accepted_resealed(&damaged, witness.block.hash()));
        }
    }
}
