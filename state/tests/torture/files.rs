//! Stores in folders.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ordlane_state::{FjallOptions, FjallStorage, StateError, Storage, StoreOptions};

/// A storage that writes tables early, so that a short chain has some, and keeps a journal as long as anything in it is in
/// no table.
pub(crate) fn open_small(folder: &Path) -> Result<Arc<dyn Storage>, StateError> {
    let mut options = FjallOptions::default();
    options.memtable_bytes = 0;
    options.journal_bytes = u64::MAX;
    Ok(Arc::new(FjallStorage::open_with(folder, options)?))
}

/// Options of a store that holds next to no pages in memory and writes them every so many blocks.
pub(crate) fn paging(page_write_blocks: u64) -> StoreOptions {
    let mut options = StoreOptions::default();
    options.cache_bytes = 0;
    options.page_write_blocks = page_write_blocks;
    options
}

/// Every file below a folder, by its path there, with its content.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    add_files(folder, folder, &mut found);
    found
}

fn add_files(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_files(root, &path, found);
        } else {
            let content = fs::read(&path).unwrap();
            found.insert(path.strip_prefix(root).unwrap().to_path_buf(), content);
        }
    }
}

/// Makes a folder of these files.
pub(crate) fn restore(files: &BTreeMap<PathBuf, Vec<u8>>, folder: &Path) {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}
