//! The authenticated tree.
//!
//! Purpose: a binary sparse Merkle tree whose nodes lie in pages, in memory as far as they fit, the others in the store.
//!
//! A tree is *persistent*: an update gives a new tree that holds the pages it changed and shares all others with its
//! parent, so that many uncommitted blocks can hang on one parent and be dropped at will. What is shared by all is the
//! newest *settled* tree, that of the last committed block; a tree that something else was settled in place of answers
//! [`StateError::StaleTree`].
//!
//! Invariants: the rule of [`ordlane_primitives::tree`] and nothing else decides a root, so two trees with the same
//! leaves have the same root whatever their history; a lone leaf sits as high as it can; nothing recurses deeper than the
//! 256 bits of a path; a page that is read from the store is compared with the hash that its parent has of it.

use std::{borrow::Cow, iter, sync::Arc};

use ordlane_primitives::{
    Hash,
    batch::BatchHasher,
    codec::Bounded,
    proof::{StateProof, Terminal},
    tree::{EMPTY, bit, is_leaf},
};

mod page;
mod page_map;
mod pages;
mod positions;
mod root;
mod stored;
mod update;

use self::{
    page::{Node, Page, PageId, Stack},
    pages::{PageChange, Pages, Version, part_of},
};
pub(crate) use self::{
    pages::{Backing, DirtyPages},
    root::root_of,
    stored::{BadPage, Belongs, belongs, stored_leaves, walk_pages},
};
use crate::StateError;

/// A change of one leaf: its path, and the hash of its new value or none when the leaf goes.
pub type LeafChange = (Hash, Option<Hash>);

/// How many leaves [`Tree::from_leaves`] adds at a time; bounds the memory it needs beside the tree and its input.
const LEAVES_PER_STEP: usize = 1 << 16;
/// How many updates a tree looks through, newest first, before they are made one. What was made one is settled as a whole:
/// once one of its updates is settled alone, the tree is stale.
const MAX_OVERLAYS: usize = 16;

/// A state tree: immutable, cheap to clone, and sharing what it has in common with the tree it came from.
///
/// ```
/// use ordlane_primitives::{batch::Sequential, tree};
/// use ordlane_state::Tree;
///
/// let parent = Tree::empty();
/// let leaf = (tree::path_of(b"key"), Some(tree::value_hash(b"value")));
/// let child = parent.update(&[leaf], &Sequential)?;
/// let proof = child.prove(&leaf.0)?;
/// assert_eq!(proof.verify(&child.root(), b"key", Some(b"value")), Ok(()));
/// assert_eq!(parent.root(), tree::EMPTY);
/// # Ok::<(), ordlane_state::StateError>(())
/// ```
#[derive(Clone)]
pub struct Tree {
    pages: Arc<Pages>,
    /// The settled version that the overlays lie on.
    base: Version,
    /// Newest first.
    overlays: Vec<Arc<Overlay>>,
    root: Hash,
    /// The only leaf, if there is just one; it is in no page.
    lone: Option<Box<Leaf>>,
}

/// A leaf and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leaf {
    node: Node,
    hash: Hash,
}

/// What one update changed, or several that were made one.
struct Overlay {
    version: Version,
    /// By chunk, each ascending.
    pages: Vec<Vec<PageChange>>,
}

impl Overlay {
    fn find(&self, id: PageId) -> Option<&Option<Page>> {
        let part = self.pages.get(part_of(id))?;
        let at = part.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        part.get(at).map(|(_, page)| page)
    }
}

/// A tree's pages, while what is settled stays as it is.
struct View<'a> {
    pages: &'a Pages,
    overlays: &'a [Arc<Overlay>],
}

impl View<'_> {
    /// The page `id`, whose top node has the hash `top`. `settled` finds it among the settled pages.
    fn page<'p>(
        &'p self,
        id: PageId,
        top: &Hash,
        settled: impl FnOnce(&Hash) -> Result<Cow<'p, Page>, StateError>,
    ) -> Result<Stack<'p>, StateError> {
        let mut patches = Vec::new();
        let mut top = *top;
        for change in self.overlays.iter().filter_map(|overlay| overlay.find(id)) {
            let Some(page) = change else {
                return Err(StateError::damaged(
                    "the tree leads to a page that it has removed",
                ));
            };
            if page.is_whole() {
                return Ok(Stack::new(patches, Cow::Borrowed(page)));
            }
            top = *page.below();
            patches.push(page);
        }
        Ok(Stack::new(patches, settled(&top)?))
    }
}

impl Tree {
    /// The tree without leaves; its root is 32 zero bytes. It and what comes of it live in memory.
    #[must_use]
    pub fn empty() -> Self {
        Self::on(None, EMPTY, None)
    }

    /// A settled tree over a store that has its pages.
    pub(crate) fn stored(backing: Backing, top: &StoredTop) -> Self {
        let lone = top.lone.as_ref().map(|message| Leaf {
            node: Node::from_message(message),
            hash: top.root,
        });
        Self::on(Some(backing), top.root, lone)
    }

    fn on(backing: Option<Backing>, root: Hash, lone: Option<Leaf>) -> Self {
        let base = Version::next();
        Self {
            pages: Arc::new(Pages::new(backing, base)),
            base,
            overlays: Vec::new(),
            root,
            lone: lone.map(Box::new),
        }
    }

    /// The tree with these leaves, paths and value hashes, in any order; of two with one path the later holds.
    ///
    /// Hashes in wide batches; needs the tree, the list and little more memory.
    ///
    /// # Errors
    /// None in fact: the tree lives in memory.
    pub fn from_leaves(
        leaves: Vec<(Hash, Hash)>,
        hasher: &dyn BatchHasher,
    ) -> Result<Self, StateError> {
        Self::empty().fill(leaves, hasher)
    }

    /// This tree with so many leaves more, settled step by step.
    pub(crate) fn fill(
        self,
        mut leaves: Vec<(Hash, Hash)>,
        hasher: &dyn BatchHasher,
    ) -> Result<Self, StateError> {
        leaves.sort_by_key(|(path, _)| *path);
        leaves.chunks(LEAVES_PER_STEP).try_fold(self, |tree, step| {
            let changes: Vec<LeafChange> = step
                .iter()
                .map(|(path, value_hash)| (*path, Some(*value_hash)))
                .collect();
            tree.update(&changes, hasher)?.settle()
        })
    }

    /// The root: 32 bytes that commit to every leaf.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// The tree after these changes; this one stays as it is.
    ///
    /// `changes` ascend by path, each path once, as [`hash_changes`](crate::hash_changes) returns them. Others are put
    /// in order first, and of several changes of one path the last holds. Removing what is absent changes nothing.
    /// Leaves are hashed in batches, then all nodes of a level, deepest first, in parts that
    /// [`BatchHasher::scatter`] spreads over threads.
    ///
    /// # Errors
    /// [`StateError::StaleTree`] when another block was committed in place of this tree's; what the storage reports, and
    /// [`StateError::Damaged`], when a page cannot be read.
    pub fn update(
        &self,
        changes: &[LeafChange],
        hasher: &dyn BatchHasher,
    ) -> Result<Self, StateError> {
        let settled = self.pages.reading();
        let newer = self.newer_than(*settled)?;
        let view = View {
            pages: &self.pages,
            overlays: newer,
        };
        let updated = update::update(&view, &self.root, self.lone.as_deref(), changes, hasher)?;
        if updated.root == self.root {
            return Ok(self.clone());
        }
        let base = if newer.len() == self.overlays.len() {
            self.base
        } else {
            *settled
        };
        drop(settled);
        let overlay = Overlay {
            version: Version::next(),
            pages: updated.pages,
        };
        let overlays = iter::once(Arc::new(overlay))
            .chain(newer.iter().cloned())
            .collect();
        Ok(Self {
            pages: Arc::clone(&self.pages),
            base,
            overlays: joined(overlays),
            root: updated.root,
            lone: updated.lone.map(Box::new),
        })
    }

    /// The proof of what the tree holds at a path: a value, or none.
    ///
    /// # Errors
    /// As [`Tree::update`].
    pub fn prove(&self, path: &Hash) -> Result<StateProof, StateError> {
        let settled = self.pages.reading();
        let view = View {
            pages: &self.pages,
            overlays: self.newer_than(*settled)?,
        };
        let mut siblings = Vec::new();
        let mut terminal = self.lone.as_ref().map(|leaf| leaf.node);
        let mut hash = self.root;
        while is_internal(&hash) {
            let id = PageId::at(siblings.len(), path);
            let page = view.page(id, &hash, |top| self.pages.page(id, top).map(Cow::Owned))?;
            let mut position: usize = 1;
            while is_internal(&hash) && position >> id.height() == 0 {
                let Node { left, right } = *node_at(&page, position)?;
                let is_right = bit(path, siblings.len());
                let (sibling, child) = if is_right {
                    (left, right)
                } else {
                    (right, left)
                };
                siblings.push(sibling);
                hash = child;
                position = (position << 1) | usize::from(is_right);
            }
            if is_leaf(&hash) {
                terminal = Some(*node_at(&page, position)?);
            }
        }
        let terminal = terminal.map_or(Terminal::Empty, |leaf| Terminal::Leaf {
            path: leaf.left,
            value_hash: leaf.right,
        });
        let siblings = Bounded::new(siblings);
        debug_assert!(siblings.is_ok(), "no node lies deeper than a path has bits");
        Ok(StateProof {
            siblings: siblings.unwrap_or_default(),
            terminal,
        })
    }

    /// Makes this the tree that all others of its kind share their pages with, and returns it as that.
    pub(crate) fn settle(&self) -> Result<Self, StateError> {
        let version = self.version();
        self.pages.settle(version, |settled| {
            let newer = self.newer_than(settled)?;
            Ok(newer
                .iter()
                .rev()
                .map(|overlay| &overlay.pages[..])
                .collect())
        })?;
        Ok(Self {
            pages: Arc::clone(&self.pages),
            base: version,
            overlays: Vec::new(),
            root: self.root,
            lone: self.lone.clone(),
        })
    }

    /// Whether this tree comes from what `other`, which is settled, has come to, and can be settled in its place.
    pub(crate) fn follows(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pages, &other.pages) && self.newer_than(*self.pages.reading()).is_ok()
    }

    /// The settled pages that are not in the store.
    pub(crate) fn dirty_pages(&self) -> DirtyPages {
        self.pages.dirty()
    }

    /// How much memory [`Self::dirty_pages`] take, in bytes.
    pub(crate) fn dirty_bytes(&self) -> usize {
        self.pages.dirty_bytes()
    }

    /// How much memory all settled pages take, in bytes.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.pages.resident_bytes()
    }

    /// These pages are in the store now.
    pub(crate) fn pages_written(&self, pages: &DirtyPages) {
        self.pages.written(pages);
    }

    /// There may be a page under this key in the store. If it is not the tree's it is removed with the next pages that
    /// are written.
    pub(crate) fn drop_stored(&self, key: &[u8]) {
        if let Some(id) = PageId::from_key(key) {
            self.pages.drop_stored(id);
        }
    }

    /// What is to be stored beside the pages.
    pub(crate) fn stored_top(&self) -> StoredTop {
        StoredTop {
            root: self.root,
            lone: self.lone.as_ref().map(|leaf| leaf.node.message()),
        }
    }

    fn version(&self) -> Version {
        self.overlays
            .first()
            .map_or(self.base, |overlay| overlay.version)
    }

    /// The overlays that are not settled, newest first.
    fn newer_than(&self, settled: Version) -> Result<&[Arc<Overlay>], StateError> {
        if settled == self.base {
            return Ok(&self.overlays);
        }
        let at = self
            .overlays
            .iter()
            .position(|overlay| overlay.version == settled)
            .ok_or(StateError::StaleTree)?;
        Ok(self.overlays.get(..at).unwrap_or_default())
    }
}

/// What the store keeps of a tree beside its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredTop {
    pub(crate) root: Hash,
    /// The message of the only leaf, if there is just one.
    pub(crate) lone: Option<[u8; 64]>,
}

impl StoredTop {
    /// That of the tree without leaves.
    pub(crate) const EMPTY: Self = Self {
        root: EMPTY,
        lone: None,
    };
}

fn is_internal(hash: &Hash) -> bool {
    *hash != EMPTY && !is_leaf(hash)
}

fn node_at<'s>(page: &'s Stack<'_>, position: usize) -> Result<&'s Node, StateError> {
    page.node(position)
        .ok_or_else(|| StateError::damaged("a page of the tree lacks a node that it leads to"))
}

/// Makes too many overlays one.
fn joined(overlays: Vec<Arc<Overlay>>) -> Vec<Arc<Overlay>> {
    let Some(newest) = overlays.first().filter(|_| overlays.len() > MAX_OVERLAYS) else {
        return overlays;
    };
    let pages = (0..newest.pages.len())
        .map(|part| {
            let changes = overlays
                .iter()
                .filter_map(|overlay| overlay.pages.get(part));
            let mut changes: Vec<&PageChange> = changes.flatten().collect();
            // Stable, so the newest of each comes first.
            changes.sort_by_key(|(id, _)| *id);
            let same = changes.chunk_by(|(a, _), (b, _)| a == b);
            same.filter_map(joined_change).collect()
        })
        .collect();
    vec![Arc::new(Overlay {
        version: newest.version,
        pages,
    })]
}

/// Makes the changes of one page, newest first, one.
fn joined_change(changes: &[&PageChange]) -> Option<PageChange> {
    let ((id, newest), older) = changes.split_first()?;
    let Some(newest) = newest else {
        return Some((*id, None));
    };
    let mut joined = newest.clone();
    for page in older.iter().map_while(|(_, page)| page.as_ref()) {
        if joined.is_whole() {
            break;
        }
        joined = joined.over(page);
    }
    Some((*id, Some(joined)))
}

impl Default for Tree {
    fn default() -> Self {
        Self::empty()
    }
}

impl core::fmt::Debug for Tree {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tree")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
