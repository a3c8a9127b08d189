//! The versions of one key.
//!
//! Invariant: a cell holds one entry per transaction, sorted by transaction, over a *ground*. Of the entries below the
//! frontier only the last can still be read; it is a value, since additions become one when their transaction is
//! committed. So those entries fold into the ground, which keeps the name of the last one. Most cells have a ground and at
//! most one entry, and both lie in the cell itself.
//!
//! It also holds while a value is dropped, which is an embedder's code and may panic: what a change takes out is dropped
//! when the cell is whole again, and of the entries that fold the last one goes last.

use crate::delta::{Additions, Delta};
use crate::types::{TxIndex, Version};

/// An emptied cell has room for so many versions beside the first.
const VERSIONS_KEPT: usize = 4;

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Below the block.
    Base,
    /// A transaction of the block.
    Written(Version),
    /// Several transactions, or none that has a name: only the value itself can tell whether it still holds.
    Several,
}

/// What a transaction finds under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found<V> {
    /// A value, or that there is none, and where that comes from.
    Value(Origin, Option<V>),
    /// This lower transaction is about to write the key again.
    Estimate(TxIndex),
    /// No lower transaction wrote it, and the base has not been asked yet.
    Unknown,
}

/// Whether a higher transaction may have read what a change of the key makes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Readers {
    /// None has.
    Below,
    /// One may have.
    Above,
}

/// What one transaction has put under the key.
#[derive(Debug)]
struct Written<V, D> {
    version: Version,
    content: Content<V, D>,
}

#[derive(Debug)]
enum Content<V, D> {
    Value(Option<V>),
    /// To be added to whatever stands below. Boxed, since most cells hold none.
    Additions(Box<Additions<D>>),
    Estimate,
}

/// All that is known about one key.
#[derive(Debug)]
pub(crate) struct Cell<V, D> {
    /// What stands under all entries: the base's value once someone asked for it, or the last final write.
    ground: Option<(Origin, Option<V>)>,
    /// The lowest entry.
    first: Option<Written<V, D>>,
    /// The others, ascending.
    rest: Vec<Written<V, D>>,
    /// The highest transaction that has read the key.
    last_reader: TxIndex,
}

impl<V, D> Default for Cell<V, D> {
    fn default() -> Self {
        Self {
            ground: None,
            first: None,
            rest: Vec::new(),
            last_reader: TxIndex::new(0),
        }
    }
}

impl<V, D> Cell<V, D> {
    /// Forgets everything and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.ground = None;
        self.first = None;
        self.rest.clear();
        // Else every cell would come to have the room of the hottest key that was ever its own.
        self.rest.shrink_to(VERSIONS_KEPT);
        self.last_reader = TxIndex::new(0);
    }

    /// The entries of transactions below `reader`, ascending.
    fn below(&self, reader: TxIndex) -> impl Iterator<Item = &Written<V, D>> {
        let entries = self.first.iter().chain(&self.rest);
        entries.take_while(move |written| written.version.tx < reader)
    }

    /// The last of them.
    #[inline]
    fn last_below(&self, reader: TxIndex) -> Option<&Written<V, D>> {
        let below = |written: &&Written<V, D>| written.version.tx < reader;
        let among_rest = self.rest.iter().rev().find(below);
        among_rest.or_else(|| self.first.as_ref().filter(below))
    }

    /// The entry of `tx` among the rest, or where it would stand.
    fn search_rest(&self, tx: TxIndex) -> Result<usize, usize> {
        self.rest
            .binary_search_by_key(&tx, |written| written.version.tx)
    }

    /// Takes out the entries below `limit` and gives the last of them.
    fn take_below(&mut self, limit: TxIndex) -> Option<Written<V, D>> {
        let (Ok(count) | Err(count)) = self.search_rest(limit);
        if let Some(first) = &mut self.first
            && let Some(last) = self.rest.get_mut(..count).and_then(<[_]>::last_mut)
        {
            std::mem::swap(first, last);
            self.rest.drain(..count);
        }
        self.take_first(|first| first.version.tx < limit)
    }

    /// Takes out the lowest entry if it is such.
    fn take_first(
        &mut self,
        is_such: impl FnOnce(&mut Written<V, D>) -> bool,
    ) -> Option<Written<V, D>> {
        let first = self.first.take_if(is_such)?;
        self.pull_up();
        Some(first)
    }

    /// Makes the lowest of the rest the first entry, which was taken out.
    fn pull_up(&mut self) {
        if !self.rest.is_empty() {
            self.first = Some(self.rest.remove(0));
        }
    }

    /// Puts an entry in the place of its transaction's earlier one, if any.
    fn place(&mut self, written: Written<V, D>) {
        let tx = written.version.tx;
        match &mut self.first {
            None => self.first = Some(written),
            Some(first) if first.version.tx == tx => *first = written,
            Some(first) if first.version.tx > tx => {
                let higher = std::mem::replace(first, written);
                self.rest.insert(0, higher);
            }
            Some(_) => match self.search_rest(tx) {
                Ok(at) => {
                    if let Some(present) = self.rest.get_mut(at) {
                        *present = written;
                    }
                }
                Err(at) => self.rest.insert(at, written),
            },
        }
    }

    /// Marks that `tx` is about to write the key again.
    pub(crate) fn estimate(&mut self, tx: TxIndex) {
        let present = match self.search_rest(tx) {
            Ok(at) => self.rest.get_mut(at),
            Err(_) => self.first.as_mut(),
        };
        if let Some(present) = present.filter(|present| present.version.tx == tx) {
            present.content = Content::Estimate;
        }
    }

    /// Takes the entry of `tx` away.
    pub(crate) fn remove(&mut self, tx: TxIndex) -> Readers {
        let _removed = match self.search_rest(tx) {
            Ok(at) => Some(self.rest.remove(at)),
            Err(_) => self.take_first(|first| first.version.tx == tx),
        };
        self.readers_above(tx)
    }

    fn readers_above(&self, tx: TxIndex) -> Readers {
        if self.last_reader > tx {
            Readers::Above
        } else {
            Readers::Below
        }
    }
}

impl<V: Clone + Eq, D: Delta<V>> Cell<V, D> {
    /// What the transaction `reader` sees: the last write below it and all additions since.
    #[inline]
    pub(crate) fn read(&mut self, reader: TxIndex) -> Found<V> {
        self.last_reader = self.last_reader.max(reader);
        self.seen(reader)
    }

    /// [`Self::read`] without taking note of it.
    fn seen(&self, reader: TxIndex) -> Found<V> {
        match self.last_below(reader) {
            None => self.ground(),
            Some(Written { version, content }) => match content {
                Content::Value(value) => Found::Value(Origin::Written(*version), value.clone()),
                Content::Estimate => Found::Estimate(version.tx),
                Content::Additions(_) => self.total(reader, true),
            },
        }
    }

    /// What an addition of `adder` presumably changes: as [`Self::read`], but nobody waits for a guess.
    pub(crate) fn guess(&self, adder: TxIndex) -> Found<V> {
        self.total(adder, false)
    }

    /// Whether `reader` would read now what it read then: the same version, or else the same value.
    pub(crate) fn still_holds(&self, reader: TxIndex, origin: Origin, value: Option<&V>) -> bool {
        let same = |current: Origin, now: Option<&V>| {
            origin == current && current != Origin::Several || now == value
        };
        match self.last_below(reader) {
            None => match &self.ground {
                Some((current, now)) => same(*current, now.as_ref()),
                None => false,
            },
            Some(Written { version, content }) => match content {
                Content::Value(now) => same(Origin::Written(*version), now.as_ref()),
                Content::Estimate => false,
                Content::Additions(_) => match self.total(reader, true) {
                    Found::Value(_, now) => now.as_ref() == value,
                    Found::Estimate(_) | Found::Unknown => false,
                },
            },
        }
    }

    /// What the key becomes by the additions of `tx` if each of them has again the outcome that it had.
    pub(crate) fn repeat(&self, tx: TxIndex, additions: &Additions<D>) -> Option<Option<V>> {
        match self.seen(tx) {
            Found::Value(_, below) => additions.repeat(below),
            Found::Estimate(_) | Found::Unknown => None,
        }
    }

    /// Keeps what the base says.
    pub(crate) fn remember_base(&mut self, value: Option<V>) {
        self.ground.get_or_insert((Origin::Base, value));
    }

    /// Puts a transaction's write in the place of its earlier one, if any. All below `frontier` is final.
    pub(crate) fn write(
        &mut self,
        version: Version,
        value: Option<V>,
        frontier: TxIndex,
    ) -> Readers {
        self.put(version, Content::Value(value), frontier)
    }

    /// The same for additions.
    pub(crate) fn add(
        &mut self,
        version: Version,
        additions: Additions<D>,
        frontier: TxIndex,
    ) -> Readers {
        let content = Content::Additions(Box::new(additions));
        self.put(version, content, frontier)
    }

    /// Puts a write there that is final, as is all below it.
    pub(crate) fn finish(&mut self, version: Version, value: Option<V>) -> Readers {
        let above = TxIndex::new(version.tx.get().saturating_add(1));
        let _below = self.take_below(above);
        let _ground = self.ground.replace((Origin::Written(version), value));
        self.readers_above(version.tx)
    }

    fn put(&mut self, version: Version, content: Content<V, D>, frontier: TxIndex) -> Readers {
        let _ground = match self.take_below(frontier) {
            Some(Written {
                version,
                content: Content::Value(value),
            }) => self.ground.replace((Origin::Written(version), value)),
            _ => None,
        };
        self.place(Written { version, content });
        self.readers_above(version.tx)
    }

    /// The last value below `reader` with all additions since. An estimate counts as such, or is passed over.
    fn total(&self, reader: TxIndex, with_estimates: bool) -> Found<V> {
        let last_value = self
            .below(reader)
            .filter(|written| matches!(written.content, Content::Value(_)))
            .last();
        let mut found = match last_value {
            Some(Written {
                version,
                content: Content::Value(value),
            }) => Found::Value(Origin::Written(*version), value.clone()),
            _ => self.ground(),
        };
        let above_value = |written: &&Written<V, D>| {
            last_value.is_none_or(|value| written.version.tx > value.version.tx)
        };
        for written in self.below(reader).filter(above_value) {
            match (&written.content, &mut found) {
                (Content::Estimate, _) if with_estimates => {
                    return Found::Estimate(written.version.tx);
                }
                (Content::Additions(additions), Found::Value(origin, value)) => {
                    *origin = Origin::Several;
                    *value = additions.guess(value.take());
                }
                _ => {}
            }
        }
        found
    }

    fn ground(&self) -> Found<V> {
        match &self.ground {
            Some((origin, value)) => Found::Value(*origin, value.clone()),
            None => Found::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
