//! The versions of one key.
//!
//! Invariant: the versions are sorted by transaction and hold one entry per transaction. Of those below the frontier only
//! the last can still be read, so the others may be dropped at any time.

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
struct Written<V> {
    version: Version,
    content: Content<V>,
}

#[derive(Debug)]
enum Content<V> {
    Value(Option<V>),
    Estimate,
}

/// All that is known about one key.
#[derive(Debug)]
pub(crate) struct Cell<V> {
    /// What the base says, once someone asked it.
    base: Option<Option<V>>,
    versions: Vec<Written<V>>,
}

impl<V> Default for Cell<V> {
    fn default() -> Self {
        Self {
            base: None,
            versions: Vec::new(),
        }
    }
}

impl<V: Clone + Eq> Cell<V> {
    /// What the transaction `reader` sees: the last write below it.
    pub(crate) fn read(&self, reader: TxIndex) -> Found<V> {
        match self.below(reader) {
            Some(Written {
                version,
                content: Content::Value(value),
            }) => Found::Value(Origin::Written(*version), value.clone()),
            Some(Written {
                version,
                content: Content::Estimate,
            }) => Found::Estimate(version.tx),
            None => match &self.base {
                Some(value) => Found::Value(Origin::Base, value.clone()),
                None => Found::Unknown,
            },
        }
    }

    /// Whether `reader` would read now what it read then: the same version, or else the same value.
    pub(crate) fn still_holds(&self, reader: TxIndex, origin: Origin, value: Option<&V>) -> bool {
        match self.below(reader) {
            Some(Written {
                version,
                content: Content::Value(current),
            }) => origin == Origin::Written(*version) || current.as_ref() == value,
            Some(Written {
                content: Content::Estimate,
                ..
            }) => false,
            None => match &self.base {
                Some(current) => origin == Origin::Base || current.as_ref() == value,
                None => false,
            },
        }
    }

    /// Keeps what the base says.
    pub(crate) fn remember_base(&mut self, value: Option<V>) {
        self.base.get_or_insert(value);
    }

    /// Puts a transaction's write in the place of its earlier one, if any. All below `frontier` is final.
    pub(crate) fn write(&mut self, version: Version, value: Option<V>, frontier: TxIndex) {
        let written = Written {
            version,
            content: Content::Value(value),
        };
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

    /// The position of the first version of `tx` or a later transaction. Searched from the end, where the action is.
    fn position(&self, tx: TxIndex) -> usize {
        self.versions
            .iter()
            .rposition(|written| written.version.tx < tx)
            .map_or(0, |at| at + 1)
    }

    fn below(&self, reader: TxIndex) -> Option<&Written<V>> {
        self.versions
            .iter()
            .rev()
            .find(|written| written.version.tx < reader)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Found, Origin};
    use crate::types::{Incarnation, TxIndex, Version};

    const fn at(tx: u32) -> Version {
        Version {
            tx: TxIndex::new(tx),
            incarnation: Incarnation::new(0),
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
}
