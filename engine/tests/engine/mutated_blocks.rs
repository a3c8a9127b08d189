//! Blocks of which one field was changed: each is refused, with the code that the oracle gives, and the store is byte for
//! byte what it was. Also when their own proposer signs them again.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use ordlane::{
    BlockContext, BlockError, Engine, EngineError, ProposerSchedule, Slot,
    primitives::{
        Address, Auth, Block, BlockHeight, ErrorCode, Genesis, SigningKey, TimestampMs, codec,
    },
    state::{MemoryStorage, Space, Storage as _},
};
use ordlane_testkit::{
    oracle::Oracle,
    oracle_import::Slots,
    workload::{Distribution, Workload},
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

use crate::support::{generator, workload};

/// A hundred thousand where the build is fast enough for it.
const BLOCKS: usize = if cfg!(debug_assertions) {
    4_000
} else {
    100_000
};

/// Of so many changed blocks the oracle looks at four, one signed in each way.
const ORACLE_EVERY: usize = if cfg!(debug_assertions) { 8 } else { 40 };

/// One proposer, who has to sign.
#[derive(Debug)]
struct Only(Address);

impl ProposerSchedule for Only {
    fn is_due(&self, _slot: &Slot<'_>, proposer: &Address) -> bool {
        *proposer == self.0
    }

    fn requires_authorisation(&self) -> bool {
        true
    }
}

/// All that a storage holds.
fn dump(storage: &MemoryStorage) -> BTreeMap<(String, Vec<u8>), Vec<u8>> {
    let mut all = BTreeMap::new();
    for space in Space::ALL {
        storage
            .scan(space, &[], &mut |key, value| {
                all.insert((space.to_string(), key.to_vec()), value.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    all
}

/// Changes one field of a block whose parent has this time. Whether it is another valid one if its proposer signs it
/// again: the time above the parent's is the maker's to choose.
fn change(block: &mut Block, parent: TimestampMs, rng: &mut ChaCha8Rng) -> bool {
    let header = &mut block.header;
    let bit = |bytes: &mut [u8], rng: &mut ChaCha8Rng| {
        let at = rng.next_u32() as usize % bytes.len();
        bytes[at] ^= 1 << (rng.next_u32() % 8);
    };
    let flip = 1_u64 << (rng.next_u32() % 64);
    match rng.next_u32() % 20 {
        0 => header.version ^= 1 << (rng.next_u32() % 16),
        1 => header.chain_id.0 ^= flip,
        2 => bit(&mut header.parent_hash.0, rng),
        3 => header.number.0 ^= flip,
        4 => {
            header.timestamp_ms.0 ^= flip;
            return header.timestamp_ms > parent;
        }
        5 => {
            let mut bytes = *header.proposer.as_bytes();
            bit(&mut bytes, rng);
            header.proposer = Address::from_bytes(bytes);
        }
        6 => bit(&mut header.state_root.0, rng),
        7 => bit(&mut header.transactions_root.0, rng),
        8 => bit(&mut header.receipts_root.0, rng),
        9 => bit(&mut header.events_root.0, rng),
        10 => bit(&mut header.compute_receipts_root.0, rng),
        11 => header.gas_limit.0 ^= flip,
        12 => header.gas_used.0 ^= flip,
        13 => header.total_pouw_score ^= flip,
        14 => header.provider_count ^= 1 << (rng.next_u32() % 32),
        15 => {
            let at = rng.next_u32() as usize % block.transactions.len();
            bit(&mut block.transactions[at], rng);
        }
        16 => {
            let at = rng.next_u32() as usize % block.transactions.len();
            block.transactions.remove(at);
        }
        17 => {
            let at = rng.next_u32() as usize % block.transactions.len();
            let twice = block.transactions[at].clone();
            block.transactions.insert(at, twice);
        }
        18 => block.transactions.rotate_left(1),
        _ => block.transactions.clear(),
    }
    false
}

#[test]
fn a_block_with_one_changed_field_is_refused_and_changes_nothing() {
    let load = Workload {
        txs_per_block: 6,
        blocks: 2,
        ..workload(Distribution::Uniform, 11)
    };
    let mut generator = generator(&load);
    let genesis = generator.genesis().clone();
    let key = SigningKey::from_seed([77; 32]);
    let storage = Arc::new(MemoryStorage::default());
    let engine = Engine::builder()
        .genesis(genesis.clone())
        .threads(1)
        .store(Arc::clone(&storage) as _)
        .proposers(Arc::new(Only(key.address())))
        .build()
        .unwrap();
    let signed = |engine: &Engine, txs: &[Vec<u8>], time| {
        let context = BlockContext::new(time, key.address());
        let parent = engine.durable_head().hash;
        let mut executed = engine.execute(&parent, &context, txs).unwrap();
        executed.sign(&key);
        executed
    };
    let first = generator.next().unwrap();
    engine
        .commit(signed(&engine, &first.txs, first.timestamp_ms))
        .unwrap();
    let second = generator.next().unwrap();
    let honest = signed(&engine, &second.txs, second.timestamp_ms)
        .block()
        .clone();
    let (oracle, slots) = oracle_of(&engine, &genesis, key.address());
    oracle.import(&codec::encode(&honest), &slots).unwrap();
    let before = dump(&storage);
    let head = engine.durable_head();

    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    let mut done = 0;
    while done < BLOCKS {
        let mut changed = honest.clone();
        let is_another = change(&mut changed, first.timestamp_ms, &mut rng);
        if done % 4 == 3 && is_another {
            continue;
        }
        sign_by(done % 4, &mut changed, &honest, &key);
        let (name, code) = refusal(&engine, &changed);
        // The oracle is slow, and its answers are wanted for every kind of change.
        if done % ORACLE_EVERY < 4 {
            let expected = oracle.import(&codec::encode(&changed), &slots).err();
            assert_eq!(Some(code), expected, "{name}: {:?}", changed.header);
        }
        *refused.entry(name).or_default() += 1;
        done += 1;
    }
    println!("{done} refused: {refused:?}");
    assert!(refused.len() >= 14, "{refused:?}");
    assert!(dump(&storage) == before, "the store has changed");
    assert_eq!(engine.durable_head(), head);
    assert_eq!(engine.executed_head(), head);

    every_flip_of_the_authorisation_is_refused(&engine, &honest);
    let executed = engine.import_block(&codec::encode(&honest)).unwrap();
    engine.commit(executed).unwrap();
    assert_eq!(engine.durable_head().hash, honest.hash());
}

/// The oracle after the first block, and who is due.
fn oracle_of(engine: &Engine, genesis: &Genesis, proposer: Address) -> (Oracle, Slots) {
    let slots = Slots {
        proposers: vec![proposer],
        signed: true,
        latest: None,
    };
    let oracle = Oracle::new(genesis);
    let first = engine.block(BlockHeight(1)).unwrap().unwrap();
    (
        oracle.import(&codec::encode(&first), &slots).unwrap(),
        slots,
    )
}

/// Without a signature, with another's, with that of the honest block, or signed again.
fn sign_by(way: usize, changed: &mut Block, honest: &Block, key: &SigningKey) {
    match way {
        0 => changed.proposer_auth = None,
        1 if changed.hash() != honest.hash() => {
            let other = SigningKey::from_seed([78; 32]);
            changed.proposer_auth = Some(other.sign_header(&changed.header));
        }
        3 => changed.proposer_auth = Some(key.sign_header(&changed.header)),
        _ => {}
    }
}

/// What a block is refused for: in a word, and its code.
fn refusal(engine: &Engine, block: &Block) -> (String, ErrorCode) {
    let error = match engine.import_block(&codec::encode(block)) {
        Err(EngineError::Block(error)) => error,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted: {:?}", block.header),
    };
    let debug = format!("{error:?}");
    let word = debug.split(|c: char| !c.is_alphanumeric()).next().unwrap();
    let name = match &error {
        BlockError::Header { field, .. } => format!("{word} {field}"),
        _ => word.to_owned(),
    };
    (name, error.code())
}

fn every_flip_of_the_authorisation_is_refused(engine: &Engine, honest: &Block) {
    let Some(Auth::Ed25519 { key, signature }) = honest.proposer_auth.clone() else {
        panic!("one key signs");
    };
    for bit in 0..(32 + 64) * 8 {
        let (mut key, mut signature) = (key, signature);
        match bit / 8 {
            at @ 0..32 => key[at] ^= 1 << (bit % 8),
            at => signature[at - 32] ^= 1 << (bit % 8),
        }
        let changed = Block {
            proposer_auth: Some(Auth::Ed25519 { key, signature }),
            ..honest.clone()
        };
        assert_eq!(refusal(engine, &changed).0, "ProposerAuth");
    }
}
