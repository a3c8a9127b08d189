//! Earlier states, events and receipts through the engine; blocks that are undone or not kept.

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc};

use ordlane::{
    BlockError, Engine, EngineError, EventQuery, EventRecord, SystemError,
    primitives::{Account, Address, BlockHeight, Event, Genesis, Hash},
    state::{EventFilter, EventPosition, MemoryStorage, Space, StateError, Storage},
};
use ordlane_testkit::workload::{Distribution, GeneratedBlock};

use crate::support::{context, generator, workload};

fn built(storage: Arc<dyn Storage>, genesis: &Genesis, keep: Option<u64>) -> Engine {
    let mut builder = Engine::builder()
        .store(storage)
        .genesis(genesis.clone())
        .threads(2);
    if let Some(blocks) = keep.and_then(NonZeroU64::new) {
        builder = builder.keep_blocks(blocks);
    }
    builder.build().unwrap()
}

fn commit(engine: &Engine, generated: &GeneratedBlock) {
    let parent = engine.durable_head().hash;
    let executed = engine
        .execute(&parent, &context(generated), &generated.txs)
        .unwrap();
    engine.commit(executed).unwrap();
}

fn accounts(engine: &Engine, genesis: &Genesis) -> BTreeMap<Address, Account> {
    let state = engine.state();
    let of = |address| (address, state.account(&address).unwrap());
    let listed = genesis.accounts().iter();
    listed.map(|account| of(account.address)).collect()
}

fn state_error<T: std::fmt::Debug>(outcome: Result<T, EngineError>) -> StateError {
    match outcome.unwrap_err() {
        EngineError::System(SystemError::State(error)) => error,
        other => panic!("not about the store: {other:?}"),
    }
}

#[test]
fn accounts_are_shown_as_they_were_after_every_block() {
    let generator = generator(&workload(Distribution::Uniform, 80));
    let genesis = generator.genesis().clone();
    let engine = built(Arc::new(MemoryStorage::new()), &genesis, None);
    let mut states = vec![accounts(&engine, &genesis)];
    for generated in generator {
        commit(&engine, &generated);
        states.push(accounts(&engine, &genesis));
    }
    assert_eq!(states.len(), 4);
    for (height, state) in (0..).map(BlockHeight).zip(&states) {
        for (address, expected) in state {
            assert_eq!(engine.account_at(height, address).unwrap(), *expected);
        }
        let nobody = engine.account_at(height, &Address::from_bytes([9; 32]));
        assert!(nobody.unwrap().is_absent());
    }
    assert_ne!(states[0], states[3]);
    let above = state_error(engine.account_at(BlockHeight(4), &Address::ZERO));
    assert!(matches!(above, StateError::AboveTip { .. }), "{above}");
}

/// Every event of the chain, in order, by a look at all receipts.
fn all_events(engine: &Engine) -> Vec<EventRecord> {
    let mut events = Vec::new();
    for height in (0..=engine.durable_head().height.0).map(BlockHeight) {
        for (tx_index, receipt) in (0..).zip(engine.receipts(height).unwrap().unwrap()) {
            for (event_index, event) in (0..).zip(&receipt.events) {
                events.push(EventRecord {
                    position: EventPosition {
                        height,
                        tx_index,
                        event_index,
                    },
                    tx_id: receipt.tx_id,
                    event: event.clone(),
                });
            }
        }
    }
    events
}

fn paged(engine: &Engine, filter: EventFilter, limit: usize) -> Vec<EventRecord> {
    let mut query = EventQuery {
        filter,
        from: None,
        limit,
    };
    let mut found = Vec::new();
    loop {
        let page = engine.events(&query).unwrap();
        assert!(page.events.len() <= limit);
        found.extend(page.events);
        query.from = page.next;
        if page.next.is_none() {
            return found;
        }
    }
}

#[test]
fn events_are_found_by_emitter_and_topic() {
    let generator = generator(&workload(Distribution::Uniform, 81));
    let genesis = generator.genesis().clone();
    let engine = built(Arc::new(MemoryStorage::new()), &genesis, None);
    for generated in generator {
        commit(&engine, &generated);
    }
    let all = all_events(&engine);
    assert!(all.len() > 100, "{} events", all.len());
    let token = Address::token_module();
    let party: Hash = all[0].event.topics[1];
    let of_party: Vec<EventRecord> = all
        .iter()
        .filter(|found| found.event.topics.contains(&party))
        .cloned()
        .collect();
    for limit in [1, 7, 1_000] {
        assert_eq!(paged(&engine, EventFilter::Emitter(token), limit), all);
        let transfers = EventFilter::Topic(Event::name_topic("Transfer"));
        assert_eq!(paged(&engine, transfers, limit), all);
        assert_eq!(paged(&engine, EventFilter::Topic(party), limit), of_party);
        let both = EventFilter::Both {
            emitter: token,
            topic: party,
        };
        assert_eq!(paged(&engine, both, limit), of_party);
        let nobodys = EventFilter::Both {
            emitter: Address::ZERO,
            topic: party,
        };
        assert_eq!(paged(&engine, nobodys, limit), []);
    }
    for found in &all {
        let record = engine.receipt(&found.tx_id).unwrap().unwrap();
        let position = found.position;
        assert_eq!(
            (record.height, record.index),
            (position.height, position.tx_index)
        );
        assert!(record.receipt.events.contains(&found.event));
    }
    assert_eq!(engine.receipt(&Hash([3; 32])).unwrap(), None);
}

#[test]
fn undone_blocks_can_be_executed_again_with_the_same_result() {
    let generator = generator(&workload(Distribution::Uniform, 82));
    let genesis = generator.genesis().clone();
    let engine = built(Arc::new(MemoryStorage::new()), &genesis, None);
    let blocks: Vec<GeneratedBlock> = generator.collect();
    let mut heads = vec![engine.durable_head()];
    for generated in &blocks {
        commit(&engine, generated);
        heads.push(engine.durable_head());
    }
    let undone = engine.receipts(BlockHeight(3)).unwrap().unwrap()[0].tx_id;
    for height in [3, 2, 0] {
        let head = engine.rollback_to(BlockHeight(height as u64)).unwrap();
        assert_eq!(head, heads[height]);
        assert_eq!(engine.durable_head(), head);
        assert_eq!(engine.executed_head(), head);
        assert_eq!(engine.receipt(&undone).unwrap().is_some(), height == 3);
        if height < 3 {
            let refused = engine.execute(&heads[3].hash, &context(&blocks[2]), &[]);
            assert!(matches!(
                refused,
                Err(EngineError::Block(BlockError::UnknownParent { .. }))
            ));
        }
        for generated in &blocks[height..] {
            commit(&engine, generated);
        }
        assert_eq!(engine.durable_head(), heads[3]);
    }
    let above = state_error(engine.rollback_to(BlockHeight(4)));
    assert!(matches!(above, StateError::AboveTip { .. }), "{above}");
}

#[test]
fn a_block_that_was_executed_on_the_block_below_can_take_the_place_of_an_undone_one() {
    let generator = generator(&workload(Distribution::Uniform, 83));
    let genesis = generator.genesis().clone();
    let engine = built(Arc::new(MemoryStorage::new()), &genesis, None);
    let blocks: Vec<GeneratedBlock> = generator.collect();
    commit(&engine, &blocks[0]);
    let parent = engine.durable_head();
    let first = engine.execute(&parent.hash, &context(&blocks[1]), &blocks[1].txs);
    let other = engine
        .execute(&parent.hash, &context(&blocks[1]), &[])
        .unwrap();
    let head = engine.commit(first.unwrap()).unwrap().head;
    let child = engine
        .execute(&head.hash, &context(&blocks[2]), &blocks[2].txs)
        .unwrap();
    engine.rollback_to(parent.height).unwrap();
    engine.commit(child).unwrap_err();
    let expected = other.head();
    engine.commit(other).unwrap();
    assert_eq!(engine.durable_head(), expected);
}

#[test]
fn an_engine_that_keeps_few_blocks_reopens_and_goes_on() {
    let mut load = workload(Distribution::Uniform, 84);
    load.blocks = 8;
    let generator = generator(&load);
    let genesis = generator.genesis().clone();
    let archive = built(Arc::new(MemoryStorage::new()), &genesis, None);
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    for generated in generator {
        let engine = built(Arc::clone(&storage), &genesis, Some(3));
        commit(&engine, &generated);
        commit(&archive, &generated);
    }
    let engine = built(storage, &genesis, Some(3));
    assert_eq!(engine.durable_head(), archive.durable_head());
    assert_eq!(engine.horizon(), BlockHeight(6));
    let sender = genesis.accounts()[0].address;
    for height in (0..=8).map(BlockHeight) {
        let header = archive.header(height).unwrap();
        assert_eq!(engine.header(height).unwrap(), header);
        if height >= engine.horizon() {
            let block = archive.block(height).unwrap();
            assert_eq!(engine.block(height).unwrap(), block);
            let account = archive.account_at(height, &sender).unwrap();
            assert_eq!(engine.account_at(height, &sender).unwrap(), account);
            continue;
        }
        for error in [
            state_error(engine.block(height)),
            state_error(engine.receipts(height)),
            state_error(engine.account_at(height, &sender)),
            state_error(engine.rollback_to(height)),
        ] {
            assert!(matches!(error, StateError::Pruned { .. }), "{error}");
        }
        for receipt in archive.receipts(height).unwrap().unwrap() {
            assert_eq!(engine.transaction(&receipt.tx_id).unwrap(), None);
        }
    }
    assert!(engine.prune_step(10).unwrap().done);
    let kept = all_events(&archive).into_iter();
    let kept: Vec<_> = kept.filter(|found| found.position.height.0 >= 6).collect();
    let token = EventFilter::Emitter(Address::token_module());
    assert_eq!(paged(&engine, token, 50), kept);
}

#[test]
fn pages_that_are_asked_for_are_those_of_the_last_submitted_block() {
    let generator = generator(&workload(Distribution::Uniform, 75));
    let genesis = generator.genesis().clone();
    let storage = Arc::new(MemoryStorage::new());
    let engine = built(storage.clone(), &genesis, None);
    for generated in generator.take(3) {
        let parent = engine.executed_head().hash;
        let executed = engine
            .execute(&parent, &context(&generated), &generated.txs)
            .unwrap();
        drop(engine.submit(executed));
    }
    engine.write_pages().unwrap();
    assert_eq!(engine.durable_head().height, BlockHeight(3));
    let mark = storage.get(Space::Meta, b"pages").unwrap().unwrap();
    assert_eq!(mark[..8], 3_u64.to_le_bytes());
}
