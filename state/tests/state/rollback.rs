//! Blocks that are undone: nothing of them is left, and a crash never takes more than what was to go.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ordlane_primitives::{BlockHeight, RawKey};
use ordlane_state::{MemoryStorage, StateError, StateStore, Storage, Witness};

use crate::{
    chain::{Chain, assert_equal, dump, open},
    faulty::{Fault, Faulty},
};

/// A store of as many blocks of a chain.
fn grown(storage: Arc<dyn Storage>, seed: u64, blocks: usize) -> (StateStore, Chain) {
    let store = open(storage).unwrap();
    let mut chain = Chain::with_keys(seed, 30);
    for _ in 0..blocks {
        store.commit(chain.next_block()).unwrap();
    }
    (store, chain)
}

/// The chain as it was after as many blocks.
fn prefix(seed: u64, blocks: usize) -> Chain {
    let mut chain = Chain::with_keys(seed, 30);
    for _ in 0..blocks {
        chain.next_block();
    }
    chain
}

#[test]
fn a_store_that_was_rolled_back_never_had_the_undone_blocks() {
    for blocks in 1..=12 {
        let storage = Arc::new(MemoryStorage::new());
        let (store, _) = grown(storage.clone(), 70, 12);
        store.rollback_to(BlockHeight(blocks as u64 - 1)).unwrap();
        let never = Arc::new(MemoryStorage::new());
        let (_, mut chain) = grown(never.clone(), 70, blocks);
        assert_equal(&store, &chain);
        assert_eq!(dump(storage.as_ref()), dump(never.as_ref()));
        let mut fork = chain.fork(7);
        for chain in [&mut fork, &mut chain] {
            store.commit(chain.next_block()).unwrap();
            assert_equal(&store, chain);
            store.rollback_to(BlockHeight(blocks as u64 - 1)).unwrap();
        }
        assert_eq!(dump(storage.as_ref()), dump(never.as_ref()));
        assert_equal(&open(storage).unwrap(), &prefix(70, blocks));
    }
}

#[test]
fn a_reorganised_store_is_that_of_the_other_chain() {
    let storage = Arc::new(MemoryStorage::new());
    let (store, _) = grown(storage.clone(), 71, 10);
    let mut other = prefix(71, 6).fork(8);
    let tree = store.tree_at(BlockHeight(5)).unwrap();
    assert_eq!(tree.root(), other.tree.root());
    let blocks: Vec<_> = (0..7).map(|_| other.next_block()).collect();
    let before = dump(storage.as_ref());

    let mut gap = blocks.clone();
    gap.remove(2);
    assert!(store.reorg(BlockHeight(5), gap).is_err());
    let misplaced = store.reorg(BlockHeight(4), blocks.clone());
    assert!(matches!(misplaced, Err(StateError::WrongHeight { .. })));
    let unknown = store.reorg(BlockHeight(10), Vec::new());
    assert!(matches!(unknown, Err(StateError::AboveTip { .. })));
    assert_eq!(dump(storage.as_ref()), before);

    store.reorg(BlockHeight(5), blocks).unwrap();
    assert_equal(&store, &other);
    let never = Arc::new(MemoryStorage::new());
    let straight = open(never.clone()).unwrap();
    let mut chain = prefix(71, 0);
    for _ in 0..6 {
        straight.commit(chain.next_block()).unwrap();
    }
    let mut other = chain.fork(8);
    for _ in 0..7 {
        straight.commit(other.next_block()).unwrap();
    }
    assert_eq!(dump(storage.as_ref()), dump(never.as_ref()));
}

/// A process is killed at every write of a rollback from block 7 to block 3, before and after it happened.
#[test]
fn an_interrupted_rollback_leaves_a_whole_block_and_no_loss() {
    const SEED: u64 = 72;
    let mut seen = Vec::new();
    // The announcement, a write for each of four blocks, the attestation, the pages.
    for fault in Fault::each(7) {
        let storage = Arc::new(Faulty::default());
        let (store, _) = grown(storage.clone(), SEED, 8);
        storage.set(fault);
        let outcome = store.rollback_to(BlockHeight(3));
        assert_eq!(outcome.is_err(), storage.repair(), "{fault:?}");
        if outcome.is_err() {
            assert!(matches!(
                store.read(b"key"),
                Err(StateError::Poisoned { .. })
            ));
        }
        drop(store);

        let store = open(storage.clone()).unwrap();
        let tip = store.tip().unwrap();
        assert!((3..=7).contains(&tip.height.0), "{fault:?}");
        seen.push(tip.height.0);
        let mut chain = prefix(SEED, usize::try_from(tip.height.0).unwrap() + 1);
        assert_equal(&store, &chain);
        assert_eq!(
            storage.witness().unwrap(),
            Witness::Certain(Some(tip.mark())),
            "{fault:?}"
        );
        let never = Arc::new(MemoryStorage::new());
        drop(grown(never.clone(), SEED, chain.blocks.len()));
        assert_eq!(dump(storage.as_ref()), dump(never.as_ref()));
        store.commit(chain.next_block()).unwrap();
        assert_equal(&open(storage).unwrap(), &chain);
    }
    assert_eq!(seen, [7, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 3, 3, 3]);
}

#[test]
fn what_is_lost_after_a_rollback_is_still_noticed() {
    let storage = Arc::new(Faulty::default());
    let (store, _) = grown(storage.clone(), 73, 6);
    store.rollback_to(BlockHeight(3)).unwrap();
    let mut chain = prefix(73, 4);
    let shorter = Arc::new(Faulty::default());
    drop(grown(shorter.clone(), 73, 4));
    for _ in 0..2 {
        store.commit(chain.next_block()).unwrap();
    }
    shorter.set_witness(storage.witness().unwrap());
    let error = open(shorter.clone()).unwrap_err();
    assert!(matches!(error, StateError::LostBlocks { .. }), "{error}");

    // While blocks above block 4 are undone, block 4 must be there.
    let marks = |height: usize| chain.blocks[height].tip.mark();
    shorter.set_witness(Witness::RollingBack {
        from: marks(5),
        to: marks(4),
    });
    let error = open(shorter.clone()).unwrap_err();
    assert!(matches!(error, StateError::LostBlocks { .. }), "{error}");
    shorter.set_witness(Witness::RollingBack {
        from: marks(2),
        to: marks(1),
    });
    let error = open(shorter).unwrap_err();
    assert!(matches!(error, StateError::Damaged { .. }), "{error}");
}

#[test]
fn nothing_is_undone_when_there_is_nothing_above_or_no_such_block() {
    let storage = Arc::new(MemoryStorage::new());
    let store = open(storage.clone()).unwrap();
    let none = store.rollback_to(BlockHeight(0));
    assert!(matches!(none, Err(StateError::AboveTip { tip: None, .. })));
    drop(store);
    let (store, chain) = grown(storage.clone(), 74, 4);
    let before = dump(storage.as_ref());
    store.rollback_to(BlockHeight(3)).unwrap();
    assert!(store.rollback_to(BlockHeight(4)).is_err());
    assert_eq!(dump(storage.as_ref()), before);
    assert_equal(&store, &chain);
}

#[test]
fn earlier_states_stay_what_they_are_while_blocks_are_undone() {
    let (store, before) = grown(Arc::new(MemoryStorage::new()), 77, 6);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for block in &before.blocks {
                        let height = block.tip.height;
                        for key in 0..before.keys {
                            let key = key.to_be_bytes();
                            let read = store.read_at(height, &key).unwrap();
                            let expected = block.values.get(&RawKey::from_bytes(key.to_vec()));
                            assert_eq!(read.as_ref(), expected, "{height} {key:?}");
                        }
                        let bytes = store.block_bytes(height).unwrap();
                        assert_eq!(bytes.as_ref(), Some(&block.block_bytes));
                        assert!(store.block_bytes(BlockHeight(7)).is_ok());
                    }
                }
            });
        }
        for seed in 0..150 {
            let mut chain = before.fork(seed);
            for _ in 0..3 {
                store.commit(chain.next_block()).unwrap();
            }
            store.rollback_to(BlockHeight(5)).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_equal(&store, &before);
}

/// A reverse diff that does not lead to the root below is refused before anything is undone.
#[test]
fn a_wrong_reverse_diff_undoes_nothing() {
    use ordlane_primitives::codec::encode;
    use ordlane_state::{ReverseDiff, Space, WriteBatch};

    let storage = Arc::new(MemoryStorage::new());
    let (store, mut chain) = grown(storage.clone(), 75, 6);
    while chain.blocks.last().unwrap().diff.entries().is_empty() {
        store.commit(chain.next_block()).unwrap();
    }
    let tip = chain.tip().unwrap().height;
    let mut batch = WriteBatch::new();
    batch.put(
        Space::Rev,
        tip.0.to_be_bytes(),
        encode(&ReverseDiff::default()),
    );
    storage.write(batch).unwrap();
    let before = dump(storage.as_ref());
    let below = BlockHeight(tip.0 - 1);
    assert!(matches!(
        store.tree_at(below),
        Err(StateError::Damaged { .. })
    ));
    let error = store.rollback_to(below).unwrap_err();
    assert!(matches!(error, StateError::Damaged { .. }), "{error}");
    assert_eq!(dump(storage.as_ref()), before);
}

#[cfg(feature = "fjall")]
#[test]
fn a_folder_tells_an_announced_rollback_from_a_loss() {
    use std::fs;

    use crate::folder::{files, open_folder};
    use ordlane_state::FjallStorage;

    let folder = tempfile::tempdir().unwrap();
    let storage = Arc::new(FjallStorage::open(folder.path()).unwrap());
    let (store, chain) = grown(storage.clone(), 76, 8);
    let marks = |height: usize| chain.blocks[height].tip.mark();
    storage.begin_rollback(&marks(7), &marks(3)).unwrap();
    drop((store, storage));
    let path = |name: &str| folder.path().join(name);
    let announced = fs::read(path("ROLLBACK")).unwrap();
    let witness = fs::read(path("WITNESS")).unwrap();

    // Nothing was undone yet: the store opens as it was, and the announcement is gone.
    let store = open_folder(folder.path()).unwrap();
    assert_equal(&store, &chain);
    assert!(!path("ROLLBACK").exists());
    store.rollback_to(BlockHeight(5)).unwrap();
    assert!(!path("ROLLBACK").exists());
    drop(store);
    assert_equal(&open_folder(folder.path()).unwrap(), &prefix(76, 6));

    // As if the process had been killed after two of four blocks.
    fs::write(path("WITNESS"), &witness).unwrap();
    let error = open_folder(folder.path()).unwrap_err();
    assert!(matches!(error, StateError::LostBlocks { .. }), "{error}");
    fs::write(path("ROLLBACK"), &announced[..60]).unwrap();
    let before = files(folder.path());
    let error = open_folder(folder.path()).unwrap_err();
    assert!(matches!(error, StateError::Damaged { .. }), "{error}");
    assert_eq!(files(folder.path()).len(), before.len());
    fs::write(path("ROLLBACK"), &announced).unwrap();
    assert_equal(&open_folder(folder.path()).unwrap(), &prefix(76, 6));
    assert!(!path("ROLLBACK").exists());
    assert_equal(&open_folder(folder.path()).unwrap(), &prefix(76, 6));
}
