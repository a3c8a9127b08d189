//! How much a store holds, space by space.

use std::ops::ControlFlow;

use ordlane_primitives::BlockHeight;

use super::{FORMAT_VERSION, StateStore, Tip, keys, recovery};
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
    /// Counts everything that a storage holds, by reading all of it.
    ///
    /// # Errors
    /// [`StateError`] when something cannot be read or is damaged, and [`StateError::NeedsUpgrade`] or
    /// [`StateError::UnknownFormat`] for a store of another format.
    pub fn stats(storage: &dyn Storage) -> Result<StoreStats, StateError> {
        let format = recovery::read_format(storage)?.unwrap_or(FORMAT_VERSION);
        super::check_format(format)?;
        let horizon = storage.get(Space::Meta, keys::HORIZON)?;
        let horizon = horizon.map(|bytes| keys::read_height(&bytes)).transpose()?;
        let spaces = Space::ALL.into_iter().map(|space| count(storage, space));
        Ok(StoreStats {
            format,
            tip: recovery::read_tip(storage)?,
            horizon: horizon.unwrap_or(BlockHeight::GENESIS),
            spaces: spaces.collect::<Result<_, _>>()?,
        })
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
