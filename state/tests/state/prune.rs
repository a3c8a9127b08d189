//! Blocks that are not kept: what goes, what stays, and that nobody is ever shown half of it.

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc};

use ordlane_primitives::{BlockHeight, RawKey, batch::Sequential};
use ordlane_state::{
    EventFilter, EventPosition, MemoryStorage, Space, StateError, StateStore, Storage, StoreOptions,
};

use crate::{
    chain::{Chain, dump, emitter, open, positions},
    faulty::{Fault, Faulty},
};

fn keeping(storage: Arc<dyn Storage>, blocks: u64) -> StateStore {
    let options = StoreOptions::keeping(NonZeroU64::new(blocks).unwrap());
    StateStore::open_with(storage, Arc::new(Sequential), options).unwrap()
}

fn is_pruned<T: std::fmt::Debug>(outcome: Result<T, StateError>) -> bool {
    matches!(outcome, Err(StateError::Pruned { .. }))
}

/// Checks that all is told from a horizon on, that all below is refused, and that headers are there for ever.
fn kept_from(store: &StateStore, chain: &Chain, horizon: u64) {
    assert_eq!(store.horizon(), BlockHeight(horizon));
    assert_eq!(store.tip(), chain.tip());
    let where_is = positions(&chain.blocks);
    for block in &chain.blocks {
        let height = block.tip.height;
        let header = store.header(height).unwrap().unwrap();
        assert_eq!(header.hash(), block.tip.block_hash);
        assert_eq!(store.height_of(&header.hash()).unwrap(), Some(height));
        if height.0 < horizon {
            assert!(is_pruned(store.block_bytes(height)), "{height}");
            assert!(is_pruned(store.receipts_bytes(height)), "{height}");
            assert!(is_pruned(store.reverse_diff(height)), "{height}");
            assert!(is_pruned(store.rollback_to(height)), "{height}");
            assert!(is_pruned(store.read_at(height, &[0; 4])), "{height}");
        } else {
            let bytes = store.block_bytes(height).unwrap();
            assert_eq!(bytes.as_ref(), Some(&block.block_bytes));
            for key in 0..chain.keys {
                let key = key.to_be_bytes();
                let read = store.read_at(height, &key).unwrap();
                let expected = block.values.get(&RawKey::from_bytes(key.to_vec()));
                assert_eq!(read.as_ref(), expected, "{height} {key:?}");
            }
        }
    }
    for (id, expected) in where_is {
        let expected = Some(expected).filter(|(height, _)| height.0 >= horizon);
        assert_eq!(store.tx_position(&id).unwrap(), expected);
    }
}

/// Checks that of blocks below a horizon there are headers and nothing else.
fn nothing_below(storage: &dyn Storage, chain: &Chain, horizon: u64) {
    let all = dump(storage);
    let height_at = |key: &[u8], at: usize| u64::from_be_bytes(key[at..at + 8].try_into().unwrap());
    for space in [Space::Rev, Space::Receipts] {
        assert!(all[&space].keys().all(|key| height_at(key, 0) >= horizon));
    }
    let versions = &all[&Space::Hist];
    assert!(
        versions
            .keys()
            .all(|key| height_at(key, key.len() - 8) >= horizon)
    );
    assert!(
        all[&Space::TxIndex]
            .keys()
            .all(|key| !height_at(key, 32) >= horizon)
    );
    assert!(
        all[&Space::EventIndex]
            .keys()
            .all(|key| height_at(key, 33) >= horizon)
    );
    for (block, bytes) in chain.blocks.iter().zip(all[&Space::Block].values()) {
        let whole = block.tip.height.0 >= horizon;
        assert_eq!(*bytes == block.block_bytes, whole, "{}", block.tip.height);
    }
}

#[test]
fn commits_keep_as_many_blocks_as_are_to_be_kept() {
    for keep in [1, 2, 7] {
        let storage = Arc::new(MemoryStorage::new());
        let mut chain = Chain::with_keys(80, 20);
        for _ in 0..3 {
            let store = keeping(storage.clone(), keep);
            for _ in 0..7 {
                store.commit(chain.next_block()).unwrap();
                let horizon = (chain.blocks.len() as u64).saturating_sub(keep);
                kept_from(&store, &chain, horizon);
                nothing_below(storage.as_ref(), &chain, horizon);
            }
        }
    }
}

#[test]
fn an_archive_that_keeps_fewer_blocks_catches_up_in_bounded_steps() {
    for limit in [1, 3, 50, 10_000] {
        let storage = Arc::new(MemoryStorage::new());
        let archive = open(storage.clone()).unwrap();
        let mut chain = Chain::with_keys(81, 20);
        for _ in 0..20 {
            archive.commit(chain.next_block()).unwrap();
        }
        let nothing = archive.prune_step(limit).unwrap();
        assert!(nothing.done && nothing.entries == 0);
        drop(archive);
        let store = keeping(storage.clone(), 5);
        kept_from(&store, &chain, 0);
        loop {
            let before = entries(storage.as_ref());
            let pruned = store.prune_step(limit).unwrap();
            let gone = before - entries(storage.as_ref());
            assert_eq!(gone, pruned.entries);
            assert!((1..=limit + 2).contains(&pruned.entries), "{pruned:?}");
            kept_from(&store, &chain, 15);
            if pruned.done {
                break;
            }
        }
        nothing_below(storage.as_ref(), &chain, 15);
        assert!(store.prune_step(limit).unwrap().done);
    }
}

fn entries(storage: &dyn Storage) -> usize {
    let counted = dump(storage).into_iter();
    counted
        .filter(|(space, _)| *space != Space::Meta)
        .map(|(_, entries): (_, BTreeMap<_, _>)| entries.len())
        .sum()
}

/// A process is killed at every write of a pruning; the next one goes on, and what is told is never wrong.
#[test]
fn an_interrupted_pruning_goes_on_where_it_was() {
    let build = || {
        let storage = Arc::new(Faulty::default());
        let archive = open(storage.clone()).unwrap();
        let mut chain = Chain::with_keys(82, 12);
        for _ in 0..7 {
            archive.commit(chain.next_block()).unwrap();
        }
        (storage, chain)
    };
    let prune = |store: &StateStore| -> Result<i64, StateError> {
        let mut steps = 1;
        while !store.prune_step(7)?.done {
            steps += 1;
        }
        Ok(steps)
    };
    let (whole, chain) = build();
    let steps = prune(&keeping(whole.clone(), 3)).unwrap();
    assert!(steps > 4, "{steps} steps");
    nothing_below(whole.as_ref(), &chain, 4);
    for fault in Fault::each(steps) {
        let (storage, chain) = build();
        let store = keeping(storage.clone(), 3);
        storage.set(fault);
        prune(&store).unwrap_err();
        assert!(storage.repair());
        drop(store);
        // Kept as an archive from here on: what was begun is ended, nothing more goes.
        let store = open(storage.clone()).unwrap();
        let horizon = store.horizon().0;
        assert_eq!(
            horizon,
            if fault.after == 0 && !fault.happens {
                0
            } else {
                4
            }
        );
        kept_from(&store, &chain, horizon);
        prune(&store).unwrap();
        drop(store);
        let store = keeping(storage.clone(), 3);
        prune(&store).unwrap();
        kept_from(&store, &chain, 4);
        assert_eq!(dump(storage.as_ref()), dump(whole.as_ref()), "{fault:?}");
    }
}

#[test]
fn a_failed_commit_that_prunes_loses_nothing_that_is_kept() {
    for happens in [false, true] {
        let storage = Arc::new(Faulty::default());
        let store = keeping(storage.clone(), 2);
        let mut chain = Chain::with_keys(83, 20);
        for _ in 0..6 {
            store.commit(chain.next_block()).unwrap();
        }
        let before = chain.clone();
        storage.set(Fault { after: 0, happens });
        store.commit(chain.next_block()).unwrap_err();
        assert!(storage.repair());
        drop(store);
        let (chain, horizon) = if happens { (chain, 5) } else { (before, 4) };
        let store = keeping(storage.clone(), 2);
        kept_from(&store, &chain, horizon);
        nothing_below(storage.as_ref(), &chain, horizon);
    }
}

#[test]
fn a_pruned_store_can_be_rolled_back_to_its_horizon_and_goes_on() {
    let storage = Arc::new(MemoryStorage::new());
    let store = keeping(storage.clone(), 4);
    let mut chain = Chain::with_keys(84, 20);
    let mut at_horizon = None;
    for height in 0..12 {
        store.commit(chain.next_block()).unwrap();
        if height == 8 {
            at_horizon = Some(chain.clone());
        }
    }
    let mut chain = at_horizon.unwrap();
    store.rollback_to(BlockHeight(8)).unwrap();
    kept_from(&store, &chain, 8);
    for _ in 0..6 {
        store.commit(chain.next_block()).unwrap();
    }
    kept_from(&store, &chain, 11);
    // The rollback has written the pages of block 8, so opening needs what later blocks changed.
    let needed = dump(storage.as_ref())[&Space::Rev].len();
    assert_eq!(needed, 6, "blocks 9 to 14");
    store.write_pages().unwrap();
    assert!(store.prune_step(10_000).unwrap().done);
    nothing_below(storage.as_ref(), &chain, 11);
    kept_from(&keeping(storage, 4), &chain, 11);
}

#[test]
fn events_of_pruned_blocks_are_refused_and_not_left_out() {
    let store = keeping(Arc::new(MemoryStorage::new()), 3);
    let mut chain = Chain::with_keys(85, 20);
    for _ in 0..20 {
        store.commit(chain.next_block()).unwrap();
    }
    let filter = EventFilter::Emitter(emitter(1));
    let from = |height| Some(EventPosition::start_of(BlockHeight(height)));
    assert!(is_pruned(store.event_positions(&filter, from(16), 10)));
    let kept = store.event_positions(&filter, from(17), 1_000).unwrap();
    assert_eq!(store.event_positions(&filter, None, 1_000).unwrap(), kept);
}

#[test]
fn marks_of_pruning_that_cannot_be_are_damage() {
    let chain = Chain::with_keys(86, 20);
    for (horizon, pruned) in [(9_u64, 0_u64), (2, 3)] {
        let storage = Arc::new(MemoryStorage::new());
        let store = open(storage.clone()).unwrap();
        let mut chain = chain.clone();
        for _ in 0..5 {
            store.commit(chain.next_block()).unwrap();
        }
        let mut batch = ordlane_state::WriteBatch::new();
        batch.put(Space::Meta, *b"horizon", horizon.to_be_bytes());
        batch.put(Space::Meta, *b"pruned", pruned.to_be_bytes());
        storage.write(batch).unwrap();
        let error = open(storage).unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{error}");
    }
}
