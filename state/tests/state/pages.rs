//! The tree's pages on their way to the storage and back: no writing, opening or forgetting of them changes a root.

use std::{error::Error as _, ops::ControlFlow, sync::Arc, thread, time::Duration};

use nomt_core::{hasher::Sha2Hasher, update::build_trie};
use ordlane_primitives::{BlockHeight, Hash, RawKey, batch::Sequential, hash::sha256, tree};
use ordlane_state::{
    Change, LeafChange, MemoryStorage, Space, StateError, StateStore, Storage, StoreOptions,
    WriteBatch,
};
use proptest::prelude::*;

use crate::{
    chain::{Chain, assert_equal},
    faulty::{Fault, Faulty},
};

fn paging(cache_bytes: usize, page_write_blocks: u64) -> StoreOptions {
    let mut options = StoreOptions::default();
    options.cache_bytes = cache_bytes;
    options.page_write_blocks = page_write_blocks;
    options
}

fn open(storage: &Arc<MemoryStorage>, options: StoreOptions) -> Result<StateStore, StateError> {
    StateStore::open_with(storage.clone(), Arc::new(Sequential), options)
}

fn nomt_root(chain: &Chain) -> Hash {
    let leaf = |(key, value): (&RawKey, &Vec<u8>)| {
        (tree::path_of(key.as_bytes()).0, tree::value_hash(value).0)
    };
    let mut leaves: Vec<_> = chain.values.iter().map(leaf).collect();
    leaves.sort_unstable();
    Hash(build_trie::<Sha2Hasher>(0, leaves, |_| {}))
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Commit,
    WritePages,
    Reopen,
    /// Undoes as many blocks and goes on with others.
    Fork(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Commit),
        2 => Just(Step::WritePages),
        2 => Just(Step::Reopen),
        1 => (1_usize..4).prop_map(Step::Fork),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn roots_are_those_of_nomt_however_pages_come_and_go(
        seed in any::<u64>(),
        keys in prop_oneof![1_u32..4, 20_u32..60, Just(2_000)],
        cache_bytes in prop_oneof![Just(0_usize), Just(5_000), Just(usize::MAX)],
        page_write_blocks in 1_u64..4,
        steps in steps(),
    ) {
        let options = paging(cache_bytes, page_write_blocks);
        let storage = Arc::new(MemoryStorage::new());
        let mut store = open(&storage, options).unwrap();
        let mut chain = Chain::with_keys(seed, keys);
        for step in steps {
            match step {
                Step::Commit => store.commit(chain.next_block()).unwrap(),
                Step::WritePages => store.write_pages().unwrap(),
                Step::Reopen => {
                    drop(store);
                    store = open(&storage, options).unwrap();
                }
                Step::Fork(undone) => {
                    let kept = chain.blocks.len().saturating_sub(undone);
                    if kept > 0 {
                        store.rollback_to(BlockHeight(kept as u64 - 1)).unwrap();
                        let mut fork = Chain::with_keys(seed, keys);
                        fork.blocks = chain.blocks[..kept].to_vec();
                        fork.values = fork.blocks[kept - 1].values.clone();
                        fork.tree = tree_of(&fork);
                        chain = fork.fork(seed ^ kept as u64);
                    }
                }
            }
            prop_assert_eq!(store.tree().root(), nomt_root(&chain));
        }
        if keys < 100 {
            assert_equal(&store, &chain);
        }
        drop(store);
        // The pages alone, and no pages at all.
        let root = open(&storage, options).unwrap().tree().root();
        prop_assert_eq!(root, nomt_root(&chain));
        let mut batch = WriteBatch::new();
        batch.remove(Space::Meta, *b"pages");
        storage.write(batch).unwrap();
        let root = open(&storage, options).unwrap().tree().root();
        prop_assert_eq!(root, nomt_root(&chain));
    }
}

fn tree_of(chain: &Chain) -> ordlane_state::Tree {
    let leaf = |(key, value): (&RawKey, &Vec<u8>)| {
        (tree::path_of(key.as_bytes()), tree::value_hash(value))
    };
    let leaves = chain.values.iter().map(leaf).collect();
    ordlane_state::Tree::from_leaves(leaves, &Sequential).unwrap()
}

/// A storage of one block that has set so many keys, and of its pages.
fn of_keys(count: u32) -> (Arc<MemoryStorage>, Chain) {
    let storage = Arc::new(MemoryStorage::new());
    let mut chain = Chain::with_keys(5, count);
    let changes = (0..count).map(|number| Change {
        key: RawKey::from_bytes(number.to_be_bytes().to_vec()),
        old: None,
        new: Some(vec![1]),
    });
    let block = chain.block_of(changes.collect());
    let store = open(&storage, paging(0, 1)).unwrap();
    store.commit(block).unwrap();
    store.write_pages().unwrap();
    (storage, chain)
}

#[test]
fn the_memory_of_pages_is_bounded_by_the_option() {
    const BUDGET: usize = 200_000;
    let (storage, chain) = of_keys(60_000);
    let bytes_after_reading_all = |cache_bytes| {
        let store = open(&storage, paging(cache_bytes, 1)).unwrap();
        let mut most = 0;
        for number in 0..chain.keys {
            store.prove(&number.to_be_bytes()).unwrap();
            if number % 1_000 == 0 {
                most = most.max(store.tree_bytes());
            }
        }
        most.max(store.tree_bytes())
    };
    let pinned = bytes_after_reading_all(0);
    let some = bytes_after_reading_all(BUDGET);
    let all = bytes_after_reading_all(usize::MAX);
    assert!(some <= pinned + BUDGET, "{pinned} {some}");
    assert!(all > pinned + 2 * BUDGET, "{pinned} {some} {all}");
}

/// All stored pages: key and bytes.
fn stored_pages(storage: &dyn Storage) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pages = Vec::new();
    storage
        .scan(Space::Page, &[], &mut |key, page| {
            pages.push((key.to_vec(), page.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    pages
}

fn put_page(storage: &dyn Storage, key: &[u8], page: Option<&[u8]>) {
    let mut batch = WriteBatch::new();
    match page {
        Some(page) => batch.put(Space::Page, key, page),
        None => batch.remove(Space::Page, key),
    }
    storage.write(batch).unwrap();
}

/// Proves every key; what is proven is right, and the errors are counted.
fn refused_proofs(storage: &Arc<MemoryStorage>, chain: &Chain) -> usize {
    let root = chain.tree.root();
    let store = match open(storage, paging(0, u64::MAX)) {
        Ok(store) => store,
        Err(StateError::Damaged { .. }) => return 1,
        Err(error) => unreachable!("{error}"),
    };
    assert_eq!(store.tree().root(), root);
    let mut refused = 0;
    for number in 0..chain.keys {
        let key = number.to_be_bytes();
        match store.prove(&key) {
            Ok(proven) => {
                let verified = proven.proof.verify(&root, &key, proven.value.as_deref());
                assert_eq!(verified, Ok(()), "key {number}");
            }
            Err(StateError::Damaged { .. }) => refused += 1,
            Err(error) => unreachable!("{error}"),
        }
    }
    refused
}

#[test]
fn a_page_of_which_any_byte_was_changed_is_refused() {
    let (storage, chain) = of_keys(120);
    assert_eq!(refused_proofs(&storage, &chain), 0);
    let pages = stored_pages(storage.as_ref());
    assert!(pages.len() > 3, "{} pages", pages.len());
    for (number, (key, page)) in pages.iter().enumerate() {
        // Each byte of one page, and some of the others.
        let step = if number == 1 { 1 } else { 1 + page.len() / 5 };
        for at in (0..page.len()).step_by(step) {
            let mut changed = page.clone();
            changed[at] ^= 1 << (at % 8);
            put_page(storage.as_ref(), key, Some(&changed));
            let refused = refused_proofs(&storage, &chain);
            assert!(refused > 0, "byte {at} of page {key:02x?}");
        }
        for changed in [&page[..page.len() - 1], &[&page[..], &[0]].concat()] {
            put_page(storage.as_ref(), key, Some(changed));
            assert!(refused_proofs(&storage, &chain) > 0, "{key:02x?}");
        }
        put_page(storage.as_ref(), key, None);
        assert!(refused_proofs(&storage, &chain) > 0, "{key:02x?}");
        put_page(storage.as_ref(), key, Some(page));
    }
    assert_eq!(refused_proofs(&storage, &chain), 0);
}

#[test]
fn a_block_over_a_changed_page_is_an_error_and_never_another_root() {
    let (storage, chain) = of_keys(120);
    let mut refused = 0;
    for (key, page) in stored_pages(storage.as_ref()) {
        let mut changed = page.clone();
        changed[page.len() / 2] ^= 4;
        put_page(storage.as_ref(), &key, Some(&changed));
        for seed in 0..4 {
            let mut fork = chain.fork(seed);
            let block = fork.next_block();
            let header_root = block.header.state_root;
            let Ok(store) = open(&storage, paging(0, u64::MAX)) else {
                refused += 1;
                continue;
            };
            let leaves = ordlane_state::hash_changes(&block.changes, &Sequential);
            match store.tree().update(&leaves, &Sequential) {
                Ok(tree) => assert_eq!(tree.root(), header_root),
                Err(StateError::Damaged { .. }) => refused += 1,
                Err(error) => unreachable!("{error}"),
            }
        }
        put_page(storage.as_ref(), &key, Some(&page));
    }
    assert!(refused > 4, "{refused} blocks were refused");
}

#[test]
fn a_tree_whose_sibling_was_committed_is_stale_and_says_so() {
    let storage = Arc::new(MemoryStorage::new());
    let store = open(&storage, paging(0, 1)).unwrap();
    let mut chain = Chain::with_keys(6, 40);
    for _ in 0..5 {
        store.commit(chain.next_block()).unwrap();
    }
    let change = |text: &[u8]| -> [LeafChange; 1] { [(sha256(text), Some(sha256(b"value")))] };
    let sibling = store
        .tree()
        .update(&change(b"sibling"), &Sequential)
        .unwrap();
    let nephew = sibling.update(&change(b"nephew"), &Sequential).unwrap();
    sibling.prove(&sha256(b"sibling")).unwrap();

    let mut block = chain.next_block();
    while block.changes.is_empty() {
        store.commit(block).unwrap();
        block = chain.next_block();
    }
    let leaves = ordlane_state::hash_changes(&block.changes, &Sequential);
    let child = store.tree().update(&leaves, &Sequential).unwrap();
    block.tree = Some(child.clone());
    store.commit(block).unwrap();
    for stale in [&sibling, &nephew] {
        let proof = stale.prove(&sha256(b"sibling"));
        assert!(matches!(proof, Err(StateError::StaleTree)));
        let update = stale.update(&change(b"more"), &Sequential);
        assert!(matches!(update, Err(StateError::StaleTree)));
    }
    child.update(&change(b"more"), &Sequential).unwrap();
    assert_equal(&store, &chain);
}

#[test]
fn why_pages_could_not_be_written_in_the_background_is_said_by_every_later_call() {
    let storage = Arc::new(Faulty::default());
    let store = StateStore::open_with(storage.clone(), Arc::new(Sequential), paging(0, 1)).unwrap();
    let mut chain = Chain::new(8);
    let changes = |old: Option<u8>, new| {
        let change = |key: &[u8]| Change {
            key: RawKey::from_bytes(key.to_vec()),
            old: old.map(|old| vec![old]),
            new: Some(vec![new]),
        };
        [b"key", b"yet"].map(|key| change(key)).to_vec()
    };
    store.commit(chain.block_of(changes(None, 1))).unwrap();
    // The block and its witness go well; what fails is the write after them, whose error nobody is there to hear.
    storage.set(Fault {
        after: 2,
        happens: false,
    });
    store.commit(chain.block_of(changes(Some(1), 2))).unwrap();
    for _ in 0..10_000 {
        if store.is_poisoned() {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert!(storage.repair());
    let committed = store.commit(chain.next_block());
    let written = store.write_pages();
    let read = store.read(b"key").map(drop);
    for refused in [committed, written, read] {
        let error = refused.unwrap_err();
        let cause = error.source().unwrap();
        assert_eq!(cause.to_string(), "could not write");
        assert_eq!(cause.source().unwrap().to_string(), "pulled the plug");
    }
}
