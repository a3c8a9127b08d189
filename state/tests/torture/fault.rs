//! A process that ends before or right after any of its writes, and a disk that takes no more: the store opens at a block
//! that was acknowledged, or at the one that was being written, and goes on as if nothing had been.

use std::{
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use ordlane_primitives::{BlockHeight, ErrorCode, batch::Sequential};
use ordlane_state::{
    BlockMark, MemoryStorage, Space, StateError, StateStore, Storage, StoreOptions, Visit, Witness,
    WriteBatch,
};

use crate::{
    faulty::{Fault, Faulty},
    model::{Twin, next_height, right},
};

/// One thing that a process does with a store.
#[derive(Clone, Copy, Debug)]
enum Step {
    Commit(u64),
    WritePages,
    Prune,
    /// Undoes so many blocks.
    Undo(u64),
    Reopen,
}

/// Every kind of write behind every other one.
const SCRIPT: [Step; 17] = [
    Step::Commit(1),
    Step::WritePages,
    Step::Commit(3),
    Step::WritePages,
    Step::Prune,
    Step::Commit(5),
    Step::Prune,
    Step::Undo(2),
    Step::Commit(3),
    Step::WritePages,
    Step::Commit(2),
    Step::Reopen,
    Step::Undo(3),
    Step::Undo(1),
    Step::Commit(6),
    Step::Prune,
    Step::WritePages,
];

/// Pages are written when they are asked for and never else, so that each run writes the same.
fn options() -> StoreOptions {
    let mut options = StoreOptions::keeping(NonZeroU64::new(6).unwrap());
    options.cache_bytes = 0;
    options.page_write_blocks = u64::MAX;
    options.page_write_bytes = usize::MAX;
    options
}

fn open(storage: Arc<dyn Storage>) -> Result<StateStore, StateError> {
    StateStore::open_with(storage, Arc::new(Sequential), options())
}

/// Which blocks the store may end at.
#[derive(Debug, Default)]
struct Allowed {
    least: Option<u64>,
    most: Option<u64>,
}

/// Runs the script, and keeps in `allowed` what a store may be opened at if it ends now.
fn run(
    storage: &Arc<dyn Storage>,
    twin: &mut Twin,
    allowed: &mut Allowed,
) -> Result<(), StateError> {
    let mut store = open(Arc::clone(storage))?;
    for step in SCRIPT {
        let next = next_height(&store);
        match step {
            Step::Commit(count) => {
                for height in next..next + count {
                    allowed.most = Some(height);
                    store.commit(twin.block(height))?;
                    allowed.least = Some(height);
                }
            }
            Step::WritePages => store.write_pages()?,
            Step::Prune => while !store.prune_step(5)?.done {},
            Step::Undo(count) => {
                let to = next - 1 - count;
                allowed.least = Some(to);
                store.rollback_to(BlockHeight(to))?;
                allowed.most = Some(to);
            }
            Step::Reopen => {
                drop(store);
                store = open(Arc::clone(storage))?;
            }
        }
    }
    Ok(())
}

/// Opens what is left, checks it, and goes on.
fn check(storage: &Arc<dyn Storage>, twin: &mut Twin, allowed: &Allowed, case: &str) {
    let store = right(twin.check(storage, options()), case);
    let found = store.tip().map(|tip| tip.height.0);
    assert!(
        allowed.least <= found && found <= allowed.most,
        "{case}: {found:?} of {allowed:?}"
    );
    twin.extend(&store, 10).unwrap();
    store.write_pages().unwrap();
    drop(store);
    right(
        twin.check(storage, options()),
        &format!("{case}, ten blocks later"),
    );
}

#[test]
fn a_process_that_ends_before_or_after_any_write_loses_nothing() {
    let mut runs = 0;
    for after in 0.. {
        let mut failed = false;
        for happens in [false, true] {
            let faulty = Arc::new(Faulty::default());
            let storage: Arc<dyn Storage> = faulty.clone();
            let (mut twin, mut allowed) = (Twin::new(90), Allowed::default());
            faulty.set(Fault { after, happens });
            let outcome = run(&storage, &mut twin, &mut allowed);
            assert_eq!(outcome.is_err(), faulty.repair());
            failed = outcome.is_err();
            let case = format!("write {after}, happens: {happens}");
            check(&storage, &mut twin, &allowed, &case);
            runs += 1;
        }
        if !failed {
            break;
        }
    }
    assert!(runs > 100, "{runs} runs");
    println!("{runs} runs that ended before or after a write");
}

/// Has room for so many writes.
#[derive(Debug)]
struct Full {
    below: Faulty,
    room: AtomicI64,
}

impl Full {
    fn take(&self) -> Result<(), StateError> {
        if self.room.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        Err(StateError::Exhausted {
            action: "write",
            source: Arc::new(std::io::ErrorKind::StorageFull.into()),
        })
    }
}

impl Storage for Full {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.below.get(space, key)
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        self.below.scan(space, from, visit)
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        self.take()?;
        self.below.write(batch)
    }

    fn witness(&self) -> Result<Witness, StateError> {
        self.below.witness()
    }

    fn begin_rollback(&self, from: &BlockMark, to: &BlockMark) -> Result<(), StateError> {
        self.take()?;
        self.below.begin_rollback(from, to)
    }

    fn attest(&self, tip: &BlockMark) -> Result<(), StateError> {
        self.take()?;
        self.below.attest(tip)
    }
}

#[test]
fn a_storage_that_is_full_from_any_write_on_is_a_typed_error_and_loses_nothing() {
    for room in 0..60 {
        let full = Arc::new(Full {
            below: Faulty::default(),
            room: AtomicI64::new(room),
        });
        let storage: Arc<dyn Storage> = full.clone();
        let (mut twin, mut allowed) = (Twin::new(91), Allowed::default());
        if let Err(error) = run(&storage, &mut twin, &mut allowed) {
            assert_eq!(error.code(), ErrorCode::ResourceExhausted, "{error}");
        }
        full.room.store(i64::MAX, Ordering::SeqCst);
        check(&storage, &mut twin, &allowed, &format!("room for {room}"));
    }
}

/// The pages are written by a thread of the store's own: the next call after they failed says so.
#[test]
fn pages_that_cannot_be_written_in_the_background_stop_the_store_and_lose_nothing() {
    let mut stopped = 0;
    for after in 0..24 {
        let faulty = Arc::new(Faulty::default());
        let storage: Arc<dyn Storage> = faulty.clone();
        let mut options = options();
        options.page_write_blocks = 1 + u64::try_from(after).unwrap() % 3;
        let mut twin = Twin::new(92);
        let store = StateStore::open_with(storage.clone(), Arc::new(Sequential), options).unwrap();
        faulty.set(Fault {
            after,
            happens: false,
        });
        let mut allowed = Allowed::default();
        for height in 0..12 {
            allowed.most = Some(height);
            if store.commit(twin.block(height)).is_err() {
                stopped += 1;
                break;
            }
            allowed.least = Some(height);
        }
        drop(store);
        faulty.repair();
        check(&storage, &mut twin, &allowed, &format!("write {after}"));
    }
    assert!(stopped > 20, "{stopped} of 24 runs stopped");
}

#[test]
fn the_twin_notices_a_missing_entry_of_any_space() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let mut twin = Twin::new(93);
    let store = open(Arc::clone(&storage)).unwrap();
    twin.extend(&store, 6).unwrap();
    drop(store);
    twin.check(&storage, options()).map(drop).unwrap();
    for space in Space::ALL {
        if matches!(space, Space::Page | Space::Meta) {
            continue;
        }
        let (key, value) = storage.first_at_or_after(space, &[]).unwrap().unwrap();
        let mut batch = WriteBatch::new();
        batch.remove(space, key.clone());
        storage.write(batch).unwrap();
        assert!(twin.check(&storage, options()).is_err(), "{space}");
        let mut batch = WriteBatch::new();
        batch.put(space, key, value);
        storage.write(batch).unwrap();
    }
    twin.check(&storage, options()).map(drop).unwrap();
}
