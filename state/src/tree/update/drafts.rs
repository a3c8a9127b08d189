//! Pages that are being changed.
//!
//! A draft has room for every node of its page; those that an update makes anew are put there, hashed level by level, the
//! deepest first, each digest going into its parent, and packed in the end. What a page was before is not looked at.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "positions are below the number of positions in a page, and the rest are indices of what was pushed"
)]

use ordlane_primitives::{
    Hash,
    batch::BatchHasher,
    levels::{LevelPlan, NodeKind, PlanError, Side, Slot},
    tree::{EMPTY, as_internal},
};

use crate::tree::{
    Leaf, LeafChange,
    page::{Node, Outline, Page, PageId, Position},
    pages::PageChange,
    positions::Positions,
};

/// A change whose leaf, if it has one, is hashed.
pub(super) struct Prepared<'a> {
    pub(super) path: &'a Hash,
    /// Its number in the list of leaves.
    pub(super) leaf: Option<usize>,
}

/// Where the hash of a page's top node goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Above {
    /// To the parent of a position at the lower cut of another draft.
    Draft(usize, Position),
    /// Nowhere: it is the result for a chunk, or for the tree.
    Result(usize),
}

/// A page that is being changed: its changed nodes are among `2 << height` entries of the arena.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: PageId,
    base: usize,
    /// Which positions have their node in the arena, and which have one at all.
    here: Positions,
    taken: Positions,
    /// The hash of the page's top node as it was, or the empty one.
    below: Hash,
    above: Above,
}

/// Pages that are being changed, with what is to be hashed in them.
#[derive(Debug, Default)]
pub(in crate::tree) struct Drafts {
    drafts: Vec<Draft>,
    /// The nodes of the drafts; what is at a position that is not taken means nothing.
    arena: Vec<Node>,
    /// How much of the arena belongs to drafts.
    used: usize,
    /// The leaves of the changes, and those that were read.
    pub(super) leaves: Vec<Leaf>,
    /// By depth: the internal nodes to hash.
    levels: Vec<Vec<(usize, Position)>>,
    removed: Vec<PageId>,
    results: Vec<Hash>,
}

impl Drafts {
    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.drafts.len()
    }

    pub(super) fn draft(&self, draft: usize) -> &Draft {
        &self.drafts[draft]
    }

    /// Notes the leaves of changes, whose hashes are given, one for each change.
    pub(super) fn prepare<'c>(
        &mut self,
        changes: &'c [LeafChange],
        hashes: &[Hash],
    ) -> Vec<Prepared<'c>> {
        debug_assert_eq!(changes.len(), hashes.len());
        let prepared = changes
            .iter()
            .zip(hashes)
            .map(|((path, value_hash), hash)| {
                let leaf = value_hash.map(|value_hash| Leaf {
                    node: Node {
                        left: *path,
                        right: value_hash,
                    },
                    hash: *hash,
                });
                let leaf = leaf.map(|leaf| {
                    self.leaves.push(leaf);
                    self.leaves.len() - 1
                });
                Prepared { path, leaf }
            });
        prepared.collect()
    }

    /// How many nodes have no hash yet.
    pub(super) fn nodes_to_hash(&self) -> usize {
        self.levels.iter().map(Vec::len).sum()
    }

    /// Opens a draft of a page; `old` says which positions had a node, and the hash of the top one.
    pub(super) fn open(
        &mut self,
        id: PageId,
        above: Above,
        old: Option<(Positions, Hash)>,
    ) -> usize {
        let base = self.used;
        self.used += 2 << id.height();
        if self.arena.len() < self.used {
            self.arena.resize(2 * self.used, Node::default());
        }
        let (taken, below) = old.unwrap_or((Positions::EMPTY, EMPTY));
        self.drafts.push(Draft {
            id,
            base,
            here: Positions::EMPTY,
            taken,
            below,
            above,
        });
        self.drafts.len() - 1
    }

    /// Whether there is a node at a position.
    pub(super) fn is_taken(&self, draft: usize, position: Position) -> bool {
        self.drafts[draft].taken.has(position)
    }

    pub(super) fn put(&mut self, draft: usize, position: Position, node: &Node) {
        let draft = &mut self.drafts[draft];
        self.arena[draft.base + position] = *node;
        draft.here.insert(position);
        draft.taken.insert(position);
    }

    /// Puts an internal node whose hash is not known yet.
    pub(super) fn put_internal(
        &mut self,
        draft: usize,
        position: Position,
        depth: usize,
        node: &Node,
    ) {
        self.put(draft, position, node);
        if self.levels.len() <= depth {
            self.levels.resize_with(depth + 1, Vec::new);
        }
        self.levels[depth].push((draft, position));
    }

    pub(super) fn clear(&mut self, draft: usize, position: Position) {
        let draft = &mut self.drafts[draft];
        draft.here.remove(position);
        draft.taken.remove(position);
    }

    /// Gives up a draft and those opened after it, which lie below it and have come to nothing, too.
    pub(super) fn close(&mut self, draft: usize, removed: bool) {
        let Draft { id, base, .. } = &self.drafts[draft];
        self.used = *base;
        if removed {
            self.removed.push(*id);
        }
        self.drafts.truncate(draft);
    }

    /// Hashes level by level, deepest first, for so many results.
    pub(super) fn hash(&mut self, results: usize, hasher: &dyn BatchHasher) {
        self.results.clear();
        self.results.resize(results, EMPTY);
        let mut messages: Vec<[u8; 64]> = Vec::new();
        for depth in (0..self.levels.len()).rev() {
            let level = core::mem::take(&mut self.levels[depth]);
            if !level.is_empty() {
                messages.clear();
                messages.extend(level.iter().map(|&(draft, position)| {
                    self.arena[self.drafts[draft].base + position].message()
                }));
                let digests = hasher.hash_pairs(&messages);
                for (&(draft, position), digest) in level.iter().zip(digests) {
                    self.pass_up(draft, position, as_internal(digest));
                }
            }
            self.levels[depth] = level;
        }
    }

    /// Adds all nodes that are to be hashed to a plan, as a part of it; returns their slots, the deepest first.
    pub(super) fn plan(&self, plan: &mut LevelPlan) -> Result<Vec<Slot>, PlanError> {
        let mut slots = Vec::with_capacity(self.nodes_to_hash());
        let mut slot_at = vec![None; self.used];
        for level in self.levels.iter().rev() {
            for &(draft, position) in level {
                let at = self.drafts[draft].base + position;
                let slot = plan.push(self.arena[at].message(), NodeKind::Internal)?;
                slot_at[at] = Some(slot);
                slots.push(slot);
            }
            plan.end_level();
        }
        plan.end_part()?;
        let nodes = self.levels.iter().rev().flatten();
        for (&(draft, position), &slot) in nodes.zip(&slots) {
            let Some((parent, side)) = self.parent(draft, position) else {
                continue;
            };
            debug_assert!(
                slot_at[parent].is_some(),
                "what is above a changed node changes"
            );
            if let Some(above) = slot_at[parent] {
                plan.link(slot, above, side)?;
            }
        }
        Ok(slots)
    }

    /// Takes the digests of a plan that these slots are part of, for so many results.
    pub(super) fn take(&mut self, results: usize, slots: &[Slot], plan: &LevelPlan) {
        self.results.clear();
        self.results.resize(results, EMPTY);
        let levels = core::mem::take(&mut self.levels);
        let nodes = levels.iter().rev().flatten();
        for (&(draft, position), &slot) in nodes.zip(slots) {
            self.pass_up(draft, position, plan.digest(slot).unwrap_or_default());
        }
        self.levels = levels;
    }

    /// The hash of a result, once all nodes are hashed.
    pub(super) fn result(&self, index: usize) -> Hash {
        self.results[index]
    }

    /// Puts the hash of a node where it belongs.
    fn pass_up(&mut self, draft: usize, position: Position, hash: Hash) {
        if let Some((parent, side)) = self.parent(draft, position) {
            let parent = &mut self.arena[parent];
            match side {
                Side::Left => parent.left = hash,
                Side::Right => parent.right = hash,
            }
        } else if let Above::Result(index) = self.drafts[draft].above {
            self.results[index] = hash;
        }
    }

    /// Where in the arena the parent of a node is, and which child the node is; none where its hash is a result.
    fn parent(&self, draft: usize, position: Position) -> Option<(usize, Side)> {
        let (draft, position) = match (position, self.drafts[draft].above) {
            (1, Above::Result(_)) => return None,
            (1, Above::Draft(above, position)) => (above, position),
            _ => (draft, position),
        };
        let side = if position % 2 == 0 {
            Side::Left
        } else {
            Side::Right
        };
        Some((self.drafts[draft].base + position / 2, side))
    }

    /// The changed pages, ascending: patches, or whole pages where there was none.
    pub(super) fn pack(&mut self) -> Vec<PageChange> {
        let nodes = self.drafts.iter().map(|draft| 1 + draft.here.count());
        let mut places: Vec<usize> = Vec::with_capacity(nodes.sum());
        let mut outlines = Vec::with_capacity(self.drafts.len());
        for draft in &self.drafts {
            let outline = Outline {
                here: draft.here,
                taken: draft.taken,
                below: draft.below,
            };
            // No node stands at position 0.
            self.arena[draft.base] = outline.header();
            places.push(draft.base);
            places.extend(draft.here.into_iter().map(|position| draft.base + position));
            outlines.push(outline);
        }
        // A list of known length, so that the nodes are written once, into their place.
        let memory = places.iter().map(|place| self.arena[*place]).collect();
        let pages = Page::all_in(&memory, &outlines);
        let changed = self.drafts.iter().zip(pages);
        let mut pages: Vec<PageChange> = changed
            .map(|(draft, page)| (draft.id, Some(page)))
            .collect();
        // Drafts are opened as a walk meets their pages, which is the order of their ids.
        debug_assert!(pages.is_sorted_by(|(a, _), (b, _)| a < b), "drafts ascend");
        if !self.removed.is_empty() {
            pages.extend(self.removed.iter().map(|id| (*id, None)));
            pages.sort_unstable_by_key(|(id, _)| *id);
        }
        pages
    }

    /// The same memory for another update.
    pub(in crate::tree) fn recycled(mut self) -> Self {
        self.drafts.clear();
        self.used = 0;
        self.leaves.clear();
        self.levels.iter_mut().for_each(Vec::clear);
        self.removed.clear();
        self.results.clear();
        self
    }

    /// How much memory the nodes take, in bytes: the most of it by far.
    pub(in crate::tree) const fn bytes(&self) -> usize {
        self.arena.len().saturating_mul(size_of::<Node>())
    }
}
