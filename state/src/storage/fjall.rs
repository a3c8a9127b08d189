//! A storage in a folder.
//!
//! The folder holds the marker `ORDLANE`, the tip witness `WITNESS`, while blocks are being undone also `ROLLBACK`, and
//! fjall's files under `fjall`. A batch is one fjall batch, synced with [`PersistMode::SyncAll`] before it is acknowledged.
//!
//! Invariant: fjall never sees a folder whose parts are missing, because it would begin anew in their place. A store that
//! was written before there was code lacks the space for it, and is given one when it is opened; that none was there
//! before, the trail of its last batch tells.
//!
//! Tables carry checksums, so damage in them shows when they are read. A journal that cannot be read to its end is cut
//! by fjall where it breaks: opening a damaged store may shorten its journal, and the witness then refuses it, now and
//! later. A break in one of the *older* journals would cost entries of blocks below the tip while the tip stays whole, so
//! [`journal::check`] looks for one first. Where journals are gone as a whole, the oldest of several, [`tables::check`] asks
//! whether what was in them is in tables: each batch carries a [`Trail`] that says of what came before it. A store has that
//! from the first batch on that this release writes to it. A value at the tip is compared with the tree when it is proven,
//! and all of them when the tree is rebuilt; earlier states are compared when they are rolled back to.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fmt, fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use fjall::{
    Database, Iter, Keyspace, KeyspaceCreateOptions, LsmError, PersistMode, Readable, Snapshot,
};

use super::{
    Space, Storage, StorageView, Visit, Witness, WriteBatch, journal, marker, tables,
    trail::{self, Trail},
    witness,
    witness::WitnessFile,
};
use crate::{BlockMark, FORMAT_VERSION, StateError, Upgrade, store::check_format};

/// The folder of fjall's files.
const DATABASE: &str = "fjall";
/// The folder in it that has a folder for each keyspace.
pub(super) const KEYSPACES: &str = "keyspaces";
/// The smallest memtable that can be asked for, in bytes.
const MIN_MEMTABLE_BYTES: u64 = 64 * 1024;
/// The smallest size of journals that can be asked for, in bytes, which is that of fjall.
const MIN_JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// What an entry takes in a journal beside its key and its value, in bytes.
const ENTRY_BYTES: usize = 21;
/// How often it is tried to lock a store that somebody may just be closing, and how long is waited in between, as fjall does.
const LOCK_TRIES: usize = 3;
const LOCK_WAIT: Duration = Duration::from_millis(100);

/// How much memory a [`FjallStorage`] uses, and how much it leaves to be read again. Nothing here changes a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FjallOptions {
    /// Cache of blocks read from files, in bytes.
    pub cache_bytes: u64,
    /// How much of a space is held in memory before it is written to a table, in bytes; at least 64 KiB. Holds for the
    /// life of a store once it is created.
    pub memtable_bytes: u64,
    /// After how many bytes of batches all spaces are written to tables, so that the journals that have them can go; at
    /// least 64 MiB. Opening reads the journals, up to twice as much after a crash; the more, the less tables are written.
    pub journal_bytes: u64,
}

impl Default for FjallOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 256 * 1024 * 1024,
            memtable_bytes: 64 * 1024 * 1024,
            journal_bytes: MIN_JOURNAL_BYTES,
        }
    }
}

/// Keeps everything in the files of one folder, which it holds locked until it is dropped.
///
/// One key is its own, in every space: 162 bytes of 255. No store has it.
///
/// fjall panics on some damaged files. Such a panic is caught and becomes [`StateError::Damaged`], where panics unwind.
pub struct FjallStorage {
    folder: PathBuf,
    database: Database,
    spaces: Vec<(Space, Keyspace)>,
    journal_bytes: u64,
    /// The bytes of batches since all spaces were to be written to tables.
    unflushed_bytes: AtomicU64,
    /// Held from a batch's number to its end.
    writing: Mutex<()>,
    witness: Mutex<WitnessFile>,
}

impl FjallStorage {
    /// Opens the store in a folder; one that is absent or empty becomes a new store.
    ///
    /// ```
    /// # let parent = tempfile::tempdir()?;
    /// use ordlane_state::{FjallStorage, StateError};
    ///
    /// let folder = parent.path().join("chain");
    /// let storage = FjallStorage::open(&folder)?;
    /// assert!(matches!(FjallStorage::open(&folder), Err(StateError::Locked { .. })));
    /// drop(storage);
    /// FjallStorage::open(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StateError::ForeignFolder`] and [`StateError::UnknownFormat`] before anything in the folder is touched;
    /// [`StateError::Locked`] when it is open already, here or in another process; [`StateError::AccessDenied`],
    /// [`StateError::Exhausted`], [`StateError::Damaged`] or [`StateError::Io`] when it cannot be opened.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, StateError> {
        Self::open_with(folder, FjallOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// Those of [`FjallStorage::open`].
    pub fn open_with(folder: impl AsRef<Path>, options: FjallOptions) -> Result<Self, StateError> {
        let folder = folder.as_ref();
        marker::claim(folder)?;
        Self::open_format(folder, options, FORMAT_VERSION)
    }

    /// Makes the store in a folder, written by an earlier release, one of this release's format. A store that has it
    /// already stays as it is. After a crash at any moment the upgrade can be run again, and goes on where it was.
    ///
    /// # Errors
    /// Those of [`FjallStorage::open`], and of [`StateStore::upgrade`](crate::StateStore::upgrade). A folder without a
    /// store is [`StateError::ForeignFolder`].
    pub fn upgrade(folder: impl AsRef<Path>) -> Result<Upgrade, StateError> {
        let folder = folder.as_ref();
        let found = marker::format_of(folder)?;
        match check_format(found) {
            Ok(()) | Err(StateError::NeedsUpgrade { .. }) => {}
            Err(error) => return Err(error),
        }
        let storage = Self::open_format(folder, FjallOptions::default(), found)?;
        let mut upgrade = crate::StateStore::upgrade(&storage)?;
        if found != FORMAT_VERSION {
            upgrade.from = found;
            marker::write(folder)?;
        }
        Ok(upgrade)
    }

    /// Opens a folder whose marker names `format`, and creates the spaces that this format does not have.
    fn open_format(folder: &Path, options: FjallOptions, format: u32) -> Result<Self, StateError> {
        if is_created(folder)? {
            check_files(&folder.join(DATABASE), format)?;
            check_content(folder)?;
        }
        let database = open_database(folder, options)?;
        // Asked again under the lock: somebody may have created the store and left in between.
        let created = is_created(folder)?;
        let spaces = open_spaces(&database, options, created.then_some(format))?;
        if created {
            check_touched(&spaces)?;
        } else {
            check_untouched(&spaces)?;
        }
        // fjall syncs what is in its keyspaces' folders, not their own entries; and one that is there already may be new
        // since an opening that was cut off.
        marker::sync_folder(&folder.join(DATABASE).join(KEYSPACES))
            .map_err(|error| StateError::io("sync the folder of keyspaces", error))?;
        if !created {
            WitnessFile::create(folder)?;
        }
        // A new journal has its space before it has a batch.
        let unflushed_bytes = if created {
            contained("look at the journals", || database.journal_disk_space())?
        } else {
            0
        };
        Ok(Self {
            folder: folder.to_path_buf(),
            database,
            spaces,
            journal_bytes: options.journal_bytes.max(MIN_JOURNAL_BYTES),
            unflushed_bytes: AtomicU64::new(unflushed_bytes),
            writing: Mutex::new(()),
            witness: Mutex::new(WitnessFile::open(folder)?),
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn space(&self, space: Space) -> Result<&Keyspace, StateError> {
        keyspace_of(&self.spaces, space)
    }

    /// Has all spaces written to tables, in the background, when so much was written that the journals are to go.
    fn flush_beyond(&self, batch_bytes: u64) -> Result<(), StateError> {
        let before = self
            .unflushed_bytes
            .fetch_add(batch_bytes, Ordering::Relaxed);
        if before.saturating_add(batch_bytes) < self.journal_bytes {
            return Ok(());
        }
        self.unflushed_bytes.store(0, Ordering::Relaxed);
        for (_, keyspace) in &self.spaces {
            contained("have a space written to a table", || {
                keyspace.rotate_memtable()
            })?;
        }
        Ok(())
    }

    /// The trail of the next batch, which touches these spaces and `meta`.
    fn trail(
        &self,
        meta: &Keyspace,
        spaces: impl Iterator<Item = Space>,
    ) -> Result<Trail, StateError> {
        let mut touches = BTreeSet::from([meta.id()]);
        for space in spaces {
            touches.insert(self.space(space)?.id());
        }
        let last = last_trail(meta)?;
        Trail::new(last.as_ref(), self.database.seqno(), touches)
    }
}

impl Storage for FjallStorage {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let keyspace = self.space(space)?;
        let found = contained("read a value", || keyspace.get(key))?;
        Ok(found
            .filter(|_| key != trail::KEY)
            .map(|value| value.to_vec()))
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        let keyspace = self.space(space)?;
        show(contained(READ_RANGE, || Ok(keyspace.range(from..)))?, visit)
    }

    fn view(&self) -> Result<Box<dyn StorageView>, StateError> {
        Ok(Box::new(FjallView {
            snapshot: contained("hold what is stored", || Ok(self.database.snapshot()))?,
            spaces: self.spaces.clone(),
        }))
    }

    fn write(&self, batch: WriteBatch) -> Result<(), StateError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut fjall_batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        // The spaces that it touches, and whether it removes something.
        let mut touched = BTreeMap::new();
        let mut batch_bytes: usize = 0;
        for (space, key, value) in batch.into_entries() {
            if key == trail::KEY {
                return Err(StateError::Internal {
                    what: "a batch has the key of its trail",
                });
            }
            *touched.entry(space).or_insert(false) |= value.is_none();
            let value_bytes = value.as_ref().map_or(0, Vec::len);
            batch_bytes = batch_bytes
                .saturating_add(ENTRY_BYTES)
                .saturating_add(key.len())
                .saturating_add(value_bytes);
            let keyspace = self.space(space)?;
            match value {
                Some(value) => fjall_batch.insert(keyspace, key, value),
                None => fjall_batch.remove(keyspace, key),
            }
        }
        // `meta` gets the trail itself.
        for (space, removes) in &touched {
            if *removes && *space != Space::Meta {
                fjall_batch.insert(self.space(*space)?, trail::KEY, trail::MARK);
            }
        }
        let meta = self.space(Space::Meta)?;
        let _no_other = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let trail = self.trail(meta, touched.into_keys())?;
        fjall_batch.insert(meta, trail::KEY, trail.encode());
        contained("write a batch", || fjall_batch.commit())?;
        self.flush_beyond(batch_bytes as u64)
    }

    fn witness(&self) -> Result<Witness, StateError> {
        let file = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(file.witness())
    }

    fn begin_rollback(&self, from: &BlockMark, to: &BlockMark) -> Result<(), StateError> {
        let mut file = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        file.begin_rollback(from, to)
    }

    fn disk_bytes(&self, space: Space) -> Result<Option<u64>, StateError> {
        Ok(Some(self.space(space)?.disk_space()))
    }

    fn attest(&self, tip: &BlockMark) -> Result<(), StateError> {
        let mut file = self.witness.lock().unwrap_or_else(PoisonError::into_inner);
        file.attest(tip)
    }
}

/// What the database held at one moment. fjall keeps what is overwritten as long as this lives.
struct FjallView {
    snapshot: Snapshot,
    spaces: Vec<(Space, Keyspace)>,
}

impl StorageView for FjallView {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let keyspace = keyspace_of(&self.spaces, space)?;
        let found = contained("read a value", || self.snapshot.get(keyspace, key))?;
        Ok(found
            .filter(|_| key != trail::KEY)
            .map(|value| value.to_vec()))
    }

    fn scan(&self, space: Space, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StateError> {
        let keyspace = keyspace_of(&self.spaces, space)?;
        let entries = contained(READ_RANGE, || Ok(self.snapshot.range(keyspace, from..)))?;
        show(entries, visit)
    }
}

impl fmt::Debug for FjallView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FjallView").finish_non_exhaustive()
    }
}

/// What is tried when entries are read one after another.
const READ_RANGE: &str = "read a range of values";

fn keyspace_of(spaces: &[(Space, Keyspace)], space: Space) -> Result<&Keyspace, StateError> {
    spaces
        .iter()
        .find_map(|(found, keyspace)| (*found == space).then_some(keyspace))
        .ok_or_else(|| StateError::damaged(format!("it has no space {space}")))
}

/// Shows entries until `visit` breaks, but for trails and marks.
fn show(mut entries: Iter, visit: &mut Visit<'_>) -> Result<(), StateError> {
    while let Some((key, value)) = contained(READ_RANGE, || {
        entries.next().map(|e| e.into_inner()).transpose()
    })? {
        if *key != trail::KEY && visit(&key, &value).is_break() {
            break;
        }
    }
    Ok(())
}

impl fmt::Debug for FjallStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FjallStorage")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// Whether the store was created whole: the witness comes last.
fn is_created(folder: &Path) -> Result<bool, StateError> {
    fs::exists(folder.join(witness::FILE))
        .map_err(|error| StateError::io("look for the tip witness", error))
}

/// Checks that nothing is missing whose place fjall would fill with something new: its version file, its journals, and
/// the files that list the tables of each keyspace. It counts its own keyspace beside ours.
fn check_files(database: &Path, format: u32) -> Result<(), StateError> {
    let failed = |error| StateError::io("list the store's files", error);
    let missing = |what: &str| Err(StateError::damaged(format!("{what} is missing")));
    let exists = |path: PathBuf| fs::exists(path).map_err(failed);
    if !exists(database.join("version"))? {
        return missing("fjall's version file");
    }
    let keyspaces = database.join(KEYSPACES);
    if !exists(keyspaces.clone())? {
        return missing("the folder of keyspaces");
    }
    let ours = Space::ALL.iter().filter(|space| space.is_in(format));
    if count_keyspaces(&keyspaces)? <= ours.count() {
        return missing("a keyspace");
    }
    let mut journals: usize = 0;
    for entry in fs::read_dir(database).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "jnl") {
            journals = journals.saturating_add(1);
        }
    }
    if journals == 0 {
        return missing("the journal");
    }
    Ok(())
}

/// Counts the keyspaces, each of which has a list of tables. The newest may have none yet, and does not count: it was being
/// made when the process was killed, and fjall removes it. Should it have had one, [`check_touched`] misses it.
fn count_keyspaces(keyspaces: &Path) -> Result<usize, StateError> {
    let failed = |error| StateError::io("list the key spaces", error);
    let mut whole = BTreeSet::new();
    let mut unfinished = BTreeSet::new();
    for entry in fs::read_dir(keyspaces).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(OsStr::to_str);
        let number: Option<u64> = name.and_then(|name| name.parse().ok());
        if fs::exists(path.join("current")).map_err(failed)? {
            whole.insert(number);
        } else {
            unfinished.insert(number);
        }
    }
    let is_newest = |number: &Option<u64>| Some(number) > whole.last();
    if unfinished.len() > 1 || !unfinished.iter().all(is_newest) {
        return Err(StateError::damaged(
            "a keyspace's list of tables is missing",
        ));
    }
    Ok(whole.len())
}

/// Checks what is in the files of a store that nobody else has open.
fn check_content(folder: &Path) -> Result<(), StateError> {
    let database = folder.join(DATABASE);
    let _lock = lock(folder, &database)?;
    tables::check(&database, &journal::check(&database)?)
}

/// Locks a store until the file is dropped: what somebody else writes meanwhile would look like damage.
fn lock(folder: &Path, database: &Path) -> Result<fs::File, StateError> {
    const ACTION: &str = "lock the store";

    let file =
        fs::File::open(database.join("lock")).map_err(|error| described_io(ACTION, error))?;
    for attempt in 1..=LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::Error(error)) => return Err(StateError::io(ACTION, error)),
            Err(fs::TryLockError::WouldBlock) if attempt < LOCK_TRIES => thread::sleep(LOCK_WAIT),
            Err(fs::TryLockError::WouldBlock) => {}
        }
    }
    Err(StateError::Locked {
        path: folder.to_path_buf(),
    })
}

fn open_database(folder: &Path, options: FjallOptions) -> Result<Database, StateError> {
    let opened = contained("open the database", || {
        match Database::builder(folder.join(DATABASE))
            .cache_size(options.cache_bytes)
            .max_journaling_size(options.journal_bytes.max(MIN_JOURNAL_BYTES))
            .open()
        {
            Err(fjall::Error::Locked) => Ok(None),
            opened => opened.map(Some),
        }
    })?;
    opened.ok_or_else(|| StateError::Locked {
        path: folder.to_path_buf(),
    })
}

/// A store that was created whole has the spaces that every store of its format has; all others are created.
fn open_spaces(
    database: &Database,
    options: FjallOptions,
    created: Option<u32>,
) -> Result<Vec<(Space, Keyspace)>, StateError> {
    let memtable_bytes = options.memtable_bytes.max(MIN_MEMTABLE_BYTES);
    Space::ALL
        .into_iter()
        .map(|space| {
            let must_exist = created.is_some_and(|format| space.is_in(format));
            if must_exist && !database.keyspace_exists(space.name()) {
                return Err(StateError::damaged(format!("it has no space {space}")));
            }
            let keyspace = contained("open a space", || {
                database.keyspace(space.name(), || {
                    KeyspaceCreateOptions::default().max_memtable_size(memtable_bytes)
                })
            })?;
            Ok((space, keyspace))
        })
        .collect()
}

/// A store is used only after its witness was created, so one without a witness has nothing in it.
fn check_untouched(spaces: &[(Space, Keyspace)]) -> Result<(), StateError> {
    for (_, keyspace) in spaces {
        if !contained("look into a space", || keyspace.is_empty())? {
            return Err(StateError::damaged("its tip witness is missing"));
        }
    }
    Ok(())
}

/// Checks that every key space is here that a batch has touched: fjall passes over what its journals hold of one that is
/// gone.
fn check_touched(spaces: &[(Space, Keyspace)]) -> Result<(), StateError> {
    let Some(trail) = last_trail(keyspace_of(spaces, Space::Meta)?)? else {
        return Ok(());
    };
    let is_here = |id: &u64| spaces.iter().any(|(_, keyspace)| keyspace.id() == *id);
    if trail.after().keys().all(is_here) {
        return Ok(());
    }
    Err(StateError::damaged(
        "a key space that was written to is missing",
    ))
}

/// What the last batch says of those before it, where it says something.
fn last_trail(meta: &Keyspace) -> Result<Option<Trail>, StateError> {
    contained("read the trail", || meta.get(trail::KEY))?
        .map(|value| Trail::decode(&value))
        .transpose()
}

/// Calls fjall, which checks some of what it reads by panicking, and says in words what went wrong.
pub(super) fn contained<T>(
    action: &'static str,
    call: impl FnOnce() -> fjall::Result<T>,
) -> Result<T, StateError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| described(action, error)),
        Err(_) => Err(StateError::damaged(format!(
            "fjall stopped on something unexpected when it was to {action}"
        ))),
    }
}

fn described(action: &'static str, error: fjall::Error) -> StateError {
    use fjall::Error;

    let words = match error {
        Error::Io(error) | Error::Storage(LsmError::Io(error)) => {
            return described_io(action, error);
        }
        Error::Poisoned => return StateError::Poisoned { cause: None },
        Error::JournalRecovery(_) => "a journal holds a broken batch",
        Error::InvalidVersion(_) | Error::Storage(LsmError::InvalidVersion(_)) => {
            "fjall's files have an unknown version"
        }
        Error::Storage(LsmError::ChecksumMismatch { .. }) => "a checksum does not match",
        Error::Storage(_) => "a table or a list of tables cannot be read",
        Error::KeyspaceDeleted => "a space was deleted",
        _ => "fjall's files cannot be read",
    };
    StateError::damaged(format!("{words} (when it was to {action})"))
}

/// A file that ends early, holds nonsense, points to nowhere or is gone is damage; all else is the operating system's
/// trouble.
fn described_io(action: &'static str, error: io::Error) -> StateError {
    use io::ErrorKind;

    match error.kind() {
        ErrorKind::UnexpectedEof
        | ErrorKind::InvalidData
        | ErrorKind::InvalidInput
        | ErrorKind::NotFound => {
            StateError::damaged_by(format!("a file could not be read (to {action})"), error)
        }
        _ => StateError::io(action, error),
    }
}
