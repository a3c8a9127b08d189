//! What a block changes in the state.

use ordlane_primitives::{
    Hash, RawKey,
    batch::BatchHasher,
    hash::Domain,
    limits::{MAX_RAW_KEY_BYTES, MAX_STATE_VALUE_BYTES},
};

use crate::{Entry, StateError, tree::LeafChange};

/// The change of one key by a block: from the value before the block to the value after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which key.
    pub key: RawKey,
    /// The value before the block, as the executor read it; none when the key was absent.
    pub old: Option<Vec<u8>>,
    /// The value after the block; none when the key goes. An empty value is present.
    pub new: Option<Vec<u8>>,
}

/// The changes as the tree wants them: paths and value hashes, ascending by path.
///
/// All paths are hashed in one batch, and all values in another.
#[must_use]
pub fn hash_changes(changes: &[Change], hasher: &dyn BatchHasher) -> Vec<LeafChange> {
    let values: Vec<&[u8]> = changes
        .iter()
        .filter_map(|change| change.new.as_deref())
        .collect();
    let mut value_hashes = hasher.hash_messages(&values).into_iter();
    let mut leaves: Vec<LeafChange> = paths_of(changes.iter().map(|c| c.key.as_bytes()), hasher)
        .into_iter()
        .zip(changes)
        .map(|(path, change)| {
            let value_hash = change.new.as_ref().and_then(|_| value_hashes.next());
            (path, value_hash)
        })
        .collect();
    leaves.sort_unstable_by_key(|(path, _)| *path);
    leaves
}

/// The paths of raw keys, in order, hashed in one batch; each is that of
/// [`path_of`](ordlane_primitives::tree::path_of).
pub(crate) fn paths_of<'a>(
    raw_keys: impl Iterator<Item = &'a [u8]>,
    hasher: &dyn BatchHasher,
) -> Vec<Hash> {
    let messages: Vec<Vec<u8>> = raw_keys
        .map(|key| [Domain::StatePath.tag(), key].concat())
        .collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    hasher.hash_messages(&messages)
}

/// The leaves of entries, paths and value hashes, in order; all paths are hashed in one batch, all values in another.
pub(crate) fn leaves_of(
    entries: &[Entry],
    hasher: &dyn BatchHasher,
) -> impl Iterator<Item = (Hash, Hash)> + use<> {
    let paths = paths_of(entries.iter().map(|(key, _)| key.as_slice()), hasher);
    let values: Vec<&[u8]> = entries.iter().map(|(_, value)| value.as_slice()).collect();
    paths.into_iter().zip(hasher.hash_messages(&values))
}

/// Checks that the changes ascend strictly and keep the limits of keys and values.
pub(crate) fn check_changes(changes: &[Change]) -> Result<(), StateError> {
    if let Some(unsorted) = changes
        .iter()
        .zip(changes.iter().skip(1))
        .find(|(a, b)| a.key >= b.key)
    {
        return Err(StateError::UnsortedChanges {
            key: unsorted.1.key.clone(),
        });
    }
    for change in changes {
        let key_bytes = change.key.as_bytes().len();
        if key_bytes == 0 || key_bytes > MAX_RAW_KEY_BYTES {
            return Err(StateError::KeySize {
                size_bytes: key_bytes,
                limit: MAX_RAW_KEY_BYTES,
            });
        }
        for value in [&change.old, &change.new].into_iter().flatten() {
            if value.len() > MAX_STATE_VALUE_BYTES {
                return Err(StateError::ValueSize {
                    size_bytes: value.len(),
                    limit: MAX_STATE_VALUE_BYTES,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::{batch::Sequential, tree};

    use super::*;

    fn change(key: &[u8], new: Option<&[u8]>) -> Change {
        Change {
            key: RawKey::from_bytes(key.to_vec()),
            old: None,
            new: new.map(<[u8]>::to_vec),
        }
    }

    #[test]
    fn hashes_are_those_of_the_rule_and_ascend_by_path() {
        let changes = [
            change(b"a", Some(b"1")),
            change(b"b", None),
            change(b"c", Some(b"")),
            change(b"d", Some(b"4")),
        ];
        let leaves = hash_changes(&changes, &Sequential);
        assert!(leaves.is_sorted_by(|(a, _), (b, _)| a < b));
        for change in &changes {
            let expected = (
                tree::path_of(change.key.as_bytes()),
                change.new.as_deref().map(tree::value_hash),
            );
            assert!(leaves.contains(&expected), "{change:?}");
        }
    }

    #[test]
    fn unsorted_repeated_and_oversized_changes_are_refused() {
        let (a, b) = (change(b"a", None), change(b"b", None));
        assert!(check_changes(&[a.clone(), b.clone()]).is_ok());
        for unsorted in [[b, a.clone()], [a.clone(), a]] {
            let refused = check_changes(&unsorted);
            assert!(matches!(refused, Err(StateError::UnsortedChanges { .. })));
        }
        for size in [0, MAX_RAW_KEY_BYTES + 1] {
            let refused = check_changes(&[change(&vec![7; size], None)]);
            assert!(matches!(refused, Err(StateError::KeySize { .. })));
        }
        let value = vec![0; MAX_STATE_VALUE_BYTES + 1];
        let refused = check_changes(&[change(b"a", Some(&value))]);
        assert!(matches!(refused, Err(StateError::ValueSize { .. })));
    }
}
