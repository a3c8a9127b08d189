//! How much a store holds, space by space.

use std::ops::ControlFlow;

use ordlane_primitives::BlockHeight;

use super::{FORMAT_VERSION, StateStore, Tip, keys, pages::read_mark, recovery};
use crate::{Space, StateError, Storage};

/// What a store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreStats {
    /// Its format.
    pub format: u32,
    /// The last block.
    pub tip: Option<Tip>,
    /// The first block that is kept whole.
    pub horizon: BlockHeight,
    /// The block whose pages of the tree are stored; none when they are those of no block.
    pub pages: Option<BlockHeight>,
    /// The records about the store that cannot be read, which count as absent above.
    pub unreadable: Vec<&'static str>,
    /// Each space, in the order of [`Space::ALL`].
    pub spaces: Vec<SpaceStats>,
}

/// What one space holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceStats {
    /// Which.
    pub space: Space,
    /// How many entries it has.
    pub entries: u64,
    /// The bytes of all its keys.
    pub key_bytes: u64,
    /// The bytes of all its values.
    pub value_bytes: u64,
    /// The bytes of its tables on disk, where there are any. What is still in a journal does not count.
    pub disk_bytes: Option<u64>,
}

impl StateStore {
    /// Counts everything that a storage holds, by reading all of it. It serves for a store that cannot be opened, too.
    ///
    /// # Errors
    /// [`StateError`] when the storage cannot be read, and [`StateError::NeedsUpgrade`] or
    /// [`StateError::UnknownFormat`] for a store of another format.
    pub fn stats(storage: &dyn Storage) -> Result<StoreStats, StateError> {
        let mut unreadable = Vec::new();
        let format = readable("format", recovery::read_format(storage), &mut unreadable)?;
        let format = format.unwrap_or(FORMAT_VERSION);
        super::check_format(format)?;
        let tip = readable("tip", recovery::read_tip(storage), &mut unreadable)?;
        let horizon = storage.get(Space::Meta, keys::HORIZON)?;
        let horizon = horizon.map(|bytes| keys::read_height(&bytes)).transpose();
        let horizon = readable("horizon", horizon, &mut unreadable)?;
        let mark = readable("pages", read_mark(storage), &mut unreadable)?;
        let spaces = Space::ALL.into_iter().map(|space| count(storage, space));
        Ok(StoreStats {
            format,
            tip,
            horizon: horizon.unwrap_or(BlockHeight::GENESIS),
            pages: mark.map(|mark| mark.height),
            unreadable,
            spaces: spaces.collect::<Result<_, _>>()?,
        })
    }
}

/// A record about the store; one that is damaged is named, and counts as absent.
fn readable<T>(
    name: &'static str,
    record: Result<Option<T>, StateError>,
    unreadable: &mut Vec<&'static str>,
) -> Result<Option<T>, StateError> {
    match record {
        Err(StateError::Damaged { .. }) => {
            unreadable.push(name);
            Ok(None)
        }
        other => other,
    }
}

fn count(storage: &dyn Storage, space: Space) -> Result<SpaceStats, StateError> {
    let mut stats = SpaceStats {
        space,
        entries: 0,
        key_bytes: 0,
        value_bytes: 0,
        disk_bytes: storage.disk_bytes(space)?,
    };
    storage.scan(space, &[], &mut |key, value| {
        stats.entries = stats.entries.saturating_add(1);
        stats.key_bytes = stats.key_bytes.saturating_add(key.len() as u64);
        stats.value_bytes = stats.value_bytes.saturating_add(value.len() as u64);
        ControlFlow::Continue(())
    })?;
    Ok(stats)
}
