//! Snapshots of states whose accounts have code: it goes with them, and without it nothing is restored.

use std::{ops::ControlFlow, sync::Arc};

use ordlane_primitives::{Hash, batch::Sequential, hash::code_hash, limits::MAX_CODE_BYTES};
use ordlane_state::{
    Codes, MemoryStorage, Space, StateError, StateStore, Storage, WriteBatch,
    snapshot::{self, MIN_CHUNK_BYTES, Manifest, Part, Progress, SnapshotError},
};

use crate::{
    chain::{Chain, account, codes, dump, open},
    faulty::{Fault, Faulty},
};

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn try_written(store: &StateStore) -> Result<Vec<u8>, SnapshotError> {
    let mut file = Vec::new();
    let held = store.snapshot()?;
    held.write_to(&mut file, &Sequential, MIN_CHUNK_BYTES, &mut go_on)?;
    Ok(file)
}

fn written(store: &StateStore) -> Vec<u8> {
    try_written(store).unwrap()
}

fn restored(mut file: &[u8], storage: &dyn Storage) -> Result<Manifest, SnapshotError> {
    snapshot::restore(&mut file, storage, &Sequential, None, &mut go_on)
}

fn verified(mut file: &[u8]) -> Result<Manifest, SnapshotError> {
    snapshot::verify(&mut file, &Sequential, None, &mut go_on)
}

fn first() -> Vec<u8> {
    b"the code of the first contract".to_vec()
}

fn largest() -> Vec<u8> {
    vec![7; MAX_CODE_BYTES]
}

/// A store of a chain whose accounts have these codes, with other codes that none has; and the codes of the accounts.
fn grown(storage: Arc<dyn Storage>) -> (Chain, StateStore, Codes) {
    let store = open(storage).unwrap();
    let mut chain = Chain::rooted(120, 200).with_codes();
    for _ in 0..4 {
        store.commit(chain.next_block()).unwrap();
    }
    let changes = vec![
        account(1, Some(&first())),
        account(2, None),
        account(3, Some(&largest())),
        account(4, Some(&first())),
    ];
    let mut block = chain.block_of(changes);
    let named = codes([first(), largest()]);
    block.codes = named.clone();
    store.commit(block).unwrap();
    (chain, store, named)
}

fn in_memory() -> (Chain, StateStore, Codes) {
    grown(Arc::new(MemoryStorage::new()))
}

/// Where a code begins in a file, its length before it.
fn place_of(file: &[u8], code: &[u8]) -> usize {
    let length = u32::try_from(code.len()).unwrap().to_le_bytes();
    let whole = [&length[..], code].concat();
    let mut places = file.windows(whole.len()).enumerate();
    let found = |(at, part): (usize, &[u8])| (part == whole).then_some(at);
    places.find_map(found).unwrap()
}

#[test]
fn a_restored_store_has_the_code_of_every_account_and_no_other() {
    let (mut chain, store, named) = in_memory();
    let file = written(&store);
    let storage = Arc::new(MemoryStorage::new());
    let manifest = restored(&file, storage.as_ref()).unwrap();
    assert_eq!(verified(&file).unwrap(), manifest);
    let stored = dump(storage.as_ref())[&Space::Code].clone();
    let expected = named
        .iter()
        .map(|(hash, code)| (hash.0.to_vec(), code.to_vec()));
    assert_eq!(stored, expected.collect());
    let report = StateStore::fsck(storage.as_ref(), &Sequential, &mut |_| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings());
    assert_eq!(report.codes, 2);

    let again = open(storage).unwrap();
    for (hash, code) in &named {
        assert_eq!(again.code(hash).unwrap().as_deref(), Some(&**code));
    }
    assert!(written(&again) == file, "a snapshot of it is the same");
    let block = chain.next_block();
    store.commit(block.clone()).unwrap();
    again.commit(block).unwrap();
    assert!(written(&again) == written(&store), "and so is a later one");
}

#[test]
fn each_code_is_in_the_file_once_and_one_that_no_account_has_is_not() {
    let (_, store, named) = in_memory();
    let file = written(&store);
    let places = named.iter().map(|(_, code)| place_of(&file, code));
    assert!(places.is_sorted(), "they ascend by hash");
    let count = |part: &[u8]| {
        file.windows(part.len())
            .filter(|found| *found == part)
            .count()
    };
    assert_eq!(count(&first()), 1);
    let common = code_hash(b"common");
    assert!(store.code(&common).unwrap().is_some());
    assert_eq!(count(b"common"), 0);
}

#[test]
fn a_snapshot_that_lacks_a_code_is_refused_and_nothing_opens() {
    let (_, store, named) = in_memory();
    let file = written(&store);
    for (hash, code) in &named {
        let at = place_of(&file, code);
        let end = at + 4 + code.len();
        let of_code = |refused: &SnapshotError| match refused {
            SnapshotError::Truncated { within: part }
            | SnapshotError::WrongHash { part }
            | SnapshotError::TooLarge { part, .. } => *part == Part::Code(*hash),
            _ => false,
        };
        let refused = |file: &[u8]| {
            assert!(verified(file).is_err());
            let storage = Arc::new(MemoryStorage::new());
            let refused = restored(file, storage.as_ref()).unwrap_err();
            let opened = open(storage).unwrap_err();
            let unfinished = matches!(opened, StateError::UnfinishedRestore { .. });
            assert!(unfinished, "{opened}");
            refused
        };
        let cut_off = refused(&file[..end - 1]);
        assert!(of_code(&cut_off), "{cut_off}");
        let mut wrong = file.clone();
        wrong[end - 1] ^= 1;
        let wrong = refused(&wrong);
        assert!(of_code(&wrong), "{wrong}");
        let mut large = file.clone();
        let length = u32::try_from(MAX_CODE_BYTES).unwrap() + 1;
        large[at..at + 4].copy_from_slice(&length.to_le_bytes());
        let large = refused(&large);
        let too_large = matches!(large, SnapshotError::TooLarge { .. });
        assert!(too_large && of_code(&large), "{large}");
        // What follows is read in its place.
        let without = refused(&[&file[..at], &file[end..]].concat());
        assert!(of_code(&without) || *hash != named[0].0, "{without}");
    }
    let at = place_of(&file, &named[0].1);
    let more = [&file[..at], &1_u32.to_le_bytes(), b"x", &file[at..]].concat();
    assert!(verified(&more).is_err());
}

#[test]
fn a_store_that_lacks_a_code_or_has_a_wrong_one_makes_no_snapshot() {
    for damaged in [None, Some(b"another".to_vec())] {
        let storage = Arc::new(MemoryStorage::new());
        let (_, store, named) = grown(storage.clone());
        let mut batch = WriteBatch::new();
        batch.extend([(Space::Code, named[0].0.0.to_vec(), damaged)]);
        storage.write(batch).unwrap();
        let refused = try_written(&store).unwrap_err();
        let right = matches!(refused, SnapshotError::Store(StateError::Damaged { .. }));
        assert!(right, "{refused}");
        assert!(refused.to_string().contains(&named[0].0.to_string()));
    }
}

#[test]
fn a_restore_of_codes_that_stops_at_any_write_goes_on_and_ends_the_same() {
    let (_, store, _) = in_memory();
    let file = written(&store);
    let expected = MemoryStorage::new();
    restored(&file, &expected).unwrap();
    let mut stopped = 0;
    for fault in Fault::each(8) {
        let storage = Arc::new(Faulty::default());
        storage.set(fault);
        let first = restored(&file, storage.as_ref());
        if storage.repair() {
            stopped += 1;
            assert!(first.is_err(), "{fault:?}");
        }
        if !matches!(open(storage.clone()), Ok(store) if store.tip().is_some()) {
            restored(&file, storage.as_ref()).unwrap();
        }
        assert_eq!(dump(storage.as_ref()), dump(&expected), "{fault:?}");
    }
    assert!(stopped > 6, "{stopped} faults met a write");
}

#[test]
fn a_storage_with_nothing_but_a_code_is_not_empty() {
    let (_, store, _) = in_memory();
    let storage = MemoryStorage::new();
    let mut batch = WriteBatch::new();
    batch.put(Space::Code, Hash::ZERO.0, *b"code");
    storage.write(batch).unwrap();
    let refused = restored(&written(&store), &storage).unwrap_err();
    let right = matches!(refused, SnapshotError::NotEmpty { tip: None });
    assert!(right, "{refused}");
}
