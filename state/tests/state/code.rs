//! The code of contracts: there under its hash with its block, and for ever.

use std::{num::NonZeroU64, sync::Arc};

use ordlane_primitives::{
    BlockHeight, ErrorCode, Hash, batch::Sequential, hash::code_hash, limits::MAX_CODE_BYTES,
};
use ordlane_state::{
    BlockCommit, Codes, MemoryStorage, Space, StateError, StateStore, Storage, StoreOptions,
    WriteBatch,
};

use crate::{
    chain::{Chain, assert_equal, codes, dump, in_memory, open},
    faulty::{Fault, Faulty},
};

fn with_codes(mut block: BlockCommit, of: impl IntoIterator<Item = Vec<u8>>) -> BlockCommit {
    block.codes = codes(of);
    block
}

/// Checks that a store has these codes.
fn assert_has(store: &StateStore, codes: &Codes) {
    for (hash, code) in codes {
        assert_eq!(store.code(hash).unwrap().as_deref(), Some(&**code));
    }
}

#[test]
fn a_code_is_read_by_its_hash_and_survives_reopening() {
    let storage = Arc::new(MemoryStorage::new());
    let mut chain = Chain::new(110).with_codes();
    let mut brought = Codes::new();
    for _ in 0..9 {
        let store = open(storage.clone()).unwrap();
        assert_has(&store, &brought);
        let block = chain.next_block();
        brought.extend(block.codes.clone());
        store.commit(block).unwrap();
        assert_has(&store, &brought);
        assert_equal(&store, &chain);
    }
    assert!(brought.len() > 9);
    let store = open(storage).unwrap();
    for hash in [Hash::ZERO, code_hash(b"no code of theirs")] {
        assert_eq!(store.code(&hash).unwrap(), None);
    }
}

#[test]
fn an_empty_code_and_the_largest_one_are_codes() {
    let (store, mut chain) = (in_memory(), Chain::new(111));
    let block = with_codes(chain.next_block(), [vec![], vec![7; MAX_CODE_BYTES]]);
    let brought = block.codes.clone();
    store.commit(block).unwrap();
    assert_has(&store, &brought);
}

#[test]
fn a_block_whose_codes_are_not_what_they_say_writes_nothing() {
    let storage = Arc::new(MemoryStorage::new());
    let store = open(storage.clone()).unwrap();
    let mut chain = Chain::new(112);
    store.commit(chain.next_block()).unwrap();
    let before = dump(storage.as_ref());
    let block = with_codes(chain.next_block(), [b"a".to_vec(), b"b".to_vec()]);
    let refused = |codes: Codes| {
        let wrong = BlockCommit {
            codes,
            ..block.clone()
        };
        let refused = store.commit(wrong).unwrap_err();
        assert_eq!(dump(storage.as_ref()), before, "{refused}");
        refused
    };
    let [first, second] = [0, 1].map(|at: usize| block.codes[at].clone());
    for unsorted in [[second, first.clone()], [first.clone(), first.clone()]] {
        let error = refused(unsorted.to_vec());
        assert!(matches!(error, StateError::UnsortedCodes { .. }), "{error}");
    }
    let error = refused(vec![(first.0, b"another".as_slice().into())]);
    let right = matches!(error, StateError::WrongCode { expected, actual }
        if expected == first.0 && actual == code_hash(b"another"));
    assert!(right, "{error}");
    let error = refused(codes([vec![7; MAX_CODE_BYTES + 1]]));
    assert!(matches!(error, StateError::BlockSize { .. }), "{error}");
    store.commit(block.clone()).unwrap();
    assert_has(&store, &block.codes);
}

#[test]
fn codes_are_there_with_their_whole_block_or_not_at_all() {
    for fault in Fault::each(3) {
        let storage = Arc::new(Faulty::default());
        let mut chain = Chain::new(113);
        let store = open(storage.clone()).unwrap();
        store.commit(chain.next_block()).unwrap();
        let block = with_codes(chain.next_block(), [b"code".to_vec()]);
        let brought = block.codes.clone();
        storage.set(fault);
        let _ = store.commit(block);
        storage.repair();
        drop(store);
        let store = open(storage).unwrap();
        let has_block = store.tip().unwrap().height == BlockHeight(1);
        let has_code = store.code(&brought[0].0).unwrap().is_some();
        assert_eq!(has_code, has_block, "{fault:?}");
    }
}

#[test]
fn a_damaged_code_is_refused_when_it_is_read_and_right_again_when_a_block_brings_it() {
    let storage = Arc::new(MemoryStorage::new());
    let store = open(storage.clone()).unwrap();
    let mut chain = Chain::new(114);
    let block = with_codes(chain.next_block(), [b"code".to_vec()]);
    let brought = block.codes.clone();
    store.commit(block).unwrap();
    let hash = brought[0].0;
    for damaged in [&b"codf"[..], b"cod", b""] {
        let mut batch = WriteBatch::new();
        batch.put(Space::Code, hash.0, damaged);
        storage.write(batch).unwrap();
        let error = store.code(&hash).unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{error}");
        assert_eq!(error.code(), ErrorCode::StorageCorruption);
        assert!(error.to_string().contains(&hash.to_string()), "{error}");
    }
    store
        .commit(with_codes(chain.next_block(), [b"code".to_vec()]))
        .unwrap();
    assert_has(&store, &brought);
}

/// All that a storage holds but codes.
fn dump_without_codes(storage: &dyn Storage) -> impl PartialEq + std::fmt::Debug {
    let mut dump = dump(storage);
    dump.remove(&Space::Code);
    dump
}

#[test]
fn a_rollback_leaves_of_undone_blocks_their_codes_and_nothing_else() {
    let storage = Arc::new(MemoryStorage::new());
    let store = open(storage.clone()).unwrap();
    let mut chain = Chain::with_keys(115, 30).with_codes();
    let blocks: Vec<_> = (0..12).map(|_| chain.next_block()).collect();
    for block in &blocks {
        store.commit(block.clone()).unwrap();
    }
    let all = dump(storage.as_ref())[&Space::Code].clone();
    store.rollback_to(BlockHeight(4)).unwrap();
    let never = Arc::new(MemoryStorage::new());
    let other = open(never.clone()).unwrap();
    for block in &blocks[..5] {
        other.commit(block.clone()).unwrap();
    }
    assert_eq!(
        dump_without_codes(storage.as_ref()),
        dump_without_codes(never.as_ref())
    );
    assert!(dump(never.as_ref())[&Space::Code].len() < all.len());
    let again = || {
        assert_eq!(dump(storage.as_ref())[&Space::Code], all);
        for block in &blocks {
            assert_has(&store, &block.codes);
        }
    };
    again();
    store.reorg(BlockHeight(2), blocks[3..7].to_vec()).unwrap();
    again();
    for block in &blocks[7..] {
        store.commit(block.clone()).unwrap();
    }
    again();
    assert_equal(&store, &chain);
}

#[test]
fn a_reorganisation_to_blocks_with_wrong_codes_undoes_nothing() {
    let storage = Arc::new(MemoryStorage::new());
    let store = open(storage.clone()).unwrap();
    let mut chain = Chain::new(116).with_codes();
    let blocks: Vec<_> = (0..4).map(|_| chain.next_block()).collect();
    for block in &blocks {
        store.commit(block.clone()).unwrap();
    }
    let before = dump(storage.as_ref());
    let mut wrong = blocks[2..].to_vec();
    wrong[1].codes = vec![(Hash::ZERO, b"code".as_slice().into())];
    let error = store.reorg(BlockHeight(1), wrong).unwrap_err();
    assert!(matches!(error, StateError::WrongCode { .. }), "{error}");
    assert_eq!(dump(storage.as_ref()), before);
}

#[test]
fn pruning_keeps_every_code() {
    let storage = Arc::new(MemoryStorage::new());
    let options = StoreOptions::keeping(NonZeroU64::new(2).unwrap());
    let store = StateStore::open_with(storage, Arc::new(Sequential), options).unwrap();
    let mut chain = Chain::new(117).with_codes();
    let mut brought = Codes::new();
    for _ in 0..12 {
        let block = chain.next_block();
        brought.extend(block.codes.clone());
        store.commit(block).unwrap();
    }
    store.write_pages().unwrap();
    while !store.prune_step(100).unwrap().done {}
    assert_eq!(store.horizon(), BlockHeight(10));
    assert_has(&store, &brought);
}

#[test]
fn codes_are_counted() {
    let storage = Arc::new(MemoryStorage::new());
    let (store, mut chain) = (open(storage.clone()).unwrap(), Chain::new(118));
    for of in [[&b"a"[..], b"four"], [b"a", b"seventeen"]] {
        let block = with_codes(chain.next_block(), of.map(<[u8]>::to_vec));
        store.commit(block).unwrap();
    }
    let stats = StateStore::stats(storage.as_ref()).unwrap();
    let of_code = |stats: &&ordlane_state::SpaceStats| stats.space == Space::Code;
    let stats = stats.spaces.iter().find(of_code).unwrap();
    assert_eq!((stats.entries, stats.key_bytes), (3, 3 * 32));
    assert_eq!(stats.value_bytes, 1 + 4 + 9);
}

#[cfg(feature = "fjall")]
#[test]
fn a_folder_has_every_code_after_it_was_opened_again() {
    use crate::folder::open_small;

    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(119).with_codes();
    let mut brought = Codes::new();
    for round in 1..=3 {
        let store = open_small(folder.path()).unwrap();
        assert_has(&store, &brought);
        for _ in 0..6 {
            let block = chain.next_block();
            brought.extend(block.codes.clone());
            store.commit(block).unwrap();
        }
        assert_has(&store, &brought);
        assert_equal(&store, &chain);
        let below = chain.clone();
        let block = chain.next_block();
        brought.extend(block.codes.clone());
        store.commit(block).unwrap();
        store.rollback_to(below.tip().unwrap().height).unwrap();
        assert_has(&store, &brought);
        chain = below.fork(round);
    }
}
