//! Hashes of which some go into others: the nodes of a tree, from the lowest up, as one batch.
//!
//! Purpose: a caller that hands over a whole tree at once lets an accelerator answer once, not once per level. A plan has
//! parts that are independent of each other, each in levels, and a top that takes from all of them.
//!
//! Invariant: a digest goes into a later level of its own part, or into the top, and no half of a message takes two. So
//! the order of work that the levels give is the only one that matters, and every implementation gives the same digests.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use crate::{
    batch::BatchHasher,
    hash::Hash,
    tree::{as_internal, as_leaf},
};

/// Most messages of a plan: a link has 30 bits for where a digest goes.
pub const MAX_PLAN_MESSAGES: usize = (1 << 30) - 1;

/// What a message is, which decides about its digest's top bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// The bit is set.
    Leaf,
    /// The bit is clear.
    Internal,
}

/// Which half of a message a digest takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first 32 bytes.
    Left,
    /// The last 32 bytes.
    Right,
}

/// Which message of a plan, in the order in which they were pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(u32);

/// Where a digest goes: bit 31 says that the message is a leaf, bit 30 that the digest is a right half, and the others are
/// the slot of the message that takes it, all ones for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link(u32);

/// Why a plan takes no more, or a digest cannot go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The plan has [`MAX_PLAN_MESSAGES`].
    #[error("a plan of hashes has no room for another message")]
    Full,
    /// The message is unknown, in no later level of the same part, and not in the top.
    #[error("the digest of message {from} cannot go into message {to}")]
    Order {
        /// Whose digest.
        from: u32,
        /// Into which message.
        to: u32,
    },
    /// A digest goes into the top, so that no part can follow.
    #[error("a plan of hashes has no part behind its top")]
    Top,
    /// Another digest goes there, or the digest goes elsewhere already.
    #[error("message {to} has a digest there, or that of message {from} is placed")]
    Taken {
        /// Whose digest.
        from: u32,
        /// Into which message.
        to: u32,
    },
}

/// 64-byte messages with the order in which they are hashed.
///
/// ```
/// use ordlane_primitives::{batch::{BatchHasher, Sequential}, levels::{LevelPlan, NodeKind, Side}, hash::sha256, tree};
///
/// let mut plan = LevelPlan::default();
/// let leaf = plan.push([1; 64], NodeKind::Leaf)?;
/// plan.end_level();
/// let root = plan.push([0; 64], NodeKind::Internal)?;
/// plan.link(leaf, root, Side::Left)?;
/// Sequential.hash_levels(&mut plan);
///
/// let mut message = [0; 64];
/// message[..32].copy_from_slice(tree::as_leaf(sha256(&[1; 64])).as_bytes());
/// assert_eq!(plan.digest(root), Some(tree::as_internal(sha256(&message))));
/// # Ok::<(), ordlane_primitives::levels::PlanError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LevelPlan {
    messages: Vec<[u8; 64]>,
    links: Vec<Link>,
    places: Vec<Place>,
    /// Where each level ends. The last one is open.
    level_ends: Vec<usize>,
    /// After how many levels each part ends. What follows the last one is the top.
    part_ends: Vec<usize>,
    /// Whether a digest goes from a part into the top.
    has_top: bool,
    digests: Vec<Hash>,
}

/// Where a message is, and which of its halves take a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    part: u32,
    /// In the order of the plan.
    level: u32,
    /// Bit 0 is the left half, bit 1 the right one.
    taken: u8,
}

impl Link {
    const LEAF: u32 = 1 << 31;
    const RIGHT: u32 = 1 << 30;
    const NOWHERE: u32 = Self::RIGHT - 1;

    const fn nowhere(kind: NodeKind) -> Self {
        match kind {
            NodeKind::Leaf => Self(Self::LEAF | Self::NOWHERE),
            NodeKind::Internal => Self(Self::NOWHERE),
        }
    }

    const fn to(self, slot: Slot, side: Side) -> Self {
        let side = match side {
            Side::Left => 0,
            Side::Right => Self::RIGHT,
        };
        Self(self.0 & Self::LEAF | side | slot.0)
    }

    /// What the message is.
    #[must_use]
    pub const fn kind(self) -> NodeKind {
        match self.0 & Self::LEAF {
            0 => NodeKind::Internal,
            _ => NodeKind::Leaf,
        }
    }

    /// The message that takes the digest, and on which side.
    #[must_use]
    pub const fn target(self) -> Option<(usize, Side)> {
        let side = if self.0 & Self::RIGHT == 0 {
            Side::Left
        } else {
            Side::Right
        };
        match self.0 & Self::NOWHERE {
            Self::NOWHERE => None,
            slot => Some((slot as usize, side)),
        }
    }

    /// The digest with its top bit as the kind of the message has it.
    #[must_use]
    pub const fn mark(self, digest: Hash) -> Hash {
        match self.kind() {
            NodeKind::Internal => as_internal(digest),
            NodeKind::Leaf => as_leaf(digest),
        }
    }
}

impl LevelPlan {
    /// An empty plan with room for so many messages.
    #[must_use]
    pub fn with_capacity(messages: usize) -> Self {
        Self {
            messages: Vec::with_capacity(messages),
            links: Vec::with_capacity(messages),
            places: Vec::with_capacity(messages),
            ..Self::default()
        }
    }

    /// Adds a message to the level that is open.
    ///
    /// # Errors
    /// [`PlanError::Full`] beyond [`MAX_PLAN_MESSAGES`].
    pub fn push(&mut self, message: [u8; 64], kind: NodeKind) -> Result<Slot, PlanError> {
        let slot = u32::try_from(self.messages.len()).map_err(|_| PlanError::Full)?;
        if self.messages.len() >= MAX_PLAN_MESSAGES {
            return Err(PlanError::Full);
        }
        // There are no more parts and levels than messages.
        let number = |count: usize| u32::try_from(count).map_err(|_| PlanError::Full);
        self.places.push(Place {
            part: number(self.part_ends.len())?,
            level: number(self.level_ends.len())?,
            taken: 0,
        });
        self.messages.push(message);
        self.links.push(Link::nowhere(kind));
        self.digests.clear();
        Ok(Slot(slot))
    }

    /// Ends the level that is open, unless it has no message.
    pub fn end_level(&mut self) {
        let end = self.messages.len();
        if end > self.level_ends.last().copied().unwrap_or(0) {
            self.level_ends.push(end);
        }
    }

    /// Ends the level that is open, and with it a part: what comes next takes no digest from it, unless it is the top.
    ///
    /// # Errors
    /// [`PlanError::Top`] once a digest goes from a part into what follows.
    pub fn end_part(&mut self) -> Result<(), PlanError> {
        if self.has_top {
            return Err(PlanError::Top);
        }
        self.end_level();
        let end = self.level_ends.len();
        if end > self.part_ends.last().copied().unwrap_or(0) {
            self.part_ends.push(end);
        }
        Ok(())
    }

    /// The digest of `from` goes into `to`. What is in the message there does not count.
    ///
    /// # Errors
    /// [`PlanError::Order`] unless `to` is in a later level of the same part, or in the top and `from` in a part;
    /// [`PlanError::Taken`] if a digest goes there already, or that of `from` elsewhere.
    pub fn link(&mut self, from: Slot, to: Slot, side: Side) -> Result<(), PlanError> {
        let (child, parent) = (from.0 as usize, to.0 as usize);
        let order = PlanError::Order {
            from: from.0,
            to: to.0,
        };
        let (Some(below), Some(above)) =
            (self.places.get(child).copied(), self.places.get_mut(parent))
        else {
            return Err(order);
        };
        let is_top = above.part as usize == self.part_ends.len();
        if above.level <= below.level || above.part != below.part && !is_top {
            return Err(order);
        }
        let bit = match side {
            Side::Left => 1,
            Side::Right => 2,
        };
        let Some(link) = self.links.get_mut(child) else {
            return Err(order);
        };
        if link.target().is_some() || above.taken & bit != 0 {
            return Err(PlanError::Taken {
                from: from.0,
                to: to.0,
            });
        }
        above.taken |= bit;
        *link = link.to(to, side);
        self.has_top |= above.part != below.part;
        self.digests.clear();
        Ok(())
    }

    /// How many messages there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The messages, in the order of their slots; where a digest goes, what is there does not count.
    #[must_use]
    pub fn messages(&self) -> &[[u8; 64]] {
        &self.messages
    }

    /// Where the digest of each message goes, in the order of their slots.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The levels of each part, as ranges of slots; the last are those of the top, and may be none.
    #[must_use]
    pub fn parts(&self) -> Vec<Vec<Range<usize>>> {
        let open = self.messages.len();
        let ends = self.level_ends.iter().copied();
        let ends = ends.chain(
            self.level_ends
                .last()
                .is_none_or(|end| *end < open)
                .then_some(open),
        );
        let mut levels = Vec::new();
        let mut start = 0;
        for end in ends {
            if start < end {
                levels.push(start..end);
            }
            start = end;
        }
        let mut parts = Vec::new();
        let mut from = 0;
        for end in self.part_ends.iter().copied().chain([levels.len()]) {
            parts.push(levels.get(from..end).unwrap_or_default().to_vec());
            from = end;
        }
        parts
    }

    /// A message with the digests in it that go there, given all digests in the order of the slots; nothing for a slot
    /// that there is not. It looks at all links before the slot.
    #[must_use]
    pub fn filled(&self, slots: &[usize], digests: &[Hash]) -> Vec<[u8; 64]> {
        let mut sorted: Vec<(usize, usize)> = slots.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        let mut messages: Vec<[u8; 64]> = slots
            .iter()
            .filter_map(|slot| self.messages.get(*slot).copied())
            .collect();
        for (link, digest) in self.links.iter().zip(digests) {
            let Some((slot, side)) = link.target() else {
                continue;
            };
            let first = sorted.partition_point(|(at, _)| *at < slot);
            let here = sorted.get(first..).unwrap_or_default();
            for (_, index) in here.iter().take_while(|(at, _)| *at == slot) {
                if let Some(message) = messages.get_mut(*index) {
                    put(message, side, digest);
                }
            }
        }
        messages
    }

    /// The digest of a message, marked by its kind, once the plan was hashed.
    #[must_use]
    pub fn digest(&self, slot: Slot) -> Option<Hash> {
        self.digests.get(slot.0 as usize).copied()
    }

    /// All digests, in the order of the slots; none until the plan was hashed.
    #[must_use]
    pub fn digests(&self) -> &[Hash] {
        &self.digests
    }

    /// Takes the digests, marked by kind, in the order of the slots. One for each message, or they are not taken.
    ///
    /// For those who implement [`BatchHasher`].
    pub fn complete(&mut self, digests: Vec<Hash>) {
        debug_assert_eq!(digests.len(), self.messages.len());
        if digests.len() == self.messages.len() {
            self.digests = digests;
        }
    }
}

/// Level after level by [`BatchHasher::hash_pairs`], the parts on whatever threads the hasher has: what a plan means, for
/// those who implement [`BatchHasher`].
pub fn hash_by_level<H: BatchHasher + ?Sized>(plan: &mut LevelPlan, hasher: &H) {
    let mut parts = plan.parts();
    let top = parts.pop().unwrap_or_default();
    let done: Vec<Mutex<Vec<Hash>>> = parts.iter().map(|_| Mutex::default()).collect();
    hasher.scatter(parts.len(), &|index| {
        if let (Some(levels), Some(done)) = (parts.get(index), done.get(index)) {
            let digests = hash_part(plan, levels, &[], hasher);
            *done.lock().unwrap_or_else(PoisonError::into_inner) = digests;
        }
    });
    let mut digests = Vec::with_capacity(plan.len());
    for part in done {
        digests.extend(part.into_inner().unwrap_or_else(PoisonError::into_inner));
    }
    let of_top = hash_part(plan, &top, &digests, hasher);
    digests.extend(of_top);
    plan.complete(digests);
}

/// The digests of a part, or of the top, into which go those `before` it.
fn hash_part<H: BatchHasher + ?Sized>(
    plan: &LevelPlan,
    levels: &[Range<usize>],
    before: &[Hash],
    hasher: &H,
) -> Vec<Hash> {
    let (Some(first), Some(last)) = (levels.first(), levels.last()) else {
        return Vec::new();
    };
    let start = first.start;
    let slots = start..last.end;
    let mut messages = plan.messages.get(slots).unwrap_or_default().to_vec();
    let place = |messages: &mut [[u8; 64]], link: &Link, digest: &Hash| {
        let Some((slot, side)) = link.target() else {
            return;
        };
        let message = slot.checked_sub(start).and_then(|at| messages.get_mut(at));
        if let Some(message) = message {
            put(message, side, digest);
        }
    };
    for (link, digest) in plan.links.iter().zip(before) {
        place(&mut messages, link, digest);
    }
    let mut digests = Vec::with_capacity(messages.len());
    for level in levels {
        let here = level.start.saturating_sub(start)..level.end.saturating_sub(start);
        let found = hasher.hash_pairs(messages.get(here).unwrap_or_default());
        let links = plan.links.get(level.clone()).unwrap_or_default();
        for (link, digest) in links.iter().zip(found) {
            let digest = link.mark(digest);
            place(&mut messages, link, &digest);
            digests.push(digest);
        }
    }
    digests
}

fn put(message: &mut [u8; 64], side: Side, digest: &Hash) {
    let (left, right) = message.split_at_mut(32);
    match side {
        Side::Left => left.copy_from_slice(digest.as_bytes()),
        Side::Right => right.copy_from_slice(digest.as_bytes()),
    }
}

#[cfg(test)]
mod tests;
