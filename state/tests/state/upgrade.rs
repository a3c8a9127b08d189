//! Stores of format 1: refused until they are upgraded, and then as if they had always had the present format.

use std::sync::Arc;

use ordlane_state::{
    FORMAT_VERSION, MemoryStorage, Space, StateError, StateStore, Storage, WriteBatch,
};

use crate::{
    chain::{Chain, assert_equal, dump, open, positions},
    faulty::{Fault, Faulty},
};

/// What format 1 would hold after these blocks.
fn make_old(storage: &dyn Storage, chain: &Chain) {
    let mut batch = WriteBatch::new();
    let all = dump(storage);
    for space in [Space::Hist, Space::EventIndex, Space::TxIndex] {
        for key in all[&space].keys() {
            batch.remove(space, key.as_slice());
        }
    }
    for (id, (height, index)) in positions(&chain.blocks) {
        let position = [&height.0.to_be_bytes()[..], &index.to_be_bytes()].concat();
        batch.put(Space::TxIndex, id.0, position);
    }
    batch.put(Space::Meta, *b"format", 1_u32.to_le_bytes());
    storage.write(batch).unwrap();
}

fn grown(storage: &Arc<Faulty>, blocks: usize) -> Chain {
    let store = open(storage.clone()).unwrap();
    let mut chain = Chain::new(95);
    for _ in 0..blocks {
        store.commit(chain.next_block()).unwrap();
    }
    chain
}

#[test]
fn an_upgraded_store_is_as_if_it_had_always_had_this_format() {
    let storage = Arc::new(Faulty::default());
    let mut chain = grown(&storage, 40);
    let expected = dump(storage.as_ref());
    make_old(storage.as_ref(), &chain);
    let before = dump(storage.as_ref());
    let error = open(storage.clone()).unwrap_err();
    assert!(
        matches!(
            error,
            StateError::NeedsUpgrade {
                found: 1,
                supported: FORMAT_VERSION
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("`ordlane db upgrade`"),
        "{error}"
    );
    assert!(StateStore::stats(storage.as_ref()).is_err());
    assert_eq!(dump(storage.as_ref()), before);

    let upgrade = StateStore::upgrade(storage.as_ref()).unwrap();
    assert_eq!(
        (upgrade.from, upgrade.to, upgrade.blocks),
        (1, FORMAT_VERSION, 40)
    );
    assert_eq!(dump(storage.as_ref()), expected);
    let store = open(storage.clone()).unwrap();
    assert_equal(&store, &chain);
    store.commit(chain.next_block()).unwrap();
    assert_equal(&store, &chain);
    let again = StateStore::upgrade(storage.as_ref()).unwrap();
    assert_eq!((again.from, again.blocks), (FORMAT_VERSION, 0));
}

/// A process is killed at every write of an upgrade, several times one after another.
#[test]
fn an_interrupted_upgrade_goes_on_where_it_was() {
    let original = Arc::new(Faulty::default());
    let chain = grown(&original, 450);
    let expected = dump(original.as_ref());
    make_old(original.as_ref(), &chain);
    let old = dump(original.as_ref());
    let mut interrupted = 0;
    for fault in Fault::each(32) {
        let storage = Faulty::default();
        let mut batch = WriteBatch::new();
        for (space, entries) in &old {
            batch.extend(
                entries
                    .iter()
                    .map(|(key, value)| (*space, key.clone(), Some(value.clone()))),
            );
        }
        storage.write(batch).unwrap();
        storage.set(fault);
        let outcome = StateStore::upgrade(&storage);
        let failed = storage.repair();
        assert_eq!(outcome.is_err(), failed);
        if !failed {
            assert_eq!(dump(&storage), expected);
            break;
        }
        interrupted += 1;
        storage.set(Fault {
            after: 1,
            happens: true,
        });
        let _ = StateStore::upgrade(&storage);
        storage.repair();
        StateStore::upgrade(&storage).unwrap();
        assert_eq!(dump(&storage), expected, "{fault:?}");
    }
    assert!(
        (8..64).contains(&interrupted),
        "{interrupted} interruptions"
    );
}

#[test]
fn a_damaged_old_store_is_not_upgraded() {
    let storage = Arc::new(Faulty::default());
    let chain = grown(&storage, 10);
    make_old(storage.as_ref(), &chain);
    let mut batch = WriteBatch::new();
    batch.remove(Space::Rev, 4_u64.to_be_bytes());
    storage.write(batch).unwrap();
    let error = StateStore::upgrade(storage.as_ref()).unwrap_err();
    assert!(matches!(error, StateError::Damaged { .. }), "{error}");
    let error = open(storage).unwrap_err();
    assert!(matches!(error, StateError::NeedsUpgrade { .. }), "{error}");
}

#[test]
fn an_unknown_format_is_not_upgraded() {
    for found in [0, FORMAT_VERSION + 1] {
        let storage = MemoryStorage::new();
        let mut batch = WriteBatch::new();
        batch.put(Space::Meta, *b"format", found.to_le_bytes());
        storage.write(batch).unwrap();
        let error = StateStore::upgrade(&storage).unwrap_err();
        assert!(matches!(error, StateError::UnknownFormat { .. }), "{error}");
    }
    let nothing = MemoryStorage::new();
    assert_eq!(StateStore::upgrade(&nothing).unwrap().blocks, 0);
    assert!(dump(&nothing).values().all(|entries| entries.is_empty()));
}

/// A copy of a store that an earlier release left.
#[cfg(feature = "fjall")]
fn unpacked(name: &str) -> tempfile::TempDir {
    use std::{fs, path::Path};

    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in crate::folder::files(&from) {
        let to = folder.path().join(path.strip_prefix(&from).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, content).unwrap();
    }
    folder
}

#[cfg(feature = "fjall")]
mod written_by_format_1 {
    use std::{collections::BTreeMap, fs};

    use ordlane_primitives::{
        Address, Block, BlockHeight, RawKey, Receipts, codec::decode, hash::code_hash,
    };
    use ordlane_state::{EventFilter, FjallStorage};

    use super::*;
    use crate::folder::{files, open_folder};

    /// A chain of 5 blocks with 8 transfers each, of which 8 failed, as the release that wrote format 1 left it.
    const ROOT: &str = "768f2b753710daba20d1f60d6d59071e510290a209b21de34fcb02f2e5de7642";
    const HASH: &str = "a69037aa84d3af3426ba74a37a8c3243ecd8052b12f23ec7d51681b89c2b4268";

    fn is_the_chain(store: &StateStore) {
        let tip = store.tip().unwrap();
        assert_eq!(tip.height, BlockHeight(5));
        assert_eq!(tip.state_root.to_string(), ROOT);
        assert_eq!(tip.block_hash.to_string(), HASH);
        let mut parent = None;
        let mut events = 0;
        for height in (0..=5).map(BlockHeight) {
            let block: Block = decode(&store.block_bytes(height).unwrap().unwrap()).unwrap();
            let hash = block.header.hash();
            if let Some(parent) = parent {
                assert_eq!(block.header.parent_hash, parent);
            }
            parent = Some(hash);
            assert_eq!(store.height_of(&hash).unwrap(), Some(height));
            let receipts = store.receipts_bytes(height).unwrap().unwrap();
            let receipts: Receipts = decode(&receipts).unwrap();
            assert_eq!(receipts.len(), if height.0 == 0 { 0 } else { 8 });
            for (index, receipt) in (0..).zip(&receipts) {
                let position = store.tx_position(&receipt.tx_id).unwrap();
                assert_eq!(position, Some((height, index)));
                events += receipt.events.len();
            }
            let root = store.tree_at(height).unwrap().root();
            assert_eq!(root, block.header.state_root);
        }
        let token = EventFilter::Emitter(Address::token_module());
        let found = store.event_positions(&token, None, 100).unwrap();
        assert_eq!((found.positions.len(), events), (32, 32));
        earlier_states_are_those_of_the_diffs(store);
    }

    fn earlier_states_are_those_of_the_diffs(store: &StateStore) {
        let mut keys = std::collections::BTreeSet::new();
        for height in (0..=5).map(BlockHeight) {
            let diff = store.reverse_diff(height).unwrap().unwrap();
            keys.extend(diff.entries().iter().map(|(key, _)| key.clone()));
        }
        assert_eq!(keys.len(), 7, "six accounts and the parameters");
        let mut state = BTreeMap::<RawKey, Vec<u8>>::new();
        for key in &keys {
            if let Some(value) = store.read(key.as_bytes()).unwrap() {
                state.insert(key.clone(), value);
            }
        }
        for height in (0..=5).rev().map(BlockHeight) {
            for key in &keys {
                let read = store.read_at(height, key.as_bytes()).unwrap();
                assert_eq!(read.as_ref(), state.get(key), "{height} {key}");
            }
            let diff = store.reverse_diff(height).unwrap().unwrap();
            diff.apply(&mut state);
        }
        assert_eq!(state, BTreeMap::new());
    }

    #[test]
    fn its_folder_is_refused_and_left_alone_until_it_is_upgraded() {
        let folder = unpacked("format-1");
        let before = files(folder.path());
        let error = FjallStorage::open(folder.path()).unwrap_err();
        assert!(
            matches!(error, StateError::NeedsUpgrade { found: 1, .. }),
            "{error}"
        );
        assert_eq!(files(folder.path()), before);

        let upgrade = FjallStorage::upgrade(folder.path()).unwrap();
        assert_eq!(
            (upgrade.from, upgrade.to, upgrade.blocks),
            (1, FORMAT_VERSION, 6)
        );
        for _ in 0..2 {
            is_the_chain(&open_folder(folder.path()).unwrap());
        }
        let again = FjallStorage::upgrade(folder.path()).unwrap();
        assert_eq!((again.from, again.blocks), (FORMAT_VERSION, 0));
        let store = open_folder(folder.path()).unwrap();
        is_the_chain(&store);
        assert_eq!(store.code(&code_hash(b"code")).unwrap(), None);
        store.rollback_to(BlockHeight(2)).unwrap();
        drop(store);
        let store = open_folder(folder.path()).unwrap();
        assert_eq!(store.tip().unwrap().height, BlockHeight(2));
    }

    #[test]
    fn its_upgrade_can_be_cut_off_before_the_marker_is_written() {
        let folder = unpacked("format-1");
        let marker = folder.path().join("ORDLANE");
        let old = fs::read(&marker).unwrap();
        FjallStorage::upgrade(folder.path()).unwrap();
        assert_ne!(fs::read(&marker).unwrap(), old);
        fs::write(&marker, &old).unwrap();
        let error = FjallStorage::open(folder.path()).unwrap_err();
        assert!(matches!(error, StateError::NeedsUpgrade { .. }), "{error}");
        let again = FjallStorage::upgrade(folder.path()).unwrap();
        assert_eq!((again.from, again.blocks), (1, 0));
        is_the_chain(&open_folder(folder.path()).unwrap());
    }

    #[test]
    fn its_upgrade_makes_no_space_that_it_should_have() {
        let folder = unpacked("format-1");
        fs::remove_dir_all(folder.path().join("fjall/keyspaces/3")).unwrap();
        let error = FjallStorage::upgrade(folder.path()).unwrap_err();
        assert!(matches!(error, StateError::Damaged { .. }), "{error}");
        let error = FjallStorage::open(folder.path()).unwrap_err();
        assert!(matches!(error, StateError::NeedsUpgrade { .. }), "{error}");
    }

    #[test]
    fn a_folder_without_a_store_is_not_upgraded() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_path_buf(), folder.path().join("absent")] {
            let error = FjallStorage::upgrade(&path).unwrap_err();
            assert!(matches!(error, StateError::ForeignFolder { .. }), "{error}");
        }
        assert_eq!(files(folder.path()).len(), 0);
    }
}

/// Stores of the present format, but without a space for code: they are given one when they are opened.
#[cfg(feature = "fjall")]
mod written_before_there_was_code {
    use std::fs;

    use ordlane_primitives::batch::Sequential;
    use ordlane_state::{FjallStorage, SpaceStats};

    use super::*;
    use crate::{
        chain::codes,
        folder::{files, open_folder, open_small},
    };

    /// A chain of 5 blocks as the release before left it.
    fn chain() -> Chain {
        let mut chain = Chain::sealed(96);
        for _ in 0..5 {
            chain.next_block();
        }
        let root = "0e1b0d73d6dd9c3bff9d7f98338c5c9756566cd9d09da52c598225a299c387eb";
        assert_eq!(chain.tip().unwrap().state_root.to_string(), root);
        chain
    }

    /// The place of the space for code among fjall's.
    const CODE: &str = "fjall/keyspaces/11";

    fn with_code() -> (tempfile::TempDir, Chain) {
        let (folder, mut chain) = (unpacked("format-2"), chain());
        let store = open_folder(folder.path()).unwrap();
        let mut block = chain.next_block();
        block.codes = codes([b"code".to_vec()]);
        store.commit(block).unwrap();
        (folder, chain)
    }

    fn is_whole(folder: &tempfile::TempDir, chain: &Chain) {
        let hash = codes([b"code".to_vec()])[0].0;
        for _ in 0..2 {
            let store = open_folder(folder.path()).unwrap();
            assert_equal(&store, chain);
            assert_eq!(store.code(&hash).unwrap(), Some(b"code".to_vec()));
        }
    }

    fn refused(folder: &tempfile::TempDir) {
        for _ in 0..2 {
            let error = FjallStorage::open(folder.path()).unwrap_err();
            assert!(matches!(error, StateError::Damaged { .. }), "{error}");
        }
    }

    #[test]
    fn it_opens_and_takes_code() {
        let folder = unpacked("format-2");
        assert!(!folder.path().join(CODE).exists());
        let marker = fs::read(folder.path().join("ORDLANE")).unwrap();
        assert_equal(&open_folder(folder.path()).unwrap(), &chain());
        let upgrade = FjallStorage::upgrade(folder.path()).unwrap();
        assert_eq!((upgrade.from, upgrade.blocks), (FORMAT_VERSION, 0));
        {
            let storage = FjallStorage::open(folder.path()).unwrap();
            let stats = StateStore::stats(&storage).unwrap();
            let of_code = |stats: &&SpaceStats| stats.space == Space::Code;
            assert_eq!(stats.spaces.iter().find(of_code).unwrap().entries, 0);
            let report = StateStore::fsck(&storage, &Sequential, &mut |_| {}).unwrap();
            assert!(report.is_sound(), "{:?}", report.findings());
        }
        assert_eq!(fs::read(folder.path().join("ORDLANE")).unwrap(), marker);
        let (folder, chain) = with_code();
        assert!(folder.path().join(CODE).exists());
        is_whole(&folder, &chain);
    }

    #[test]
    fn giving_it_the_space_may_be_cut_off() {
        let folder = unpacked("format-2");
        fs::create_dir_all(folder.path().join(CODE).join("tables")).unwrap();
        assert_equal(&open_folder(folder.path()).unwrap(), &chain());
        assert_equal(&open_folder(folder.path()).unwrap(), &chain());
        // All of the folder was made, and fjall does not know of it.
        let folder = unpacked("format-2");
        for (path, content) in files(&folder.path().join("fjall/keyspaces/10")) {
            let name = path.file_name().unwrap();
            fs::create_dir_all(folder.path().join(CODE)).unwrap();
            fs::write(folder.path().join(CODE).join(name), content).unwrap();
        }
        assert_equal(&open_folder(folder.path()).unwrap(), &chain());
        assert_equal(&open_folder(folder.path()).unwrap(), &chain());
    }

    #[test]
    fn a_space_that_it_had_is_missed() {
        for number in 1..=10 {
            for what in [format!("{number}/current"), format!("{number}")] {
                let folder = unpacked("format-2");
                let path = folder.path().join("fjall/keyspaces").join(what);
                if path.is_dir() {
                    fs::remove_dir_all(&path).unwrap();
                } else {
                    fs::remove_file(&path).unwrap();
                }
                refused(&folder);
            }
        }
    }

    #[test]
    fn a_space_for_code_that_was_written_to_is_missed() {
        for what in ["", "current"] {
            let (folder, chain) = with_code();
            is_whole(&folder, &chain);
            let path = folder.path().join(CODE).join(what);
            if path.is_dir() {
                fs::remove_dir_all(&path).unwrap();
            } else {
                fs::remove_file(&path).unwrap();
            }
            refused(&folder);
        }
    }

    #[test]
    fn a_new_store_lacks_none_of_its_spaces() {
        let whole = tempfile::tempdir().unwrap();
        let mut chain = Chain::new(97).with_codes();
        {
            let store = open_small(whole.path()).unwrap();
            for _ in 0..3 {
                store.commit(chain.next_block()).unwrap();
            }
        }
        let whole_files = files(whole.path());
        for number in 1..=11 {
            let folder = tempfile::tempdir().unwrap();
            for (path, content) in &whole_files {
                let to = folder.path().join(path.strip_prefix(whole.path()).unwrap());
                fs::create_dir_all(to.parent().unwrap()).unwrap();
                fs::write(to, content).unwrap();
            }
            let keyspace = folder.path().join(format!("fjall/keyspaces/{number}"));
            fs::remove_dir_all(keyspace).unwrap();
            refused(&folder);
        }
    }
}
