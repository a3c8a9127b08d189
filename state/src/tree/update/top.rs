//! The page at the root, which has the chunks below it.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "positions are below the number of positions in a page, and chunks below 64"
)]

use std::borrow::Cow;

use ordlane_primitives::{Hash, batch::BatchHasher, tree::EMPTY};

use super::{
    CHUNK_DEPTH, Subtree, chunk_of,
    drafts::{Above, Drafts},
    shape::{New, Old, Shape},
};
use crate::{
    StateError,
    tree::{
        Leaf, View,
        page::{MAX_POSITIONS, PageId, Position},
        pages::{CHUNKS, PageChange},
    },
};

/// The page at the root, and the chunks that hang below it.
pub(super) struct Top<'p> {
    shape: Shape<'p>,
    root: Old,
    root_hash: Hash,
    had_page: bool,
    /// What hangs below the page: a leaf that sits higher belongs to the chunk of its path.
    pub(super) chunks: [Subtree; CHUNKS],
    changed: u64,
}

impl<'p> Top<'p> {
    pub(super) fn open(
        view: &'p View<'p>,
        root: &Hash,
        lone: Option<&Leaf>,
    ) -> Result<Self, StateError> {
        let mut shape = Shape::on(Drafts::default(), 1);
        let page = match lone {
            None if *root != EMPTY => {
                let settled = |top: &Hash| view.pages.page(PageId::ROOT, top).map(Cow::Owned);
                Some((view.page(PageId::ROOT, root, settled)?, *root))
            }
            _ => None,
        };
        let had_page = page.is_some();
        shape.open(PageId::ROOT, Above::Result(0), page);
        let old = match lone {
            Some(leaf) => shape.old(*leaf),
            None if had_page => Old::Inner,
            None => Old::Empty,
        };
        let mut top = Self {
            shape,
            root: old,
            root_hash: *root,
            had_page,
            chunks: [Subtree::Empty; CHUNKS],
            changed: 0,
        };
        top.find_chunks(1, 0, (old, root));
        Ok(top)
    }

    fn find_chunks(&mut self, position: Position, depth: usize, (old, hash): (Old, &Hash)) {
        if let (Old::Inner, CHUNK_DEPTH) = (old, depth) {
            self.chunks[position - CHUNKS] = Subtree::Inner(*hash);
            return;
        }
        if old == Old::Empty {
            return;
        }
        let opened = self.shape.open_up(0, position, depth, (old, hash));
        if let Some(leaf) = opened.leaf() {
            let leaf = self.shape.work.leaves[leaf];
            self.chunks[chunk_of(&leaf.node.left)] = Subtree::Leaf(leaf);
            return;
        }
        for (side, (old, hash)) in opened.below.into_iter().zip(opened.hashes()).enumerate() {
            self.find_chunks(2 * position + side, depth + 1, (old, hash));
        }
    }

    pub(super) fn set(&mut self, chunk: usize, subtree: Subtree) {
        self.chunks[chunk] = subtree;
        self.changed |= 1 << chunk;
    }

    /// Puts the chunks together: the new root, the only leaf if there is just one, and what becomes of the page.
    pub(super) fn close(
        mut self,
        hasher: &dyn BatchHasher,
    ) -> (Hash, Option<Leaf>, Option<PageChange>) {
        let new = self.merge(1, 0, (self.root, &self.root_hash.clone()));
        let mut work = self.shape.work;
        work.hash(1, hasher);
        let removed = self.had_page.then_some((PageId::ROOT, None));
        match new {
            New::Empty => (EMPTY, None, removed),
            New::Leaf(leaf) => {
                let leaf = work.leaves[leaf];
                (leaf.hash, Some(leaf), removed)
            }
            New::Changed => (work.result(0), None, work.pack().pop()),
            New::Here | New::Kept | New::Apart(_) => (self.root_hash, None, None),
        }
    }

    fn merge(&mut self, position: Position, depth: usize, (old, hash): (Old, &Hash)) -> New {
        let chunks = chunks_below(position, depth);
        if self.changed & chunks == 0 {
            return old.kept();
        }
        if depth == CHUNK_DEPTH {
            return match self.chunks[position - CHUNKS] {
                Subtree::Empty => New::Empty,
                Subtree::Leaf(leaf) => self.shape.old(leaf).kept(),
                Subtree::Inner(hash) => {
                    self.shape.apart.push(hash);
                    New::Apart(self.shape.apart.len() - 1)
                }
            };
        }
        let mut opened = self.shape.open_up(0, position, depth, (old, hash));
        let mut below = [New::Empty; 2];
        let olds = opened.below.into_iter().zip(opened.hashes());
        for (side, (new, old)) in below.iter_mut().zip(olds).enumerate() {
            *new = self.merge(2 * position + side, depth + 1, old);
        }
        self.shape.join(0, position, depth, &mut opened, below)
    }
}

/// The chunks below a position of the page at the root, as bits.
const fn chunks_below(position: Position, depth: usize) -> u64 {
    let width = CHUNKS >> depth;
    let first = (position << (CHUNK_DEPTH - depth)) - CHUNKS;
    (u64::MAX >> (CHUNKS - width)) << first
}

const _: () = assert!(MAX_POSITIONS == 2 * CHUNKS);
