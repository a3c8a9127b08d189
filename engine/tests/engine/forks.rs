//! Executed blocks: droppable, several per parent, and bounded.

use ordlane::{
    BlockContext, BlockError, Engine, EngineError, Executed,
    primitives::{Genesis, Hash, TimestampMs},
};
use ordlane_testkit::{
    oracle::Oracle,
    workload::{Distribution, GeneratedBlock},
};

use crate::support::{context, engine, generator, workload};

/// A timestamp above that of any workload's blocks.
const FAR: u64 = 1_000_000_000_000_000;

fn blocks(seed: u64) -> (Genesis, Vec<GeneratedBlock>) {
    let generator = generator(&workload(Distribution::Uniform, seed));
    (generator.genesis().clone(), generator.collect())
}

fn execute(engine: &Engine, parent: &Hash, block: &GeneratedBlock) -> Executed {
    engine.execute(parent, &context(block), &block.txs).unwrap()
}

fn block_error(result: Result<impl std::fmt::Debug, EngineError>) -> BlockError {
    match result.unwrap_err() {
        EngineError::Block(error) => error,
        other => panic!("not about a block: {other:?}"),
    }
}

/// Two siblings of one parent, with different bodies.
fn siblings(engine: &Engine, block: &GeneratedBlock) -> (Executed, Executed) {
    let parent = engine.durable_head().hash;
    let half = GeneratedBlock {
        txs: block.txs[..block.txs.len() / 2].to_vec(),
        ..block.clone()
    };
    (
        execute(engine, &parent, block),
        execute(engine, &parent, &half),
    )
}

#[test]
fn either_of_two_siblings_can_be_committed() {
    let (genesis, blocks) = blocks(1);
    for first in [true, false] {
        let engine = engine(&genesis, 2);
        let (left, right) = siblings(&engine, &blocks[0]);
        assert_ne!(left.hash(), right.hash());
        let (chosen, other) = if first { (left, right) } else { (right, left) };

        let mut oracle = Oracle::new(&genesis);
        let mut outer = oracle.next_context(blocks[0].proposer);
        outer.timestamp_ms = blocks[0].timestamp_ms;
        let expected = oracle.execute(&outer, &chosen.block().transactions);
        assert_eq!(*chosen.header(), expected.header);

        let (chosen_hash, other_hash) = (chosen.hash(), other.hash());
        engine.commit(chosen).unwrap();
        oracle.commit(&expected);
        assert_eq!(engine.durable_head().hash, chosen_hash);
        for (key, value) in oracle.state() {
            if key[0] == 0 {
                let address =
                    ordlane::primitives::Address::from_bytes(key[1..].try_into().unwrap());
                let account = engine.state().account(&address).unwrap();
                assert_eq!(ordlane::primitives::codec::encode(&account), *value);
            }
        }

        assert!(matches!(
            block_error(engine.execute(&other_hash, &context(&blocks[1]), &[])),
            BlockError::StaleParent { .. }
        ));
        assert!(matches!(
            block_error(engine.commit(other)),
            BlockError::NotOnTip { .. }
        ));
    }
}

#[test]
fn a_chain_of_executed_blocks_is_the_chain_of_committed_ones() {
    let (genesis, blocks) = blocks(2);
    let (ahead, step) = (engine(&genesis, 2), engine(&genesis, 1));
    let mut parent = ahead.durable_head().hash;
    let mut executed = Vec::new();
    for block in &blocks {
        let next = execute(&ahead, &parent, block);
        parent = next.hash();
        executed.push(next);
    }
    assert_eq!(ahead.executed_head().hash, parent);
    assert_eq!(ahead.durable_head().height.0, 0);
    for (next, block) in executed.into_iter().zip(&blocks) {
        let same = execute(&step, &step.durable_head().hash, block);
        assert_eq!(same.header(), next.header());
        assert_eq!(same.changes(), next.changes());
        let hash = next.hash();
        step.commit(same).unwrap();
        assert_eq!(ahead.commit(next).unwrap().head.hash, hash);
    }
    assert_eq!(ahead.durable_head(), step.durable_head());
    assert_eq!(ahead.executed_head(), ahead.durable_head());
}

#[test]
fn a_dropped_block_leaves_nothing_behind() {
    let (genesis, blocks) = blocks(3);
    let engine = engine(&genesis, 2);
    let parent = engine.durable_head();
    let dropped = execute(&engine, &parent.hash, &blocks[0]).hash();
    assert_eq!(engine.durable_head(), parent);
    assert_eq!(engine.executed_head(), parent);
    assert!(matches!(
        block_error(engine.execute(&dropped, &context(&blocks[1]), &[])),
        BlockError::UnknownParent { parent } if parent == dropped
    ));
}

#[test]
fn a_parent_may_be_dropped_while_its_child_lives_but_the_child_must_wait_for_it() {
    let (genesis, blocks) = blocks(4);
    let engine = engine(&genesis, 2);
    let parent = execute(&engine, &engine.durable_head().hash, &blocks[0]);
    let child = execute(&engine, &parent.hash(), &blocks[1]);
    drop(parent);
    assert_eq!(engine.executed_head().hash, child.hash());
    assert!(matches!(
        block_error(engine.commit(child)),
        BlockError::NotOnTip { .. }
    ));
}

#[test]
fn how_many_executed_blocks_are_held_is_bounded() {
    let (genesis, _) = blocks(5);
    let engine = engine(&genesis, 1);
    let at = |time| BlockContext::new(TimestampMs(time), genesis.accounts()[0].address);
    let parent = engine.durable_head().hash;
    let mut held = Vec::new();
    let error = loop {
        match engine.execute(&parent, &at(FAR + held.len() as u64), &[]) {
            Ok(executed) => held.push(executed),
            Err(error) => break error,
        }
        assert!(held.len() < 1_000);
    };
    assert!(matches!(
        error,
        EngineError::Block(BlockError::TooManyExecuted { .. })
    ));
    held.clear();

    let mut tip = parent;
    let error = loop {
        match engine.execute(&tip, &at(FAR + held.len() as u64), &[]) {
            Ok(executed) => {
                tip = executed.hash();
                held.push(executed);
            }
            Err(error) => break error,
        }
        assert!(held.len() < 1_000);
    };
    assert!(matches!(
        error,
        EngineError::Block(BlockError::TooManyExecuted { .. })
    ));
    for executed in held {
        engine.commit(executed).unwrap();
    }
    engine
        .execute(&engine.durable_head().hash, &at(FAR * 2), &[])
        .unwrap();
}

#[test]
fn blocks_are_executed_at_once_from_several_threads() {
    let (genesis, blocks) = blocks(6);
    let engine = engine(&genesis, 2);
    let parent = engine.durable_head().hash;
    let hashes: Vec<Hash> = std::thread::scope(|scope| {
        let run = || execute(&engine, &parent, &blocks[0]).hash();
        let handles: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap())
            .collect()
    });
    assert!(hashes.iter().all(|hash| *hash == hashes[0]));
}

#[test]
fn a_view_of_the_state_holds_nothing_back_and_notices_when_it_is_stale() {
    let (genesis, blocks) = blocks(7);
    let engine = engine(&genesis, 2);
    let somebody = genesis.accounts()[0].address;
    let durable = engine.state();
    let before = durable.account(&somebody).unwrap();
    let executed = execute(&engine, &engine.durable_head().hash, &blocks[0]);
    let after = engine.state_after(&executed);
    let changed = after.account(&somebody).unwrap();
    assert_eq!(durable.account(&somebody).unwrap(), before);
    engine.commit(executed).unwrap();
    assert!(matches!(
        block_error(durable.account(&somebody)),
        BlockError::StaleParent { .. }
    ));
    assert_eq!(after.account(&somebody).unwrap(), changed);
    assert_eq!(engine.state().account(&somebody).unwrap(), changed);
}
