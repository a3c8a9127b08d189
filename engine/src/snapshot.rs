//! The state at a durable block, read while later blocks are written over it.
//!
//! The store has one value per key, and a commit replaces it in place. So a commit first *publishes* what it is about to
//! replace, at the end of a list, and only then writes. A snapshot holds the place in that list where the list ended when
//! its block became durable. It reads the store, **then** goes through what was published since, the oldest first: the
//! first block that has the key also has the value before it, which is that of the snapshot.
//!
//! Invariant: a snapshot gives the values of its block, whatever is being written. Let a read find a value that a later
//! block wrote. Publishing that block happens before its write, the write before the read that shows it, and the read
//! before the look at the list; so the list has that block, and all before it. Let a read find the value of the
//! snapshot's block: then either nobody has published a change of the key yet, or the oldest change has that same value as
//! the old one. It does not matter whether the entries of a block become visible at once or one by one. A block that is
//! published and then refused leaves changes behind whose old values are right.
//!
//! What the snapshot's block and the last ones below it changed is in memory, and the newest of them that has a key has its
//! value: nothing is read then, and nothing can be written in between.
//!
//! The code with a hash is the same in every state that has it, so it needs none of this.
//!
//! Undoing blocks is no commit and is not published: it waits until there is no snapshot.

use std::sync::{Arc, OnceLock};

use ordlane_primitives::{Hash, RawKey};
use ordlane_state::StateStore;

use crate::{SystemError, changes::Changes, execute::RawState};

/// A place in the list of published blocks: what comes after it was committed later.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// What the block at this place changed; nothing at the list's beginning.
    changes: Arc<Changes>,
    /// Set by `publish`, which pairs with the `get` in `value_before`.
    next: OnceLock<Arc<Self>>,
}

impl Published {
    /// Adds a block to the end of the list, and returns its place. Called before anything of the block is written, by one
    /// commit at a time.
    pub(crate) fn publish(&self, changes: &Arc<Changes>) -> Arc<Self> {
        let place = Arc::new(Self {
            changes: Arc::clone(changes),
            next: OnceLock::new(),
        });
        let mut end = self;
        // What is here already was published by commits that were refused.
        while end.next.set(Arc::clone(&place)).is_err() {
            let Some(next) = end.next.get() else { break };
            end = next;
        }
        place
    }

    /// What the blocks after this place have replaced under a key: nothing, or the value before all of them, or that it was
    /// absent.
    fn value_before(&self, key: &RawKey) -> Option<Option<&[u8]>> {
        let mut place = self;
        while let Some(next) = place.next.get() {
            if let Some(old) = next.changes.old_value(key) {
                return Some(old);
            }
            place = next;
        }
        None
    }
}

impl Drop for Published {
    /// Unlinks iteratively, so that no number of commits during one execution can exhaust the stack.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(place) = next {
            next = Arc::into_inner(place).and_then(|mut place| place.next.take());
        }
    }
}

/// The state at the block that was durable when `since` was the end of the list.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    store: &'a StateStore,
    since: Arc<Published>,
    /// What the last blocks up to that one changed, the newest first.
    recent: Vec<Arc<Changes>>,
}

impl<'a> Snapshot<'a> {
    pub(crate) const fn new(
        store: &'a StateStore,
        since: Arc<Published>,
        recent: Vec<Arc<Changes>>,
    ) -> Self {
        Self {
            store,
            since,
            recent,
        }
    }
}

impl RawState for Snapshot<'_> {
    fn raw_value(&self, key: &RawKey) -> Result<Option<Vec<u8>>, SystemError> {
        if let Some(value) = self.recent.iter().find_map(|block| block.new_value(key)) {
            return Ok(value.map(<[u8]>::to_vec));
        }
        // In this order: see the module's invariant.
        let stored = self.store.read(key.as_bytes())?;
        Ok(match self.since.value_before(key) {
            Some(old) => old.map(<[u8]>::to_vec),
            None => stored,
        })
    }

    fn code(&self, hash: &Hash) -> Result<Option<Arc<[u8]>>, SystemError> {
        if let Some(code) = self.recent.iter().find_map(|block| block.code(hash)) {
            return Ok(Some(Arc::clone(code)));
        }
        Ok(self.store.code(hash)?.map(Arc::from))
    }
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::{Address, batch::Sequential, hash::code_hash};
    use ordlane_state::{Change, MemoryStorage, Space, StateError, Storage as _, WriteBatch};

    use super::*;

    fn key(number: u8) -> RawKey {
        RawKey::account(&Address::from_bytes([number; 32]))
    }

    fn block(changes: &[(u8, Option<u8>, Option<u8>)]) -> Arc<Changes> {
        let value = |byte: Option<u8>| byte.map(|byte| vec![byte]);
        let mut changes: Vec<Change> = changes
            .iter()
            .map(|(number, old, new)| Change {
                key: key(*number),
                old: value(*old),
                new: value(*new),
            })
            .collect();
        changes.sort_by(|a, b| a.key.cmp(&b.key));
        Arc::new(Changes::new(changes, Vec::new()))
    }

    #[test]
    fn the_oldest_change_since_the_snapshot_says_what_was_there() {
        let begin = Published::default();
        let first = begin.publish(&block(&[(1, None, Some(10)), (2, Some(20), None)]));
        let second = first.publish(&block(&[(1, Some(10), Some(11)), (3, Some(30), Some(31))]));

        assert_eq!(begin.value_before(&key(1)), Some(None));
        assert_eq!(begin.value_before(&key(2)), Some(Some(&[20][..])));
        assert_eq!(begin.value_before(&key(3)), Some(Some(&[30][..])));
        assert_eq!(begin.value_before(&key(4)), None);
        assert_eq!(first.value_before(&key(1)), Some(Some(&[10][..])));
        assert_eq!(first.value_before(&key(2)), None);
        assert_eq!(second.value_before(&key(1)), None);
    }

    #[test]
    fn of_the_last_blocks_the_newest_that_has_a_key_says_what_is_there() {
        let storage = Arc::new(MemoryStorage::new());
        let store = StateStore::open(storage, Arc::new(Sequential)).unwrap();
        let older = block(&[
            (1, None, Some(10)),
            (2, None, Some(20)),
            (3, None, Some(30)),
        ]);
        let newer = block(&[(1, Some(10), Some(11)), (2, Some(20), None)]);
        let since = Arc::new(Published::default());
        // What comes later is not of the snapshot, wherever it stands.
        since.publish(&block(&[(1, Some(11), Some(12)), (4, Some(40), None)]));
        let snapshot = Snapshot::new(&store, since, vec![newer, older]);
        let value = |number| snapshot.raw_value(&key(number)).unwrap();
        assert_eq!(value(1), Some(vec![11]));
        assert_eq!(value(2), None);
        assert_eq!(value(3), Some(vec![30]));
        assert_eq!(value(4), Some(vec![40]));
        assert_eq!(value(5), None);
    }

    #[test]
    fn a_code_is_that_of_one_of_the_last_blocks_or_the_stored_one() {
        let storage = Arc::new(MemoryStorage::new());
        let [stored, brought, absent] = [&b"stored"[..], b"brought", b"absent"];
        let mut batch = WriteBatch::new();
        batch.put(Space::Code, code_hash(stored).0, stored);
        batch.put(Space::Code, code_hash(b"damaged").0, *b"other");
        storage.write(batch).unwrap();
        let store = StateStore::open(storage, Arc::new(Sequential)).unwrap();
        let codes = vec![(code_hash(brought), brought.into())];
        let recent = vec![
            block(&[]),
            Arc::new(Changes::new(Vec::new(), codes)),
            block(&[]),
        ];
        let snapshot = Snapshot::new(&store, Arc::default(), recent);
        for code in [stored, brought] {
            let found = snapshot.code(&code_hash(code)).unwrap();
            assert_eq!(found.as_deref(), Some(code));
        }
        assert_eq!(snapshot.code(&code_hash(absent)).unwrap(), None);
        let refused = snapshot.code(&code_hash(b"damaged")).unwrap_err();
        assert!(matches!(
            refused,
            SystemError::State(StateError::Damaged { .. })
        ));
    }

    #[test]
    fn a_block_that_was_refused_after_it_was_published_does_no_harm() {
        let begin = Published::default();
        begin.publish(&block(&[(1, Some(1), Some(7))]));
        let committed = begin.publish(&block(&[(1, Some(1), Some(2)), (2, None, Some(3))]));
        assert_eq!(begin.value_before(&key(1)), Some(Some(&[1][..])));
        assert_eq!(begin.value_before(&key(2)), Some(None));
        assert_eq!(committed.value_before(&key(1)), None);
    }

    #[test]
    fn a_list_of_any_length_is_dropped_on_a_small_stack() {
        let begin = Published::default();
        let nothing = Arc::default();
        let mut end = begin.publish(&nothing);
        for _ in 0..200_000 {
            end = end.publish(&nothing);
        }
        drop(end);
        std::thread::Builder::new()
            .stack_size(64 * 1024)
            .spawn(move || drop(begin))
            .expect("a thread")
            .join()
            .expect("no overflow");
    }
}
