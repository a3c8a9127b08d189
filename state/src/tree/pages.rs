//! The pages of the newest settled tree: all that are in memory, and where the others are read from.
//!
//! Invariants: trees share one `Pages` and see it through their own layers, so what is settled here must be a state that
//! the tree comes from: a tree asks [`Pages::reading`] before it looks, and a tree that something else was settled in
//! place of is told so. A page that is not in the store yet is never given up; of the others the memory holds as many as
//! its limit allows, those above [`PINNED_DEPTH`] always, the rest by second chance.

use std::{
    collections::{HashMap, VecDeque, hash_map},
    fmt,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use foldhash::quality::RandomState;
use ordlane_primitives::{Hash, batch::BatchHasher};

use super::page::{Page, PageId};
use crate::{Space, StateError, Storage};

/// The tree is split by the top six bits of the path: a shard for each, and one for the page at the root.
pub(super) const CHUNKS: usize = 64;
const SHARDS: usize = CHUNKS + 1;
/// Pages whose upper cut is at this depth or above stay in memory: some 4,000 of them.
const PINNED_DEPTH: usize = 12;
/// The memory that a page takes beside its nodes: its entry, its place in the ring, and what maps leave free.
const ENTRY_BYTES: usize = 144;

/// A page that a tree has in place of another one; none where there is no page any more.
pub(super) type PageChange = (PageId, Option<Page>);

/// Which state of the pages: every update of a tree makes a new one, and no two have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version(u64);

impl Version {
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Only uniqueness counts, so nothing pairs with it.
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Where pages are kept that are not in memory.
#[derive(Debug)]
pub(crate) struct Backing {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) hasher: Arc<dyn BatchHasher>,
    /// How much memory the pages may take that are in the store, too, in bytes.
    pub(crate) cache_bytes: usize,
}

/// The settled pages.
pub(super) struct Pages {
    backing: Option<Backing>,
    shards: Vec<RwLock<Shard>>,
    settled: RwLock<Version>,
    /// The bytes of pages that are not in the store.
    dirty_bytes: AtomicUsize,
}

#[derive(Default)]
struct Shard {
    pages: HashMap<PageId, Entry, RandomState>,
    /// All pages of the map that may be given up, those that were looked at longest ago first.
    ring: VecDeque<PageId>,
    /// Those that are not in the store as they are here; one may be in here several times.
    dirty: Vec<PageId>,
    clean_bytes: usize,
}

struct Entry {
    /// None where a page is to be removed from the store.
    page: Option<Page>,
    dirty: bool,
    used: AtomicBool,
    in_ring: bool,
}

/// The pages that are to be written, as they were at one moment.
#[derive(Debug)]
pub(crate) struct DirtyPages(Vec<PageChange>);

impl DirtyPages {
    /// Each page with its bytes, or none where it is to be removed.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
        self.0
            .iter()
            .map(|(id, page)| (id.key(), page.as_ref().map(Page::to_bytes)))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Pages {
    pub(super) fn new(backing: Option<Backing>, settled: Version) -> Self {
        Self {
            backing,
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            settled: RwLock::new(settled),
            dirty_bytes: AtomicUsize::new(0),
        }
    }

    /// Which version is settled. It stays so while the guard lives.
    pub(super) fn reading(&self) -> RwLockReadGuard<'_, Version> {
        self.settled.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page `id`, whose top node has the hash `top`.
    pub(super) fn page(&self, id: PageId, top: &Hash) -> Result<Page, StateError> {
        let lock = self.shard(id);
        {
            let shard = read(lock);
            if let Some(entry) = shard.pages.get(&id) {
                entry.used.store(true, Ordering::Relaxed);
                return entry.page.clone().ok_or_else(|| missing(id));
            }
        }
        let page = self.load(id, top)?;
        let mut shard = write(lock);
        if !shard.pages.contains_key(&id) {
            shard.insert_clean(id, page.clone());
            shard.shrink(self.cache_bytes() / SHARDS);
        }
        Ok(page)
    }

    fn load(&self, id: PageId, top: &Hash) -> Result<Page, StateError> {
        let backing = self.backing.as_ref().ok_or_else(|| missing(id))?;
        let bytes = backing
            .storage
            .get(Space::Page, &id.key())?
            .ok_or_else(|| missing(id))?;
        Page::from_bytes(&bytes, id, top, backing.hasher.as_ref())
            .ok_or_else(|| StateError::damaged(format!("{} is not that of its tree", named(id))))
    }

    /// Makes the changes of the layers, oldest first, the settled state, if `follows` says so of the version that is.
    pub(super) fn settle<'a>(
        &self,
        version: Version,
        layers: impl Fn(Version) -> Result<Vec<&'a [Vec<PageChange>]>, StateError>,
    ) -> Result<(), StateError> {
        let mut settled = self.settled.write().unwrap_or_else(PoisonError::into_inner);
        for layer in layers(*settled)? {
            for (lock, changes) in self.shards.iter().zip(layer) {
                let mut shard = write(lock);
                for (id, page) in changes {
                    let (added, freed) = shard.insert_dirty(*id, page.clone());
                    self.dirty_bytes.fetch_add(added, Ordering::Relaxed);
                    self.dirty_bytes.fetch_sub(freed, Ordering::Relaxed);
                }
            }
        }
        *settled = version;
        Ok(())
    }

    /// Has a page removed from the store that may be there, unless it belongs to the settled tree, all of which is in
    /// memory.
    pub(super) fn drop_stored(&self, id: PageId) {
        let mut shard = write(self.shard(id));
        if !shard.pages.contains_key(&id) {
            let (added, _) = shard.insert_dirty(id, None);
            self.dirty_bytes.fetch_add(added, Ordering::Relaxed);
        }
    }

    /// How much memory the pages take that are not in the store yet, in bytes.
    pub(super) fn dirty_bytes(&self) -> usize {
        self.dirty_bytes.load(Ordering::Relaxed)
    }

    /// How much memory all pages take, in bytes.
    pub(super) fn resident_bytes(&self) -> usize {
        self.shards.iter().fold(self.dirty_bytes(), |sum, lock| {
            let shard = read(lock);
            sum.saturating_add(shard.clean_bytes)
        })
    }

    /// All pages that are not in the store, of one version.
    pub(super) fn dirty(&self) -> DirtyPages {
        let _settled = self.reading();
        let mut found = Vec::new();
        for lock in &self.shards {
            let shard = read(lock);
            let mut ids = shard.dirty.clone();
            ids.sort_unstable();
            ids.dedup();
            found.extend(ids.into_iter().filter_map(|id| {
                let entry = shard.pages.get(&id).filter(|entry| entry.dirty)?;
                Some((id, entry.page.clone()))
            }));
        }
        DirtyPages(found)
    }

    /// These pages are in the store now: those that have not changed since may be given up.
    pub(super) fn written(&self, pages: &DirtyPages) {
        let _settled = self.reading();
        for (id, page) in &pages.0 {
            let mut shard = write(self.shard(*id));
            let freed = shard.clean(*id, page.as_ref());
            self.dirty_bytes.fetch_sub(freed, Ordering::Relaxed);
        }
        let budget = self.cache_bytes() / SHARDS;
        for lock in &self.shards {
            let mut shard = write(lock);
            shard.forget_clean();
            shard.shrink(budget);
        }
    }

    fn cache_bytes(&self) -> usize {
        self.backing
            .as_ref()
            .map_or(usize::MAX, |backing| backing.cache_bytes)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a byte without its lowest two bits is below the number of chunks"
    )]
    fn shard(&self, id: PageId) -> &RwLock<Shard> {
        &self.shards[part_of(id)]
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("dirty_bytes", &self.dirty_bytes())
            .field("resident_bytes", &self.resident_bytes())
            .finish_non_exhaustive()
    }
}

impl Shard {
    fn insert_clean(&mut self, id: PageId, page: Page) {
        let mut entry = Entry {
            page: Some(page),
            dirty: false,
            used: AtomicBool::new(true),
            in_ring: false,
        };
        self.clean_bytes = self.clean_bytes.saturating_add(entry.bytes());
        entry.enter(id, &mut self.ring);
        self.pages.insert(id, entry);
    }

    /// Returns how many bytes of dirty pages came, and how many went.
    fn insert_dirty(&mut self, id: PageId, page: Option<Page>) -> (usize, usize) {
        let mut entry = Entry {
            page,
            dirty: true,
            used: AtomicBool::new(true),
            in_ring: false,
        };
        let added = entry.bytes();
        let slot = self.pages.entry(id);
        let mut freed = 0;
        match slot {
            hash_map::Entry::Occupied(mut found) => {
                let old = found.get();
                entry.in_ring = old.in_ring;
                if old.dirty {
                    freed = old.bytes();
                } else {
                    self.clean_bytes = self.clean_bytes.saturating_sub(old.bytes());
                    self.dirty.push(id);
                }
                found.insert(entry);
            }
            hash_map::Entry::Vacant(vacant) => {
                self.dirty.push(id);
                vacant.insert(entry);
            }
        }
        (added, freed)
    }

    /// Returns how many bytes are not dirty any more.
    fn clean(&mut self, id: PageId, written: Option<&Page>) -> usize {
        let Some(entry) = self.pages.get_mut(&id).filter(|entry| entry.dirty) else {
            return 0;
        };
        let bytes = entry.bytes();
        match (&entry.page, written) {
            (None, None) => {
                self.pages.remove(&id);
            }
            (Some(page), Some(written)) if page.is(written) => {
                entry.dirty = false;
                entry.enter(id, &mut self.ring);
                self.clean_bytes = self.clean_bytes.saturating_add(bytes);
            }
            // It has changed since.
            _ => return 0,
        }
        bytes
    }

    fn forget_clean(&mut self) {
        let pages = &self.pages;
        self.dirty
            .retain(|id| pages.get(id).is_some_and(|entry| entry.dirty));
    }

    /// Gives up pages until the clean ones take at most `budget` bytes.
    fn shrink(&mut self, budget: usize) {
        // Two rounds: the first one may find that every page was used.
        let mut left = self.ring.len().saturating_mul(2);
        while self.clean_bytes > budget && left > 0 {
            left = left.saturating_sub(1);
            let Some(id) = self.ring.pop_front() else {
                return;
            };
            let Some(entry) = self.pages.get_mut(&id) else {
                continue;
            };
            if entry.dirty {
                entry.in_ring = false;
            } else if entry.used.swap(false, Ordering::Relaxed) {
                self.ring.push_back(id);
            } else {
                self.clean_bytes = self.clean_bytes.saturating_sub(entry.bytes());
                self.pages.remove(&id);
            }
        }
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        let nodes = self.page.as_ref().map_or(0, Page::resident_bytes);
        nodes.saturating_add(ENTRY_BYTES)
    }

    /// Takes its place among those that may be given up.
    fn enter(&mut self, id: PageId, ring: &mut VecDeque<PageId>) {
        if id.depth() > PINNED_DEPTH && !self.in_ring {
            self.in_ring = true;
            ring.push_back(id);
        }
    }
}

/// Which shard, and which part of a layer, a page belongs to.
pub(super) fn part_of(id: PageId) -> usize {
    if id == PageId::ROOT {
        CHUNKS
    } else {
        usize::from(id.first_byte() >> 2)
    }
}

fn read(lock: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

// A panic while a shard is locked can only come from memory running out, and each step leaves it whole.
fn write(lock: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

fn missing(id: PageId) -> StateError {
    StateError::damaged(format!("{} is missing", named(id)))
}

fn named(id: PageId) -> String {
    format!(
        "the page of the tree at depth {} with key {:02x?}",
        id.depth(),
        id.key()
    )
}
