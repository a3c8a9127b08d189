//! Trees as `sha256_chunks` takes them.

use ordlane_primitives::{Hash, tree};

use super::hashes::bytes;
use super::words;
use crate::gpu::shaders::pack::messages::digests;

/// Which child of its parent a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Where the digest of a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The number of the message that it becomes a part of.
    pub(super) parent: u32,
    /// Which part.
    pub(super) side: Side,
    /// Whether the node is a leaf, whose top bit is set.
    pub(super) is_leaf: bool,
}

/// Messages with their links, level by level and chunk by chunk.
///
/// A chunk is begun, then each of its levels, the lowest first, and then the messages of the level are added. Messages have
/// numbers in the order in which they are added, so who makes a plan counts them first. A chunk that is above others comes
/// after them, and is hashed by a dispatch after theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TreePlan {
    messages: Vec<[Hash; 2]>,
    links: Vec<u32>,
    /// The number of levels before each chunk.
    chunks: Vec<u32>,
    /// The number of messages before each level.
    levels: Vec<u32>,
}

impl TreePlan {
    pub(super) fn begin_chunk(&mut self) {
        self.chunks.push(count(self.levels.len()));
    }

    pub(super) fn begin_level(&mut self) {
        self.levels.push(count(self.messages.len()));
    }

    /// Adds a message; children that lower levels compute may be anything.
    pub(super) fn push(&mut self, children: [Hash; 2], link: Link) {
        let half = link.parent.wrapping_mul(2) | u32::from(link.side == Side::Right);
        self.links
            .push(half.wrapping_mul(2) | u32::from(link.is_leaf));
        self.messages.push(children);
    }

    /// How many chunks there are.
    pub(super) fn chunks(&self) -> u32 {
        count(self.chunks.len())
    }

    /// `messages`, and after them as many more as links name: `len` in all.
    pub(super) fn messages(&self, len: usize) -> Vec<[Hash; 2]> {
        let mut messages = self.messages.clone();
        messages.resize(len.max(messages.len()), [Hash::ZERO; 2]);
        messages
    }

    /// `links`.
    pub(super) fn links(&self) -> &[u32] {
        &self.links
    }

    /// `plan`.
    pub(super) fn plan(&self) -> Vec<u32> {
        let before = count(self.chunks.len()).saturating_add(1);
        let ends = [count(self.levels.len())];
        let chunks = self.chunks.iter().chain(&ends);
        let mut plan: Vec<u32> = chunks.map(|level| level.saturating_add(before)).collect();
        plan.extend(&self.levels);
        plan.push(count(self.messages.len()));
        plan
    }
}

fn count(number: usize) -> u32 {
    number.try_into().unwrap()
}

/// Four chunks, and above them a fifth.
pub(super) struct Tree {
    pub(super) plan: TreePlan,
    /// The uniforms of both dispatches.
    pub(super) uniforms: [[u32; 4]; 2],
    /// The root. It becomes the left half of the last message, which is never hashed.
    pub(super) root: Hash,
    /// How many messages there are.
    pub(super) count: usize,
}

/// Every chunk is a full tree over so many leaves, a power of two.
pub(super) fn tree(leaves: usize) -> Tree {
    let mut plan = TreePlan::default();
    let per_chunk = 2 * leaves - 1;
    let first_above = 4 * per_chunk;
    let mut roots = Vec::new();
    for chunk in 0..4 {
        plan.begin_chunk();
        let parent = (first_above + chunk / 2, chunk % 2);
        let nodes = (0..leaves).map(|at| [hash(chunk, at), hash(at, chunk)]);
        roots.push(push_levels(
            &mut plan,
            chunk * per_chunk,
            nodes.collect(),
            parent,
        ));
    }
    let nodes = roots.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
    plan.begin_chunk();
    let root = push_levels(
        &mut plan,
        first_above,
        nodes.collect(),
        (first_above + 3, 0),
    );
    Tree {
        plan,
        uniforms: [[4, 0, 0, 0], [1, 4, 0, 0]],
        root,
        count: first_above + 4,
    }
}

/// Adds the levels over messages, whose number is a power of two, and gives the highest node. The messages of the lowest
/// level are known unless they are above other chunks; those of the others are not.
fn push_levels(
    plan: &mut TreePlan,
    mut first: usize,
    mut messages: Vec<[Hash; 2]>,
    (parent, side): (usize, usize),
) -> Hash {
    let is_lowest_chunk = plan.chunks() < 5;
    let mut is_leaf = is_lowest_chunk;
    loop {
        plan.begin_level();
        let above = first + messages.len();
        let mut nodes = Vec::new();
        for (at, [left, right]) in messages.iter().enumerate() {
            let known = if is_leaf {
                [*left, *right]
            } else {
                [Hash::ZERO; 2]
            };
            let (parent, side) = if messages.len() == 1 {
                (parent, side)
            } else {
                (above + at / 2, at % 2)
            };
            plan.push(known, link(parent, side, is_leaf));
            nodes.push(if is_leaf {
                tree::leaf_node(left, right)
            } else {
                tree::internal_node(left, right)
            });
        }
        if let [root] = nodes.as_slice() {
            return *root;
        }
        let pairs = nodes.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
        messages = pairs.collect();
        first = above;
        is_leaf = false;
    }
}

fn hash(a: usize, b: usize) -> Hash {
    Hash(bytes(32, a * 1000 + b).try_into().unwrap())
}

fn link(parent: usize, side: usize, is_leaf: bool) -> Link {
    Link {
        parent: parent.try_into().unwrap(),
        side: if side == 0 { Side::Left } else { Side::Right },
        is_leaf,
    }
}

/// The buffers of the kernel for trees.
pub(super) fn tree_buffers(tree: &Tree) -> Vec<Vec<u32>> {
    let messages = tree.plan.messages(tree.count);
    let messages: Vec<u8> = messages.iter().flatten().flat_map(|hash| hash.0).collect();
    vec![
        words(&messages),
        tree.plan.links().to_vec(),
        tree.plan.plan(),
    ]
}

/// The left half of the last message.
pub(super) fn root_in(messages: &[u32]) -> Hash {
    let halves = digests(messages);
    halves[halves.len() - 2]
}
