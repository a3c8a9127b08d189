//! Disks that are full or read-only, while pages of the tree are written beside the blocks. They need small file systems of
//! their own, so the right to mount one; where nobody has it, `fault` has a storage in memory that is full.

use std::{path::Path, process::Command, sync::Arc};

use ordlane_primitives::{
    Amount, BlockHeight, ErrorCode, Gas, Receipt, ReceiptStatus, Receipts, ReturnData,
    batch::Sequential, codec::Bounded, hash::sha256,
};
use ordlane_state::{FjallStorage, StateError, StateStore};

use crate::{
    chain::{Chain, assert_equal, open},
    files::paging,
};

fn open_folder(folder: &Path) -> Result<StateStore, StateError> {
    let storage = Arc::new(FjallStorage::open(folder)?);
    StateStore::open_with(storage, Arc::new(Sequential), paging(1))
}

/// A file system in memory with a size of its own.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "ordlane-test"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            _ => {
                println!("skipped: no permission to mount a file system");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(self.path())
            .status();
        assert!(status.unwrap().success(), "remount {options}");
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// Receipts of about this size, each as large as one may be in its return data.
fn large_receipts(size_bytes: usize) -> Receipts {
    let receipt = || Receipt {
        tx_id: sha256(b"large"),
        status: ReceiptStatus::Failed(ErrorCode::OutOfGas),
        gas_used: Gas(1),
        fee: Amount(1),
        events: Bounded::default(),
        return_data: ReturnData::new(vec![7; ReturnData::MAX]).unwrap(),
    };
    let count = size_bytes.div_ceil(ReturnData::MAX);
    Bounded::new((0..count).map(|_| receipt()).collect()).unwrap()
}

#[test]
fn a_full_disk_is_a_typed_error_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount("4m") else {
        return;
    };
    let folder = disk.path().join("store");
    let store = open_folder(&folder).unwrap();
    let mut chain = Chain::new(40);
    let mut before = chain.clone();
    let error = loop {
        let mut block = chain.next_block();
        block.receipts = large_receipts(100_000);
        chain.blocks.last_mut().unwrap().receipts = block.receipts.clone();
        match store.commit(block) {
            Ok(()) => before = chain.clone(),
            Err(error) => break error,
        }
        assert!(chain.blocks.len() < 100, "the disk is smaller than that");
    };
    // Where it was the pages that found no room, the next block is told that the store stopped.
    if !matches!(error, StateError::Poisoned { .. }) {
        assert!(matches!(error, StateError::Exhausted { .. }), "{error}");
        assert_eq!(error.code(), ErrorCode::ResourceExhausted);
    }
    assert!(before.blocks.len() > 5, "some blocks fit");
    let read = store.block_bytes(BlockHeight(0));
    assert!(matches!(read, Err(StateError::Poisoned { .. })));
    let commit = store.commit(chain.next_block());
    assert!(matches!(commit, Err(StateError::Poisoned { .. })));
    drop(store);

    disk.remount("size=64m");
    let store = open_folder(&folder).unwrap();
    assert_equal(&store, &before);
    for _ in 0..5 {
        store.commit(before.next_block()).unwrap();
    }
    assert_equal(&store, &before);
}

#[test]
fn a_full_disk_refuses_a_new_store_with_a_typed_error() {
    let Some(disk) = SmallDisk::mount("16k") else {
        return;
    };
    let error = FjallStorage::open(disk.path().join("store")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ResourceExhausted, "{error}");
    disk.remount("size=64m");
    let store = open_folder(&disk.path().join("store")).unwrap();
    let mut chain = Chain::new(41);
    store.commit(chain.next_block()).unwrap();
    assert_equal(&store, &chain);
}

#[test]
fn a_read_only_disk_is_a_typed_error() {
    let Some(disk) = SmallDisk::mount("64m") else {
        return;
    };
    let folder = disk.path().join("store");
    let mut chain = Chain::new(42);
    let store = open_folder(&folder).unwrap();
    store.commit(chain.next_block()).unwrap();
    drop(store);
    disk.remount("ro");
    for folder in [&folder, &disk.path().join("another")] {
        let error = FjallStorage::open(folder).unwrap_err();
        assert!(matches!(error, StateError::AccessDenied { .. }), "{error}");
        assert_eq!(error.code(), ErrorCode::StorageFailure);
    }
    disk.remount("rw");
    let storage = Arc::new(FjallStorage::open(&folder).unwrap());
    assert_equal(&open(storage).unwrap(), &chain);
}
