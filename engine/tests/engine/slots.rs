//! Whose turn it is, for whoever builds or imports.

use std::{collections::BTreeMap, sync::Arc};

use ordlane::{
    BlockContext, BlockError, Engine, EngineError, ProposerSchedule, Slot, TimeBound,
    primitives::{Address, BlockHeight, ErrorCode, Genesis, SigningKey, TimestampMs, codec},
};
use ordlane_testkit::{oracle::Oracle, oracle_import::Slots, workload::Distribution};

use crate::support::{generator, workload};

/// One after another, by height; each has to sign if that is asked for.
#[derive(Debug)]
struct RoundRobin {
    proposers: Vec<Address>,
    signed: bool,
}

impl ProposerSchedule for RoundRobin {
    fn is_due(&self, slot: &Slot<'_>, proposer: &Address) -> bool {
        assert_eq!(slot.parent.number.0 + 1, slot.height.0);
        let turn = slot.height.0 % self.proposers.len() as u64;
        self.proposers[turn as usize] == *proposer
    }

    fn requires_authorisation(&self) -> bool {
        self.signed
    }
}

fn keys() -> Vec<SigningKey> {
    (1..4)
        .map(|seed| SigningKey::from_seed([seed; 32]))
        .collect()
}

fn scheduled(genesis: &Genesis, signed: bool) -> Engine {
    let proposers = keys().iter().map(SigningKey::address).collect();
    Engine::builder()
        .genesis(genesis.clone())
        .threads(1)
        .proposers(Arc::new(RoundRobin { proposers, signed }))
        .build()
        .unwrap()
}

fn genesis() -> Genesis {
    generator(&workload(Distribution::Uniform, 1))
        .genesis()
        .clone()
}

fn block_error(error: EngineError) -> BlockError {
    match error {
        EngineError::Block(error) => error,
        other @ EngineError::System(_) => panic!("{other:?}"),
        other => panic!("{other:?}"),
    }
}

fn context(height: u64, proposer: Address) -> BlockContext {
    BlockContext::new(TimestampMs(1_000_000_000_000_000 + height), proposer)
}

/// What becomes of a block whose proposer is due or not, signs or not, and is in time or not: the engine and the oracle
/// say the same of all of them.
#[test]
fn the_oracle_judges_slots_and_times_as_the_importer_does() {
    let genesis = genesis();
    let free = Engine::builder()
        .genesis(genesis.clone())
        .threads(1)
        .build()
        .unwrap();
    let mut seen = BTreeMap::new();
    for signed in [false, true] {
        let engine = scheduled(&genesis, signed);
        let mut oracle = Oracle::new(&genesis);
        for height in 1..5_u64 {
            let mut next = None;
            for (key, signs, late_ms) in combinations() {
                let parent = engine.durable_head().hash;
                let built = free.execute(&parent, &context(height, key.address()), &[]);
                let mut executed = built.unwrap();
                if signs {
                    executed.sign(&key);
                }
                let bytes = codec::encode(executed.block());
                let now_ms = TimestampMs(executed.header().timestamp_ms.0 - late_ms);
                let bound = TimeBound {
                    now_ms,
                    max_drift_ms: 10,
                };
                let slots = Slots {
                    proposers: keys().iter().map(SigningKey::address).collect(),
                    signed,
                    latest: Some(bound.latest()),
                };
                let expected = oracle.import(&bytes, &slots);
                let found = engine.import_block_within(&bytes, &bound);
                *seen.entry(expected.as_ref().err().copied()).or_insert(0) += 1;
                match (found, expected) {
                    (Ok(found), Ok(expected)) => {
                        assert_eq!(*found.header(), expected.header);
                        next = Some((bytes, expected));
                    }
                    (Err(found), Err(expected)) => assert_eq!(found.code(), expected),
                    (found, expected) => panic!("{found:?}, {:?}", expected.err()),
                }
            }
            let (bytes, expected) = next.unwrap();
            engine.commit(engine.import_block(&bytes).unwrap()).unwrap();
            if free.durable_head().height.0 < height {
                free.commit(free.import_block(&bytes).unwrap()).unwrap();
            }
            oracle = expected;
        }
        // The other schedule begins again.
        free.rollback_to(BlockHeight(0)).unwrap();
    }
    let codes: Vec<_> = seen.into_keys().flatten().collect();
    let all = [
        ErrorCode::TimestampTooFar,
        ErrorCode::WrongProposer,
        ErrorCode::ProposerAuth,
    ];
    assert!(all.iter().all(|code| codes.contains(code)), "{codes:?}");
}

/// Every proposer, signing or not, on time and late.
fn combinations() -> Vec<(SigningKey, bool, u64)> {
    let mut all = Vec::new();
    for key in keys() {
        for signs in [false, true] {
            all.extend([10, 11].map(|late_ms| (key.clone(), signs, late_ms)));
        }
    }
    all
}

#[test]
fn nobody_builds_or_imports_out_of_turn() {
    let genesis = genesis();
    // Without a schedule anybody may.
    let free = Engine::builder()
        .genesis(genesis.clone())
        .threads(1)
        .build()
        .unwrap();
    let engine = scheduled(&genesis, false);
    let (mut chain, mut parent) = (Vec::new(), engine.durable_head().hash);
    for height in 1..8_u64 {
        let due = &keys()[(height % 3) as usize];
        let other = keys()[((height + 1) % 3) as usize].address();
        let wrong = context(height, other);
        for error in [
            engine.execute(&parent, &wrong, &[]).unwrap_err(),
            engine.build_block(&parent, &wrong, &[]).unwrap_err(),
        ] {
            let error = block_error(error);
            assert!(
                matches!(error, BlockError::WrongProposer { height: at, proposer }
                    if at.0 == height && proposer == other),
                "{error}"
            );
        }
        let foreign = free.execute(&parent, &wrong, &[]).unwrap();
        let bytes = codec::encode(foreign.block());
        let error = block_error(engine.import_block(&bytes).unwrap_err());
        assert!(matches!(error, BlockError::WrongProposer { .. }), "{error}");
        let many = chain.iter().cloned().chain([bytes]);
        let error = scheduled(&genesis, false)
            .import_blocks(many, |_| ())
            .unwrap_err();
        assert_eq!(error.position, chain.len());
        let error = block_error(*error.source);
        assert!(matches!(error, BlockError::WrongProposer { .. }), "{error}");
        drop(foreign);

        let right = free
            .execute(&parent, &context(height, due.address()), &[])
            .unwrap();
        let bytes = codec::encode(right.block());
        engine.commit(engine.import_block(&bytes).unwrap()).unwrap();
        free.commit(right).unwrap();
        parent = engine.durable_head().hash;
        chain.push(bytes);
    }
    assert_eq!(free.durable_head(), engine.durable_head());
}

#[test]
fn a_block_without_its_authorisation_is_refused_where_it_must_have_one() {
    let genesis = genesis();
    let engine = scheduled(&genesis, true);
    let due = &keys()[1];
    let parent = engine.durable_head().hash;
    let mut executed = engine
        .execute(&parent, &context(1, due.address()), &[])
        .unwrap();
    let bare = codec::encode(executed.block());
    let is_unauthorised = |error: &BlockError| matches!(error, BlockError::Unauthorised { proposer } if *proposer == due.address());
    assert!(is_unauthorised(&block_error(
        engine.import_block(&bare).unwrap_err()
    )));
    let error = engine.import_blocks([&bare], |_| ()).unwrap_err();
    assert!(is_unauthorised(&block_error(*error.source)));
    executed.sign(due);
    engine
        .import_block(&codec::encode(executed.block()))
        .unwrap();
}
