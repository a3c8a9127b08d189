//! Pages: the pieces in which the tree lies in memory and in the store.
//!
//! A page holds the nodes of a subtree between two cuts. The cuts are at depths 0, 6 and 12, then at every fourth depth
//! down to 256. A node is the 64-byte message that its hash is made of: two child hashes, or a leaf's path and value
//! hash. Which of both it is says the top bit of its hash, which its parent holds; so a page needs no tags and no pointers.
//!
//! Invariants: a page's nodes are those of an internal node at its upper cut and of what lies below it down to the lower
//! cut, leaves at the lower cut included; an internal node at the lower cut begins a page of its own. Pages never change.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "positions are below MAX_POSITIONS by construction, and every table they index has that many entries"
)]

use std::{borrow::Cow, hint::black_box, sync::Arc};

use ordlane_primitives::{
    Hash,
    batch::BatchHasher,
    limits::MAX_TREE_DEPTH,
    tree::{EMPTY, as_internal, as_leaf, bit, is_leaf},
};

use super::positions::{POSITIONS_BYTES, Positions};

/// Where a node stands in its page: 1 is the top, and `2p` and `2p + 1` are the children of `p`.
pub(super) type Position = usize;

/// One more than the largest position in the highest page.
pub(super) const MAX_POSITIONS: usize = 128;
/// The bytes of a node.
const NODE_BYTES: usize = 64;

/// The message that a node's hash is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(align(64))]
pub(super) struct Node {
    /// The hash of the left child, or a leaf's path.
    pub(super) left: Hash,
    /// The hash of the right child, or a leaf's value hash.
    pub(super) right: Hash,
}

impl Node {
    pub(super) fn message(&self) -> [u8; NODE_BYTES] {
        let mut bytes = [0; NODE_BYTES];
        bytes[..32].copy_from_slice(&self.left.0);
        bytes[32..].copy_from_slice(&self.right.0);
        bytes
    }

    pub(super) fn from_message(bytes: &[u8; NODE_BYTES]) -> Self {
        let mut node = Self::default();
        node.left.0.copy_from_slice(&bytes[..32]);
        node.right.0.copy_from_slice(&bytes[32..]);
        node
    }
}

/// Which page: the depth of its upper cut, and the path down to there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PageId {
    /// The path's bits above the cut; all others are zero. It comes first, so pages ascend as a walk meets them.
    prefix: Hash,
    depth: u16,
}

impl PageId {
    /// The page at the root.
    pub(crate) const ROOT: Self = Self {
        prefix: EMPTY,
        depth: 0,
    };

    /// The page whose upper cut is at `depth` on the way along `path`.
    pub(super) fn at(depth: usize, path: &Hash) -> Self {
        let mut prefix = EMPTY;
        // Nearly all pages lie here, and eight bytes need no loop.
        if let Ok(depth) = u8::try_from(depth)
            && depth < 64
        {
            let mut first = [0; 8];
            first.copy_from_slice(&path.0[..8]);
            let first = u64::from_be_bytes(first) & !(u64::MAX >> depth);
            prefix.0[..8].copy_from_slice(&first.to_be_bytes());
            let depth = u16::from(depth);
            return Self { prefix, depth };
        }
        let whole = depth / 8;
        prefix.0[..whole].copy_from_slice(&path.0[..whole]);
        if !depth.is_multiple_of(8) {
            prefix.0[whole] = path.0[whole] & !(0xff >> (depth % 8));
        }
        Self {
            prefix,
            depth: u16::try_from(depth).unwrap_or(u16::MAX),
        }
    }

    pub(super) fn depth(self) -> usize {
        usize::from(self.depth)
    }

    /// How many levels of nodes the page has.
    pub(super) const fn height(self) -> usize {
        height(self.depth as usize)
    }

    /// The first sixteen bits of the prefix.
    pub(super) const fn first_bits(self) -> u16 {
        u16::from_be_bytes([self.prefix.0[0], self.prefix.0[1]])
    }

    /// The first six bits of the prefix.
    pub(super) fn chunk(self) -> usize {
        usize::from(self.prefix.0[0] >> 2)
    }

    /// The key under which it is stored: the depth, big-endian, and the bytes of the prefix that are in use.
    pub(crate) fn key(self) -> Vec<u8> {
        let used = self.depth().div_ceil(8);
        [&self.depth.to_be_bytes()[..], &self.prefix.0[..used]].concat()
    }

    /// The page with this key, if it is one.
    pub(crate) fn from_key(key: &[u8]) -> Option<Self> {
        let (depth, used) = key.split_first_chunk::<2>()?;
        let depth = usize::from(u16::from_be_bytes(*depth));
        let mut path = EMPTY;
        path.0.get_mut(..used.len())?.copy_from_slice(used);
        let is_cut =
            depth < MAX_TREE_DEPTH && (depth == 0 || depth == 6 || depth >= 12 && depth % 4 == 0);
        let id = is_cut.then(|| Self::at(depth, &path))?;
        (id.prefix == path && used.len() == depth.div_ceil(8)).then_some(id)
    }
}

impl PageId {
    /// The page whose upper cut is where `position`, right below the lower cut of this one, stands.
    pub(super) fn child(self, position: Position) -> Option<Self> {
        let (depth, levels) = (self.depth(), self.height());
        let offset = position.checked_sub(1 << levels)?;
        let mut path = self.prefix;
        for level in 0..levels {
            if offset >> (levels - 1 - level) & 1 == 1 {
                let at = depth + level;
                path.0[at / 8] |= 0x80 >> (at % 8);
            }
        }
        (depth + levels < MAX_TREE_DEPTH && offset >> levels == 0)
            .then(|| Self::at(depth + levels, &path))
    }

    /// Whether this page is `other` or below it.
    pub(super) fn is_below(self, other: Self) -> bool {
        self.depth >= other.depth && Self::at(other.depth(), &self.prefix) == other
    }
}

/// How many levels of nodes a page has whose upper cut is at `depth`.
pub(super) const fn height(depth: usize) -> usize {
    if depth < 12 { 6 } else { 4 }
}

/// The nodes of a page, or those that an update changed in it: first a header, then the nodes, ascending by position.
///
/// All that one update changes lies in one piece of memory; a settled page has one of its own.
#[derive(Clone, Debug)]
pub(super) struct Page {
    memory: Arc<[Node]>,
    /// The positions whose node is in here, as the header has them, so that nothing of the page's memory is waited for
    /// before it is known where a node is.
    here: Positions,
    /// Where the header is.
    at: u32,
    /// How many nodes follow it.
    count: u8,
    /// Whether these are all nodes of the page.
    is_whole: bool,
}

/// What a page is made of. Where `here` and `taken` differ it is a *patch* over another page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outline {
    /// The positions whose node belongs to it.
    pub(super) here: Positions,
    /// The positions that have a node at all.
    pub(super) taken: Positions,
    /// The hash of the top node of the page below a patch.
    pub(super) below: Hash,
}

impl Outline {
    /// The node that stands before those of the page.
    pub(super) fn header(&self) -> Node {
        let mut header = Node::default();
        header.left.0[..POSITIONS_BYTES].copy_from_slice(&self.here.to_bytes());
        header.left.0[POSITIONS_BYTES..].copy_from_slice(&self.taken.to_bytes());
        header.right = self.below;
        header
    }

    /// The page whose header is at `at`, followed by its nodes.
    fn page(&self, memory: Arc<[Node]>, at: u32) -> Page {
        Page {
            memory,
            here: self.here,
            at,
            #[expect(
                clippy::cast_possible_truncation,
                reason = "there are at most 128 positions"
            )]
            count: self.here.count() as u8,
            is_whole: self.here == self.taken,
        }
    }
}

impl Page {
    /// Pages in one piece of memory, which has the header and the nodes of each, one page after another.
    pub(super) fn all_in(memory: &Arc<[Node]>, outlines: &[Outline]) -> Vec<Self> {
        let mut next = 0;
        outlines
            .iter()
            .map(|outline| {
                let page = outline.page(Arc::clone(memory), next);
                next += 1 + u32::from(page.count);
                page
            })
            .collect()
    }

    /// One page in memory of its own.
    fn alone(outline: Outline, mut next: impl FnMut(Position) -> Node) -> Self {
        let mut rest = outline.here;
        // A range of known length, so that the nodes are written once, into their place.
        let memory = (0..=outline.here.count())
            .map(|index: usize| {
                if index == 0 {
                    return outline.header();
                }
                rest.pop().map_or_else(Node::default, &mut next)
            })
            .collect();
        outline.page(memory, 0)
    }

    fn header(&self) -> &Node {
        &self.memory[self.at as usize]
    }

    fn nodes(&self) -> &[Node] {
        let first = self.at as usize + 1;
        &self.memory[first..first + self.count as usize]
    }

    /// Which positions of the page have a node.
    pub(super) fn taken(&self) -> Positions {
        if self.is_whole {
            return self.here;
        }
        let mut bytes = [0; POSITIONS_BYTES];
        bytes.copy_from_slice(&self.header().left.0[POSITIONS_BYTES..]);
        Positions::from_bytes(bytes)
    }

    /// Whether every node of the page is in here.
    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// For a patch, the hash of the top node of the page that it lies on.
    pub(super) fn below(&self) -> &Hash {
        &self.header().right
    }

    /// The node at a position, if it is in here.
    pub(super) fn node(&self, position: Position) -> Option<&Node> {
        self.here
            .has(position)
            .then(|| &self.memory[self.place(position)])
    }

    /// Where the node at a position stands, if it is in here.
    const fn place(&self, position: Position) -> usize {
        self.at as usize + 1 + self.here.below(position)
    }

    /// Reads the nodes along a path from the upper cut at `depth`; whether the path leads below the page. For a patch it
    /// means nothing.
    pub(super) fn look_along(&self, path: &Hash, depth: usize) -> bool {
        let node = |position: Position| self.memory.get(self.place(position));
        let mut position = 1;
        for depth in depth..depth + height(depth) {
            let Some(inner) = node(position) else {
                return false;
            };
            let is_right = bit(path, depth);
            let hash = if is_right { &inner.right } else { &inner.left };
            position = 2 * position + usize::from(is_right);
            if is_leaf(hash) {
                black_box(node(position).map(|leaf| leaf.right.0[0]));
                return false;
            }
            if *hash == EMPTY {
                return false;
            }
        }
        true
    }

    /// The same in memory of its own.
    pub(super) fn detached(&self) -> Self {
        let outline = Outline {
            here: self.here,
            taken: self.taken(),
            below: *self.below(),
        };
        let mut nodes = self.nodes().iter();
        Self::alone(outline, |_| nodes.next().copied().unwrap_or_default())
    }

    /// This patch and what it lies on, as one, in memory of its own.
    pub(super) fn over(&self, below: &Self) -> Self {
        let outline = Outline {
            here: self.here.or(below.here.and(self.taken())),
            taken: self.taken(),
            below: *below.below(),
        };
        Self::alone(outline, |position| {
            let node = self.node(position).or_else(|| below.node(position));
            debug_assert!(node.is_some(), "it is in one of both");
            node.copied().unwrap_or_default()
        })
    }

    /// Takes the nodes of a patch over this page, in place where the same positions are taken and nobody else sees it.
    pub(super) fn apply(&mut self, patch: &Self) {
        let same = self.is_whole && self.here == patch.taken();
        let (at, here) = (self.at as usize + 1, self.here);
        let Some(memory) = Arc::get_mut(&mut self.memory).filter(|_| same) else {
            *self = patch.over(self);
            return;
        };
        for (position, node) in patch.here.into_iter().zip(patch.nodes()) {
            memory[at + here.below(position)] = *node;
        }
    }

    /// How much memory a page of its own takes, in bytes.
    pub(super) const fn resident_bytes(&self) -> usize {
        // The header, and the counters of the Arc, which take as much as a node because they keep its alignment.
        (self.count as usize + 2) * NODE_BYTES
    }

    /// Whether both are one and the same page in memory.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.memory, &other.memory) && self.at == other.at
    }

    /// The bytes of a whole page in the store: which positions are taken (`u128`, little-endian), then the nodes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(POSITIONS_BYTES + self.count as usize * NODE_BYTES);
        bytes.extend_from_slice(&self.taken().to_bytes());
        for node in self.nodes() {
            bytes.extend_from_slice(&node.left.0);
            bytes.extend_from_slice(&node.right.0);
        }
        bytes
    }

    /// The page in these bytes, if they are the page `id` whose top node has the hash `top`. Every hash in it is checked.
    pub(super) fn from_bytes(
        bytes: &[u8],
        id: PageId,
        top: &Hash,
        hasher: &dyn BatchHasher,
    ) -> Option<Self> {
        let (bits, messages) = bytes.split_first_chunk::<POSITIONS_BYTES>()?;
        let taken = Positions::from_bytes(*bits);
        let (messages, rest) = messages.as_chunks::<NODE_BYTES>();
        let limit = 2 << id.height();
        let fits = limit == MAX_POSITIONS || taken.below(limit) == taken.count();
        if !rest.is_empty() || messages.len() != taken.count() || !fits {
            return None;
        }
        let digests = hasher.hash_pairs(messages);
        let mut nodes = [Node::default(); MAX_POSITIONS];
        let mut expected = [EMPTY; MAX_POSITIONS];
        expected[1] = *top;
        let bottom = limit / 2;
        for (position, (message, digest)) in taken.into_iter().zip(messages.iter().zip(digests)) {
            let node = Node::from_message(message);
            nodes[position] = node;
            let hash = expected[position];
            if position == 0 || hash == EMPTY {
                return None;
            }
            if is_leaf(&hash) {
                if position == 1 || as_leaf(digest) != hash {
                    return None;
                }
                continue;
            }
            // An internal node at the lower cut has its own page, and no lone leaf stays below its parent.
            let lone =
                |side: &Hash, other: &Hash| *side == EMPTY && (*other == EMPTY || is_leaf(other));
            if position >= bottom
                || as_internal(digest) != hash
                || lone(&node.left, &node.right)
                || lone(&node.right, &node.left)
            {
                return None;
            }
            expected[2 * position] = node.left;
            expected[2 * position + 1] = node.right;
        }
        let complete = (1..limit).all(|position| {
            let hash = &expected[position];
            let here = *hash != EMPTY && (position < bottom || is_leaf(hash));
            here == taken.has(position)
        });
        let outline = Outline {
            here: taken,
            taken,
            below: EMPTY,
        };
        complete.then(|| Self::alone(outline, |position| nodes[position]))
    }
}

/// A page as a tree sees it: patches, newest first, over a whole page.
#[derive(Clone, Debug)]
pub(super) struct Stack<'p> {
    patches: Vec<&'p Page>,
    whole: Cow<'p, Page>,
}

impl<'p> Stack<'p> {
    pub(super) const fn new(patches: Vec<&'p Page>, whole: Cow<'p, Page>) -> Self {
        Self { patches, whole }
    }

    /// Which positions have a node.
    pub(super) fn taken(&self) -> Positions {
        self.patches
            .first()
            .map_or_else(|| self.whole.taken(), |patch| patch.taken())
    }

    /// The node at a position that is taken.
    pub(super) fn node(&self, position: Position) -> Option<&Node> {
        self.patches
            .iter()
            .find_map(|patch| patch.node(position))
            .or_else(|| self.whole.node(position))
    }
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::{
        batch::Sequential,
        hash::sha256,
        tree::{internal_node, leaf_node},
    };

    use super::*;

    fn pack(here: Positions, taken: Positions, below: Hash, nodes: &[Node]) -> Page {
        let outline = Outline { here, taken, below };
        let empty = Outline {
            here: Positions::EMPTY,
            ..outline
        };
        let mut memory = vec![empty.header(), outline.header()];
        memory.extend(here.into_iter().map(|position| nodes[position]));
        memory.push(empty.header());
        let mut pages = Page::all_in(&memory.into(), &[empty, outline, empty]);
        assert_eq!(pages.remove(0).nodes().len(), 0);
        pages.remove(0)
    }

    fn with(mut positions: Positions, position: &Position) -> Positions {
        positions.insert(*position);
        positions
    }

    /// A page at depth 12 with leaves at three depths, and one page below it at position 28.
    fn sample() -> (Page, Hash) {
        let leaf = |seed: &[u8]| Node {
            left: sha256(seed),
            right: sha256(&[seed, seed].concat()),
        };
        let hash = |leaf: &Node| leaf_node(&leaf.left, &leaf.right);
        let mut nodes = [Node::default(); MAX_POSITIONS];
        let below = as_internal(sha256(b"below"));
        (nodes[2], nodes[6], nodes[15]) = (leaf(b"a"), leaf(b"b"), leaf(b"c"));
        nodes[14] = Node {
            left: below,
            right: EMPTY,
        };
        nodes[7] = Node {
            left: internal_node(&below, &EMPTY),
            right: hash(&nodes[15]),
        };
        nodes[3] = Node {
            left: hash(&nodes[6]),
            right: internal_node(&nodes[7].left, &nodes[7].right),
        };
        nodes[1] = Node {
            left: hash(&nodes[2]),
            right: internal_node(&nodes[3].left, &nodes[3].right),
        };
        let top = internal_node(&nodes[1].left, &nodes[1].right);
        let bits = [1, 2, 3, 6, 7, 14, 15].iter().fold(Positions::EMPTY, with);
        (pack(bits, bits, EMPTY, &nodes), top)
    }

    #[test]
    fn a_page_reads_what_it_wrote_and_refuses_every_changed_bit() {
        let (page, top) = sample();
        let id = PageId::at(12, &sha256(b"somewhere"));
        let bytes = page.to_bytes();
        let read = Page::from_bytes(&bytes, id, &top, &Sequential).unwrap();
        assert_eq!(read.to_bytes(), bytes);
        for position in 1..MAX_POSITIONS {
            assert_eq!(read.node(position), page.node(position));
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                Page::from_bytes(&flipped, id, &top, &Sequential).is_none(),
                "{bit}"
            );
        }
        for length in 0..bytes.len() {
            assert!(Page::from_bytes(&bytes[..length], id, &top, &Sequential).is_none());
        }
    }

    #[test]
    fn a_patch_in_place_is_the_patch_over_a_copy() {
        let (page, _) = sample();
        let mut nodes = [Node::default(); MAX_POSITIONS];
        for (position, seed) in [(1, b"x"), (2, b"y"), (7, b"z")] {
            nodes[position].left = sha256(seed);
        }
        let here = [1, 2, 7].iter().fold(Positions::EMPTY, with);
        let mut fewer = page.taken();
        fewer.remove(15);
        for taken in [page.taken(), fewer] {
            let patch = pack(here, taken, sha256(b"below"), &nodes);
            assert!(!patch.is_whole());
            let whole = patch.over(&page);
            assert!(whole.is_whole());
            let mut copy = page.clone();
            copy.apply(&patch);
            let mut alone = page.detached();
            alone.apply(&patch);
            let stack = Stack::new(vec![&patch], Cow::Borrowed(&page));
            assert_eq!(stack.taken(), taken);
            for position in 1..MAX_POSITIONS {
                let expected = taken
                    .has(position)
                    .then(|| *patch.node(position).or(page.node(position)).unwrap());
                assert_eq!(whole.node(position).copied(), expected);
                assert_eq!(copy.node(position).copied(), expected);
                assert_eq!(alone.node(position).copied(), expected);
                if let Some(expected) = expected {
                    assert_eq!(stack.node(position), Some(&expected));
                }
            }
        }
        assert_eq!(
            page.to_bytes(),
            sample().0.to_bytes(),
            "the copy left the page as it was"
        );
    }

    #[test]
    fn keys_ascend_from_the_cuts_and_read_back() {
        let path = sha256(b"path");
        let mut depth = 0;
        while depth < MAX_TREE_DEPTH {
            let id = PageId::at(depth, &path);
            assert_eq!(PageId::from_key(&id.key()), Some(id), "{depth}");
            depth += height(depth);
        }
        assert_eq!(depth, MAX_TREE_DEPTH);
        for wrong in [
            &[][..],
            &[0],
            &[0, 1],
            &[0, 6],
            &[0, 6, 0xff],
            &[0, 0, 0],
            &[1, 0],
            &[0, 8, 1],
        ] {
            assert_eq!(PageId::from_key(wrong), None, "{wrong:?}");
        }
    }
}
