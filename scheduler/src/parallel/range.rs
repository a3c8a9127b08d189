//! Ranges, as one run of one transaction sees them.
//!
//! Invariant: of every key in a range that the run has read, the present ones are in the read set and the absent ones
//! stay absent for this run, whatever it asks later; so the range is consistent with every other read.

use std::hash::Hash;
use std::ops::{Bound, RangeBounds};

use super::cell::{Found, Origin};
use super::view::{Halt, RunView};
use crate::base::{Base, ScanError};
use crate::delta::Delta;
use crate::scan::{self, Page, Ranged, SCAN_LIMIT};
use crate::types::Entries;
use crate::vm::Stop;

impl<B, D> RunView<'_, B, D>
where
    B: Base<Key: Clone + Eq + Hash + Ord, Value: Clone + Eq>,
    D: Delta<B::Value>,
{
    /// Reads a page and takes note of the range that it covers.
    pub(crate) fn page(
        &mut self,
        from: Bound<&B::Key>,
        to: Bound<&B::Key>,
        limit: usize,
    ) -> Result<Entries<B::Key, B::Value>, Stop> {
        if limit == 0 || scan::is_empty(from, to) {
            return Ok(Vec::new());
        }
        let Page { entries, end } = scan::page(self, from, to, limit.min(SCAN_LIMIT))?;
        self.sets.regions.push((from.cloned(), end));
        Ok(entries)
    }

    /// Whether the run has found that a key which is not in its read set is absent.
    pub(crate) fn found_absent(&self, key: &B::Key) -> bool {
        let bounds = |(from, to): &(Bound<B::Key>, Bound<B::Key>)| {
            (Bound::as_ref(from), Bound::as_ref(to)).contains(key)
        };
        self.sets.regions.iter().any(bounds)
    }

    /// What stands below the run under a key of which the base says `base`. A present value becomes a read.
    fn below(&mut self, key: &B::Key, base: Option<B::Value>) -> Result<Option<B::Value>, Stop> {
        if let Some(read) = self.sets.reads.get(key) {
            return Ok(read.value.clone());
        }
        if let Some(value) = self.read_sum(key) {
            return Ok(value);
        }
        if self.found_absent(key) {
            return Ok(None);
        }
        let memory = self.ground.memory;
        let id = memory.intern(key);
        match memory.read(id, self.tx) {
            Found::Estimate(writer) => Err(self.stop(Halt::Blocked(writer, key.clone()))),
            Found::Value(origin, Some(value)) => Ok(Some(self.note(key, id, origin, value))),
            Found::Value(_, None) => Ok(None),
            Found::Unknown => Ok(base.map(|value| {
                memory.remember_base(id, Some(value.clone()));
                self.note(key, id, Origin::Base, value)
            })),
        }
    }
}

impl<B, D> Ranged<B::Key, B::Value> for RunView<'_, B, D>
where
    B: Base<Key: Clone + Eq + Hash + Ord, Value: Clone + Eq>,
    D: Delta<B::Value>,
{
    fn chunk(
        &mut self,
        from: Bound<&B::Key>,
        to: Bound<&B::Key>,
        limit: usize,
    ) -> Result<Entries<B::Key, B::Value>, Stop> {
        self.look()?;
        let chunk = self.ground.base.scan(from, to, limit);
        chunk.map_err(|error| match error {
            ScanError::Base(error) => self.stop(Halt::Base(error)),
            ScanError::Unordered => self.stop(Halt::Unordered),
        })
    }

    fn touched(&mut self, from: Bound<&B::Key>, to: Bound<&B::Key>) -> Vec<B::Key> {
        let touched = self.ground.memory.keys_between(from, to);
        let own = self.sets.writes.as_slice().iter().map(|(key, _)| key);
        touched
            .into_iter()
            .map(|(key, _)| key)
            .chain(own.filter(|key| (from, to).contains(*key)).cloned())
            .collect()
    }

    fn value(&mut self, key: &B::Key, base: Option<B::Value>) -> Result<Option<B::Value>, Stop> {
        // Even where the run has written itself: what is below must be known, for the range to be validated.
        let below = self.below(key, base)?;
        Ok(match self.sets.writes.get(key) {
            Some(written) => written.clone(),
            None => below,
        })
    }
}
