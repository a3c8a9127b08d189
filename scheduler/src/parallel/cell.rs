//! The versions of one key.
//!
//! Invariant: a cell holds one entry per transaction, sorted by transaction, over a *ground*. Of the entries below the
//! frontier only the last can still be read; it is a value, since additions become one when their transaction is
//! committed. So those entries fold into the ground, which keeps the name of the last one. Most cells have a ground and at
//! most one entry, and both lie in the cell itself.

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
        let lowest = self.first.as_ref()?;
        if lowest.version.tx >= limit {
            return None;
        }
        let (Ok(count) | Err(count)) = self.search_rest(limit);
        let lowest = self.first.take();
        let last = self.rest.drain(..count).last();
        self.pull_up();
        last.or(lowest)
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
        if let Ok(at) = self.search_rest(tx) {
            self.rest.remove(at);
        } else if self.first.take_if(|first| first.version.tx == tx).is_some() {
            self.pull_up();
        }
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
        self.take_below(above);
        self.ground = Some((Origin::Written(version), value));
        self.readers_above(version.tx)
    }

    fn put(&mut self, version: Version, content: Content<V, D>, frontier: TxIndex) -> Readers {
        if let Some(last) = self.take_below(frontier)
            && let Content::Value(value) = last.content
        {
            self.ground = Some((Origin::Written(last.version), value));
        }
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
mod tests {
    use super::{Found, Origin, Readers};
    use crate::delta::{Additions, Bounded, Change};
    use crate::types::{Incarnation, TxIndex, Version};

    const fn at(tx: u32) -> Version {
        Version {
            tx: TxIndex::new(tx),
            incarnation: Incarnation::new(0),
        }
    }

    type Cell = super::Cell<u32, Bounded<u32>>;

    fn plus(by: u32, max: u32) -> Bounded<u32> {
        Bounded {
            change: Change::Plus(by),
            min: 0,
            max,
        }
    }

    const ZERO: TxIndex = TxIndex::new(0);

    #[test]
    fn a_reader_sees_the_last_write_below_it() {
        let mut cell = Cell::default();
        assert_eq!(cell.read(TxIndex::new(9)), Found::Unknown);
        cell.remember_base(Some(1));
        for tx in [5, 2, 8] {
            cell.write(at(tx), Some(tx * 10), ZERO);
        }
        let mut seen = |reader| cell.read(TxIndex::new(reader));
        assert_eq!(seen(2), Found::Value(Origin::Base, Some(1)));
        assert_eq!(seen(3), Found::Value(Origin::Written(at(2)), Some(20)));
        assert_eq!(seen(5), Found::Value(Origin::Written(at(2)), Some(20)));
        assert_eq!(seen(8), Found::Value(Origin::Written(at(5)), Some(50)));
        assert_eq!(seen(100), Found::Value(Origin::Written(at(8)), Some(80)));
    }

    #[test]
    fn an_estimate_names_its_transaction_and_a_removed_write_is_gone() {
        let mut cell = Cell::default();
        cell.write(at(2), Some(20), ZERO);
        cell.write(at(5), None, ZERO);
        cell.estimate(TxIndex::new(5));
        assert_eq!(cell.read(TxIndex::new(6)), Found::Estimate(TxIndex::new(5)));
        assert!(!cell.still_holds(TxIndex::new(6), Origin::Written(at(5)), None));
        cell.remove(TxIndex::new(5));
        assert_eq!(
            cell.read(TxIndex::new(6)),
            Found::Value(Origin::Written(at(2)), Some(20))
        );
        cell.remove(TxIndex::new(4));
        assert_eq!(
            cell.read(TxIndex::new(6)),
            Found::Value(Origin::Written(at(2)), Some(20))
        );
    }

    #[test]
    fn a_read_holds_by_version_and_else_by_value() {
        let mut cell = Cell::default();
        cell.remember_base(Some(7));
        let reader = TxIndex::new(6);
        assert!(cell.still_holds(reader, Origin::Base, Some(&7)));
        cell.write(at(3), Some(7), ZERO);
        assert!(
            cell.still_holds(reader, Origin::Base, Some(&7)),
            "another version, the same value"
        );
        cell.write(at(4), Some(8), ZERO);
        assert!(!cell.still_holds(reader, Origin::Base, Some(&7)));
        cell.write(at(5), None, ZERO);
        assert!(cell.still_holds(reader, Origin::Base, None));
    }

    #[test]
    fn final_versions_are_dropped_but_for_the_last() {
        let mut cell = Cell::default();
        for tx in 0..100 {
            cell.write(at(tx), Some(tx), TxIndex::new(tx));
            assert!(cell.rest.is_empty());
            assert_eq!(
                cell.read(TxIndex::new(tx + 1)),
                Found::Value(Origin::Written(at(tx)), Some(tx))
            );
        }
        for tx in 100..120 {
            cell.write(at(tx), Some(tx), TxIndex::new(100));
        }
        for reader in 100..121 {
            let last = reader - 1;
            assert_eq!(
                cell.read(TxIndex::new(reader)),
                Found::Value(Origin::Written(at(last)), Some(last))
            );
        }
    }

    #[test]
    fn additions_are_seen_on_top_of_what_is_below() {
        let mut cell = Cell::default();
        let seen = |cell: &mut Cell, reader| cell.read(TxIndex::new(reader));
        cell.add(at(2), Additions::new(plus(5, 100), Ok(())), ZERO);
        assert_eq!(seen(&mut cell, 3), Found::Unknown);
        cell.remember_base(Some(1));
        cell.add(at(6), Additions::new(plus(7, 100), Ok(())), ZERO);
        assert_eq!(seen(&mut cell, 3), Found::Value(Origin::Several, Some(6)));
        assert_eq!(seen(&mut cell, 9), Found::Value(Origin::Several, Some(13)));
        cell.write(at(4), Some(50), ZERO);
        assert_eq!(seen(&mut cell, 9), Found::Value(Origin::Several, Some(57)));
        cell.estimate(TxIndex::new(4));
        assert_eq!(seen(&mut cell, 9), Found::Estimate(TxIndex::new(4)));
        assert_eq!(
            cell.guess(TxIndex::new(9)),
            Found::Value(Origin::Several, Some(13)),
            "a guess passes an estimate over"
        );
    }

    #[test]
    fn an_addition_is_repeated_with_the_outcome_it_had_or_not_at_all() {
        let mut cell = Cell::default();
        cell.remember_base(Some(1));
        cell.write(at(3), Some(95), ZERO);
        let adder = TxIndex::new(5);
        let fits = Additions::new(plus(5, 100), Ok(()));
        let too_much = Additions::new(plus(6, 100), Err(crate::delta::OutOfBounds));
        assert_eq!(cell.repeat(adder, &fits), Some(Some(100)));
        assert_eq!(cell.repeat(adder, &too_much), Some(Some(95)));
        cell.write(at(4), Some(96), ZERO);
        assert_eq!(cell.repeat(adder, &fits), None);
        cell.write(at(4), Some(94), ZERO);
        assert_eq!(cell.repeat(adder, &too_much), None);
    }

    #[test]
    fn a_final_write_takes_the_place_of_all_below_it_and_of_its_own_earlier_ones() {
        let mut cell = Cell::default();
        cell.remember_base(Some(1));
        for tx in [2, 4, 6] {
            cell.write(at(tx), Some(tx * 10), ZERO);
        }
        cell.estimate(TxIndex::new(4));
        let again = Version {
            incarnation: Incarnation::new(1),
            ..at(4)
        };
        cell.finish(again, Some(41));
        let mut seen = |reader| cell.read(TxIndex::new(reader));
        assert_eq!(seen(5), Found::Value(Origin::Written(again), Some(41)));
        assert_eq!(seen(7), Found::Value(Origin::Written(at(6)), Some(60)));
        assert!(cell.rest.is_empty());
    }

    #[test]
    fn an_emptied_cell_knows_nothing_and_keeps_little_room() {
        let mut cell = Cell::default();
        for tx in 0..100 {
            cell.write(at(tx), Some(tx), ZERO);
        }
        cell.clear();
        assert!(cell.rest.capacity() <= super::VERSIONS_KEPT);
        assert_eq!(cell.read(TxIndex::new(50)), Found::Unknown);
    }

    #[test]
    fn a_change_below_a_reader_is_told() {
        let mut cell = Cell::default();
        assert_eq!(cell.write(at(3), Some(1), ZERO), Readers::Below);
        cell.read(TxIndex::new(5));
        assert_eq!(cell.write(at(6), Some(1), ZERO), Readers::Below);
        assert_eq!(cell.write(at(4), Some(1), ZERO), Readers::Above);
        assert_eq!(cell.remove(TxIndex::new(4)), Readers::Above);
        assert_eq!(cell.finish(at(5), Some(1)), Readers::Below);
    }
}
