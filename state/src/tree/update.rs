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
    reason = "chunks are below 64, and the rest are indices of what was pushed"
)]

use std::{
    borrow::Cow,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use ordlane_primitives::{
    Hash,
    batch::BatchHasher,
    levels::{LevelPlan, PlanError},
    list::join,
    tree::{EMPTY, as_leaf},
};

pub(super) use self::drafts::Drafts;
use self::{
    drafts::{Above, Prepared},
    shape::{Builder, New, Old, Shape},
    top::Top,
};
use super::{
    Leaf, LeafChange, View,
    pages::{CHUNKS, PageChange},
};
use crate::StateError;

mod drafts;
mod shape;
mod top;

/// The depth at which the chunks begin.
const CHUNK_DEPTH: usize = 6;
/// How many changes are worth a thread of their own.
const CHANGES_PER_PART: usize = 128;
/// From how many changes of a chunk on their pages are read ahead.
const CHANGES_TO_WARM: usize = 8;

/// How many pages a change touches, in about, that no other one of its chunk does.
const PAGES_PER_CHANGE: usize = 2;

/// How many hashes a change takes, in about, in a tree of some millions of leaves of which many change.
const HASHES_PER_CHANGE: usize = 9;

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
    let shape = |index: usize, leaves: Option<&[Hash]>| {
        let part = parts[index].clone();
        let changes = &changes[part.clone()];
        match leaves {
            Some(leaves) => shape(view, &top.chunks, changes, &leaves[part]),
            None => shape(view, &top.chunks, changes, &leaf_hashes(changes, hasher)),
        }
    };
    let done = if hasher.takes_plan(HASHES_PER_CHANGE.saturating_mul(changes.len())) {
        let leaves = leaf_hashes(&changes, hasher);
        let mut shaped = scattered(parts.len(), hasher, |index| shape(index, Some(&leaves)))?;
        hash_together(&mut shaped, hasher)?;
        let done = shaped.into_iter();
        done.map(|shaped| shaped.pack(view, &top.chunks)).collect()
    } else {
        scattered(parts.len(), hasher, |index| {
            let mut shaped = shape(index, None)?;
            shaped.work.hash(shaped.found.len(), hasher);
            Ok(shaped.pack(view, &top.chunks))
        })?
    };
    let mut pages: Vec<Vec<PageChange>> = vec![Vec::new(); CHUNKS + 1];
    for (chunk, subtree, changed) in done.into_iter().flatten() {
        top.set(chunk, subtree);
        pages[chunk] = changed;
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

/// What `part` gives for each number below `parts`, in order, on whatever threads the hasher has.
fn scattered<T: Send>(
    parts: usize,
    hasher: &dyn BatchHasher,
    part: impl Fn(usize) -> Result<T, StateError> + Sync,
) -> Result<Vec<T>, StateError> {
    let outcomes: Vec<Mutex<Option<Result<T, StateError>>>> =
        (0..parts).map(|_| Mutex::new(None)).collect();
    hasher.scatter(parts, &|index| {
        let outcome = part(index);
        *outcomes[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    });
    let outcomes = outcomes.into_iter().map(|outcome| {
        let outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcome.ok_or(StateError::Internal {
            what: "a part of an update of the tree was not worked on",
        })?
    });
    outcomes.collect()
}

/// Whole chunks whose shape is found.
struct Shaped {
    work: Drafts,
    /// Each chunk and what has become of it; its number is that of its result.
    found: Vec<(usize, New)>,
}

/// The hash of each leaf that is put, in one batch; what stands there for a removal means nothing.
fn leaf_hashes(changes: &[LeafChange], hasher: &dyn BatchHasher) -> Vec<Hash> {
    let messages: Vec<[u8; 64]> = changes
        .iter()
        .filter_map(|(path, value_hash)| Some(join(path, value_hash.as_ref()?)))
        .collect();
    let mut digests = hasher.hash_pairs(&messages).into_iter().map(as_leaf);
    changes
        .iter()
        .map(|(_, value_hash)| value_hash.and_then(|_| digests.next()).unwrap_or(EMPTY))
        .collect()
}

/// Finds the shape after changes that are ordered by path and fill whole chunks, given the hashes of their leaves.
fn shape(
    view: &View<'_>,
    chunks: &[Subtree; CHUNKS],
    changes: &[LeafChange],
    leaves: &[Hash],
) -> Result<Shaped, StateError> {
    let mut work = view.pages.drafts();
    let prepared = work.prepare(changes, leaves);
    let mut found = Vec::new();
    for changes in prepared.chunk_by(|a, b| chunk_of(a.path) == chunk_of(b.path)) {
        let Some(chunk) = changes.first().map(|change| chunk_of(change.path)) else {
            continue;
        };
        let new;
        (work, new) = build_chunk(view, work, (chunk, chunks[chunk]), found.len(), changes)?;
        found.push((chunk, new));
    }
    Ok(Shaped { work, found })
}

/// Hashes what was shaped as one plan.
fn hash_together(shaped: &mut [Shaped], hasher: &dyn BatchHasher) -> Result<(), StateError> {
    let nodes = shaped.iter().map(|shaped| shaped.work.nodes_to_hash());
    let mut plan = LevelPlan::with_capacity(nodes.sum());
    let slots = shaped
        .iter()
        .map(|shaped| shaped.work.plan(&mut plan))
        .collect::<Result<Vec<_>, PlanError>>()
        .map_err(|_| StateError::Internal {
            what: "the nodes of an update of the tree make no plan",
        })?;
    hasher.hash_levels(&mut plan);
    if plan.digests().len() != plan.len() {
        return Err(StateError::Internal {
            what: "the plan of an update of the tree was not hashed",
        });
    }
    for (shaped, slots) in shaped.iter_mut().zip(slots) {
        shaped.work.take(shaped.found.len(), &slots, &plan);
    }
    Ok(())
}

impl Shaped {
    /// What was hashed, packed.
    fn pack(self, view: &View<'_>, chunks: &[Subtree; CHUNKS]) -> Done {
        let Self { mut work, found } = self;
        let mut pages = work.pack();
        let done = found.into_iter().enumerate().map(|(index, (chunk, new))| {
            let here = |(id, _): &PageChange| id.chunk() == chunk;
            let length = pages.iter().take_while(|page| here(page)).count();
            let rest = pages.split_off(length);
            let subtree = match new {
                New::Empty => Subtree::Empty,
                New::Leaf(leaf) => Subtree::Leaf(work.leaves[leaf]),
                New::Changed => Subtree::Inner(work.result(index)),
                New::Here | New::Kept | New::Apart(_) => chunks[chunk],
            };
            (chunk, subtree, core::mem::replace(&mut pages, rest))
        });
        let done = done.collect();
        view.pages.give_back(work);
        done
    }
}

/// Builds the new shape of a chunk, whose top node's hash becomes a result with this number.
fn build_chunk(
    view: &View<'_>,
    work: Drafts,
    (chunk, subtree): (usize, Subtree),
    result: usize,
    changes: &[Prepared<'_>],
) -> Result<(Drafts, New), StateError> {
    let settled = view.pages.chunk(chunk)?;
    if changes.len() >= CHANGES_TO_WARM {
        settled.warm(changes.iter().map(|change| change.path));
    }
    let mut shape = Shape::on(work, PAGES_PER_CHANGE.saturating_mul(changes.len()));
    let (old, top) = match subtree {
        Subtree::Empty => (Old::Empty, EMPTY),
        Subtree::Leaf(leaf) => (shape.old(leaf), leaf.hash),
        Subtree::Inner(hash) => (Old::Inner, hash),
    };
    let mut builder = Builder {
        view,
        settled: &settled,
        shape,
    };
    let new = builder
        .build_below(Above::Result(result), CHUNK_DEPTH, (old, &top), changes)
        .map_err(|error| *error)?;
    let work = builder.shape.work;
    settled.finish();
    Ok((work, new))
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
