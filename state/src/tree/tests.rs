//! Trees on trees, settled, written, given up from memory and read again in any order: each is the one tree of its leaves.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use nomt_core::{hasher::Sha2Hasher, update::build_trie};
use ordlane_primitives::{
    batch::{BatchHasher, Sequential},
    hash::sha256,
    levels::LevelPlan,
};
use proptest::{collection, prelude::*, sample::Index};

use super::*;
use crate::{MemoryStorage, Space, Storage, WriteBatch};

type Leaves = BTreeMap<Hash, Hash>;

/// Bits around the cuts, and far below them.
const FORKS: [usize; 18] = [
    0, 5, 6, 7, 11, 12, 13, 15, 16, 17, 19, 20, 21, 60, 63, 64, 252, 255,
];

/// Takes every update as one plan.
#[derive(Debug)]
pub(super) struct Planned;

impl BatchHasher for Planned {
    fn hash_pairs(&self, pairs: &[[u8; 64]]) -> Vec<Hash> {
        Sequential.hash_pairs(pairs)
    }

    fn hash_messages(&self, messages: &[&[u8]]) -> Vec<Hash> {
        Sequential.hash_messages(messages)
    }

    fn takes_plan(&self, _hashes: usize) -> bool {
        true
    }
}

/// One of few paths, which part from each other at the bits of [`FORKS`], once or twice.
fn path() -> impl Strategy<Value = Hash> {
    let forks = collection::vec(0..FORKS.len(), 0..3);
    (any::<bool>(), forks).prop_map(|(other, forks)| {
        let mut path = sha256(&[u8::from(other)]);
        for fork in forks {
            path.0[FORKS[fork] / 8] ^= 0x80 >> (FORKS[fork] % 8);
        }
        path
    })
}

#[derive(Clone, Debug)]
enum Step {
    /// Of one of the trees there are; as many removals as puts, of what is there or not.
    Update {
        parent: Index,
        changes: BTreeMap<Hash, Option<u8>>,
        planned: bool,
    },
    /// Removes all but one of the leaves of a tree, or all, and puts one.
    Clear {
        parent: Index,
        kept: Option<Index>,
        put: Option<Hash>,
    },
    Settle(Index),
    WritePages,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let changes = collection::btree_map(path(), any::<Option<u8>>(), 0..24);
    let update = (any::<Index>(), changes, any::<bool>());
    let clear = (
        any::<Index>(),
        any::<Option<Index>>(),
        prop::option::of(path()),
    );
    prop_oneof![
        24 => update.prop_map(|(parent, changes, planned)| Step::Update { parent, changes, planned }),
        3 => clear.prop_map(|(parent, kept, put)| Step::Clear { parent, kept, put }),
        2 => any::<Index>().prop_map(Step::Settle),
        2 => Just(Step::WritePages),
        1 => Just(Step::Reopen),
    ]
}

/// The settled tree and those that come from it.
struct Trees {
    storage: Arc<MemoryStorage>,
    settled: (Tree, Leaves),
    others: Vec<(Tree, Leaves)>,
}

impl Trees {
    /// Most trees beside the settled one. A new one takes the place of the oldest; it keeps what it needs of that.
    const MOST: usize = 6;

    fn open(storage: Arc<MemoryStorage>, top: &StoredTop, leaves: Leaves) -> Self {
        let backing = Backing {
            storage: storage.clone(),
            cache_bytes: 0,
        };
        Self {
            storage,
            settled: (Tree::stored(backing, top), leaves),
            others: Vec::new(),
        }
    }

    /// Mostly the newest, so that many updates come to lie on each other and are made one.
    fn choose(&self, index: Index) -> &(Tree, Leaves) {
        let index = index.index(self.others.len().saturating_add(1).saturating_mul(4));
        let newest = self.others.last().unwrap_or(&self.settled);
        match index.checked_sub(1) {
            None => &self.settled,
            Some(index) => self.others.get(index).unwrap_or(newest),
        }
    }

    fn update(&mut self, parent: Index, changes: &BTreeMap<Hash, Option<Hash>>, planned: bool) {
        let (parent, leaves) = self.choose(parent);
        let mut leaves = leaves.clone();
        for (path, value_hash) in changes {
            match value_hash {
                Some(value_hash) => leaves.insert(*path, *value_hash),
                None => leaves.remove(path),
            };
        }
        let changes: Vec<LeafChange> = changes.iter().map(|(path, hash)| (*path, *hash)).collect();
        let hasher: &dyn BatchHasher = if planned { &Planned } else { &Sequential };
        let tree = parent.update(&changes, hasher).unwrap();
        check(&tree, &leaves);
        if self.others.len() == Self::MOST {
            self.others.remove(0);
        }
        self.others.push((tree, leaves));
    }

    fn settle(&mut self, index: Index) {
        let (tree, leaves) = self.choose(index);
        self.settled = (tree.settle().unwrap(), leaves.clone());
        let (settled, others) = (&self.settled.0, &mut self.others);
        others.retain(|(other, _)| other.follows(settled));
    }

    /// Writes the settled pages, and compares what is stored with the leaves.
    fn write_pages(&mut self) {
        let (tree, leaves) = &self.settled;
        let pages = tree.dirty_pages();
        let entries = pages.entries().map(|(key, page)| (Space::Page, key, page));
        let mut batch = WriteBatch::new();
        batch.extend(entries);
        self.storage.write(batch).unwrap();
        tree.pages_written(&pages);

        let mut walked = Vec::new();
        walk_pages(
            self.storage.as_ref(),
            &tree.root(),
            &Sequential,
            &mut |key, bad| {
                assert_eq!(bad, None, "{key:02x?}");
                walked.push(key);
                Ok(())
            },
        )
        .unwrap();
        walked.sort();
        let mut stored = Vec::new();
        let storage = &self.storage;
        storage
            .scan(Space::Page, &[], &mut |key, _| {
                stored.push(key.to_vec());
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(stored, walked, "no page is left that belongs to nothing");
        let found = stored_leaves(storage.as_ref(), &tree.stored_top(), &Sequential).unwrap();
        assert_eq!(found.unwrap().into_iter().collect::<Leaves>(), *leaves);
    }
}

/// Compares the root with that of nomt, and what each leaf's path leads to with the leaf.
fn check(tree: &Tree, leaves: &Leaves) {
    let ops = leaves
        .iter()
        .map(|(path, value_hash)| (path.0, value_hash.0));
    let expected = Hash(build_trie::<Sha2Hasher>(0, ops, |_| {}));
    assert_eq!(tree.root(), expected);
    for (path, value_hash) in leaves {
        let terminal = Terminal::Leaf {
            path: *path,
            value_hash: *value_hash,
        };
        assert_eq!(tree.prove(path).unwrap().terminal, terminal);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_tree_is_that_of_its_leaves_whatever_it_lies_on(steps in collection::vec(step(), 1..60)) {
        let mut trees = Trees::open(Arc::default(), &StoredTop::EMPTY, Leaves::new());
        for step in steps {
            match step {
                Step::Update { parent, changes, planned } => {
                    let value = |value: u8| sha256(&[value % 4]);
                    let changes = changes.into_iter().map(|(path, to)| (path, to.map(value)));
                    trees.update(parent, &changes.collect(), planned);
                }
                Step::Clear { parent, kept, put } => {
                    let (_, leaves) = trees.choose(parent);
                    let mut changes: BTreeMap<_, _> =
                        leaves.keys().map(|path| (*path, None)).collect();
                    if let Some(kept) = kept.filter(|_| !leaves.is_empty()) {
                        let kept = leaves.keys().nth(kept.index(leaves.len())).unwrap();
                        changes.remove(kept);
                    }
                    changes.extend(put.map(|path| (path, Some(path))));
                    trees.update(parent, &changes, false);
                }
                Step::Settle(index) => trees.settle(index),
                Step::WritePages => trees.write_pages(),
                Step::Reopen => {
                    trees.write_pages();
                    let Trees { storage, settled: (tree, leaves), .. } = trees;
                    trees = Trees::open(storage, &tree.stored_top(), leaves);
                }
            }
            let (tree, leaves) = &trees.settled;
            check(tree, leaves);
        }
        for (tree, leaves) in &trees.others {
            check(tree, leaves);
        }
    }
}

/// Says that it takes plans, and leaves them as they are.
#[derive(Debug)]
struct Idle;

impl BatchHasher for Idle {
    fn hash_pairs(&self, pairs: &[[u8; 64]]) -> Vec<Hash> {
        Sequential.hash_pairs(pairs)
    }

    fn hash_messages(&self, messages: &[&[u8]]) -> Vec<Hash> {
        Sequential.hash_messages(messages)
    }

    fn hash_levels(&self, _plan: &mut LevelPlan) {}

    fn takes_plan(&self, _hashes: usize) -> bool {
        true
    }
}

#[test]
fn a_plan_that_was_not_hashed_is_an_error_and_never_a_root() {
    // Of two paths of one chunk, so that a node of theirs is in the plan.
    let pair: Vec<LeafChange> = [0x80, 0x40]
        .map(|last| {
            (
                Hash([[0; 31].as_slice(), &[last]].concat().try_into().unwrap()),
                Some(sha256(&[last])),
            )
        })
        .to_vec();
    let updated = Tree::empty().update(&pair, &Idle);
    assert!(matches!(updated, Err(StateError::Internal { .. })));
    Tree::empty().update(&pair, &Planned).unwrap();
}
