//! Snapshots: what is restored is the chain from there on, and nothing else is.

use std::{collections::BTreeMap, num::NonZeroU64, ops::ControlFlow, sync::Arc};

use ordlane_primitives::{
    BlockHeight, Hash, RawKey,
    batch::Sequential,
    codec::{Bounded, encode},
    hash::{Domain, sha256, tagged},
};
use ordlane_state::{
    Change, EventFilter, EventPosition, MemoryStorage, Space, StateError, StateStore, Storage,
    StoreOptions, Witness,
    snapshot::{
        self, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, Manifest, Part, Progress, SnapshotError, Stage,
    },
};
use proptest::prelude::*;

use crate::{
    chain::{Chain, dump, emitter, in_memory, open, positions},
    faulty::{Fault, Faulty},
};

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn written(store: &StateStore, chunk_bytes: u32) -> Vec<u8> {
    let mut file = Vec::new();
    store
        .snapshot()
        .unwrap()
        .write_to(&mut file, &Sequential, chunk_bytes, &mut go_on)
        .unwrap();
    file
}

fn verified(mut file: &[u8]) -> Result<Manifest, SnapshotError> {
    snapshot::verify(&mut file, &Sequential, None, &mut go_on)
}

fn restored(mut file: &[u8], storage: &dyn Storage) -> Result<Manifest, SnapshotError> {
    snapshot::restore(&mut file, storage, &Sequential, None, &mut go_on)
}

/// A chain in memory, and its store.
fn grown(seed: u64, blocks: usize) -> (Chain, StateStore) {
    let (mut chain, store) = (Chain::rooted(seed, 200), in_memory());
    for _ in 0..blocks {
        store.commit(chain.next_block()).unwrap();
    }
    (chain, store)
}

/// A chain whose last block brings large values, so that its state fills about `chunks` of the smallest chunks.
fn grown_large(seed: u64, chunks: u32) -> (Chain, StateStore) {
    let (mut chain, store) = grown(seed, 3);
    let changes = (0..chunks * 2).map(|number| Change {
        key: RawKey::from_bytes([&[9][..], &number.to_be_bytes()].concat()),
        old: None,
        new: Some(vec![7; 8_000]),
    });
    let block = chain.block_of(changes.collect());
    store.commit(block).unwrap();
    (chain, store)
}

fn is_pruned<T>(outcome: Result<T, StateError>) -> bool {
    matches!(outcome, Err(StateError::Pruned { .. }))
}

/// Checks that a store has what a chain has from the block `base` on, and says of what was before that it does not have it.
fn check_from(store: &StateStore, chain: &Chain, base: u64) {
    let base = BlockHeight(base);
    assert_eq!(store.tip(), chain.tip());
    assert_eq!(store.base(), Some(base));
    assert_eq!(store.horizon(), base);
    let tip = chain.tip().unwrap();
    for block in &chain.blocks {
        let height = block.tip.height;
        if height < base {
            assert!(is_pruned(store.block_bytes(height)), "{height}");
            assert!(is_pruned(store.read_at(height, &[0; 4])), "{height}");
            assert!(is_pruned(store.rollback_to(height)), "{height}");
            if height != BlockHeight::GENESIS {
                assert!(is_pruned(store.header(height)), "{height}");
                assert_eq!(store.height_of(&block.tip.block_hash).unwrap(), None);
                continue;
            }
        } else {
            let bytes = store.block_bytes(height).unwrap();
            assert_eq!(bytes.as_ref(), Some(&block.block_bytes));
            let receipts = store.receipts_bytes(height).unwrap();
            assert_eq!(receipts, Some(encode(&block.receipts)));
            for key in block.values.keys() {
                let read = store.read_at(height, key.as_bytes()).unwrap();
                assert_eq!(read.as_ref(), block.values.get(key), "{height}");
            }
        }
        let header = store.header(height).unwrap().unwrap();
        assert_eq!(header.hash(), block.tip.block_hash);
        let found = store.height_of(&block.tip.block_hash).unwrap();
        assert_eq!(found, Some(height));
    }
    for key in 0..chain.keys {
        let key = key.to_be_bytes();
        let expected = chain.values.get(&RawKey::from_bytes(key.to_vec()));
        let proven = store.prove(&key).unwrap();
        assert_eq!(proven.value.as_ref(), expected);
        let value = proven.value.as_deref();
        assert_eq!(proven.proof.verify(&tip.state_root, &key, value), Ok(()));
    }
    let kept = &chain.blocks[usize::try_from(base.0).unwrap()..];
    for (id, position) in positions(kept) {
        assert_eq!(store.tx_position(&id).unwrap(), Some(position));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_restored_store_goes_on_as_the_original_does(
        seed in 0_u64..1_000_000,
        blocks in 1_usize..12,
        more in 1_usize..8,
        back in 0_u64..8,
    ) {
        let (mut chain, original) = grown(seed, blocks);
        let file = written(&original, MIN_CHUNK_BYTES);
        let storage = Arc::new(MemoryStorage::new());
        let manifest = restored(&file, storage.as_ref()).unwrap();
        let base = blocks as u64 - 1;
        prop_assert_eq!(manifest.mark(), chain.tip().unwrap().mark());
        prop_assert_eq!(manifest.entries, chain.values.len() as u64);
        prop_assert_eq!(manifest.genesis_hash(), chain.blocks[0].tip.block_hash);

        let mut store = open(storage.clone()).unwrap();
        check_from(&store, &chain, base);
        prop_assert!(is_pruned(store.reverse_diff(BlockHeight(base))));
        for _ in 0..more {
            let block = chain.next_block();
            original.commit(block.clone()).unwrap();
            store.commit(block).unwrap();
        }
        check_from(&store, &chain, base);
        drop(store);
        store = open(storage.clone()).unwrap();
        check_from(&store, &chain, base);
        let above = dump(storage.as_ref());
        // Undone as far as it goes, and committed again, it is the same.
        let to = (base + more as u64).saturating_sub(back).max(base);
        store.rollback_to(BlockHeight(to)).unwrap();
        prop_assert_eq!(store.tip(), Some(chain.blocks[usize::try_from(to).unwrap()].tip));
        let file = written(&original, MIN_CHUNK_BYTES);
        let again = Arc::new(MemoryStorage::new());
        restored(&file, again.as_ref()).unwrap();
        prop_assert_eq!(&dump(again.as_ref())[&Space::Flat], &above[&Space::Flat]);
    }
}

#[test]
fn what_a_restored_store_has_of_its_block_is_found_and_pruned() {
    let (mut chain, original) = grown(61, 6);
    let storage = Arc::new(MemoryStorage::new());
    restored(&written(&original, MIN_CHUNK_BYTES), storage.as_ref()).unwrap();
    let options = StoreOptions::keeping(NonZeroU64::new(2).unwrap());
    let store = StateStore::open_with(storage, Arc::new(Sequential), options).unwrap();
    let base = BlockHeight(5);
    for number in 0..3 {
        let filter = EventFilter::Emitter(emitter(number));
        let found = |store: &StateStore| {
            let from = Some(EventPosition::start_of(base));
            store.event_positions(&filter, from, 1_000).unwrap()
        };
        assert_eq!(found(&store), found(&original));
    }
    for _ in 0..6 {
        store.commit(chain.next_block()).unwrap();
    }
    assert_eq!(store.horizon(), BlockHeight(10));
    assert!(is_pruned(store.block_bytes(base)));
    let header = store.header(base).unwrap().unwrap();
    assert_eq!(header.hash(), chain.blocks[5].tip.block_hash);
    assert!(is_pruned(store.header(BlockHeight(4))));
    assert!(store.header(BlockHeight(0)).unwrap().is_some());
}

#[test]
fn a_snapshot_is_that_of_its_block_whatever_is_committed_meanwhile() {
    let (mut chain, store) = grown_large(62, 6);
    let at_once = written(&store, MIN_CHUNK_BYTES);
    let held = store.snapshot().unwrap();
    assert_eq!(held.mark(), chain.tip().unwrap().mark());
    let mut file = Vec::new();
    let mut committed = 0;
    let mut commit = |progress: Progress| {
        assert!(progress.total.is_none_or(|total| progress.done <= total));
        store.commit(chain.next_block()).unwrap();
        committed += 1;
        ControlFlow::Continue(())
    };
    held.write_to(&mut file, &Sequential, MIN_CHUNK_BYTES, &mut commit)
        .unwrap();
    assert!(committed > 10, "{committed} blocks");
    assert!(file == at_once, "the files differ");
    assert_ne!(written(&store, MIN_CHUNK_BYTES), at_once);
    // Its block may even be undone.
    store.rollback_to(BlockHeight(1)).unwrap();
    file.clear();
    held.write_to(&mut file, &Sequential, MIN_CHUNK_BYTES, &mut go_on)
        .unwrap();
    assert!(file == at_once, "the files differ");
}

#[cfg(feature = "fjall")]
#[test]
fn a_folder_that_is_committed_to_all_the_while_gives_the_snapshot_of_a_block() {
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    use crate::folder::open_small;

    let folder = tempfile::tempdir().unwrap();
    let store = open_small(folder.path()).unwrap();
    let mut chain = Chain::rooted(63, 200);
    for _ in 0..5 {
        store.commit(chain.next_block()).unwrap();
    }
    let done = AtomicBool::new(false);
    let (chain, files) = thread::scope(|scope| {
        let committing = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                store.commit(chain.next_block()).unwrap();
            }
            chain
        });
        let files: Vec<Vec<u8>> = (0..8).map(|_| written(&store, MIN_CHUNK_BYTES)).collect();
        done.store(true, Ordering::SeqCst);
        (committing.join().unwrap(), files)
    });
    for file in files {
        let storage = MemoryStorage::new();
        let manifest = restored(&file, &storage).unwrap();
        let block = &chain.blocks[usize::try_from(manifest.header.number.0).unwrap()];
        assert_eq!(manifest.mark(), block.tip.mark());
        let expected: BTreeMap<Vec<u8>, Vec<u8>> = block
            .values
            .iter()
            .map(|(key, value)| (key.as_bytes().to_vec(), value.clone()))
            .collect();
        assert_eq!(dump(&storage)[&Space::Flat], expected);
    }
}

#[cfg(feature = "fjall")]
#[test]
fn a_folder_and_memory_make_the_same_file_and_restore_to_the_same() {
    use crate::folder::{open_folder, open_small};
    use ordlane_state::FjallStorage;

    let parent = tempfile::tempdir().unwrap();
    let (mut chain, memory) = (Chain::rooted(64, 200), in_memory());
    let from = open_small(&parent.path().join("from")).unwrap();
    for _ in 0..20 {
        let block = chain.next_block();
        memory.commit(block.clone()).unwrap();
        from.commit(block).unwrap();
    }
    let file = written(&from, MIN_CHUNK_BYTES);
    assert!(
        file == written(&memory, MIN_CHUNK_BYTES),
        "the files differ"
    );

    let to = parent.path().join("to");
    let storage = FjallStorage::open(&to).unwrap();
    let in_memory = MemoryStorage::new();
    restored(&file, &storage).unwrap();
    restored(&file, &in_memory).unwrap();
    assert_eq!(dump(&storage), dump(&in_memory));
    assert_eq!(
        storage.witness().unwrap(),
        Witness::Certain(chain.tip().map(|tip| tip.mark()))
    );
    drop(storage);
    for _ in 0..2 {
        let store = open_folder(&to).unwrap();
        check_from(&store, &chain, 19);
        store.write_pages().unwrap();
    }
    let store = open_folder(&to).unwrap();
    store.commit(chain.next_block()).unwrap();
    check_from(&store, &chain, 19);
}

/// A snapshot taken apart, to be put together again with hashes that are right.
#[derive(Clone)]
struct Parts {
    manifest: Manifest,
    chunks: Vec<Vec<u8>>,
    block: Vec<u8>,
    receipts: Vec<u8>,
}

fn part_hash(bytes: &[u8]) -> Hash {
    tagged(Domain::SnapshotPart, &[bytes])
}

impl Parts {
    fn of(file: &[u8]) -> Self {
        let manifest = snapshot::inspect(&mut &*file).unwrap();
        let mut rest = &file[8 + 4 + 4 + encode(&manifest).len() + 32..];
        let mut cut = |length: usize| {
            let (taken, after) = rest.split_at(length);
            rest = after;
            taken.to_vec()
        };
        let chunks = (0..manifest.chunks.len())
            .map(|_| {
                let length = u32::from_le_bytes(cut(4).try_into().unwrap());
                cut(length as usize)
            })
            .collect();
        Self {
            chunks,
            block: cut(usize::try_from(manifest.block.size_bytes).unwrap()),
            receipts: cut(usize::try_from(manifest.receipts.size_bytes).unwrap()),
            manifest,
        }
    }

    /// Gives the manifest the hashes of the parts.
    fn hashed(mut self) -> Self {
        let hashes = self.chunks.iter().map(|chunk| part_hash(chunk)).collect();
        self.manifest.chunks = Bounded::new(hashes).unwrap();
        for (digest, bytes) in [
            (&mut self.manifest.block, &self.block),
            (&mut self.manifest.receipts, &self.receipts),
        ] {
            digest.size_bytes = bytes.len() as u64;
            digest.hash = part_hash(bytes);
        }
        self
    }

    fn file(&self) -> Vec<u8> {
        let manifest = encode(&self.manifest);
        let length = u32::try_from(manifest.len()).unwrap();
        let mut file = [
            b"ordsnap\0",
            &1_u32.to_le_bytes()[..],
            &length.to_le_bytes(),
        ]
        .concat();
        file.extend_from_slice(&manifest);
        file.extend_from_slice(&self.manifest.id().0);
        for chunk in &self.chunks {
            file.extend_from_slice(&u32::try_from(chunk.len()).unwrap().to_le_bytes());
            file.extend_from_slice(chunk);
        }
        [file, self.block.clone(), self.receipts.clone()].concat()
    }
}

#[test]
fn the_file_is_the_one_that_is_pinned() {
    let (_, store) = grown(65, 4);
    let file = written(&store, MIN_CHUNK_BYTES);
    assert_eq!(Parts::of(&file).hashed().file(), file);
    let pinned = "53144accf83a84d84bd014fc64f01dc520a0d7d79964203c684f1a76dfa05c7c";
    assert_eq!(sha256(&file).to_string(), pinned);
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let (_, store) = grown(66, 2);
    let mut file = written(&store, MIN_CHUNK_BYTES);
    assert!(verified(&file).is_ok());
    for at in 0..file.len() {
        for bit in [0x01, 0x80] {
            file[at] ^= bit;
            assert!(verified(&file).is_err(), "byte {at}");
            file[at] ^= bit;
        }
    }
    let (_, store) = grown_large(66, 5);
    let mut file = written(&store, MIN_CHUNK_BYTES);
    for at in (0..file.len()).step_by(997) {
        file[at] ^= 0x10;
        let storage = Arc::new(MemoryStorage::new());
        assert!(restored(&file, storage.as_ref()).is_err(), "byte {at}");
        assert!(!matches!(open(storage), Ok(store) if store.tip().is_some()));
        file[at] ^= 0x10;
    }
}

#[test]
fn a_snapshot_that_ends_early_or_goes_on_is_refused() {
    let (_, store) = grown(67, 2);
    let mut file = written(&store, MIN_CHUNK_BYTES);
    for length in 0..file.len() {
        let refused = verified(&file[..length]).unwrap_err();
        let right = match length {
            0..8 => matches!(refused, SnapshotError::NotASnapshot),
            _ => matches!(refused, SnapshotError::Truncated { .. }),
        };
        assert!(right, "{length} bytes: {refused}");
    }
    file.push(0);
    let refused = verified(&file).unwrap_err();
    assert!(matches!(refused, SnapshotError::TrailingBytes), "{refused}");
    file[8] = 2;
    let refused = verified(&file).unwrap_err();
    assert!(
        matches!(refused, SnapshotError::UnknownVersion { found: 2 }),
        "{refused}"
    );
}

/// What is said of a snapshot that was changed and given the right hashes again.
fn refused_when(parts: &Parts, change: impl FnOnce(&mut Parts)) -> SnapshotError {
    let mut parts = parts.clone();
    change(&mut parts);
    verified(&parts.hashed().file()).unwrap_err()
}

#[test]
fn right_hashes_of_wrong_parts_convince_nobody() {
    let (_, store) = grown_large(68, 4);
    let parts = Parts::of(&written(&store, MIN_CHUNK_BYTES));
    assert!(parts.chunks.len() > 3);
    assert!(verified(&parts.clone().hashed().file()).is_ok());
    let broken = |refused: &SnapshotError| matches!(refused, SnapshotError::BrokenRule { .. });

    let refused = refused_when(&parts, |parts| {
        let last = parts.chunks[1].last_mut().unwrap();
        *last ^= 1;
    });
    assert!(
        matches!(refused, SnapshotError::WrongRoot { .. }),
        "{refused}"
    );
    let refused = refused_when(&parts, |parts| parts.chunks.swap(1, 2));
    assert!(broken(&refused), "{refused}");
    let refused = refused_when(&parts, |parts| {
        let last = parts.chunks.pop().unwrap();
        let mut halves = last.split_at(4 + 5 + 4 + 8_000);
        if halves.1.is_empty() {
            halves = (&[], halves.0);
        }
        parts.chunks.extend([halves.0.to_vec(), halves.1.to_vec()]);
    });
    assert!(broken(&refused), "{refused}");
    let refused = refused_when(&parts, |parts| parts.chunks[0].truncate(20));
    assert!(broken(&refused), "{refused}");
    let refused = refused_when(&parts, |parts| drop(parts.chunks.pop()));
    assert!(broken(&refused), "{refused}");
    let refused = refused_when(&parts, |parts| parts.manifest.entries += 1);
    assert!(broken(&refused), "{refused}");
    let refused = refused_when(&parts, |parts| parts.manifest.header.state_root.0[0] ^= 1);
    assert!(matches!(refused, SnapshotError::WrongProof(_)), "{refused}");
    let refused = refused_when(&parts, |parts| parts.manifest.header.gas_used.0 += 1);
    assert!(broken(&refused), "{refused}");
    let refused = refused_when(&parts, |parts| parts.manifest.genesis.chain_id.0 += 1);
    assert!(broken(&refused), "{refused}");
    let refused = refused_when(&parts, |parts| parts.receipts = encode(&0_u32));
    assert!(broken(&refused), "{refused}");
    let refused = refused_when(&parts, |parts| parts.block.truncate(300));
    assert!(matches!(refused, SnapshotError::Decode { .. }), "{refused}");
}

#[test]
fn absurd_counts_and_lengths_are_refused_before_anything_is_read_for_them() {
    let (_, store) = grown(69, 2);
    let file = written(&store, MIN_CHUNK_BYTES);
    let parts = Parts::of(&file);
    let too_large = |file: &[u8], which: Part| {
        let refused = verified(file).unwrap_err();
        let right = matches!(refused, SnapshotError::TooLarge { part, .. } if part == which);
        assert!(right, "{refused}");
    };
    let mut changed = file.clone();
    changed[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    too_large(&changed, Part::Manifest);
    let chunk_at = 8 + 4 + 4 + encode(&parts.manifest).len() + 32;
    let mut changed = file;
    changed[chunk_at..chunk_at + 4].copy_from_slice(&(MIN_CHUNK_BYTES + 1).to_le_bytes());
    too_large(&changed, Part::Chunk(0));
    let mut changed = parts.clone();
    changed.manifest.block.size_bytes = u64::MAX;
    too_large(&changed.file(), Part::Block);
    let mut changed = parts.clone();
    changed.manifest.receipts.size_bytes = u64::MAX;
    too_large(&changed.file(), Part::Receipts);
    for (entries, chunk_bytes) in [
        (u64::MAX, MIN_CHUNK_BYTES),
        (0, MIN_CHUNK_BYTES),
        (parts.manifest.entries, MIN_CHUNK_BYTES - 1),
        (parts.manifest.entries, MAX_CHUNK_BYTES + 1),
    ] {
        let mut changed = parts.clone();
        changed.manifest.entries = entries;
        changed.manifest.chunk_bytes = chunk_bytes;
        let refused = verified(&changed.file()).unwrap_err();
        assert!(
            matches!(refused, SnapshotError::BrokenRule { .. }),
            "{refused}"
        );
    }
    // A length within the limit, and nothing behind it.
    let mut claims = parts.file()[..16].to_vec();
    claims[12..16].copy_from_slice(&(32 * 1024 * 1024_u32).to_le_bytes());
    let refused = verified(&claims).unwrap_err();
    assert!(
        matches!(refused, SnapshotError::Truncated { .. }),
        "{refused}"
    );
}

#[test]
fn a_restore_that_stops_at_any_write_goes_on_and_ends_the_same() {
    let (chain, store) = grown_large(70, 3);
    let file = written(&store, MIN_CHUNK_BYTES);
    let expected = MemoryStorage::new();
    restored(&file, &expected).unwrap();
    let mut stopped = 0;
    for fault in Fault::each(20) {
        let storage = Arc::new(Faulty::default());
        storage.set(fault);
        let first = restored(&file, storage.as_ref());
        if !storage.repair() {
            assert!(first.is_ok(), "{fault:?}");
            continue;
        }
        stopped += 1;
        assert!(first.is_err(), "{fault:?}");
        match open(storage.clone()) {
            // The last write had happened, or not even the first one.
            Ok(store) if store.tip().is_some() => {}
            opened => {
                let began = fault.after > 0 || fault.happens;
                let refused = matches!(opened, Err(StateError::UnfinishedRestore { .. }));
                assert_eq!(refused, began, "{fault:?}");
                drop(opened);
                restored(&file, storage.as_ref()).unwrap();
            }
        }
        assert_eq!(dump(storage.as_ref()), dump(&expected), "{fault:?}");
        check_from(&open(storage).unwrap(), &chain, 3);
    }
    assert!(stopped > 8, "{stopped} faults met a write");
}

#[test]
fn an_interrupted_restore_skips_what_is_there_and_takes_no_other_snapshot() {
    let (_, store) = grown_large(71, 4);
    let file = written(&store, MIN_CHUNK_BYTES);
    let storage = Arc::new(MemoryStorage::new());
    let mut left = 2;
    let mut stop = |progress: Progress| {
        assert_eq!(progress.stage, Stage::Reading);
        left -= 1;
        match left {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    };
    let mut input = &file[..];
    let stopped = snapshot::restore(&mut input, storage.as_ref(), &Sequential, None, &mut stop);
    assert!(matches!(stopped, Err(SnapshotError::Cancelled)));
    let opened = open(storage.clone()).unwrap_err();
    let right = matches!(opened, StateError::UnfinishedRestore { chunks: 2 });
    assert!(right, "{opened}");

    let before = dump(storage.as_ref());
    for other in [
        written(&store, MIN_CHUNK_BYTES + 1),
        written(&grown(72, 3).1, MIN_CHUNK_BYTES),
    ] {
        let refused = restored(&other, storage.as_ref()).unwrap_err();
        assert!(
            matches!(refused, SnapshotError::OtherSnapshot { .. }),
            "{refused}"
        );
    }
    assert_eq!(dump(storage.as_ref()), before);
    restored(&file, storage.as_ref()).unwrap();
    let restored_store = open(storage.clone()).unwrap();
    assert_eq!(restored_store.tip(), store.tip());
    let refused = restored(&file, storage.as_ref()).unwrap_err();
    let tip = store.tip().map(|tip| tip.mark());
    let right = matches!(&refused, SnapshotError::NotEmpty { tip: found } if *found == tip);
    assert!(right, "{refused}");
}

#[test]
fn only_an_empty_storage_takes_a_snapshot_and_only_one_of_the_trusted_block() {
    let (chain, store) = grown(73, 3);
    let file = written(&store, MIN_CHUNK_BYTES);
    // A store without a block has a format, and is empty.
    let empty = Arc::new(MemoryStorage::new());
    drop(open(empty.clone()).unwrap());
    let trusted = chain.tip().unwrap().block_hash;
    for (hash, is_right) in [(sha256(b"another"), false), (trusted, true)] {
        let outcome = snapshot::restore(
            &mut &file[..],
            empty.as_ref(),
            &Sequential,
            Some(&hash),
            &mut go_on,
        );
        match outcome {
            Err(SnapshotError::OtherBlock { found, .. }) => assert_eq!(found, trusted),
            other => assert!(other.is_ok()),
        }
        assert_eq!(open(empty.clone()).unwrap().tip().is_some(), is_right);
    }
    let lost = Faulty::default();
    lost.set_witness(Witness::Certain(Some(chain.blocks[0].tip.mark())));
    let refused = restored(&file, &lost).unwrap_err();
    let right = matches!(refused, SnapshotError::Store(StateError::LostBlocks { .. }));
    assert!(right, "{refused}");
    assert!(dump(&lost).values().all(|entries| entries.is_empty()));
}

#[test]
fn a_state_that_is_not_its_header_s_makes_no_snapshot() {
    let storage = Arc::new(MemoryStorage::new());
    let store = open(storage.clone()).unwrap();
    let mut chain = Chain::rooted(74, 200);
    assert!(matches!(store.snapshot(), Err(SnapshotError::NoBlock)));
    for _ in 0..3 {
        store.commit(chain.next_block()).unwrap();
    }
    let mut batch = ordlane_state::WriteBatch::new();
    batch.put(Space::Flat, *b"another", *b"value");
    storage.write(batch).unwrap();
    let mut file = Vec::new();
    let refused = store
        .snapshot()
        .unwrap()
        .write_to(&mut file, &Sequential, MIN_CHUNK_BYTES, &mut go_on)
        .unwrap_err();
    let right = matches!(refused, SnapshotError::Store(StateError::Damaged { .. }));
    assert!(right, "{refused}");
    assert!(file.is_empty());
    for size in [0, MIN_CHUNK_BYTES - 1, MAX_CHUNK_BYTES + 1] {
        let held = store.snapshot().unwrap();
        let refused = held.write_to(&mut file, &Sequential, size, &mut go_on);
        assert!(matches!(refused, Err(SnapshotError::ChunkSize { .. })));
    }
}

#[test]
fn a_pruned_store_and_an_empty_state_have_snapshots() {
    let storage = Arc::new(MemoryStorage::new());
    let options = StoreOptions::keeping(NonZeroU64::new(2).unwrap());
    let store = StateStore::open_with(storage, Arc::new(Sequential), options).unwrap();
    let mut chain = Chain::rooted(75, 200);
    for height in 0..10 {
        store.commit(chain.next_block()).unwrap();
        let storage = Arc::new(MemoryStorage::new());
        restored(&written(&store, MIN_CHUNK_BYTES), storage.as_ref()).unwrap();
        let again = open(storage).unwrap();
        check_from(&again, &chain, height);
        // A snapshot of what was restored is the same again.
        assert_eq!(
            written(&again, MIN_CHUNK_BYTES),
            written(&store, MIN_CHUNK_BYTES)
        );
    }
    let mut chain = Chain::rooted(76, 200);
    let store = in_memory();
    store.commit(chain.block_of(Vec::new())).unwrap();
    let storage = Arc::new(MemoryStorage::new());
    let manifest = restored(&written(&store, MIN_CHUNK_BYTES), storage.as_ref()).unwrap();
    assert_eq!((manifest.entries, manifest.chunks.len()), (0, 0));
    check_from(&open(storage).unwrap(), &chain, 0);
}

#[test]
fn a_restored_store_passes_the_full_check_and_goes_on_doing_so() {
    let (mut chain, store) = grown(90, 6);
    let storage = Arc::new(MemoryStorage::new());
    restored(&written(&store, MIN_CHUNK_BYTES), storage.as_ref()).unwrap();
    let sound = |storage: &MemoryStorage| {
        let report = StateStore::fsck(storage, &Sequential, &mut |_| {}).unwrap();
        assert!(report.is_sound(), "{:?}", report.findings());
    };
    sound(&storage);
    let store = open(storage.clone()).unwrap();
    for _ in 0..5 {
        store.commit(chain.next_block()).unwrap();
    }
    store.write_pages().unwrap();
    drop(store);
    sound(&storage);
}

/// The genesis block's header is there in every restored store, so that of the block below a snapshot's can be.
#[test]
fn a_store_restored_at_any_of_the_first_blocks_passes_the_full_check() {
    for blocks in 1..=3 {
        let (_, store) = grown(91, blocks);
        let storage = MemoryStorage::new();
        restored(&written(&store, MIN_CHUNK_BYTES), &storage).unwrap();
        let report = StateStore::fsck(&storage, &Sequential, &mut |_| {}).unwrap();
        assert!(report.is_sound(), "{blocks}: {:?}", report.findings());
    }
}
