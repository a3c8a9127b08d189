//! Writing the tree's pages in the background.
//!
//! Pages go to the storage some blocks after the blocks that changed them; a mark beside them says which block they are
//! of. Opening reads the mark and applies what later blocks have changed.
//!
//! Invariant: the storage holds exactly the pages of the marked block, or has no mark, and then they say nothing.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use borsh::{BorshDeserialize, BorshSerialize};
use ordlane_primitives::{
    BlockHeight, Hash,
    codec::{self, Canonical},
    hash::sha256,
    tree::{as_leaf, is_leaf},
};

use super::{Core, keys};
use crate::{Space, StateError, Storage, StoreOptions, WriteBatch, tree::StoredTop};

/// How many bytes of pages go in one batch. More are written in several, during which there is no mark.
const MAX_BATCH_BYTES: usize = 32 * 1024 * 1024;
/// A commit waits for the pages to be written when there are so many times the bytes of pages that start the writing.
const MAX_BEHIND: usize = 4;

/// Which block the stored pages are of, and the top of its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct PagesMark {
    pub(super) height: BlockHeight,
    pub(super) root: Hash,
    /// The message of the only leaf, if there is just one.
    pub(super) lone: Option<[u8; 64]>,
}

impl Canonical for PagesMark {
    const NAME: &'static str = "mark of the tree's pages";
    const MIN_BYTES: usize = 8 + 32 + 1;
    const MAX_BYTES: usize = Self::MIN_BYTES + 64;
}

impl PagesMark {
    /// Whether it has a leaf exactly when its root is one, and that one.
    fn has_its_leaf(&self) -> bool {
        let leaf = self.lone.map(|message| as_leaf(sha256(&message)));
        leaf == is_leaf(&self.root).then_some(self.root)
    }

    pub(super) const fn top(&self) -> StoredTop {
        StoredTop {
            root: self.root,
            lone: self.lone,
        }
    }
}

/// The mark, if there is one.
pub(super) fn read_mark(storage: &dyn Storage) -> Result<Option<PagesMark>, StateError> {
    let mark: Option<PagesMark> = storage
        .get(Space::Meta, keys::PAGES)?
        .map(|bytes| codec::decode(&bytes))
        .transpose()
        .map_err(|source| {
            StateError::damaged_by("the mark of the tree's pages cannot be read", source)
        })?;
    if mark.is_none_or(|mark| mark.has_its_leaf()) {
        return Ok(mark);
    }
    Err(StateError::damaged(
        "the mark of the tree's pages has not the leaf of its root",
    ))
}

/// The first height whose reverse diff opening needs: that after the marked block, or none, as a height above all.
#[derive(Debug)]
struct Marked(AtomicU64);

impl Marked {
    fn set(&self, mark: Option<BlockHeight>) {
        let needed = mark.map_or(u64::MAX, |height| height.0.saturating_add(1));
        self.0.store(needed, Ordering::Relaxed);
    }
}

/// The thread that writes pages, where there are threads.
#[derive(Debug)]
pub(super) struct PageWriter {
    core: Arc<Core>,
    options: StoreOptions,
    /// The height of the last block whose pages were asked for.
    asked: AtomicU64,
    writing: Arc<Mutex<()>>,
    marked: Arc<Marked>,
    thread: Option<(SyncSender<()>, JoinHandle<()>)>,
}

impl PageWriter {
    pub(super) fn start(core: &Arc<Core>, options: StoreOptions, mark: Option<PagesMark>) -> Self {
        let writing = Arc::new(Mutex::new(()));
        let marked = Arc::new(Marked(AtomicU64::new(u64::MAX)));
        marked.set(mark.map(|mark| mark.height));
        let (sender, receiver) = sync_channel(1);
        let worker = (Arc::clone(core), Arc::clone(&writing), Arc::clone(&marked));
        let thread = thread::Builder::new()
            .name("ordlane-pages".to_owned())
            .spawn(move || {
                let (core, writing, marked) = worker;
                while receiver.recv().is_ok() {
                    // A failure poisons the store, and every later call names it.
                    let _ = write_pages(&core, &writing, &marked);
                }
            })
            .ok();
        Self {
            core: Arc::clone(core),
            options,
            asked: AtomicU64::new(core.head().tip.map_or(0, |tip| tip.height.0)),
            writing,
            marked,
            thread: thread.map(|thread| (sender, thread)),
        }
    }

    /// Sees to it that pages are written when it is time, after a block was committed at `height`.
    pub(super) fn committed(&self, height: BlockHeight) -> Result<(), StateError> {
        let dirty_bytes = self.core.dirty_bytes();
        let limit = self.options.page_write_bytes;
        let blocks = height.0.saturating_sub(self.asked.load(Ordering::Relaxed));
        if blocks < self.options.page_write_blocks && dirty_bytes < limit {
            return Ok(());
        }
        self.asked.store(height.0, Ordering::Relaxed);
        match &self.thread {
            Some((sender, _)) if dirty_bytes < limit.saturating_mul(MAX_BEHIND) => {
                // A full channel means that the thread will look again anyway.
                let _ = sender.try_send(());
                Ok(())
            }
            _ => self.write_now(),
        }
    }

    /// Writes all pages that are not in the storage, now.
    pub(super) fn write_now(&self) -> Result<(), StateError> {
        write_pages(&self.core, &self.writing, &self.marked)
    }

    /// The first block whose reverse diff opening needs, as things are stored now.
    pub(super) fn needed_from(&self) -> BlockHeight {
        BlockHeight(self.marked.0.load(Ordering::Relaxed))
    }

    /// Waits until no pages are being written, and lets none be while the guard lives.
    pub(super) fn pause(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mark is about to be removed from the storage.
    pub(super) fn unmark(&self) {
        self.marked.set(None);
    }
}

impl Drop for PageWriter {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            // A panic of the thread was told by its own message.
            let _ = thread.join();
        }
    }
}

fn write_pages(core: &Core, writing: &Mutex<()>, marked: &Marked) -> Result<(), StateError> {
    let _one_at_a_time = writing.lock().unwrap_or_else(PoisonError::into_inner);
    core.check_healthy()?;
    let (tip, tree, pages) = {
        let head = core.head.read().unwrap_or_else(PoisonError::into_inner);
        (head.tip, head.tree.clone(), head.tree.dirty_pages())
    };
    let Some(tip) = tip.filter(|_| !pages.is_empty()) else {
        return Ok(());
    };
    let StoredTop { root, lone } = tree.stored_top();
    let mark = PagesMark {
        height: tip.height,
        root,
        lone,
    };
    let (mut batch, mut batch_bytes) = (WriteBatch::new(), 0_usize);
    for (key, page) in pages.entries() {
        if batch_bytes >= MAX_BATCH_BYTES {
            batch.remove(Space::Meta, keys::PAGES);
            core.write(core::mem::take(&mut batch))?;
            batch_bytes = 0;
        }
        let size = page.as_ref().map_or(0, Vec::len);
        batch_bytes = batch_bytes.saturating_add(key.len()).saturating_add(size);
        match page {
            Some(page) => batch.put(Space::Page, key, page),
            None => batch.remove(Space::Page, key),
        }
    }
    batch.put(Space::Meta, keys::PAGES, codec::encode(&mark));
    core.write(batch)?;
    marked.set(Some(tip.height));
    tree.pages_written(&pages);
    Ok(())
}
