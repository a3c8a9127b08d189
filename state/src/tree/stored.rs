//! The pages in a store, compared with the root that they must lead to.
//!
//! Invariant: a page counts as right only when every hash in it was checked, from the root down; so where all pages are
//! right, they are those of the one tree with this root, and of no other.

use ordlane_primitives::{Hash, batch::BatchHasher, limits::MAX_TREE_DEPTH, tree::is_leaf};

use super::{
    StoredTop, is_internal,
    page::{Node, Page, PageId},
};
use crate::{Space, StateError, Storage};

/// What is wrong with a page that a tree leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadPage {
    Missing,
    Wrong,
}

/// Whether a stored page is one of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belongs {
    Yes,
    No,
    /// A page on the way to it is bad.
    Unknown,
}

/// Looks at every page of the tree with this root, depth first. `found` is told of each by its key, and whether the
/// storage has a right one under it; below a bad one nothing is known.
pub(crate) fn walk_pages(
    storage: &dyn Storage,
    root: &Hash,
    hasher: &dyn BatchHasher,
    found: &mut dyn FnMut(Vec<u8>, Option<BadPage>) -> Result<(), StateError>,
) -> Result<(), StateError> {
    // At most the pages beside a way down, and those below its end.
    let mut open: Vec<(PageId, Hash)> = Vec::new();
    open.extend(is_internal(root).then_some((PageId::ROOT, *root)));
    while let Some((id, top)) = open.pop() {
        match load(storage, id, &top, hasher)? {
            Ok(page) => {
                found(id.key(), None)?;
                open.extend(children(&page, id, &top));
            }
            Err(bad) => found(id.key(), Some(bad))?,
        }
    }
    Ok(())
}

/// Whether the tree with this root has a page under a key, found on the way down to it.
pub(crate) fn belongs(
    storage: &dyn Storage,
    root: &Hash,
    key: &[u8],
    hasher: &dyn BatchHasher,
) -> Result<Belongs, StateError> {
    let Some(wanted) = PageId::from_key(key) else {
        return Ok(Belongs::No);
    };
    let mut here = is_internal(root).then_some((PageId::ROOT, *root));
    while let Some((id, top)) = here {
        if id == wanted {
            return Ok(Belongs::Yes);
        }
        if id.depth() >= wanted.depth() {
            break;
        }
        let Ok(page) = load(storage, id, &top, hasher)? else {
            return Ok(Belongs::Unknown);
        };
        here = children(&page, id, &top)
            .into_iter()
            .find(|(child, _)| wanted.is_below(*child));
    }
    Ok(Belongs::No)
}

/// The leaves of the tree with this top, paths and value hashes, in no order; none where one of its pages is bad.
pub(crate) fn stored_leaves(
    storage: &dyn Storage,
    top: &StoredTop,
    hasher: &dyn BatchHasher,
) -> Result<Option<Vec<(Hash, Hash)>>, StateError> {
    let mut leaves = Vec::new();
    if let Some(message) = &top.lone {
        let Node { left, right } = Node::from_message(message);
        leaves.push((left, right));
    }
    let mut open: Vec<(PageId, Hash)> = Vec::new();
    open.extend(is_internal(&top.root).then_some((PageId::ROOT, top.root)));
    while let Some((id, top)) = open.pop() {
        let Ok(page) = load(storage, id, &top, hasher)? else {
            return Ok(None);
        };
        add_leaves(&page, &top, &mut leaves);
        open.extend(children(&page, id, &top));
    }
    Ok(Some(leaves))
}

fn load(
    storage: &dyn Storage,
    id: PageId,
    top: &Hash,
    hasher: &dyn BatchHasher,
) -> Result<Result<Page, BadPage>, StateError> {
    let Some(bytes) = storage.get(Space::Page, &id.key())? else {
        return Ok(Err(BadPage::Missing));
    };
    Ok(Page::from_bytes(&bytes, id, top, hasher).ok_or(BadPage::Wrong))
}

/// The pages right below a page that was checked, with the hashes of their top nodes.
fn children(page: &Page, id: PageId, top: &Hash) -> Vec<(PageId, Hash)> {
    let mut children = Vec::new();
    let mut open = vec![(1_usize, *top)];
    while let Some((position, hash)) = open.pop() {
        if !is_internal(&hash) {
            debug_assert!(position == 1 || is_leaf(&hash) || hash == Hash::ZERO);
            continue;
        }
        if position >> id.height() != 0 {
            children.extend(id.child(position).map(|child| (child, hash)));
        } else if let Some(node) = page.node(position) {
            let left = position.saturating_mul(2);
            open.push((left, node.left));
            open.push((left.saturating_add(1), node.right));
        }
    }
    debug_assert!(children.is_empty() || id.depth() < MAX_TREE_DEPTH);
    children
}

/// Adds the leaves in a page that was checked.
fn add_leaves(page: &Page, top: &Hash, leaves: &mut Vec<(Hash, Hash)>) {
    let mut open = vec![(1_usize, *top)];
    while let Some((position, hash)) = open.pop() {
        // What is empty has no node, and what begins another page has it there.
        let Some(Node { left, right }) = page.node(position) else {
            continue;
        };
        if is_leaf(&hash) {
            leaves.push((*left, *right));
        } else {
            let below = position.saturating_mul(2);
            open.push((below, *left));
            open.push((below.saturating_add(1), *right));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{ops::ControlFlow, sync::Arc};

    use ordlane_primitives::{batch::Sequential, hash::sha256};

    use super::*;
    use crate::{
        MemoryStorage, Tree, WriteBatch,
        tree::{Backing, StoredTop},
    };

    /// A tree of so many leaves, some of which share their first 40 bits, with all its pages in a storage.
    fn stored(count: u32) -> (Arc<MemoryStorage>, Hash) {
        let storage = Arc::new(MemoryStorage::new());
        let backing = Backing {
            storage: storage.clone(),
            cache_bytes: usize::MAX,
        };
        let tree = Tree::stored(backing, &StoredTop::EMPTY)
            .fill(leaves(count).collect(), &Sequential)
            .unwrap();
        let mut batch = WriteBatch::new();
        for (key, page) in tree.dirty_pages().entries() {
            batch.put(Space::Page, key, page.unwrap());
        }
        storage.write(batch).unwrap();
        (storage, tree.root())
    }

    fn leaves(count: u32) -> impl Iterator<Item = (Hash, Hash)> {
        (0..count).map(|number| {
            let value = sha256(&number.to_le_bytes());
            let mut path = value;
            if number % 8 == 0 {
                path.0[..5].fill(7);
            }
            (path, value)
        })
    }

    fn keys(storage: &dyn Storage) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        storage
            .scan(Space::Page, &[], &mut |key, _| {
                keys.push(key.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
        keys
    }

    /// The keys of right pages, ascending, and those of bad ones.
    type Walked = (Vec<Vec<u8>>, Vec<(Vec<u8>, BadPage)>);

    fn walked(storage: &dyn Storage, root: &Hash) -> Walked {
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        walk_pages(storage, root, &Sequential, &mut |key, bad| {
            match bad {
                None => right.push(key),
                Some(bad) => wrong.push((key, bad)),
            }
            Ok(())
        })
        .unwrap();
        right.sort();
        (right, wrong)
    }

    #[test]
    fn every_page_of_a_tree_is_found_and_belongs_to_it() {
        for leaves in [0, 1, 2, 3, 50, 4_000] {
            let (storage, root) = stored(leaves);
            let stored = keys(storage.as_ref());
            assert_eq!(
                walked(storage.as_ref(), &root),
                (stored.clone(), Vec::new()),
                "{leaves}"
            );
            for key in &stored {
                let found = belongs(storage.as_ref(), &root, key, &Sequential).unwrap();
                assert_eq!(found, Belongs::Yes);
            }
            assert_eq!(leaves > 1, !stored.is_empty());
        }
    }

    #[test]
    fn the_leaves_of_a_tree_are_in_its_pages() {
        for count in [0, 1, 2, 3, 50, 4_000] {
            let (storage, root) = stored(count);
            let tree = Tree::from_leaves(leaves(count).collect(), &Sequential).unwrap();
            assert_eq!(tree.root(), root);
            let found = |storage: &dyn Storage| {
                let mut found = stored_leaves(storage, &tree.stored_top(), &Sequential).unwrap();
                found.iter_mut().for_each(|found| found.sort_unstable());
                found
            };
            let mut expected: Vec<_> = leaves(count).collect();
            expected.sort_unstable();
            assert_eq!(found(storage.as_ref()), Some(expected), "{count}");
            if let Some(key) = keys(storage.as_ref()).pop() {
                let mut batch = WriteBatch::new();
                batch.remove(Space::Page, key);
                storage.write(batch).unwrap();
                assert_eq!(found(storage.as_ref()), None);
            }
        }
    }

    #[test]
    fn a_bad_page_hides_what_is_below_it_and_no_more() {
        let (storage, root) = stored(600);
        let all = keys(storage.as_ref());
        for key in all.iter().step_by(7) {
            let bytes = storage.get(Space::Page, key).unwrap().unwrap();
            let mut flipped = bytes.clone();
            *flipped.last_mut().unwrap() ^= 1;
            let write = |value: Option<Vec<u8>>| {
                let mut batch = WriteBatch::new();
                batch.extend([(Space::Page, key.clone(), value)]);
                storage.write(batch).unwrap();
            };
            for (value, bad) in [(None, BadPage::Missing), (Some(flipped), BadPage::Wrong)] {
                write(value);
                let (right, wrong) = walked(storage.as_ref(), &root);
                assert_eq!(wrong, [(key.clone(), bad)]);
                for other in all.iter().filter(|other| *other != key) {
                    let found = belongs(storage.as_ref(), &root, other, &Sequential).unwrap();
                    let expected = if right.contains(other) {
                        Belongs::Yes
                    } else {
                        Belongs::Unknown
                    };
                    assert_eq!(found, expected);
                }
            }
            write(Some(bytes));
        }
    }

    #[test]
    fn a_key_that_no_page_of_the_tree_has_does_not_belong() {
        let (storage, root) = stored(300);
        let deep = PageId::at(40, &sha256(b"nowhere")).key();
        for key in [&deep[..], &[], &[0, 1], b"no key of a page at all"] {
            let found = belongs(storage.as_ref(), &root, key, &Sequential).unwrap();
            assert_eq!(found, Belongs::No);
        }
        let (empty, root) = stored(0);
        let found = belongs(empty.as_ref(), &root, &PageId::ROOT.key(), &Sequential).unwrap();
        assert_eq!(found, Belongs::No);
    }
}
