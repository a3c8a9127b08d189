//! What a block or a transaction changes, forward and backward.
//!
//! Invariants:
//! - a diff has each key once, ascending, and only keys whose value differs;
//! - `a.then(b)` changes what `a` and then `b` change; a diff and its reverse undo each other.
//!
//! Values are absolute, not differences of amounts: a diff fits the one state that its old values are in, and says so of
//! any other. Source: seed specification, section 5.4.

use std::{cmp::Ordering, collections::BTreeMap, iter::Peekable};

use ordlane_primitives::RawKey;

use crate::Change;

/// Keys with their old and new values, ascending by key; none of them is the same before and after.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use ordlane_primitives::RawKey;
/// use ordlane_state::{Change, StateDiff};
///
/// let key = RawKey::from_bytes(b"key".to_vec());
/// let diff = StateDiff::of(vec![Change { key: key.clone(), old: None, new: Some(b"1".to_vec()) }]);
/// let mut state = BTreeMap::new();
/// diff.apply(&mut state)?;
/// assert_eq!(state.get(&key), Some(&b"1".to_vec()));
/// diff.reverse().apply(&mut state)?;
/// assert!(state.is_empty());
/// # Ok::<(), ordlane_state::DiffError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateDiff(Vec<Change>);

/// Why a diff does not fit a state or another diff.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// The state has another value than the one that the diff replaces.
    #[error(
        "the diff does not fit this state: the value of key {key} is not the one that it replaces"
    )]
    OtherState {
        /// The first such key.
        key: RawKey,
    },
    /// The diff before it leaves another value than the one that the diff replaces.
    #[error(
        "the diff does not follow the other: the value of key {key} is not the one that it replaces"
    )]
    OtherDiff {
        /// The first such key.
        key: RawKey,
    },
}

impl StateDiff {
    /// The diff of changes in the order in which they were made. Changes of one key become one, from the first old value to
    /// the last new one; a key that is what it was is left out.
    #[must_use]
    pub fn of(mut changes: Vec<Change>) -> Self {
        // Stable, so the changes of one key stay in their order.
        changes.sort_by(|a, b| a.key.cmp(&b.key));
        changes.dedup_by(|later, earlier| {
            let same = later.key == earlier.key;
            if same {
                earlier.new = later.new.take();
            }
            same
        });
        changes.retain(|change| change.old != change.new);
        Self(changes)
    }

    /// The changes, ascending by key.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.0
    }

    /// The changes, ascending by key.
    #[must_use]
    pub fn into_changes(self) -> Vec<Change> {
        self.0
    }

    /// Whether nothing changes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The diff that undoes this one.
    #[must_use]
    pub fn reverse(&self) -> Self {
        let back = |change: &Change| Change {
            key: change.key.clone(),
            old: change.new.clone(),
            new: change.old.clone(),
        };
        Self(self.0.iter().map(back).collect())
    }

    /// This diff and then the next one, as one.
    ///
    /// # Errors
    /// [`DiffError::OtherDiff`] when the next one replaces another value of a key than this one leaves.
    pub fn then(&self, next: &Self) -> Result<Self, DiffError> {
        let both = Merge {
            first: self.0.iter().peekable(),
            next: next.0.iter().peekable(),
        };
        let changes: Result<Vec<Change>, DiffError> = both.collect();
        // Keys that both change may be what they were before the first.
        let mut changes = changes?;
        changes.retain(|change| change.old != change.new);
        Ok(Self(changes))
    }

    /// Changes a state. Where it does not fit, the state stays as it is.
    ///
    /// # Errors
    /// [`DiffError::OtherState`] when the state has another value of a key than the diff replaces.
    pub fn apply(&self, state: &mut BTreeMap<RawKey, Vec<u8>>) -> Result<(), DiffError> {
        if let Some(other) = self
            .0
            .iter()
            .find(|change| state.get(&change.key) != change.old.as_ref())
        {
            return Err(DiffError::OtherState {
                key: other.key.clone(),
            });
        }
        for Change { key, new, .. } in &self.0 {
            match new {
                Some(new) => state.insert(key.clone(), new.clone()),
                None => state.remove(key),
            };
        }
        Ok(())
    }
}

/// The changes of two diffs by key, those of one key made into one.
struct Merge<'a, I: Iterator<Item = &'a Change>> {
    first: Peekable<I>,
    next: Peekable<I>,
}

impl<'a, I: Iterator<Item = &'a Change>> Iterator for Merge<'a, I> {
    type Item = Result<Change, DiffError>;

    fn next(&mut self) -> Option<Self::Item> {
        let order = match (self.first.peek(), self.next.peek()) {
            (Some(first), Some(next)) => first.key.cmp(&next.key),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => self.first.next().cloned().map(Ok),
            Ordering::Greater => self.next.next().cloned().map(Ok),
            Ordering::Equal => {
                let (first, next) = (self.first.next()?, self.next.next()?);
                Some(joined(first, next))
            }
        }
    }
}

fn joined(first: &Change, next: &Change) -> Result<Change, DiffError> {
    if first.new != next.old {
        return Err(DiffError::OtherDiff {
            key: next.key.clone(),
        });
    }
    Ok(Change {
        key: first.key.clone(),
        old: first.old.clone(),
        new: next.new.clone(),
    })
}

#[cfg(test)]
mod tests;
