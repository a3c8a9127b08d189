//! Earlier states: every key after every block, in memory and in a folder.

use std::{
    collections::BTreeMap,
    num::NonZeroU64,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use ordlane_primitives::{BlockHeight, RawKey};
use ordlane_state::{
    BlockMark, Change, EventFilter, MemoryStorage, Space, StateError, StateStore, Storage,
    StoreOptions, Visit, Witness, WriteBatch, hash_changes,
};
use proptest::{collection, option, prelude::*};

use crate::chain::{Chain, emitter, in_memory, open, positions};

fn states_are_those_of_the_chain(store: &StateStore, chain: &Chain) {
    for block in &chain.blocks {
        for key in 0..chain.keys {
            let key = key.to_be_bytes();
            let read = store.read_at(block.tip.height, &key).unwrap();
            let expected = block.values.get(&RawKey::from_bytes(key.to_vec()));
            assert_eq!(read.as_ref(), expected, "{:?} {key:?}", block.tip.height);
        }
    }
}

#[test]
fn every_key_is_read_as_it_was_after_every_block() {
    let storage = Arc::new(MemoryStorage::new());
    let mut chain = Chain::with_keys(60, 40);
    for _ in 0..3 {
        let store = open(storage.clone()).unwrap();
        for _ in 0..15 {
            store.commit(chain.next_block()).unwrap();
        }
        states_are_those_of_the_chain(&store, &chain);
    }
}

#[cfg(feature = "fjall")]
#[test]
fn a_folder_reads_every_key_as_it_was_after_every_block() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::with_keys(61, 40);
    for _ in 0..2 {
        let store = crate::folder::open_small(folder.path()).unwrap();
        for _ in 0..25 {
            store.commit(chain.next_block()).unwrap();
        }
        states_are_those_of_the_chain(&store, &chain);
        crate::chain::assert_equal(&store, &chain);
    }
}

#[test]
fn a_block_that_is_not_there_yet_has_no_state() {
    let store = in_memory();
    let error = store.read_at(BlockHeight(0), b"key").unwrap_err();
    assert!(
        matches!(error, StateError::AboveTip { tip: None, .. }),
        "{error}"
    );
    let mut chain = Chain::new(62);
    store.commit(chain.next_block()).unwrap();
    assert_eq!(store.read_at(BlockHeight(0), b"key").unwrap(), None);
    for height in [1, u64::MAX] {
        let error = store.read_at(BlockHeight(height), b"key").unwrap_err();
        assert!(matches!(error, StateError::AboveTip { .. }), "{error}");
        assert!(error.to_string().contains("the store ends at block 0"));
    }
}

/// Keys of which many begin others, and many have zeros and ones, which the encoding of keys uses.
fn keys() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0_u8), Just(1), Just(255), Just(7)];
    collection::vec(byte, 1..4)
}

/// The changes of a few blocks.
type Blocks = Vec<BTreeMap<Vec<u8>, Option<Vec<u8>>>>;

fn blocks() -> impl Strategy<Value = Blocks> {
    let value = option::of(collection::vec(any::<u8>(), 0..4));
    let block = collection::btree_map(keys(), value, 0..12);
    collection::vec(block, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_key_is_read_as_a_map_per_block_has_it(blocks in blocks()) {
        let store = in_memory();
        let mut template = Chain::new(63);
        let mut state = BTreeMap::<RawKey, Vec<u8>>::new();
        let mut states = Vec::new();
        for block in &blocks {
            let changes = block
                .iter()
                .map(|(key, new)| {
                    let key = RawKey::from_bytes(key.clone());
                    let old = state.get(&key).cloned();
                    Change { key, old, new: new.clone() }
                })
                .collect::<Vec<_>>();
            store.commit(template.block_of(changes)).unwrap();
            for (key, new) in block {
                let key = RawKey::from_bytes(key.clone());
                match new {
                    Some(new) => state.insert(key, new.clone()),
                    None => state.remove(&key),
                };
            }
            states.push(state.clone());
        }
        let mut all: Vec<Vec<u8>> = blocks.iter().flat_map(|block| block.keys().cloned()).collect();
        all.push(vec![0]);
        for (height, state) in (0..).map(BlockHeight).zip(&states) {
            for key in &all {
                let read = store.read_at(height, key).unwrap();
                let expected = state.get(&RawKey::from_bytes(key.clone()));
                prop_assert_eq!(read.as_ref(), expected, "block {}, key {:?}", height, key);
            }
            let leaves: Vec<Change> = state
                .iter()
                .map(|(key, value)| Change { key: key.clone(), old: None, new: Some(value.clone()) })
                .collect();
            let hasher = store.hasher().as_ref();
            let expected = ordlane_state::Tree::empty().update(&hash_changes(&leaves, hasher), hasher);
            prop_assert_eq!(store.tree_at(height).unwrap().root(), expected.unwrap().root());
        }
    }
}

#[test]
fn earlier_states_stay_what_they_are_while_blocks_are_committed() {
    let storages: Vec<Arc<dyn Storage>> = vec![Arc::new(MemoryStorage::new())];
    #[cfg(feature = "fjall")]
    let folder = tempfile::tempdir().unwrap();
    #[cfg(feature = "fjall")]
    let storages = {
        let mut storages = storages;
        storages.push(Arc::new(
            ordlane_state::FjallStorage::open(folder.path()).unwrap(),
        ));
        storages
    };
    for storage in storages {
        let store = open(storage).unwrap();
        let mut chain = Chain::with_keys(64, 20);
        for _ in 0..5 {
            store.commit(chain.next_block()).unwrap();
        }
        let before = chain.clone();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    states_are_those_of_the_chain(&store, &before);
                }
            });
            for _ in 0..100 {
                store.commit(chain.next_block()).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        states_are_those_of_the_chain(&store, &chain);
    }
}

/// A storage whose batches are written entry by entry, and which calls somebody after each.
#[derive(Default)]
struct Piecewise {
    below: MemoryStorage,
    probe: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl std::fmt::Debug for Piecewise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Piecewise")
    }
}

impl Storage for Piecewise {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.below.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.below.scan(space, from, visit)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        for entry in batch.into_entries() {
            let mut one = WriteBatch::new();
            one.extend([entry]);
            self.below.write(one)?;
            if let Some(probe) = &*self.probe.lock().unwrap() {
                probe();
            }
        }
        Ok(())
    }

    fn witness(&self) -> Result<Witness, StateError> {
        self.below.witness()
    }

    fn attest(&self, tip: &BlockMark) -> Result<(), StateError> {
        self.below.attest(tip)
    }
}

/// What anybody can ask about the blocks that were acknowledged.
fn told(store: &StateStore, chain: &Chain) {
    assert_eq!(store.tip(), chain.tip());
    let horizon = store.horizon();
    let mut kept = Vec::new();
    for block in &chain.blocks {
        let height = block.tip.height;
        if height < horizon {
            let error = store.read_at(height, &[0; 4]).unwrap_err();
            assert!(matches!(error, StateError::Pruned { .. }), "{error}");
            continue;
        }
        kept.push(height);
        let bytes = store.block_bytes(height).unwrap();
        assert_eq!(bytes.as_ref(), Some(&block.block_bytes));
        for key in 0..chain.keys {
            let key = key.to_be_bytes();
            let read = store.read_at(height, &key).unwrap();
            let expected = block.values.get(&RawKey::from_bytes(key.to_vec()));
            assert_eq!(read.as_ref(), expected, "block {height}, key {key:?}");
        }
    }
    for (id, position) in positions(&chain.blocks) {
        let expected = Some(position).filter(|(height, _)| kept.contains(height));
        assert_eq!(store.tx_position(&id).unwrap(), expected);
    }
    for number in 0..3 {
        let filter = EventFilter::Emitter(emitter(number));
        let found = store.event_positions(&filter, None, 1_000).unwrap();
        let expected = chain
            .blocks
            .iter()
            .filter(|block| kept.contains(&block.tip.height))
            .flat_map(|block| block.receipts.iter().flat_map(|receipt| &receipt.events))
            .filter(|event| event.emitter == emitter(number));
        assert_eq!(found.positions.len(), expected.count());
        assert_eq!(found.next, None);
    }
}

#[test]
fn a_reader_beside_a_commit_is_told_of_the_blocks_below_as_they_are() {
    for keep in [None, NonZeroU64::new(3)] {
        let storage = Arc::new(Piecewise::default());
        let options = keep.map_or_else(StoreOptions::default, StoreOptions::keeping);
        let hasher = Arc::new(ordlane_primitives::batch::Sequential);
        let store = StateStore::open_with(storage.clone(), hasher, options);
        let store = Arc::new(store.unwrap());
        let mut chain = Chain::with_keys(65, 12);
        for _ in 0..20 {
            let before = chain.clone();
            let block = chain.next_block();
            let reader = Arc::downgrade(&store);
            let probe = move || told(&reader.upgrade().unwrap(), &before);
            *storage.probe.lock().unwrap() = Some(Box::new(probe));
            store.commit(block).unwrap();
            told(&store, &chain);
        }
    }
}
