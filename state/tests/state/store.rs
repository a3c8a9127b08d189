//! What a store promises, over the storage in memory.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crate::chain::{Chain, assert_equal, in_memory, open};
use ordlane_primitives::{BlockHeight, ErrorCode, Hash, RawKey, batch::Sequential, hash::sha256};
use ordlane_state::{
    BlockMark, FORMAT_VERSION, MemoryStorage, Space, StateError, Storage, Tree, Visit, Witness,
    WriteBatch,
};

#[test]
fn a_new_store_is_empty() {
    let store = in_memory();
    assert_eq!(store.tip(), None);
    assert_eq!(store.tree().root(), Tree::empty().root());
    assert_equal(&store, &Chain::new(0));
}

#[test]
fn what_is_committed_is_read_and_proven_and_survives_reopening() {
    let storage = Arc::new(MemoryStorage::new());
    let mut chain = Chain::new(1);
    for _ in 0..5 {
        let store = open(storage.clone()).unwrap();
        assert_equal(&store, &chain);
        for _ in 0..12 {
            store.commit(chain.next_block()).unwrap();
            assert_equal(&store, &chain);
        }
        assert_eq!(store.tree().root(), chain.tree.root());
    }
}

#[test]
fn either_of_two_blocks_on_one_parent_can_be_committed() {
    let base = Chain::grown(2, 10);
    let (mut one, mut other) = (base.clone(), base.fork(22));
    let (block, rival) = (one.next_block(), other.next_block());
    assert_ne!(block.header.hash(), rival.header.hash());
    for (taken, refused, after) in [
        (block.clone(), rival.clone(), &one),
        (rival.clone(), block.clone(), &other),
    ] {
        let store = in_memory();
        let mut chain = Chain::new(2);
        for _ in 0..10 {
            store.commit(chain.next_block()).unwrap();
        }
        store.commit(taken).unwrap();
        assert!(matches!(
            store.commit(refused),
            Err(StateError::WrongHeight { .. })
        ));
        assert_equal(&store, after);
    }
}

#[test]
fn reverse_diffs_lead_back_to_every_earlier_state() {
    let store = in_memory();
    let mut chain = Chain::new(3);
    for _ in 0..40 {
        store.commit(chain.next_block()).unwrap();
    }
    let mut state = chain.values.clone();
    for block in chain.blocks.iter().rev() {
        assert_eq!(state, block.values);
        let diff = store.reverse_diff(block.tip.height).unwrap().unwrap();
        diff.apply(&mut state);
    }
    assert_eq!(state, BTreeMap::new());
}

#[test]
fn blocks_that_do_not_fit_are_refused_and_change_nothing() {
    let store = in_memory();
    let mut chain = Chain::new(4);
    for _ in 0..3 {
        store.commit(chain.next_block()).unwrap();
    }
    let (mut before, mut good) = (chain.clone(), chain.next_block());
    while good.changes.len() < 2 {
        store.commit(good).unwrap();
        (before, good) = (chain.clone(), chain.next_block());
    }
    let mut bad = Vec::new();
    for height in [0, 2, good.header.number.0 + 1] {
        let mut block = good.clone();
        block.header.number = BlockHeight(height);
        bad.push((block, "WrongHeight"));
    }
    let mut block = good.clone();
    block.header.parent_hash = sha256(b"another");
    bad.push((block, "WrongParent"));
    let mut block = good.clone();
    block.tree = Some(store.tree());
    bad.push((block, "WrongRoot"));
    let mut block = good.clone();
    block.block_bytes[5] ^= 1;
    bad.push((block, "WrongBlockBytes"));
    let mut block = good.clone();
    block.block_bytes.truncate(20);
    bad.push((block, "WrongBlockBytes"));
    let mut block = good.clone();
    block.changes.reverse();
    bad.push((block, "UnsortedChanges"));
    let mut block = good.clone();
    block.changes[0].key = RawKey::from_bytes(Vec::new());
    bad.push((block, "KeySize"));
    let mut block = good.clone();
    block.changes[0].new = Some(vec![0; 20_000]);
    bad.push((block, "ValueSize"));
    for (block, expected) in bad {
        let error = store.commit(block).unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        assert_eq!(error.code(), ErrorCode::StorageFailure);
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    assert_equal(&store, &before);
    store.commit(good).unwrap();
    assert_equal(&store, &chain);
}

/// A storage over another, whose writes or attestations can be made to fail.
#[derive(Debug, Default)]
struct Failing {
    below: MemoryStorage,
    fail_write: AtomicBool,
    fail_attest: AtomicBool,
    writes: AtomicU64,
}

impl Failing {
    fn failure() -> StateError {
        StateError::Io {
            action: "write",
            source: std::io::Error::other("pulled the plug").into(),
        }
    }
}

impl Storage for Failing {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.below.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.below.scan(space, from, visit)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        if self.fail_write.load(Ordering::Relaxed) {
            return Err(Self::failure());
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.below.write(batch)
    }

    fn witness(&self) -> Result<Witness, StateError> {
        self.below.witness()
    }

    fn attest(&self, tip: &BlockMark) -> Result<(), StateError> {
        if self.fail_attest.load(Ordering::Relaxed) {
            return Err(Self::failure());
        }
        self.below.attest(tip)
    }
}

#[test]
fn a_failed_write_poisons_the_store_until_it_is_opened_again() {
    for attest in [false, true] {
        let storage = Arc::new(Failing::default());
        let store = open(storage.clone()).unwrap();
        let mut chain = Chain::new(5);
        for _ in 0..8 {
            store.commit(chain.next_block()).unwrap();
        }
        let before = chain.clone();
        let switch = if attest {
            &storage.fail_attest
        } else {
            &storage.fail_write
        };
        switch.store(true, Ordering::Relaxed);
        let block = chain.next_block();
        let error = store.commit(block.clone()).unwrap_err();
        assert!(matches!(error, StateError::Io { .. }), "{error}");
        switch.store(false, Ordering::Relaxed);

        assert!(matches!(
            store.commit(block),
            Err(StateError::Poisoned { .. })
        ));
        assert!(matches!(
            store.read(b"key"),
            Err(StateError::Poisoned { .. })
        ));
        assert!(matches!(
            store.prove(b"key"),
            Err(StateError::Poisoned { .. })
        ));
        let bytes = store.block_bytes(BlockHeight(0));
        assert!(matches!(bytes, Err(StateError::Poisoned { .. })));
        assert_eq!(store.tip(), before.tip());
        assert_eq!(store.tree().root(), before.tree.root());
        drop(store);

        let store = open(storage).unwrap();
        let mut reopened = if attest { chain } else { before };
        assert_equal(&store, &reopened);
        store.commit(reopened.next_block()).unwrap();
        assert_equal(&store, &reopened);
    }
}

#[test]
fn a_block_is_one_write() {
    let storage = Arc::new(Failing::default());
    let store = open(storage.clone()).unwrap();
    let before = storage.writes.load(Ordering::Relaxed);
    let mut chain = Chain::new(6);
    for _ in 0..5 {
        store.commit(chain.next_block()).unwrap();
    }
    assert_eq!(storage.writes.load(Ordering::Relaxed), before + 5);
}

#[test]
fn an_unknown_format_is_refused() {
    let storage = Arc::new(MemoryStorage::new());
    open(storage.clone()).unwrap();
    let mut batch = WriteBatch::new();
    batch.put(Space::Meta, *b"format", (FORMAT_VERSION + 1).to_le_bytes());
    storage.write(batch).unwrap();
    let error = open(storage).unwrap_err();
    assert!(
        matches!(error, StateError::UnknownFormat { found, .. } if found == FORMAT_VERSION + 1)
    );
    assert_eq!(error.code(), ErrorCode::StorageCorruption);
}

/// Everything that a tip rests on: without it, or with something else there, nothing opens.
#[test]
fn a_store_that_does_not_fit_together_is_refused() {
    let chain = || {
        let storage = Arc::new(MemoryStorage::new());
        let store = open(storage.clone()).unwrap();
        let mut chain = Chain::new(7);
        for _ in 0..6 {
            store.commit(chain.next_block()).unwrap();
        }
        (storage, chain)
    };
    let (_, whole) = chain();
    let tip = whole.tip().unwrap();
    let height = tip.height.0.to_be_bytes().to_vec();
    let key = whole.values.keys().next().unwrap().as_bytes().to_vec();
    let earlier_block = whole.blocks[2].block_bytes.clone();
    let damages: [(Space, Vec<u8>, Option<Vec<u8>>); 13] = [
        (Space::Meta, b"tip".to_vec(), None),
        (Space::Meta, b"tip".to_vec(), Some(vec![1; 72])),
        (Space::Meta, b"tip".to_vec(), Some(vec![1; 5])),
        (Space::Meta, b"format".to_vec(), None),
        (Space::Meta, b"format".to_vec(), Some(vec![1])),
        (Space::Flat, key.clone(), None),
        (Space::Flat, key, Some(b"another value".to_vec())),
        (Space::Flat, b"one more key".to_vec(), Some(Vec::new())),
        (Space::Flat, vec![1; 500], Some(Vec::new())),
        (Space::Block, height.clone(), None),
        (Space::Block, height.clone(), Some(earlier_block)),
        (Space::Rev, height.clone(), None),
        (
            Space::BlockHash,
            tip.block_hash.0.to_vec(),
            Some(vec![0; 8]),
        ),
    ];
    for (space, key, value) in damages {
        let (storage, _) = chain();
        let mut batch = WriteBatch::new();
        match &value {
            Some(value) => batch.put(space, key.clone(), value.clone()),
            None => batch.remove(space, key.clone()),
        }
        storage.write(batch).unwrap();
        let error = open(storage).unwrap_err();
        let case = format!("{space} {key:?} {value:?}: {error}");
        assert!(matches!(error, StateError::Damaged { .. }), "{case}");
        assert_eq!(error.code(), ErrorCode::StorageCorruption);
    }
}

#[test]
fn a_missing_older_block_is_damage_and_not_an_absence() {
    let storage = Arc::new(MemoryStorage::new());
    let store = open(storage.clone()).unwrap();
    let mut chain = Chain::new(8);
    for _ in 0..6 {
        store.commit(chain.next_block()).unwrap();
    }
    let mut batch = WriteBatch::new();
    batch.remove(Space::Block, 2_u64.to_be_bytes());
    batch.put(Space::Rev, 3_u64.to_be_bytes(), *b"nonsense");
    storage.write(batch).unwrap();
    let block = store.block_bytes(BlockHeight(2));
    assert!(matches!(block, Err(StateError::Damaged { .. })));
    let diff = store.reverse_diff(BlockHeight(3));
    assert!(matches!(diff, Err(StateError::Damaged { .. })));
    assert!(store.block_bytes(BlockHeight(1)).unwrap().is_some());
}

/// A storage whose witness says what it is told.
#[derive(Debug)]
struct Witnessed(MemoryStorage, Witness);

impl Storage for Witnessed {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.0.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.0.scan(space, from, visit)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        self.0.write(batch)
    }

    fn witness(&self) -> Result<Witness, StateError> {
        Ok(self.1)
    }

    fn attest(&self, _tip: &BlockMark) -> Result<(), StateError> {
        Ok(())
    }
}

fn open_witnessed(blocks: usize, witness: Witness) -> Result<(), StateError> {
    let mut storage = Witnessed(MemoryStorage::new(), Witness::Untracked);
    let mut chain = Chain::new(9);
    storage = {
        let storage = Arc::new(storage);
        let store = open(storage.clone()).unwrap();
        for _ in 0..blocks {
            store.commit(chain.next_block()).unwrap();
        }
        drop(store);
        Arc::into_inner(storage).unwrap()
    };
    storage.1 = witness;
    open(Arc::new(storage)).map(drop)
}

#[test]
fn a_witness_shows_lost_blocks_and_tolerates_what_a_crash_leaves() {
    let chain = Chain::grown(9, 8);
    let mark = |blocks: usize| blocks.checked_sub(1).map(|i| chain.blocks[i].tip.mark());
    for witnessed in 0..7 {
        for found in 0..7 {
            let certain = open_witnessed(found, Witness::Certain(mark(witnessed)));
            let doubtful = open_witnessed(found, Witness::Doubtful(mark(witnessed)));
            let case = format!("witnessed {witnessed}, found {found}");
            let next = found == witnessed + 1;
            assert_eq!(certain.is_ok(), next || found == witnessed, "{case}");
            assert_eq!(doubtful.is_ok(), next, "{case}");
            if found < witnessed {
                for lost in [certain, doubtful] {
                    assert!(matches!(lost, Err(StateError::LostBlocks { .. })), "{case}");
                }
            }
        }
    }
}

#[test]
fn another_block_in_the_place_of_the_witnessed_one_is_refused() {
    let other = Some(BlockMark {
        height: BlockHeight(4),
        block_hash: Hash([3; 32]),
    });
    for witness in [Witness::Certain(other), Witness::Doubtful(other)] {
        let error = open_witnessed(5, witness).unwrap_err();
        assert!(matches!(error, StateError::LostBlocks { .. }), "{error}");
        let error = open_witnessed(6, witness).unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{error}");
    }
}

#[test]
fn proofs_hold_while_blocks_are_committed() {
    let store = in_memory();
    let mut chain = Chain::new(10);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for key in 0..200_u32 {
                        let key = key.to_be_bytes();
                        let proven = store.prove(&key).unwrap();
                        let root = proven.tip.map_or(Hash::ZERO, |tip| tip.state_root);
                        let value = proven.value.as_deref();
                        assert_eq!(proven.proof.verify(&root, &key, value), Ok(()));
                    }
                }
            });
        }
        for _ in 0..300 {
            store.commit(chain.next_block()).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_equal(&store, &chain);
}

#[test]
fn the_stores_hasher_is_the_one_it_was_given() {
    let store = in_memory();
    let expected = format!("{Sequential:?}");
    assert_eq!(format!("{:?}", store.hasher()), expected);
}
