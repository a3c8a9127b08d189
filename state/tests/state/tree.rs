//! The tree against nomt-core's trie, which defines its rule, and against the proofs of `ordlane-primitives`.

use std::collections::BTreeMap;

use nomt_core::{hasher::Sha2Hasher, update::build_trie};
use ordlane_primitives::{
    Hash,
    batch::{BatchHasher, Sequential},
    codec::{Bounded, decode, encode},
    hash::sha256,
    proof::{StateProof, Terminal},
    tree,
};
use ordlane_state::{LeafChange, Tree};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

type Leaves = BTreeMap<Hash, Hash>;

fn oracle(leaves: &Leaves) -> Hash {
    let ops = leaves.iter().map(|(path, value)| (path.0, value.0));
    Hash(build_trie::<Sha2Hasher>(0, ops, |_| {}))
}

fn apply(leaves: &mut Leaves, changes: &[LeafChange]) {
    for &(path, value_hash) in changes {
        match value_hash {
            Some(value_hash) => leaves.insert(path, value_hash),
            None => leaves.remove(&path),
        };
    }
}

fn random_hash(rng: &mut ChaCha8Rng) -> Hash {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    Hash(bytes)
}

/// A path that shares a random number of bits, often very many, with one that is there.
fn near(rng: &mut ChaCha8Rng, leaves: &Leaves) -> Hash {
    let paths: Vec<_> = leaves.keys().copied().collect();
    let Some(mut path) = paths.choose(rng).copied() else {
        return random_hash(rng);
    };
    let depth = if rng.random() {
        rng.random_range(240..256)
    } else {
        rng.random_range(0..256)
    };
    path.0[depth / 8] ^= 0x80 >> (depth % 8);
    path
}

/// A batch of inserts, updates and deletes of what is there and of what is not.
fn random_changes(rng: &mut ChaCha8Rng, leaves: &Leaves, size: usize) -> Vec<LeafChange> {
    let paths: Vec<_> = leaves.keys().copied().collect();
    let mut changes = BTreeMap::new();
    for _ in 0..size {
        let path = match (rng.random_range(0..4), paths.choose(rng)) {
            (0 | 1, Some(&path)) => path,
            (2, _) => near(rng, leaves),
            _ => random_hash(rng),
        };
        let value_hash = rng.random_bool(0.55).then(|| random_hash(rng));
        changes.insert(path, value_hash);
    }
    changes.into_iter().collect()
}

/// Takes every update as one plan.
#[derive(Debug)]
struct Planned;

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

#[test]
fn roots_equal_nomt_after_every_random_batch() {
    for (seed, largest) in (0..24).zip([2, 8, 60, 400].into_iter().cycle()) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut leaves, mut tree) = (Leaves::new(), Tree::empty());
        for step in 0..25 {
            let size = rng.random_range(0..=largest);
            let changes = random_changes(&mut rng, &leaves, size);
            apply(&mut leaves, &changes);
            let planned = tree.update(&changes, &Planned).unwrap();
            tree = tree.update(&changes, &Sequential).unwrap();
            assert_eq!(tree.root(), oracle(&leaves), "seed {seed}, step {step}");
            assert_eq!(planned.root(), tree.root(), "seed {seed}, step {step}");
            if seed % 2 == 0 {
                tree = planned;
            }
        }
        let all: Vec<_> = leaves.iter().map(|(p, v)| (*p, *v)).collect();
        assert_eq!(
            Tree::from_leaves(all, &Sequential).unwrap().root(),
            tree.root()
        );
        let gone: Vec<_> = leaves.keys().map(|path| (*path, None)).collect();
        assert_eq!(tree.update(&gone, &Sequential).unwrap().root(), tree::EMPTY);
    }
}

#[test]
fn roots_equal_nomt_with_thousands_of_keys() {
    let mut rng = ChaCha8Rng::seed_from_u64(77);
    let (mut leaves, mut tree) = (Leaves::new(), Tree::empty());
    for size in [5_000, 1, 3_000, 0, 10_000] {
        let changes = random_changes(&mut rng, &leaves, size);
        apply(&mut leaves, &changes);
        tree = tree.update(&changes, &Sequential).unwrap();
        assert_eq!(tree.root(), oracle(&leaves), "size {size}");
    }
}

#[test]
fn paths_that_part_at_any_bit_have_the_root_of_nomt() {
    let base = random_hash(&mut ChaCha8Rng::seed_from_u64(3));
    let (mut leaves, mut tree) = (Leaves::new(), Tree::empty());
    for depth in (0..256).rev() {
        let mut path = base;
        path.0[depth / 8] ^= 0x80 >> (depth % 8);
        let pair = [(base, Some(sha256(b"1"))), (path, Some(sha256(b"2")))];
        let two = Tree::empty().update(&pair, &Sequential).unwrap();
        let expected = pair.iter().map(|(path, value)| (*path, value.unwrap()));
        assert_eq!(two.root(), oracle(&expected.collect()), "depth {depth}");
        let one = two.update(&[(path, None)], &Sequential).unwrap();
        assert_eq!(one.root(), tree::leaf_node(&base, &sha256(b"1")));
        apply(&mut leaves, &pair);
        tree = tree.update(&pair, &Sequential).unwrap();
        assert_eq!(tree.root(), oracle(&leaves), "depth {depth}");
    }
    assert_eq!(tree.prove(&base).unwrap().siblings.len(), 256);
}

#[test]
fn changes_out_of_order_are_put_in_order_and_the_last_holds() {
    let (a, b) = (sha256(b"a"), sha256(b"b"));
    let unordered = [
        (b, Some(sha256(b"1"))),
        (a, Some(sha256(b"2"))),
        (b, None),
        (a, Some(sha256(b"3"))),
    ];
    let tree = Tree::empty().update(&unordered, &Sequential).unwrap();
    assert_eq!(tree.root(), tree::leaf_node(&a, &sha256(b"3")));
}

#[test]
fn siblings_of_one_parent_do_not_disturb_each_other() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut leaves = Leaves::new();
    let changes = random_changes(&mut rng, &leaves, 500);
    apply(&mut leaves, &changes);
    let parent = Tree::empty().update(&changes, &Sequential).unwrap();
    let before = parent.root();
    let children: Vec<_> = (0..4)
        .map(|_| {
            let changes = random_changes(&mut rng, &leaves, 50);
            let mut leaves = leaves.clone();
            apply(&mut leaves, &changes);
            (
                parent.update(&changes, &Sequential).unwrap(),
                oracle(&leaves),
            )
        })
        .collect();
    for (child, expected) in &children {
        assert_eq!(child.root(), *expected);
    }
    assert_eq!(parent.root(), before);
    drop(parent);
    for (child, expected) in children {
        let again = child.update(&[], &Sequential).unwrap();
        assert_eq!(again.root(), expected);
    }
}

/// A tree over raw keys, some with empty values.
fn keyed(count: u32) -> (Tree, BTreeMap<Vec<u8>, Vec<u8>>) {
    let values: BTreeMap<_, _> = (0..count)
        .map(|i| {
            let value = vec![7; i as usize % 3];
            (i.to_le_bytes().to_vec(), value)
        })
        .collect();
    let leaves = values
        .iter()
        .map(|(key, value)| (tree::path_of(key), tree::value_hash(value)))
        .collect();
    (Tree::from_leaves(leaves, &Sequential).unwrap(), values)
}

#[test]
fn proofs_show_what_is_there_and_what_is_not() {
    for count in [0, 1, 2, 3, 10, 300] {
        let (tree, values) = keyed(count);
        let root = tree.root();
        for i in 0..count + 50 {
            let key = i.to_le_bytes();
            let value = values.get(&key[..]).map(Vec::as_slice);
            let proof = tree.prove(&tree::path_of(&key)).unwrap();
            let proof = decode::<StateProof>(&encode(&proof)).unwrap();
            assert_eq!(proof.verify(&root, &key, value), Ok(()), "{count} {i}");
            let wrong: &[Option<&[u8]>] = &[Some(b"wrong"), None, Some(b"")];
            for wrong in wrong.iter().filter(|wrong| **wrong != value) {
                assert!(proof.verify(&root, &key, *wrong).is_err(), "{count} {i}");
            }
        }
    }
}

#[test]
fn mutated_proofs_are_refused() {
    let (tree, values) = keyed(100);
    let root = tree.root();
    for i in [3_u32, 50, 99, 1_000, 2_000] {
        let key = i.to_le_bytes();
        let value = values.get(&key[..]).map(Vec::as_slice);
        let proof = tree.prove(&tree::path_of(&key)).unwrap();
        let bytes = encode(&proof);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let accepted = decode::<StateProof>(&flipped)
                .is_ok_and(|proof| proof.verify(&root, &key, value).is_ok());
            assert!(!accepted, "key {i}, bit {bit}");
        }
        for mutated in structural_mutations(&proof) {
            assert!(mutated.verify(&root, &key, value).is_err(), "{mutated:?}");
        }
    }
}

fn structural_mutations(proof: &StateProof) -> Vec<StateProof> {
    let with = |siblings: Vec<Hash>, terminal| StateProof {
        siblings: Bounded::new(siblings).unwrap(),
        terminal,
    };
    let siblings = proof.siblings.to_vec();
    let (mut swapped, mut shorter, mut longer) = (siblings.clone(), siblings.clone(), siblings);
    swapped.swap(0, 1);
    shorter.pop();
    longer.push(tree::EMPTY);
    let mut mutated = vec![
        with(swapped, proof.terminal),
        with(shorter, proof.terminal),
        with(longer, proof.terminal),
    ];
    if proof.terminal != Terminal::Empty {
        mutated.push(with(proof.siblings.to_vec(), Terminal::Empty));
    }
    mutated
}

#[derive(Debug, Default)]
struct Counting(std::sync::Mutex<Vec<usize>>);

impl BatchHasher for Counting {
    fn hash_pairs(&self, pairs: &[[u8; 64]]) -> Vec<Hash> {
        self.0.lock().unwrap().push(pairs.len());
        Sequential.hash_pairs(pairs)
    }

    fn hash_messages(&self, messages: &[&[u8]]) -> Vec<Hash> {
        Sequential.hash_messages(messages)
    }
}

#[test]
fn nodes_are_hashed_in_wide_batches() {
    let counting = Counting::default();
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut leaves: Vec<LeafChange> = (0..4_096)
        .map(|_| (random_hash(&mut rng), Some(random_hash(&mut rng))))
        .collect();
    leaves.sort();
    let tree = Tree::empty().update(&leaves, &counting).unwrap();
    let batches = core::mem::take(&mut *counting.0.lock().unwrap());
    let hashes: usize = batches.iter().sum();
    let mean = hashes / batches.len();
    assert!(mean >= 16, "lanes are filled: {batches:?}");
    let absent: Vec<_> = (0..9).map(|i| (sha256(&[i]), None)).collect();
    let same = tree.update(&absent, &counting).unwrap();
    assert_eq!(same.root(), tree.root());
    let hashed: usize = counting.0.lock().unwrap().iter().sum();
    assert_eq!(hashed, 0, "removing what is absent hashes nothing");
}

#[test]
fn the_deepest_trees_fit_a_small_stack() {
    let work = || {
        let base = sha256(b"deep");
        let changes: Vec<_> = (0..256)
            .map(|depth| {
                let mut path = base;
                path.0[depth / 8] ^= 0x80 >> (depth % 8);
                (path, Some(base))
            })
            .chain([(base, Some(base))])
            .collect();
        let tree = Tree::empty().update(&changes, &Sequential).unwrap();
        let other = tree.update(&[(base, None)], &Sequential).unwrap();
        assert_ne!(tree.root(), other.root());
        drop(tree);
        drop(other);
    };
    let thread = std::thread::Builder::new().stack_size(512 * 1024);
    thread.spawn(work).unwrap().join().unwrap();
}
