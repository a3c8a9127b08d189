//! What a block replaced: the values to put back when it is undone.
//!
//! Invariant: values are absolute, so a diff can be applied over any state at or above its block, newest diff first.

use std::{collections::BTreeMap, io};

use borsh::{BorshDeserialize, BorshSerialize};
use ordlane_primitives::{
    RawKey,
    codec::{BoundedBytes, Canonical, DecodeCause},
    limits::{MAX_RAW_KEY_BYTES, MAX_STATE_VALUE_BYTES},
};

use crate::Change;

/// Most keys that one block may change; a genesis block has one per account, and the chain parameters.
pub const MAX_BLOCK_CHANGES: usize = 32 * 1024 * 1024;
/// Largest encoded reverse diff in bytes (2 GiB).
pub const MAX_REVERSE_DIFF_BYTES: usize = 2 * 1024 * 1024 * 1024;

/// The old values of all keys that one block changed, ascending by key.
///
/// The encoding is a `u32` count, then per key: its length (`u32`) and bytes, a flag, and if the flag is 1 the old
/// value's length (`u32`) and bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReverseDiff(Vec<(RawKey, Option<Vec<u8>>)>);

impl ReverseDiff {
    /// The diff that undoes these changes, which ascend by key.
    #[must_use]
    pub fn of(changes: &[Change]) -> Self {
        Self(
            changes
                .iter()
                .map(|change| (change.key.clone(), change.old.clone()))
                .collect(),
        )
    }

    /// A diff of entries that ascend strictly by key.
    pub(crate) fn from_ordered(entries: Vec<(RawKey, Option<Vec<u8>>)>) -> Self {
        debug_assert!(
            entries.is_sorted_by(|(a, _), (b, _)| a < b),
            "the caller has checked the order"
        );
        Self(entries)
    }

    /// Each changed key with its old value, ascending by key; none for a key that was absent.
    #[must_use]
    pub fn entries(&self) -> &[(RawKey, Option<Vec<u8>>)] {
        &self.0
    }

    /// Puts the old values back.
    pub fn apply(&self, state: &mut BTreeMap<RawKey, Vec<u8>>) {
        for (key, old) in &self.0 {
            match old {
                Some(old) => state.insert(key.clone(), old.clone()),
                None => state.remove(key),
            };
        }
    }

    /// The size of the encoding in bytes, without making it.
    pub(crate) fn encoded_bytes(changes: &[Change]) -> usize {
        changes.iter().fold(4, |size, change| {
            let value = change
                .old
                .as_ref()
                .map_or(0, |old| old.len().saturating_add(4));
            size.saturating_add(change.key.as_bytes().len())
                .saturating_add(value)
                .saturating_add(5)
        })
    }
}

impl BorshSerialize for ReverseDiff {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        let count = u32::try_from(self.0.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        count.serialize(writer)?;
        for (key, old) in &self.0 {
            key.as_bytes().serialize(writer)?;
            old.serialize(writer)?;
        }
        Ok(())
    }
}

impl BorshDeserialize for ReverseDiff {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let count = u32::deserialize_reader(reader)? as usize;
        if count > MAX_BLOCK_CHANGES {
            return Err(DecodeCause::LengthAboveLimit {
                field: "changes",
                length: count,
                limit: MAX_BLOCK_CHANGES,
            }
            .into());
        }
        let mut entries: Vec<(RawKey, Option<Vec<u8>>)> = Vec::new();
        for _ in 0..count {
            let key = BoundedBytes::<MAX_RAW_KEY_BYTES>::deserialize_reader(reader)?;
            let key = RawKey::from_bytes(key.to_vec());
            let ascends = entries.last().is_none_or(|(last, _)| *last < key);
            if key.as_bytes().is_empty() || !ascends {
                return Err(DecodeCause::NotCanonical {
                    field: "changes",
                    rule: "keys are not empty and ascend strictly",
                }
                .into());
            }
            entries.push((key, read_old(reader)?));
        }
        Ok(Self(entries))
    }
}

fn read_old<R: io::Read>(reader: &mut R) -> io::Result<Option<Vec<u8>>> {
    match u8::deserialize_reader(reader)? {
        0 => Ok(None),
        1 => {
            let old = BoundedBytes::<MAX_STATE_VALUE_BYTES>::deserialize_reader(reader)?;
            Ok(Some(old.to_vec()))
        }
        _ => Err(DecodeCause::NotCanonical {
            field: "old value",
            rule: "its flag is 0 or 1",
        }
        .into()),
    }
}

impl Canonical for ReverseDiff {
    const NAME: &'static str = "reverse diff";
    const MIN_BYTES: usize = 4;
    const MAX_BYTES: usize = MAX_REVERSE_DIFF_BYTES;
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::codec::{decode, encode};
    use proptest::{collection, option, prelude::*};

    use super::*;

    fn values() -> impl Strategy<Value = BTreeMap<Vec<u8>, Option<Vec<u8>>>> {
        let key = collection::vec(any::<u8>(), 1..4);
        let value = option::of(collection::vec(any::<u8>(), 0..4));
        collection::btree_map(key, value, 0..32)
    }

    fn changes_of(
        state: &BTreeMap<RawKey, Vec<u8>>,
        new: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    ) -> Vec<Change> {
        new.into_iter()
            .map(|(key, new)| {
                let key = RawKey::from_bytes(key);
                let old = state.get(&key).cloned();
                Change { key, old, new }
            })
            .collect()
    }

    proptest! {
        #[test]
        fn applying_changes_and_then_their_diff_changes_nothing(before in values(), block in values()) {
            let mut state: BTreeMap<RawKey, Vec<u8>> = before
                .into_iter()
                .filter_map(|(key, value)| value.map(|value| (RawKey::from_bytes(key), value)))
                .collect();
            let original = state.clone();
            let changes = changes_of(&state, block);
            let diff = ReverseDiff::of(&changes);
            for change in changes.iter().cloned() {
                match change.new {
                    Some(new) => state.insert(change.key, new),
                    None => state.remove(&change.key),
                };
            }
            let bytes = encode(&diff);
            prop_assert_eq!(bytes.len(), ReverseDiff::encoded_bytes(&changes));
            let decoded = decode::<ReverseDiff>(&bytes).unwrap();
            prop_assert_eq!(&decoded, &diff);
            decoded.apply(&mut state);
            prop_assert_eq!(state, original);
        }

        #[test]
        fn what_decodes_is_what_encodes(bytes in collection::vec(0_u8..3, 0..40)) {
            if let Ok(diff) = decode::<ReverseDiff>(&bytes) {
                prop_assert_eq!(encode(&diff), bytes);
            }
        }
    }

    #[test]
    fn an_untrusted_count_allocates_nothing() {
        assert!(decode::<ReverseDiff>(&u32::MAX.to_le_bytes()).is_err());
        let count = u32::try_from(MAX_BLOCK_CHANGES).unwrap();
        assert!(decode::<ReverseDiff>(&count.to_le_bytes()).is_err());
    }
}
