//! The pages of the newest settled tree: all that are in memory, and where the others are read from.
//!
//! Invariants: trees share one `Pages` and see it through their own layers, so what is settled here must be a state that
//! the tree comes from: a tree asks [`Pages::reading`] before it looks, and a tree that something else was settled in
//! place of is told so. A page that is not in the store yet is never given up; of the others the memory holds as many as
//! its limit allows, those above [`PINNED_DEPTH`] always, the rest by second chance.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::VecDeque,
    fmt,
    hint::black_box,
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use ordlane_primitives::{Hash, batch::Sequential};

use super::{
    page::{Page, PageId},
    page_map::PageMap,
    update::Drafts,
};
use crate::{Space, StateError, Storage};

/// The tree is split by the top six bits of the path: a shard for each, and one for the page at the root.
pub(super) const CHUNKS: usize = 64;
const SHARDS: usize = CHUNKS + 1;
/// Pages whose upper cut is at this depth or above stay in memory: some 4,000 of them.
const PINNED_DEPTH: usize = 12;
/// The memory that a page takes beside its nodes: its entry, its place in the ring, and what maps leave free.
const ENTRY_BYTES: usize = 144;

/// The cuts whose pages are read ahead all at once, and the one below. With some millions of keys changes end there.
const UPPER_CUTS: [usize; 2] = [12, 16];
const LOWER_CUT: usize = 20;
/// How much memory for nodes is kept for later updates, in bytes.
const MAX_SPARE_BYTES: usize = 64 * 1024 * 1024;

/// A page that a tree has in place of another one, or a patch over it; none where there is no page any more.
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
    /// Memory that updates use again.
    spare: Mutex<Vec<Drafts>>,
}

#[derive(Default)]
struct Shard {
    pages: PageMap,
    /// All pages of the map that may be given up, those that were looked at longest ago first.
    ring: VecDeque<PageId>,
    /// Those that are not in the store as they are here; one may be in here several times.
    dirty: Vec<PageId>,
    clean_bytes: usize,
}

pub(super) struct Entry {
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
            spare: Mutex::default(),
        }
    }

    /// Which version is settled. It stays so while the guard lives.
    pub(super) fn reading(&self) -> RwLockReadGuard<'_, Version> {
        self.settled.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page `id`, whose top node has the hash `top`.
    pub(super) fn page(&self, id: PageId, top: &Hash) -> Result<Page, StateError> {
        let chunk = self.chunk(part_of(id))?;
        let page = chunk.page(id, top)?.into_owned();
        chunk.finish();
        Ok(page)
    }

    /// The pages of a chunk, to be looked at one after another. No other code may run meanwhile that wants them, too.
    pub(super) fn chunk(&self, part: usize) -> Result<Chunk<'_>, StateError> {
        let lock = self.shards.get(part).ok_or(StateError::Internal {
            what: "there is no such part of the tree",
        })?;
        Ok(Chunk {
            pages: self,
            lock,
            shard: read(lock),
            loaded: RefCell::default(),
        })
    }

    fn load(&self, id: PageId, top: &Hash) -> Result<Page, StateError> {
        let backing = self.backing.as_ref().ok_or_else(|| missing(id))?;
        let bytes = backing
            .storage
            .get(Space::Page, &id.key())?
            .ok_or_else(|| missing(id))?;
        // Hashed one after another, not by the backing's hasher, whose threads could take up work that wants these pages.
        Page::from_bytes(&bytes, id, top, &Sequential)
            .ok_or_else(|| StateError::damaged(format!("{} is not that of its tree", named(id))))
    }

    /// Memory that an update works in.
    pub(super) fn drafts(&self) -> Drafts {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().unwrap_or_default()
    }

    /// The same is not needed any more, and kept for the next update unless there is enough.
    pub(super) fn give_back(&self, drafts: Drafts) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = spare.iter().fold(drafts.bytes(), |sum, drafts| {
            sum.saturating_add(drafts.bytes())
        });
        if kept <= MAX_SPARE_BYTES {
            spare.push(drafts.recycled());
        }
    }

    /// Makes the changes of the layers, oldest first, the settled state; `layers` gets the version that is.
    pub(super) fn settle<'a>(
        &self,
        version: Version,
        layers: impl Fn(Version) -> Result<Vec<&'a [Vec<PageChange>]>, StateError>,
    ) -> Result<(), StateError> {
        let mut settled = self.settled.write().unwrap_or_else(PoisonError::into_inner);
        for layer in layers(*settled)? {
            for (lock, changes) in self.shards.iter().zip(layer) {
                let mut shard = write(lock);
                for (id, change) in changes {
                    if let Some(patch) = change.as_ref().filter(|page| !page.is_whole())
                        && shard.pages.get(*id).is_none()
                    {
                        shard.insert_clean(*id, self.load(*id, patch.below())?);
                    }
                    let (added, freed) = shard.change(*id, change.as_ref());
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
        if shard.pages.get(id).is_none() {
            let (added, _) = shard.change(id, None);
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
                let entry = shard.pages.get(id).filter(|entry| entry.dirty)?;
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

/// The pages of one chunk. What it has to read from the store it keeps for others when it is finished.
pub(super) struct Chunk<'a> {
    pages: &'a Pages,
    lock: &'a RwLock<Shard>,
    shard: RwLockReadGuard<'a, Shard>,
    loaded: RefCell<Vec<(PageId, Page)>>,
}

impl Chunk<'_> {
    /// The page `id`, whose top node has the hash `top`.
    pub(super) fn page(&self, id: PageId, top: &Hash) -> Result<Cow<'_, Page>, StateError> {
        if let Some(entry) = self.shard.pages.get(id) {
            entry.look();
            let page = entry.page.as_ref().ok_or_else(|| missing(id))?;
            return Ok(Cow::Borrowed(page));
        }
        let page = self.pages.load(id, top)?;
        self.loaded.borrow_mut().push((id, page.clone()));
        Ok(Cow::Owned(page))
    }

    /// Reads what a walk along these ascending paths is going to read. Each page is elsewhere in memory, and a walk would
    /// wait for every one of them; here it is waited for many at a time, because none depends on another one.
    pub(super) fn warm<'p>(&self, paths: impl Iterator<Item = &'p Hash> + Clone) {
        let mut pages = Vec::new();
        for depth in UPPER_CUTS {
            let mut last = None;
            for path in paths.clone() {
                let id = PageId::at(depth, path);
                if last.replace(id) != Some(id) {
                    pages.extend(self.known(id).map(|page| (page, path, depth)));
                }
            }
        }
        // Those below are as many as the changes, but most changes end above them.
        let below = look_along(&pages).into_iter().filter_map(|path| {
            let page = self.known(PageId::at(LOWER_CUT, path))?;
            Some((page, path, LOWER_CUT))
        });
        let below: Vec<_> = below.collect();
        black_box(look_along(&below));
    }

    fn known(&self, id: PageId) -> Option<&Page> {
        self.shard.pages.get(id)?.page.as_ref()
    }

    pub(super) fn finish(self) {
        let Self {
            pages,
            lock,
            shard,
            loaded,
        } = self;
        drop(shard);
        if loaded.borrow().is_empty() {
            return;
        }
        let mut shard = write(lock);
        for (id, page) in loaded.into_inner() {
            if shard.pages.get(id).is_none() {
                shard.insert_clean(id, page);
            }
        }
        shard.shrink(pages.cache_bytes() / SHARDS);
    }
}

/// Reads the nodes of pages along paths; returns the paths that lead below pages at the lower of the upper cuts.
fn look_along<'p>(pages: &[(&Page, &'p Hash, usize)]) -> Vec<&'p Hash> {
    pages
        .iter()
        .filter_map(|(page, path, depth)| {
            let leads_below = page.look_along(path, *depth);
            (leads_below && *depth == UPPER_CUTS[1]).then_some(*path)
        })
        .collect()
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
    fn change(&mut self, id: PageId, change: Option<&Page>) -> (usize, usize) {
        let Some(entry) = self.pages.get_mut(id) else {
            let entry = Entry {
                page: change.map(Page::detached),
                dirty: true,
                used: AtomicBool::new(true),
                in_ring: false,
            };
            let added = entry.bytes();
            self.dirty.push(id);
            self.pages.insert(id, entry);
            return (added, 0);
        };
        let old_bytes = entry.bytes();
        match (&mut entry.page, change) {
            (Some(page), Some(patch)) if !patch.is_whole() => page.apply(patch),
            (page, change) => *page = change.map(Page::detached),
        }
        let added = entry.bytes();
        if entry.dirty {
            return (added, old_bytes);
        }
        entry.dirty = true;
        self.clean_bytes = self.clean_bytes.saturating_sub(old_bytes);
        self.dirty.push(id);
        (added, 0)
    }

    /// Returns how many bytes are not dirty any more.
    fn clean(&mut self, id: PageId, written: Option<&Page>) -> usize {
        let Some(entry) = self.pages.get_mut(id).filter(|entry| entry.dirty) else {
            return 0;
        };
        let bytes = entry.bytes();
        match (&entry.page, written) {
            (None, None) => {
                self.pages.remove(id);
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
            .retain(|id| pages.get(*id).is_some_and(|entry| entry.dirty));
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
            let Some(entry) = self.pages.get_mut(id) else {
                continue;
            };
            if entry.dirty {
                entry.in_ring = false;
            } else if entry.used.swap(false, Ordering::Relaxed) {
                self.ring.push_back(id);
            } else {
                self.clean_bytes = self.clean_bytes.saturating_sub(entry.bytes());
                self.pages.remove(id);
            }
        }
    }
}

impl Entry {
    /// Somebody looks at the page. What is true already is not written again, so that the line stays as it is.
    fn look(&self) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

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
        id.chunk()
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
