//! Parts of the state tree as `sha256_chunks` takes them.

use ordlane_primitives::Hash;

use crate::gpu::shaders::MAX_ITEMS;

/// Which child of its parent a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Where the digest of a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The number of the message that it becomes a part of.
    pub(crate) parent: u32,
    /// Which part.
    pub(crate) side: Side,
    /// Whether the node is a leaf, whose top bit is set.
    pub(crate) is_leaf: bool,
}

/// Messages with their links, level by level and chunk by chunk.
///
/// A chunk is begun, then each of its levels, the lowest first, and then the messages of the level are added. Messages have
/// numbers in the order in which they are added, so who makes a plan counts them first. A chunk that is above others comes
/// after them, and is hashed by a dispatch after theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TreePlan {
    messages: Vec<[Hash; 2]>,
    links: Vec<u32>,
    /// The number of levels before each chunk.
    chunks: Vec<u32>,
    /// The number of messages before each level.
    levels: Vec<u32>,
}

impl TreePlan {
    pub(crate) fn begin_chunk(&mut self) {
        self.chunks.push(count(self.levels.len()));
    }

    pub(crate) fn begin_level(&mut self) {
        self.levels.push(count(self.messages.len()));
    }

    /// Adds a message; children that lower levels compute may be anything.
    pub(crate) fn push(&mut self, children: [Hash; 2], link: Link) {
        let half = link.parent.wrapping_mul(2) | u32::from(link.side == Side::Right);
        self.links
            .push(half.wrapping_mul(2) | u32::from(link.is_leaf));
        self.messages.push(children);
    }

    /// How many chunks there are.
    pub(crate) fn chunks(&self) -> u32 {
        count(self.chunks.len())
    }

    /// `messages`, and after them as many more as links name: `len` in all.
    pub(crate) fn messages(&self, len: usize) -> Vec<[Hash; 2]> {
        let mut messages = self.messages.clone();
        messages.resize(len.max(messages.len()), [Hash::ZERO; 2]);
        messages
    }

    /// `links`.
    pub(crate) fn links(&self) -> &[u32] {
        &self.links
    }

    /// `plan`.
    pub(crate) fn plan(&self) -> Vec<u32> {
        let before = count(self.chunks.len()).saturating_add(1);
        let ends = [count(self.levels.len())];
        let chunks = self.chunks.iter().chain(&ends);
        let mut plan: Vec<u32> = chunks.map(|level| level.saturating_add(before)).collect();
        plan.extend(&self.levels);
        plan.push(count(self.messages.len()));
        plan
    }
}

/// A number of messages or levels, which is at most [`MAX_ITEMS`].
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(MAX_ITEMS)
}
