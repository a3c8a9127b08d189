//! The storage in a folder: the same results as in memory, and whose folder it is.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread,
    time::Duration,
};

use ordlane_primitives::ErrorCode;
use ordlane_state::{
    FORMAT_VERSION, FjallOptions, FjallStorage, Space, StateError, StateStore, Storage, WriteBatch,
};

use crate::chain::{Chain, assert_equal, in_memory, open};

pub(crate) fn open_folder(folder: &Path) -> Result<StateStore, StateError> {
    open(Arc::new(FjallStorage::open(folder)?))
}

/// The same, and a new store writes tables early, so that a short chain has some.
pub(crate) fn open_small(folder: &Path) -> Result<StateStore, StateError> {
    let mut options = FjallOptions::default();
    options.memtable_bytes = 0;
    open(Arc::new(FjallStorage::open_with(folder, options)?))
}

/// Every file below a folder, with its content.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn a_folder_and_memory_hold_the_same_after_the_same_blocks() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("new/and/nested");
    let (mut chain, memory) = (Chain::new(20), in_memory());
    for round in 0..4 {
        let store = open_folder(&folder).unwrap();
        assert_equal(&store, &chain);
        for _ in 0..10 {
            let block = chain.next_block();
            memory.commit(block.clone()).unwrap();
            store.commit(block).unwrap();
        }
        assert_equal(&store, &chain);
        assert_equal(&memory, &chain);
        assert_eq!(store.tip(), memory.tip(), "round {round}");
    }
}

#[test]
fn tables_hold_what_memtables_held() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = Chain::with_keys(21, 2_000);
    for _ in 0..3 {
        let store = open_small(folder.path()).unwrap();
        assert_equal(&store, &chain);
        for _ in 0..60 {
            store.commit(chain.next_block()).unwrap();
        }
    }
    let tables = files(folder.path())
        .into_keys()
        .filter(|path| path.components().any(|part| part.as_os_str() == "tables"));
    assert!(tables.count() > 1, "some memtable was written to a table");
    assert_equal(&open_folder(folder.path()).unwrap(), &chain);
}

#[test]
fn a_foreign_folder_is_refused_and_left_alone() {
    for name in [
        "notes.txt",
        "version",
        "0.jnl",
        "ORDLANE",
        "WITNESS",
        "ORDLANE.old",
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), b"somebody else's").unwrap();
        fs::create_dir(folder.path().join("keyspaces")).unwrap();
        let before = files(folder.path());
        let error = FjallStorage::open(folder.path()).unwrap_err();
        assert!(matches!(error, StateError::ForeignFolder { .. }), "{error}");
        assert_eq!(error.code(), ErrorCode::StorageCorruption);
        assert_eq!(files(folder.path()), before, "{name}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "{name}");
    }
}

#[test]
fn a_file_in_the_place_of_the_folder_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, b"not a folder").unwrap();
    let error = FjallStorage::open(&file).unwrap_err();
    assert!(matches!(error, StateError::ForeignFolder { .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"not a folder");
}

#[test]
fn a_folder_of_another_format_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(open_folder(folder.path()).unwrap());
    let next = FORMAT_VERSION + 1;
    let marker = format!("ordlane state\nformat {next}\n");
    fs::write(folder.path().join("ORDLANE"), marker).unwrap();
    let before = files(folder.path());
    let error = FjallStorage::open(folder.path()).unwrap_err();
    assert!(
        matches!(error, StateError::UnknownFormat { found, .. } if found == next),
        "{error}"
    );
    assert_eq!(files(folder.path()), before);
}

/// Opening is interrupted after each of its steps; the next opening completes it.
#[test]
fn an_interrupted_creation_is_completed() {
    let whole = tempfile::tempdir().unwrap();
    drop(FjallStorage::open(whole.path()).unwrap());
    let marker = fs::read(whole.path().join("ORDLANE")).unwrap();

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ORDLANE.new"), &marker[..5]).unwrap();
    drop(open_folder(folder.path()).unwrap());

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ORDLANE"), &marker).unwrap();
    drop(open_folder(folder.path()).unwrap());

    let folder = tempfile::tempdir().unwrap();
    drop(FjallStorage::open(folder.path()).unwrap());
    fs::remove_file(folder.path().join("WITNESS")).unwrap();
    let mut chain = Chain::new(22);
    let store = open_folder(folder.path()).unwrap();
    store.commit(chain.next_block()).unwrap();
    assert_equal(&store, &chain);
}

#[test]
fn a_second_opener_in_the_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_folder(folder.path()).unwrap();
    let error = FjallStorage::open(folder.path()).unwrap_err();
    assert!(matches!(error, StateError::Locked { .. }), "{error}");
    assert_eq!(error.code(), ErrorCode::StorageFailure);
    drop(store);
    open_folder(folder.path()).unwrap();
}

const OPENER: &str = "ORDLANE_TEST_OPENER";

/// Not a test by itself: the other process of the test below.
#[test]
fn opener_process() {
    if let Some(folder) = std::env::var_os(OPENER) {
        let error = FjallStorage::open(PathBuf::from(folder)).unwrap_err();
        assert!(matches!(error, StateError::Locked { .. }), "{error}");
        println!("refused as locked");
    }
}

#[test]
fn a_second_opener_in_another_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_folder(folder.path()).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "folder::opener_process", "--nocapture"])
        .env(OPENER, folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("refused as locked"), "{said}");
    let mut chain = Chain::new(23);
    store.commit(chain.next_block()).unwrap();
    assert_equal(&store, &chain);
}

#[test]
fn a_folder_that_may_not_be_written_is_a_typed_error() {
    for folder in ["/proc/ordlane", "/sys/ordlane"] {
        if Path::new(folder).parent().is_some_and(Path::exists) {
            let error = FjallStorage::open(folder).unwrap_err();
            assert!(
                matches!(
                    error,
                    StateError::AccessDenied { .. } | StateError::Io { .. }
                ),
                "{error}"
            );
            assert_eq!(error.code(), ErrorCode::StorageFailure);
        }
    }
}

#[test]
fn storages_scan_in_order_from_a_key() {
    use core::ops::ControlFlow;
    use ordlane_state::{MemoryStorage, Space, WriteBatch};

    let folder = tempfile::tempdir().unwrap();
    let storages: [Arc<dyn Storage>; 2] = [
        Arc::new(MemoryStorage::new()),
        Arc::new(FjallStorage::open(folder.path()).unwrap()),
    ];
    for storage in storages {
        let mut batch = WriteBatch::new();
        for key in [5_u8, 1, 9, 3] {
            batch.put(Space::Rev, [key], [key]);
            batch.put(Space::Block, [key, 0], []);
        }
        batch.remove(Space::Rev, [9]);
        storage.write(batch).unwrap();
        let mut seen = Vec::new();
        storage
            .scan(Space::Rev, &[2], &mut |key, value| {
                assert_eq!(key, value);
                seen.push(key.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(seen, [[3], [5]], "{storage:?}");
        let mut first = Vec::new();
        storage
            .scan(Space::Block, &[], &mut |key, _| {
                first.extend_from_slice(key);
                ControlFlow::Break(())
            })
            .unwrap();
        assert_eq!(first, [1, 0]);
        assert_eq!(storage.get(Space::Block, &[1, 0]).unwrap(), Some(vec![]));
        assert_eq!(storage.get(Space::Rev, &[9]).unwrap(), None);
    }
}

#[test]
fn journals_go_though_some_spaces_are_hardly_written_to() {
    const BATCH_BYTES: usize = 8 * 1024 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let storage = FjallStorage::open(folder.path()).unwrap();
    let journals = || {
        let files = fs::read_dir(folder.path().join("fjall")).unwrap();
        let names = files.map(|file| file.unwrap().file_name());
        let is_journal = |name: &std::ffi::OsString| name.to_string_lossy().ends_with(".jnl");
        names.filter(is_journal).count()
    };
    // Three times what they may have.
    for number in 0..24_u32 {
        let mut batch = WriteBatch::new();
        batch.put(Space::Page, number.to_be_bytes(), vec![7; BATCH_BYTES]);
        batch.put(Space::Rev, number.to_be_bytes(), *b"little");
        storage.write(batch).unwrap();
    }
    for _ in 0..1_000 {
        if journals() == 1 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(journals(), 1);
    drop(storage);
    let storage = FjallStorage::open(folder.path()).unwrap();
    for number in 0..24_u32 {
        let found = storage.get(Space::Rev, &number.to_be_bytes()).unwrap();
        assert_eq!(found.as_deref(), Some(&b"little"[..]));
    }
}
