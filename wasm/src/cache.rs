//! Prepared contracts, by the hash of their code and the version of the schedule.
//!
//! Invariant: an entry is made once, whoever asks, and by one thread while others wait for that entry alone. What all
//! entries take of memory stays below the limit; those that were asked for since the last look stay longest. Refusals are
//! kept like contracts, failures of the system are not kept.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use dashmap::DashMap;
use ordlane_primitives::Hash;

use crate::{Contract, Fault};

/// What an entry takes beside what its contract says of itself.
const ENTRY_BYTES: usize = 1024;

type Key = (Hash, u16);
type Prepared = Result<Arc<dyn Contract>, Fault>;

/// The cache.
#[derive(Debug)]
pub(crate) struct Cache {
    entries: DashMap<Key, Arc<Entry>>,
    /// The keys of all entries, those first that are looked at first when room is needed.
    queue: Mutex<VecDeque<Key>>,
    bytes: AtomicUsize,
    limit_bytes: usize,
    made: AtomicU64,
    evictions: AtomicU64,
}

/// What is kept, and what was not any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// How many contracts and refusals are kept.
    pub entries: usize,
    /// What they take of memory, about.
    pub bytes: usize,
    /// How many were made.
    pub made: u64,
    /// How many made room for others.
    pub evictions: u64,
}

#[derive(Debug, Default)]
struct Entry {
    /// With the length of the code.
    prepared: OnceLock<(Prepared, usize)>,
    /// Whether it was asked for since it was last looked at.
    used: AtomicBool,
}

impl Cache {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            entries: DashMap::new(),
            queue: Mutex::new(VecDeque::new()),
            bytes: AtomicUsize::new(0),
            limit_bytes,
            made: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    pub(crate) const fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    pub(crate) fn stats(&self) -> CacheStats {
        CacheStats {
            entries: self.entries.len(),
            bytes: self.bytes.load(Ordering::Relaxed),
            made: self.made.load(Ordering::Relaxed),
            evictions: self.evictions.load(Ordering::Relaxed),
        }
    }

    /// What is kept under a key, and the length of its code.
    pub(crate) fn get(&self, key: &Key) -> Option<(Prepared, usize)> {
        let entry = self.entries.get(key)?;
        let prepared = entry.prepared.get()?.clone();
        // Set only where it is not, so that threads that use one contract do not take its line from each other.
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(prepared)
    }

    /// The same, made of code of a length if it is not there.
    pub(crate) fn get_or_make(
        &self,
        key: Key,
        code_bytes: usize,
        make: impl FnOnce() -> Prepared,
    ) -> Prepared {
        let entry = self.entry(key);
        let mut made = false;
        let (prepared, _) = entry.prepared.get_or_init(|| {
            made = true;
            (make(), code_bytes)
        });
        if made {
            self.made.fetch_add(1, Ordering::Relaxed);
            match prepared {
                Err(fault) if fault.code().is_none() => {
                    self.entries
                        .remove_if(&key, |_, there| Arc::ptr_eq(there, &entry));
                }
                kept => self.keep(key, size_of_entry(kept)),
            }
        }
        prepared.clone()
    }

    /// The entry under a key, perhaps one that is still to be made. No guard of the map is held when this returns.
    fn entry(&self, key: Key) -> Arc<Entry> {
        if let Some(entry) = self.entries.get(&key) {
            return Arc::clone(&entry);
        }
        Arc::clone(&self.entries.entry(key).or_default())
    }

    /// Counts an entry, and removes others if there is no room for it.
    fn keep(&self, key: Key, size: usize) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push_back(key);
        let mut bytes = self.bytes.load(Ordering::Relaxed).saturating_add(size);
        // Each is looked at twice at most: the first look takes its mark away.
        let mut looks = queue.len().saturating_mul(2);
        while bytes > self.limit_bytes && looks > 0 {
            looks = looks.saturating_sub(1);
            let Some(oldest) = queue.pop_front() else {
                break;
            };
            let used = |entry: &Arc<Entry>| entry.used.swap(false, Ordering::Relaxed);
            match self.entries.remove_if(&oldest, |_, entry| !used(entry)) {
                Some((_, entry)) => {
                    let freed = entry.prepared.get();
                    let freed = freed.map_or(0, |(prepared, _)| size_of_entry(prepared));
                    bytes = bytes.saturating_sub(freed);
                    self.evictions.fetch_add(1, Ordering::Relaxed);
                }
                None => queue.push_back(oldest),
            }
        }
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}

fn size_of_entry(prepared: &Prepared) -> usize {
    let contract = prepared
        .as_ref()
        .map_or(0, |contract| contract.size_bytes());
    contract.saturating_add(ENTRY_BYTES)
}
