//! Whether the tables hold what the journals do not hold any more.
//!
//! Invariant: fjall does not run meanwhile, here or elsewhere. It would write to tables what its journals hold, and then
//! the highest sequence number in them would tell nothing of what is before.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use fjall::config::PinningPolicy;
use lsm_tree::{AbstractTree, AnyTree, Cache, Config, SeqNo, SequenceNumberCounter};

use super::{
    fjall::{KEYSPACES, contained},
    journal::Beginning,
    trail::{self, Trail},
};
use crate::StateError;

/// What is tried when tables are looked into.
const READ_TABLES: &str = "look into the tables";
/// Of the blocks that are read. They are a few, and read once.
const CACHE_BYTES: u64 = 64 * 1024;

/// Checks the tables below fjall's folder against what its journals begin with.
pub(super) fn check(database: &Path, beginning: &Beginning) -> Result<(), StateError> {
    let keyspaces = database.join(KEYSPACES);
    match beginning {
        Beginning::Untold => Ok(()),
        Beginning::Batch(trail) => trail
            .before()
            .into_iter()
            .try_for_each(|(id, number)| check_holds(Keyspace::open(&keyspaces, id)?, number)),
        Beginning::Nothing => check_without_journals(&keyspaces),
    }
}

fn check_holds(keyspace: Keyspace, number: SeqNo) -> Result<(), StateError> {
    if keyspace.highest()? >= Some(number) {
        return Ok(());
    }
    Err(lost())
}

/// No journal holds a batch, so the tables hold all of them: `meta` the trail of the last one, and each key space what that
/// trail names, and nothing that was written later.
fn check_without_journals(keyspaces: &Path) -> Result<(), StateError> {
    let mut highest = BTreeMap::new();
    let mut last = None;
    for id in numbers(keyspaces)? {
        let keyspace = Keyspace::open(keyspaces, id)?;
        highest.insert(id, keyspace.highest()?);
        if let Some(trail) = keyspace.trail()? {
            last = Some((id, trail));
        }
    }
    let Some((meta, trail)) = last else {
        return Ok(());
    };
    let highest_of = |id: &u64| highest.get(id).copied().flatten();
    let has_all = trail
        .after()
        .iter()
        .all(|(id, number)| highest_of(id) >= Some(*number));
    let has_more = highest.values().any(|found| *found > highest_of(&meta));
    if has_all && !has_more {
        return Ok(());
    }
    Err(lost())
}

fn lost() -> StateError {
    StateError::damaged(
        "a journal is gone, and what it held is not in tables; restore a copy or a snapshot",
    )
}

/// The numbers of the key spaces, without fjall's own and one that was still being made.
fn numbers(keyspaces: &Path) -> Result<Vec<u64>, StateError> {
    let failed = |error| StateError::io("list the key spaces", error);
    let mut numbers = Vec::new();
    for entry in fs::read_dir(keyspaces).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let has_tables = fs::exists(entry.path().join("current")).map_err(failed)?;
        let name = entry.file_name();
        match name.to_str().and_then(|name| name.parse().ok()) {
            Some(0) => {}
            Some(number) if has_tables => numbers.push(number),
            Some(_) => {}
            None => return Err(StateError::damaged("a key space has no number")),
        }
    }
    Ok(numbers)
}

/// The tables of a key space, opened as fjall opens them.
struct Keyspace(AnyTree);

impl Keyspace {
    fn open(keyspaces: &Path, number: u64) -> Result<Self, StateError> {
        let path: PathBuf = keyspaces.join(number.to_string());
        // A new one would be created in its place.
        let exists = fs::exists(path.join("current"));
        if !exists.map_err(|error| StateError::io("look for a list of tables", error))? {
            return Err(StateError::damaged("a key space is missing"));
        }
        let numbers = SequenceNumberCounter::default;
        contained(READ_TABLES, || {
            let config = Config::new(path, numbers(), numbers())
                .use_cache(Arc::new(Cache::with_capacity_bytes(CACHE_BYTES)))
                .index_block_pinning_policy(PinningPolicy::all(false))
                .filter_block_pinning_policy(PinningPolicy::all(false));
            Ok(Self(config.open()?))
        })
    }

    /// The highest sequence number in the tables.
    fn highest(&self) -> Result<Option<SeqNo>, StateError> {
        contained(READ_TABLES, || Ok(self.0.get_highest_persisted_seqno()))
    }

    /// The last trail, which is in the tables of `meta` and of no other.
    fn trail(&self) -> Result<Option<Trail>, StateError> {
        contained(READ_TABLES, || Ok(self.0.get(trail::KEY, SeqNo::MAX)?))?
            .filter(|value| **value != trail::MARK)
            .map(|value| Trail::decode(&value))
            .transpose()
    }
}
