//! Applying a batch of changes.
//!
//! Sixty-four chunks of paths, by their top six bits, are independent of each other below the page at the root, so parts
//! of whole chunks are worked on by different threads. In each, the new shape is found from the top down without hashing
//! an internal node, in copies of the pages that change; then all nodes of a level are hashed in one batch, from the
//! deepest up, and each digest goes into its parent. The page at the root comes last.
//!
//! Recursion goes as deep as a path has bits. Source: the order of work is that of NOMT's page walker, by levels.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "positions are below the number of positions in a page, chunks below 64, and the rest are indices of what was pushed"
)]

use std::{
    borrow::Cow,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use ordlane_primitives::{
    Hash,
    batch::BatchHasher,
    limits::MAX_TREE_DEPTH,
    tree::{EMPTY, as_internal, as_leaf, bit, is_leaf},
};

use super::{
    Leaf, LeafChange, View,
    page::{MAX_POSITIONS, Node, Outline, Page, PageId, Position, Stack},
    pages::{CHUNKS, Chunk, PageChange},
};
use crate::StateError;

/// The depth at which the chunks begin.
const CHUNK_DEPTH: usize = 6;
/// How many changes are worth a thread of their own.
const CHANGES_PER_PART: usize = 128;
/// From how many changes of a chunk on their pages are read ahead.
const CHANGES_TO_WARM: usize = 8;

/// What an update makes of a tree.
pub(super) struct Updated {
    pub(super) root: Hash,
    /// The only leaf, if there is just one.
    pub(super) lone: Option<Leaf>,
    /// By chunk, ascending; the page at the root comes after the chunks.
    pub(super) pages: Vec<Vec<PageChange>>,
}

pub(super) fn update(
    view: &View<'_>,
    root: &Hash,
    lone: Option<&Leaf>,
    changes: &[LeafChange],
    hasher: &dyn BatchHasher,
) -> Result<Updated, StateError> {
    let changes = in_order(changes);
    let mut top = Top::open(view, root, lone)?;
    let parts = parts_of(&changes);
    let outcomes: Vec<Mutex<Option<Result<Done, StateError>>>> =
        parts.iter().map(|_| Mutex::new(None)).collect();
    hasher.scatter(parts.len(), &|index| {
        let done = run(view, &top.chunks, &changes[parts[index].clone()], hasher);
        *outcomes[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(done);
    });
    let mut pages: Vec<Vec<PageChange>> = vec![Vec::new(); CHUNKS + 1];
    for outcome in outcomes {
        let done = outcome
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .ok_or(StateError::Internal {
                what: "a part of an update of the tree was not worked on",
            })??;
        for (chunk, subtree, changed) in done {
            top.set(chunk, subtree);
            pages[chunk] = changed;
        }
    }
    let (root, lone, changed) = top.close(hasher);
    pages[CHUNKS].extend(changed);
    Ok(Updated { root, lone, pages })
}

/// Chunks with changes: which, what they have become, and their pages.
type Done = Vec<(usize, Subtree, Vec<PageChange>)>;

/// A whole subtree with a known hash. The nodes of one with internal nodes are in its pages.
#[derive(Clone, Copy, Debug, Default)]
enum Subtree {
    #[default]
    Empty,
    Leaf(Leaf),
    Inner(Hash),
}

/// A subtree before the update, while pages are worked on. Leaves are numbers into the list of leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    Empty,
    Leaf(usize),
    /// A leaf that is in its place and has not been read: most of them only lend their hash.
    Here(Hash),
    Inner(Hash),
}

/// A subtree after the update.
#[derive(Clone, Copy, Debug)]
enum New {
    Empty,
    Leaf(usize),
    /// A leaf that stays where it is.
    Here(Hash),
    /// One with internal nodes that has not changed.
    Kept(Hash),
    /// One whose top node is in its place, and whose hash is not known yet.
    Changed,
}

/// A change whose leaf, if it has one, is hashed.
struct Prepared<'a> {
    path: &'a Hash,
    leaf: Option<usize>,
}

impl Prepared<'_> {
    fn subtree(&self) -> New {
        self.leaf.map_or(New::Empty, New::Leaf)
    }
}

/// Where the hash of a page's top node goes.
#[derive(Clone, Copy, Debug)]
enum Above {
    /// To the parent of a position at the lower cut of another draft.
    Draft(usize, Position),
    /// Nowhere: it is the result for a chunk, or for the tree.
    Result(usize),
}

/// A page that is being changed: its changed nodes are among `2 << height` entries of the arena.
#[derive(Debug)]
struct Draft {
    id: PageId,
    /// The page as it was, and the hash of its top node.
    old: Option<(Stack, Hash)>,
    base: usize,
    /// Which positions have their node in the arena, and which have one at all.
    here: u128,
    taken: u128,
    above: Above,
}

/// Pages that are being changed, with what is to be hashed in them.
#[derive(Default)]
struct Drafts {
    drafts: Vec<Draft>,
    /// The nodes of the drafts; what is at a position that is not taken means nothing.
    arena: Vec<Node>,
    /// How much of the arena belongs to drafts.
    used: usize,
    leaves: Vec<Leaf>,
    /// By depth: the internal nodes to hash.
    levels: Vec<Vec<(usize, Position)>>,
    removed: Vec<PageId>,
    results: Vec<Hash>,
}

/// Applies changes that are ordered by path and fill whole chunks.
fn run(
    view: &View<'_>,
    chunks: &[Subtree; CHUNKS],
    changes: &[LeafChange],
    hasher: &dyn BatchHasher,
) -> Result<Done, StateError> {
    let mut work = Drafts {
        arena: view.pages.arena(),
        ..Drafts::default()
    };
    let prepared = work.prepare(changes, hasher);
    let mut found = Vec::new();
    for changes in prepared.chunk_by(|a, b| chunk_of(a.path) == chunk_of(b.path)) {
        let Some(chunk) = changes.first().map(|change| chunk_of(change.path)) else {
            continue;
        };
        let old = work.old(chunks[chunk]);
        let mut builder = Builder {
            view,
            settled: view.pages.chunk(chunk)?,
            work: &mut work,
        };
        if changes.len() >= CHANGES_TO_WARM {
            builder
                .settled
                .warm(changes.iter().map(|change| change.path));
        }
        let new = builder.build_below(Above::Result(found.len()), CHUNK_DEPTH, old, changes)?;
        builder.settled.finish();
        found.push((chunk, new));
    }
    work.hash(found.len(), hasher);
    let mut pages = work.pack();
    let done = found.into_iter().enumerate().map(|(index, (chunk, new))| {
        let here = |(id, _): &PageChange| id.chunk() == chunk;
        let length = pages.iter().take_while(|page| here(page)).count();
        let rest = pages.split_off(length);
        (
            chunk,
            work.subtree(new, index),
            core::mem::replace(&mut pages, rest),
        )
    });
    let done = done.collect();
    view.pages.give_back(work.arena);
    Ok(done)
}

/// Builds the new shape of one chunk. It calls no code but the storage's, since it holds a lock.
struct Builder<'a> {
    view: &'a View<'a>,
    settled: Chunk<'a>,
    work: &'a mut Drafts,
}

impl Builder<'_> {
    /// The subtree at a cut at `depth` after `changes`, all of which lie in it.
    fn build_below(
        &mut self,
        above: Above,
        depth: usize,
        old: Old,
        changes: &[Prepared<'_>],
    ) -> Result<New, StateError> {
        let first = match self.work.simple(old, changes) {
            Ok(new) => return Ok(new),
            Err(first) => first,
        };
        let id = PageId::at(depth, first);
        let page = match old {
            Old::Inner(hash) => {
                let settled = |top: &Hash| Ok(self.settled.page(id, top)?.clone());
                Some((self.view.page(id, &hash, settled)?, hash))
            }
            Old::Empty | Old::Leaf(_) | Old::Here(_) => None,
        };
        let had_page = page.is_some();
        let draft = self.work.open(id, above, page);
        let new = self.build(draft, 1, depth, old, changes)?;
        if !matches!(new, New::Changed) {
            let removed = had_page && !matches!(new, New::Kept(_));
            self.work.close(draft, removed);
        }
        Ok(new)
    }

    /// The subtree at a position of a draft, at `depth`, after `changes`, all of which lie in it.
    fn build(
        &mut self,
        draft: usize,
        position: Position,
        depth: usize,
        old: Old,
        changes: &[Prepared<'_>],
    ) -> Result<New, StateError> {
        if changes.is_empty() {
            return Ok(old.kept());
        }
        let old = self.work.read(draft, position, old);
        if let Ok(new) = self.work.simple(old, changes) {
            return Ok(new);
        }
        if position >> self.work.drafts[draft].id.height() != 0 {
            return self.build_below(Above::Draft(draft, position), depth, old, changes);
        }
        // Paths differ within their 256 bits, so nothing is left to part below them, and this is never reached.
        if depth >= MAX_TREE_DEPTH {
            return Err(StateError::Internal {
                what: "two changes of one path came to the end of it",
            });
        }
        let (old_left, old_right) = self.work.children(draft, position, depth, old);
        let at = changes.partition_point(|change| !bit(change.path, depth));
        let (left, right) = changes.split_at(at);
        let left = self.build(draft, 2 * position, depth + 1, old_left, left)?;
        let right = self.build(draft, 2 * position + 1, depth + 1, old_right, right)?;
        Ok(self.work.join(draft, position, depth, old, left, right))
    }
}

impl Drafts {
    /// Hashes the leaves of changes in one batch.
    fn prepare<'c>(
        &mut self,
        changes: &'c [LeafChange],
        hasher: &dyn BatchHasher,
    ) -> Vec<Prepared<'c>> {
        let leaves = changes
            .iter()
            .filter_map(|(path, value_hash)| value_hash.map(|value_hash| (path, value_hash)));
        let nodes: Vec<Node> = leaves
            .map(|(path, value_hash)| Node {
                left: *path,
                right: value_hash,
            })
            .collect();
        let messages: Vec<[u8; 64]> = nodes.iter().map(Node::message).collect();
        self.leaves
            .extend(
                hasher
                    .hash_pairs(&messages)
                    .into_iter()
                    .zip(nodes)
                    .map(|(digest, node)| Leaf {
                        node,
                        hash: as_leaf(digest),
                    }),
            );
        let mut next = 0;
        changes
            .iter()
            .map(|(path, value_hash)| Prepared {
                path,
                leaf: value_hash.is_some().then(|| {
                    next += 1;
                    next - 1
                }),
            })
            .collect()
    }

    /// What becomes of a subtree when that is clear without looking into it; otherwise the first path.
    fn simple<'c>(&self, old: Old, changes: &[Prepared<'c>]) -> Result<New, &'c Hash> {
        match (changes, old) {
            ([], old) => Ok(old.kept()),
            ([change], Old::Empty) => Ok(change.subtree()),
            ([change], Old::Leaf(leaf)) if self.leaves[leaf].node.left == *change.path => {
                Ok(change.subtree())
            }
            ([change], Old::Leaf(_)) if change.leaf.is_none() => Ok(old.kept()),
            ([first, ..], _) => Err(first.path),
        }
    }

    fn old(&mut self, subtree: Subtree) -> Old {
        match subtree {
            Subtree::Empty => Old::Empty,
            Subtree::Leaf(leaf) => {
                self.leaves.push(leaf);
                Old::Leaf(self.leaves.len() - 1)
            }
            Subtree::Inner(hash) => Old::Inner(hash),
        }
    }

    fn open(&mut self, id: PageId, above: Above, old: Option<(Stack, Hash)>) -> usize {
        let base = self.used;
        self.used += 2 << id.height();
        if self.arena.len() < self.used {
            self.arena.resize(2 * self.used, Node::default());
        }
        self.drafts.push(Draft {
            id,
            base,
            here: 0,
            taken: old.as_ref().map_or(0, |(page, _)| page.taken()),
            old,
            above,
        });
        self.drafts.len() - 1
    }

    /// The node at a position of a draft, if there is one.
    fn node(&self, draft: usize, position: Position) -> Option<&Node> {
        let draft = &self.drafts[draft];
        if draft.here >> position & 1 == 1 {
            return Some(&self.arena[draft.base + position]);
        }
        let (page, _) = draft.old.as_ref()?;
        page.node(position)
            .filter(|_| draft.taken >> position & 1 == 1)
    }

    fn put(&mut self, draft: usize, position: Position, node: Node) {
        let draft = &mut self.drafts[draft];
        self.arena[draft.base + position] = node;
        draft.here |= 1 << position;
        draft.taken |= 1 << position;
    }

    fn clear(&mut self, draft: usize, positions: u128) {
        let draft = &mut self.drafts[draft];
        draft.here &= !positions;
        draft.taken &= !positions;
    }

    /// Gives up a draft and those opened after it, which lie below it and have come to nothing, too.
    fn close(&mut self, draft: usize, removed: bool) {
        let Draft { id, base, .. } = &self.drafts[draft];
        self.used = *base;
        if removed {
            self.removed.push(*id);
        }
        self.drafts.truncate(draft);
    }

    /// The subtrees below an old one; a leaf that is not alone any more moves down on its side.
    fn children(&mut self, draft: usize, position: Position, depth: usize, old: Old) -> (Old, Old) {
        match self.read(draft, position, old) {
            Old::Empty | Old::Here(_) => (Old::Empty, Old::Empty),
            leaf @ Old::Leaf(at) if bit(&self.leaves[at].node.left, depth) => (Old::Empty, leaf),
            leaf @ Old::Leaf(_) => (leaf, Old::Empty),
            Old::Inner(_) => {
                let node = self.node(draft, position).copied().unwrap_or_default();
                (Old::with(node.left), Old::with(node.right))
            }
        }
    }

    /// The same subtree, with its leaf read if it is one.
    fn read(&mut self, draft: usize, position: Position, old: Old) -> Old {
        let Old::Here(hash) = old else {
            return old;
        };
        let node = self.node(draft, position).copied().unwrap_or_default();
        self.old(Subtree::Leaf(Leaf { node, hash }))
    }

    /// The node above two subtrees: none above nothing, and none above a lone leaf, which rises.
    fn join(
        &mut self,
        draft: usize,
        position: Position,
        depth: usize,
        old: Old,
        left: New,
        right: New,
    ) -> New {
        match (left, right) {
            (New::Empty, New::Empty) => return self.lift(draft, position, New::Empty),
            (New::Leaf(_), New::Empty) => return self.lift(draft, position, left),
            (New::Empty, New::Leaf(_)) => return self.lift(draft, position, right),
            (New::Here(hash), New::Empty) => {
                let leaf = self.read(draft, 2 * position, Old::Here(hash));
                return self.lift(draft, position, leaf.kept());
            }
            (New::Empty, New::Here(hash)) => {
                let leaf = self.read(draft, 2 * position + 1, Old::Here(hash));
                return self.lift(draft, position, leaf.kept());
            }
            _ => {}
        }
        self.place(draft, 2 * position, left);
        self.place(draft, 2 * position + 1, right);
        let hashes = (self.hash_of(left), self.hash_of(right));
        if let (Old::Inner(hash), (Some(left), Some(right))) = (old, hashes)
            && self.node(draft, position) == Some(&Node { left, right })
        {
            return New::Kept(hash);
        }
        let node = Node {
            left: hashes.0.unwrap_or(EMPTY),
            right: hashes.1.unwrap_or(EMPTY),
        };
        self.put(draft, position, node);
        if self.levels.len() <= depth {
            self.levels.resize_with(depth + 1, Vec::new);
        }
        self.levels[depth].push((draft, position));
        New::Changed
    }

    /// There is no node here any more, nor below.
    fn lift(&mut self, draft: usize, position: Position, new: New) -> New {
        self.clear(draft, 1 << position | 3 << (2 * position));
        new
    }

    fn place(&mut self, draft: usize, position: Position, new: New) {
        match new {
            New::Leaf(leaf) => {
                let node = self.leaves[leaf].node;
                if self.node(draft, position) != Some(&node) {
                    self.put(draft, position, node);
                }
            }
            New::Here(_) => {}
            New::Kept(_) | New::Changed if position >> self.drafts[draft].id.height() == 0 => {}
            // At the lower cut, what is not a leaf is in another page.
            New::Empty | New::Kept(_) | New::Changed => self.clear(draft, 1 << position),
        }
    }

    fn hash_of(&self, new: New) -> Option<Hash> {
        match new {
            New::Empty => Some(EMPTY),
            New::Leaf(leaf) => Some(self.leaves[leaf].hash),
            New::Here(hash) | New::Kept(hash) => Some(hash),
            New::Changed => None,
        }
    }

    /// Hashes level by level, deepest first, for so many results.
    fn hash(&mut self, results: usize, hasher: &dyn BatchHasher) {
        self.results = vec![EMPTY; results];
        while let Some(level) = self.levels.pop() {
            if level.is_empty() {
                continue;
            }
            let message = |&(draft, position): &(usize, Position)| {
                self.arena[self.drafts[draft].base + position].message()
            };
            let messages: Vec<[u8; 64]> = level.iter().map(message).collect();
            let digests = hasher.hash_pairs(&messages);
            for ((draft, position), digest) in level.into_iter().zip(digests) {
                self.pass_up(draft, position, as_internal(digest));
            }
        }
    }

    /// Puts the hash of a node where it belongs.
    fn pass_up(&mut self, draft: usize, position: Position, hash: Hash) {
        let (draft, position) = match (position, self.drafts[draft].above) {
            (1, Above::Result(index)) => {
                self.results[index] = hash;
                return;
            }
            (1, Above::Draft(above, position)) => (above, position),
            _ => (draft, position),
        };
        let parent = &mut self.arena[self.drafts[draft].base + position / 2];
        if position % 2 == 0 {
            parent.left = hash;
        } else {
            parent.right = hash;
        }
    }

    /// The changed pages, ascending: patches, or whole pages where there was none.
    fn pack(&self) -> Vec<PageChange> {
        let outlines: Vec<Outline> = self
            .drafts
            .iter()
            .map(|draft| Outline {
                here: draft.here,
                taken: draft.taken,
                below: draft.old.as_ref().map_or(EMPTY, |(_, hash)| *hash),
            })
            .collect();
        let node = |draft: usize, position| self.arena[self.drafts[draft].base + position];
        let pages = Page::pack_all(&outlines, node);
        let changed = self.drafts.iter().zip(pages);
        let removed = self.removed.iter().map(|id| (*id, None));
        let mut pages: Vec<PageChange> = changed
            .map(|(draft, page)| (draft.id, Some(page)))
            .chain(removed)
            .collect();
        pages.sort_unstable_by_key(|(id, _)| *id);
        pages
    }

    fn subtree(&self, new: New, result: usize) -> Subtree {
        match new {
            New::Empty => Subtree::Empty,
            New::Leaf(leaf) => Subtree::Leaf(self.leaves[leaf]),
            // What hangs at a chunk's top was read when the chunk was found.
            New::Here(_) => {
                debug_assert!(false, "the leaf of a chunk has been read");
                Subtree::Empty
            }
            New::Kept(hash) => Subtree::Inner(hash),
            New::Changed => Subtree::Inner(self.results[result]),
        }
    }
}

impl Old {
    /// The subtree with this hash, in its place.
    fn with(hash: Hash) -> Self {
        if hash == EMPTY {
            Self::Empty
        } else if is_leaf(&hash) {
            Self::Here(hash)
        } else {
            Self::Inner(hash)
        }
    }

    const fn kept(self) -> New {
        match self {
            Self::Empty => New::Empty,
            Self::Leaf(leaf) => New::Leaf(leaf),
            Self::Here(hash) => New::Here(hash),
            Self::Inner(hash) => New::Kept(hash),
        }
    }
}

/// The page at the root, and the chunks that hang below it.
struct Top {
    work: Drafts,
    root: Old,
    had_page: bool,
    /// What hangs below the page: a leaf that sits higher belongs to the chunk of its path.
    chunks: [Subtree; CHUNKS],
    changed: u64,
}

impl Top {
    fn open(view: &View<'_>, root: &Hash, lone: Option<&Leaf>) -> Result<Self, StateError> {
        let mut work = Drafts::default();
        let page = match lone {
            None if *root != EMPTY => {
                let settled = |top: &Hash| view.pages.page(PageId::ROOT, top);
                Some((view.page(PageId::ROOT, root, settled)?, *root))
            }
            _ => None,
        };
        let had_page = page.is_some();
        work.open(PageId::ROOT, Above::Result(0), page);
        let root = match lone {
            Some(leaf) => work.old(Subtree::Leaf(*leaf)),
            None if had_page => Old::Inner(*root),
            None => Old::Empty,
        };
        let mut top = Self {
            work,
            root,
            had_page,
            chunks: [Subtree::Empty; CHUNKS],
            changed: 0,
        };
        top.find_chunks(1, 0, root);
        Ok(top)
    }

    fn find_chunks(&mut self, position: Position, depth: usize, old: Old) {
        match self.work.read(0, position, old) {
            Old::Empty | Old::Here(_) => {}
            Old::Leaf(leaf) => {
                let leaf = self.work.leaves[leaf];
                self.chunks[chunk_of(&leaf.node.left)] = Subtree::Leaf(leaf);
            }
            Old::Inner(hash) if depth == CHUNK_DEPTH => {
                self.chunks[position - CHUNKS] = Subtree::Inner(hash);
            }
            Old::Inner(_) => {
                let (left, right) = self.work.children(0, position, depth, old);
                self.find_chunks(2 * position, depth + 1, left);
                self.find_chunks(2 * position + 1, depth + 1, right);
            }
        }
    }

    fn set(&mut self, chunk: usize, subtree: Subtree) {
        self.chunks[chunk] = subtree;
        self.changed |= 1 << chunk;
    }

    /// Puts the chunks together: the new root, the only leaf if there is just one, and what becomes of the page.
    fn close(mut self, hasher: &dyn BatchHasher) -> (Hash, Option<Leaf>, Option<PageChange>) {
        let new = self.merge(1, 0, self.root);
        self.work.hash(1, hasher);
        let lone = match new {
            New::Leaf(leaf) => Some(self.work.leaves[leaf]),
            New::Empty | New::Here(_) | New::Kept(_) | New::Changed => None,
        };
        let changed = match new {
            New::Changed => self.work.pack().pop(),
            New::Empty | New::Leaf(_) if self.had_page => Some((PageId::ROOT, None)),
            New::Empty | New::Leaf(_) | New::Here(_) | New::Kept(_) => None,
        };
        let root = self
            .work
            .hash_of(new)
            .unwrap_or_else(|| self.work.results[0]);
        (root, lone, changed)
    }

    fn merge(&mut self, position: Position, depth: usize, old: Old) -> New {
        let chunks = chunks_below(position, depth);
        if self.changed & chunks == 0 {
            return old.kept();
        }
        if depth == CHUNK_DEPTH {
            return match self.chunks[position - CHUNKS] {
                Subtree::Inner(hash) => New::Kept(hash),
                subtree => self.work.old(subtree).kept(),
            };
        }
        let (old_left, old_right) = self.work.children(0, position, depth, old);
        let left = self.merge(2 * position, depth + 1, old_left);
        let right = self.merge(2 * position + 1, depth + 1, old_right);
        self.work.join(0, position, depth, old, left, right)
    }
}

/// The chunks below a position of the page at the root, as bits.
const fn chunks_below(position: Position, depth: usize) -> u64 {
    let width = CHUNKS >> depth;
    let first = (position << (CHUNK_DEPTH - depth)) - CHUNKS;
    (u64::MAX >> (CHUNKS - width)) << first
}

fn chunk_of(path: &Hash) -> usize {
    usize::from(path.0[0] >> 2)
}

/// Ranges of changes that are worth a thread each: whole chunks, in order.
fn parts_of(changes: &[LeafChange]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut end) = (0, 0);
    for chunk in changes.chunk_by(|(a, _), (b, _)| chunk_of(a) == chunk_of(b)) {
        end += chunk.len();
        if end - start >= CHANGES_PER_PART {
            parts.push(start..end);
            start = end;
        }
    }
    if start < end {
        parts.push(start..end);
    }
    parts
}

/// The changes strictly ascending by path; the last of several for one path holds.
fn in_order(changes: &[LeafChange]) -> Cow<'_, [LeafChange]> {
    if changes.is_sorted_by(|(a, _), (b, _)| a < b) {
        return Cow::Borrowed(changes);
    }
    let mut ordered = changes.to_vec();
    ordered.reverse();
    ordered.sort_by_key(|(path, _)| *path);
    ordered.dedup_by_key(|(path, _)| *path);
    Cow::Owned(ordered)
}
const _: () = assert!(MAX_POSITIONS == 2 * CHUNKS);
