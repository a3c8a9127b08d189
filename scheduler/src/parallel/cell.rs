//! The versions of one key.
//!
//! Invariant: the versions are sorted by transaction and hold one entry per transaction. Of those below the frontier only
//! the last can still be read, so the others may be dropped at any time; and it is a value, since additions become one
//! when their transaction is committed.

use crate::delta::{Additions, Delta};
use crate::types::{TxIndex, Version};

/// Beyond so many versions a write looks for some to drop.
const TRIMMED_FROM: usize = 8;

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

/// What one transaction has put under the key.
#[derive(Debug)]
struct Written<V, D> {
    version: Version,
    content: Content<V, D>,
}

#[derive(Debug)]
enum Content<V, D> {
    Value(Option<V>),
    /// To be added to whatever stands below.
    Additions(Additions<D>),
    Estimate,
}

/// All that is known about one key.
#[derive(Debug)]
pub(crate) struct Cell<V, D> {
    /// What the base says, once someone asked it.
    base: Option<Option<V>>,
    versions: Vec<Written<V, D>>,
}

impl<V, D> Default for Cell<V, D> {
    fn default() -> Self {
        Self {
            base: None,
            versions: Vec::new(),
        }
    }
}

impl<V: Clone + Eq, D: Delta<V>> Cell<V, D> {
    /// What the transaction `reader` sees: the last write below it and all additions since.
    pub(crate) fn read(&self, reader: TxIndex) -> Found<V> {
        let below = self.below(reader);
        match below.last() {
            Some(Written {
                version,
                content: Content::Value(value),
            }) => Found::Value(Origin::Written(*version), value.clone()),
            Some(Written {
                version,
                content: Content::Estimate,
            }) => Found::Estimate(version.tx),
            Some(_) => self.total(below, true),
            None => self.base(),
        }
    }

    /// What an addition of `adder` presumably changes: as [`Self::read`], but nobody waits for a guess.
    pub(crate) fn guess(&self, adder: TxIndex) -> Found<V> {
        self.total(self.below(adder), false)
    }

    /// Whether `reader` would read now what it read then: the same version, or else the same value.
    pub(crate) fn still_holds(&self, reader: TxIndex, origin: Origin, value: Option<&V>) -> bool {
        match self.below(reader).last() {
            Some(Written {
                version,
                content: Content::Value(current),
            }) => origin == Origin::Written(*version) || current.as_ref() == value,
            Some(_) => match self.read(reader) {
                Found::Value(_, current) => current.as_ref() == value,
                Found::Estimate(_) | Found::Unknown => false,
            },
            None => match &self.base {
                Some(current) => origin == Origin::Base || current.as_ref() == value,
                None => false,
            },
        }
    }

    /// What the key becomes by the additions of `tx` if each of them has again the outcome that it had.
    pub(crate) fn repeat(&self, tx: TxIndex, additions: &Additions<D>) -> Option<Option<V>> {
        match self.read(tx) {
            Found::Value(_, below) => additions.repeat(below),
            Found::Estimate(_) | Found::Unknown => None,
        }
    }

    /// Keeps what the base says.
    pub(crate) fn remember_base(&mut self, value: Option<V>) {
        self.base.get_or_insert(value);
    }

    /// Puts a transaction's write in the place of its earlier one, if any. All below `frontier` is final.
    pub(crate) fn write(&mut self, version: Version, value: Option<V>, frontier: TxIndex) {
        self.put(version, Content::Value(value), frontier);
    }

    /// The same for additions.
    pub(crate) fn add(&mut self, version: Version, additions: Additions<D>, frontier: TxIndex) {
        self.put(version, Content::Additions(additions), frontier);
    }

    /// Marks that `tx` is about to write the key again.
    pub(crate) fn estimate(&mut self, tx: TxIndex) {
        let at = self.position(tx);
        if let Some(present) = self
            .versions
            .get_mut(at)
            .filter(|present| present.version.tx == tx)
        {
            present.content = Content::Estimate;
        }
    }

    /// Takes the write of `tx` away.
    pub(crate) fn remove(&mut self, tx: TxIndex) {
        let at = self.position(tx);
        if self
            .versions
            .get(at)
            .is_some_and(|present| present.version.tx == tx)
        {
            self.versions.remove(at);
        }
    }

    fn put(&mut self, version: Version, content: Content<V, D>, frontier: TxIndex) {
        let written = Written { version, content };
        let at = self.position(version.tx);
        match self.versions.get_mut(at) {
            Some(present) if present.version.tx == version.tx => *present = written,
            _ => self.versions.insert(at, written),
        }
        if self.versions.len() > TRIMMED_FROM {
            let kept_from = self.position(frontier).saturating_sub(1);
            self.versions.drain(..kept_from);
        }
    }

    /// The last value in `below` with all additions since. An estimate counts as such, or is passed over.
    fn total(&self, below: &[Written<V, D>], with_estimates: bool) -> Found<V> {
        let mut start = below.len();
        let mut ground = None;
        for written in below.iter().rev() {
            match &written.content {
                Content::Value(value) => {
                    ground = Some(Found::Value(
                        Origin::Written(written.version),
                        value.clone(),
                    ));
                    break;
                }
                Content::Estimate if with_estimates => {
                    return Found::Estimate(written.version.tx);
                }
                Content::Estimate | Content::Additions(_) => start -= 1,
            }
        }
        let mut found = ground.unwrap_or_else(|| self.base());
        if let Found::Value(origin, value) = &mut found {
            for written in below.iter().skip(start) {
                if let Content::Additions(additions) = &written.content {
                    *origin = Origin::Several;
                    *value = additions.guess(value.take());
                }
            }
        }
        found
    }

    fn base(&self) -> Found<V> {
        match &self.base {
            Some(value) => Found::Value(Origin::Base, value.clone()),
            None => Found::Unknown,
        }
    }

    /// The position of the first version of `tx` or a later transaction. Searched from the end, where the action is.
    fn position(&self, tx: TxIndex) -> usize {
        self.versions
            .iter()
            .rposition(|written| written.version.tx < tx)
            .map_or(0, |at| at + 1)
    }

    fn below(&self, reader: TxIndex) -> &[Written<V, D>] {
        self.versions.split_at(self.position(reader)).0
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Origin};
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
        let seen = |reader| cell.read(TxIndex::new(reader));
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
            assert!(cell.versions.len() <= 9);
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
        let seen = |cell: &Cell, reader| cell.read(TxIndex::new(reader));
        cell.add(at(2), Additions::new(plus(5, 100), Ok(())), ZERO);
        assert_eq!(seen(&cell, 3), Found::Unknown);
        cell.remember_base(Some(1));
        cell.add(at(6), Additions::new(plus(7, 100), Ok(())), ZERO);
        assert_eq!(seen(&cell, 3), Found::Value(Origin::Several, Some(6)));
        assert_eq!(seen(&cell, 9), Found::Value(Origin::Several, Some(13)));
        cell.write(at(4), Some(50), ZERO);
        assert_eq!(seen(&cell, 9), Found::Value(Origin::Several, Some(57)));
        cell.estimate(TxIndex::new(4));
        assert_eq!(seen(&cell, 9), Found::Estimate(TxIndex::new(4)));
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
}
