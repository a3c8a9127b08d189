//! What one block changes, to be looked up by key.

use ordlane_primitives::RawKey;
use ordlane_state::Change;

/// The changes of one block, strictly ascending by key.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<Change>);

impl Changes {
    /// `changes` ascend by key.
    pub(crate) fn new(changes: Vec<Change>) -> Self {
        debug_assert!(changes.is_sorted_by(|a, b| a.key < b.key));
        Self(changes)
    }

    pub(crate) fn as_slice(&self) -> &[Change] {
        &self.0
    }

    /// What the block says of a key: nothing, or its value after it, or that it is absent then.
    pub(crate) fn new_value(&self, key: &RawKey) -> Option<Option<&[u8]>> {
        self.find(key).map(|change| change.new.as_deref())
    }

    /// The same before the block.
    pub(crate) fn old_value(&self, key: &RawKey) -> Option<Option<&[u8]>> {
        self.find(key).map(|change| change.old.as_deref())
    }

    fn find(&self, key: &RawKey) -> Option<&Change> {
        let at = self.0.binary_search_by(|change| change.key.cmp(key)).ok()?;
        self.0.get(at)
    }
}
