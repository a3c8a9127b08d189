//! The shape of the tree after a batch of changes, found from the top down.
//!
//! A subtree is told by its kind alone. The hash of one that stays as it is stands in its parent's node already, and that
//! node is taken over as a whole, so nothing carries hashes about.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "positions are below the number of positions in a page, and the rest are indices of what was pushed"
)]

use ordlane_primitives::{
    Hash,
    limits::MAX_TREE_DEPTH,
    tree::{EMPTY, bit, is_leaf},
};

use super::drafts::{Above, Drafts, Prepared};
use crate::{
    StateError,
    tree::{
        Leaf, View,
        page::{Node, PageId, Position, Stack},
        pages::Chunk,
    },
};

/// A subtree before the update, while pages are worked on. Leaves are numbers into the list of leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Old {
    Empty,
    Leaf(usize),
    /// A leaf that is in its place and has not been read: most of them only lend their hash.
    Here,
    /// One with internal nodes.
    Inner,
}

/// A subtree after the update.
#[derive(Clone, Copy, Debug)]
pub(super) enum New {
    Empty,
    Leaf(usize),
    /// A leaf that stays where it is.
    Here,
    /// One with internal nodes that has not changed.
    Kept,
    /// One whose top node is in its place, and whose hash is not known yet.
    Changed,
    /// One with internal nodes that is in other pages: a number into the list of hashes.
    Apart(usize),
}

impl Prepared<'_> {
    fn subtree(&self) -> New {
        self.leaf.map_or(New::Empty, New::Leaf)
    }
}

/// Drafts with the pages that they change.
pub(super) struct Shape<'p> {
    pub(super) work: Drafts,
    /// The pages as they were, of the drafts from `first` on.
    olds: Vec<Option<Stack<'p>>>,
    first: usize,
    /// The hashes of subtrees that are in other pages.
    pub(super) apart: Vec<Hash>,
}

impl<'p> Shape<'p> {
    /// With the drafts there are, whose shape is found. So many pages are expected to be opened.
    pub(super) fn on(work: Drafts, pages: usize) -> Self {
        Self {
            first: work.count(),
            work,
            olds: Vec::with_capacity(pages),
            apart: Vec::new(),
        }
    }

    /// Opens a draft of a page; `old` is the page as it was, and the hash of its top node.
    pub(super) fn open(
        &mut self,
        id: PageId,
        above: Above,
        old: Option<(Stack<'p>, Hash)>,
    ) -> usize {
        let was = old.as_ref().map(|(page, hash)| (page.taken(), *hash));
        self.olds.push(old.map(|(page, _)| page));
        self.work.open(id, above, was)
    }

    fn close(&mut self, draft: usize, removed: bool) {
        self.work.close(draft, removed);
        self.olds.truncate(draft - self.first);
    }

    pub(super) fn old(&mut self, leaf: Leaf) -> Old {
        self.work.leaves.push(leaf);
        Old::Leaf(self.work.leaves.len() - 1)
    }

    /// The node at a position of a page as it was, if there is one. What is looked at has not changed yet: a walk looks at
    /// a subtree before it changes anything in it.
    fn node(&self, draft: usize, position: Position) -> Option<&Node> {
        self.olds[draft - self.first].as_ref()?.node(position)
    }

    /// The node at a position of a page as it was, of which the parent has the hash.
    fn node_below_its_parent(&self, draft: usize, position: Position) -> Node {
        let node = self.node(draft, position);
        debug_assert!(node.is_some(), "a page has every node that it leads to");
        node.copied().unwrap_or_default()
    }

    /// The leaf that is in its place at a position, of which the parent has the hash.
    fn read(&mut self, draft: usize, position: Position, hash: &Hash) -> Old {
        let node = self.node_below_its_parent(draft, position);
        self.old(Leaf { node, hash: *hash })
    }

    /// What becomes of a subtree when that is clear without looking into it; otherwise the first path.
    fn simple<'c>(&self, old: Old, changes: &[Prepared<'c>]) -> Result<New, &'c Hash> {
        match (changes, old) {
            ([], old) => Ok(old.kept()),
            ([change], Old::Empty) => Ok(change.subtree()),
            ([change], Old::Leaf(leaf)) if self.work.leaves[leaf].node.left == *change.path => {
                Ok(change.subtree())
            }
            ([change], Old::Leaf(_)) if change.leaf.is_none() => Ok(old.kept()),
            ([first, ..], _) => Err(first.path),
        }
    }

    /// What is at a position of a draft, at `depth`, before the update; `hash` is what the parent has of it.
    pub(super) fn open_up(
        &mut self,
        draft: usize,
        position: Position,
        depth: usize,
        (old, hash): (Old, &Hash),
    ) -> Opened {
        let old = match old {
            Old::Here => self.read(draft, position, hash),
            old => old,
        };
        let below = match old {
            Old::Empty | Old::Here => [Old::Empty; 2],
            Old::Leaf(at) if bit(&self.work.leaves[at].node.left, depth) => [Old::Empty, old],
            Old::Leaf(_) => [old, Old::Empty],
            Old::Inner => {
                let node = self.node_below_its_parent(draft, position);
                let below = [Old::with(&node.left), Old::with(&node.right)];
                return Opened {
                    node,
                    below,
                    was: true,
                };
            }
        };
        Opened {
            node: Node::default(),
            below,
            was: false,
        }
    }

    /// The node above two subtrees: none above nothing, and none above a lone leaf, which rises.
    pub(super) fn join(
        &mut self,
        draft: usize,
        position: Position,
        depth: usize,
        opened: &mut Opened,
        below: [New; 2],
    ) -> New {
        let Opened { node, was, .. } = opened;
        match below {
            [New::Empty, New::Empty] => return self.lift(draft, position, New::Empty),
            [leaf @ New::Leaf(_), New::Empty] | [New::Empty, leaf @ New::Leaf(_)] => {
                return self.lift(draft, position, leaf);
            }
            [New::Here, New::Empty] => {
                let leaf = self.read(draft, 2 * position, &node.left);
                return self.lift(draft, position, leaf.kept());
            }
            [New::Empty, New::Here] => {
                let leaf = self.read(draft, 2 * position + 1, &node.right);
                return self.lift(draft, position, leaf.kept());
            }
            _ => {}
        }
        let [left, right] = below;
        let left = self.place(draft, 2 * position, &mut node.left, left);
        let right = self.place(draft, 2 * position + 1, &mut node.right, right);
        if *was && !left && !right {
            return New::Kept;
        }
        self.work.put_internal(draft, position, depth, node);
        New::Changed
    }

    /// There is no node here any more, nor below.
    fn lift(&mut self, draft: usize, position: Position, new: New) -> New {
        for position in [position, 2 * position, 2 * position + 1] {
            self.work.clear(draft, position);
        }
        new
    }

    /// Puts a subtree where it belongs, and its hash, as far as it is known, where the parent has it; whether it is
    /// another one than before.
    fn place(&mut self, draft: usize, position: Position, hash: &mut Hash, new: New) -> bool {
        let known = match new {
            New::Here | New::Kept => return false,
            New::Leaf(leaf) => {
                let Leaf { node, hash: known } = &self.work.leaves[leaf];
                if hash == known && self.work.is_taken(draft, position) {
                    return false;
                }
                let (node, known) = (*node, *known);
                self.work.put(draft, position, &node);
                known
            }
            New::Changed => {
                self.clear_below_cut(draft, position);
                return true;
            }
            New::Apart(index) => {
                self.clear_below_cut(draft, position);
                self.apart[index]
            }
            New::Empty => {
                self.work.clear(draft, position);
                EMPTY
            }
        };
        let changed = *hash != known;
        *hash = known;
        changed
    }

    /// At the lower cut, an internal node is in another page; there may have been a leaf in this one.
    fn clear_below_cut(&mut self, draft: usize, position: Position) {
        if position >> self.work.draft(draft).id.height() != 0 {
            self.work.clear(draft, position);
        }
    }
}

/// A subtree before the update, opened.
pub(super) struct Opened {
    /// Its top node, if that is an internal one, and a node without children otherwise.
    node: Node,
    /// What is below it; a leaf that is not alone any more moves down on its side.
    pub(super) below: [Old; 2],
    /// Whether its top node is an internal one.
    was: bool,
}

impl Opened {
    /// The leaf, if it is one.
    pub(super) const fn leaf(&self) -> Option<usize> {
        match self.below {
            [Old::Leaf(leaf), Old::Empty] | [Old::Empty, Old::Leaf(leaf)] if !self.was => {
                Some(leaf)
            }
            _ => None,
        }
    }

    /// The hashes of what is below, where there is something.
    pub(super) const fn hashes(&self) -> [&Hash; 2] {
        [&self.node.left, &self.node.right]
    }
}

/// Builds the new shape of one chunk. It calls no code but the storage's, since it holds a lock. Errors are boxed, so that
/// what nearly always comes back fits into registers.
pub(super) struct Builder<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) settled: &'a Chunk<'a>,
    pub(super) shape: Shape<'a>,
}

impl Builder<'_> {
    /// The subtree at a cut at `depth` after `changes`, all of which lie in it; the hash is that of the old one.
    pub(super) fn build_below(
        &mut self,
        above: Above,
        depth: usize,
        (old, hash): (Old, &Hash),
        changes: &[Prepared<'_>],
    ) -> Result<New, Box<StateError>> {
        let first = match self.shape.simple(old, changes) {
            Ok(new) => return Ok(new),
            Err(first) => first,
        };
        let id = PageId::at(depth, first);
        let had_page = old == Old::Inner;
        let page = if had_page {
            let settled = self.settled;
            let page = self
                .view
                .page(id, hash, |top: &Hash| settled.page(id, top))?;
            Some((page, *hash))
        } else {
            None
        };
        let draft = self.shape.open(id, above, page);
        let new = self.build(draft, 1, depth, (old, hash), changes)?;
        if !matches!(new, New::Changed) {
            let removed = had_page && !matches!(new, New::Kept);
            self.shape.close(draft, removed);
        }
        Ok(new)
    }

    /// The subtree at a position of a draft, at `depth`, after `changes`, all of which lie in it.
    fn build(
        &mut self,
        draft: usize,
        position: Position,
        depth: usize,
        (mut old, hash): (Old, &Hash),
        changes: &[Prepared<'_>],
    ) -> Result<New, Box<StateError>> {
        if changes.is_empty() {
            return Ok(old.kept());
        }
        if old == Old::Here {
            // Most changes are of a leaf that is in its place.
            if let ([change], Some(leaf)) = (changes, self.shape.node(draft, position))
                && leaf.left == *change.path
            {
                return Ok(change.subtree());
            }
            old = self.shape.read(draft, position, hash);
        }
        if let Ok(new) = self.shape.simple(old, changes) {
            return Ok(new);
        }
        if position >> self.shape.work.draft(draft).id.height() != 0 {
            return self.build_below(Above::Draft(draft, position), depth, (old, hash), changes);
        }
        // Paths differ within their 256 bits, so nothing is left to part below them, and this is never reached.
        if depth >= MAX_TREE_DEPTH {
            return Err(Box::new(StateError::Internal {
                what: "two changes of one path came to the end of it",
            }));
        }
        let mut opened = self.shape.open_up(draft, position, depth, (old, hash));
        let at = changes.partition_point(|change| !bit(change.path, depth));
        let (left, right) = changes.split_at(at);
        let [old_left, old_right] = opened.below;
        let [left_hash, right_hash] = opened.hashes();
        let left = self.build(draft, 2 * position, depth + 1, (old_left, left_hash), left)?;
        let right = self.build(
            draft,
            2 * position + 1,
            depth + 1,
            (old_right, right_hash),
            right,
        )?;
        Ok(self
            .shape
            .join(draft, position, depth, &mut opened, [left, right]))
    }
}

impl Old {
    /// The subtree with this hash, in its place.
    fn with(hash: &Hash) -> Self {
        if is_leaf(hash) {
            Self::Here
        } else if *hash == EMPTY {
            Self::Empty
        } else {
            Self::Inner
        }
    }

    pub(super) const fn kept(self) -> New {
        match self {
            Self::Empty => New::Empty,
            Self::Leaf(leaf) => New::Leaf(leaf),
            Self::Here => New::Here,
            Self::Inner => New::Kept,
        }
    }
}
