//! Proofs of many keys against proofs of single ones, nomt-core's trie, and the tree's own update.

use std::collections::{BTreeMap, BTreeSet};

use nomt_core::{hasher::Sha2Hasher, update::build_trie};
use ordlane_primitives::{
    Hash,
    batch::Sequential,
    codec::{decode, encode},
    proof::{EndNode, KeyValue, MultiProof, OtherLeaf, PathEnd, ProofError, StateProof},
    tree,
};
use ordlane_state::{LeafChange, StateError, Tree};
use proptest::prelude::*;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

type Values = BTreeMap<Vec<u8>, Vec<u8>>;

/// How many bits the ordinary tests flip; the long one takes a million.
const FLIPS: u32 = 20_000;

fn key(number: u32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

/// A tree over the keys 0 to `count`, some with empty values.
fn keyed(count: u32) -> (Tree, Values) {
    let values: Values = (0..count)
        .map(|number| (key(number), vec![7; number as usize % 3]))
        .collect();
    (tree_of(&values), values)
}

fn tree_of(values: &Values) -> Tree {
    let leaf = |(key, value): (&Vec<u8>, &Vec<u8>)| (tree::path_of(key), tree::value_hash(value));
    Tree::from_leaves(values.iter().map(leaf).collect(), &Sequential).unwrap()
}

fn nomt_root(values: &Values) -> Hash {
    let leaves: BTreeMap<[u8; 32], [u8; 32]> = values
        .iter()
        .map(|(key, value)| (tree::path_of(key).0, tree::value_hash(value).0))
        .collect();
    Hash(build_trie::<Sha2Hasher>(0, leaves, |_| {}))
}

fn items<'a>(keys: &'a BTreeSet<Vec<u8>>, values: &'a Values) -> Vec<KeyValue<'a>> {
    let item = |key: &'a Vec<u8>| (key.as_slice(), values.get(key).map(Vec::as_slice));
    keys.iter().map(item).collect()
}

fn prove(tree: &Tree, keys: &BTreeSet<Vec<u8>>) -> MultiProof {
    let paths: Vec<Hash> = keys.iter().map(|key| tree::path_of(key)).collect();
    let proof = tree.prove_many(&paths).unwrap();
    decode(&encode(&proof)).unwrap()
}

/// Some keys of which a part is there.
fn some_keys(rng: &mut ChaCha8Rng, count: u32, size: usize) -> BTreeSet<Vec<u8>> {
    (0..size)
        .map(|_| key(rng.random_range(0..count.max(1) * 3 / 2)))
        .collect()
}

#[test]
fn a_proof_of_many_keys_shows_what_their_single_proofs_show() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for count in [0, 1, 2, 3, 10, 300, 3_000] {
        let (tree, values) = keyed(count);
        let root = tree.root();
        assert_eq!(root, nomt_root(&values));
        for size in [1, 2, 5, 40, 200] {
            let keys = some_keys(&mut rng, count, size);
            let items = items(&keys, &values);
            let proof = prove(&tree, &keys);
            assert_eq!(proof.verify(&root, &items), Ok(()), "{count} {size}");
            for (index, (key, value)) in items.iter().enumerate() {
                let single = tree.prove(&tree::path_of(key)).unwrap();
                assert_eq!(single.verify(&root, key, *value), Ok(()));
                let mut lies = items.clone();
                for lie in [None, Some(b"lie".as_slice()), Some(b"")] {
                    lies[index].1 = lie;
                    let accepted = proof.verify(&root, &lies).is_ok();
                    assert_eq!(accepted, single.verify(&root, key, lie).is_ok());
                }
            }
        }
    }
}

#[test]
fn a_proof_of_one_key_is_its_single_proof_without_what_the_key_gives() {
    let (tree, _) = keyed(50);
    for number in 0..80 {
        let path = tree::path_of(&key(number));
        let StateProof { siblings, terminal } = tree.prove(&path).unwrap();
        let many = tree.prove_many(&[path, path]).unwrap();
        let mut ordered: Vec<(bool, Hash)> = (0..)
            .map(|depth| tree::bit(&path, depth))
            .zip(siblings.iter().copied())
            .collect();
        // Left of the path from the root down, then right of it from the bottom up.
        let right: Vec<Hash> = ordered
            .iter()
            .rev()
            .filter(|(b, _)| !b)
            .map(|s| s.1)
            .collect();
        ordered.retain(|(is_right, _)| *is_right);
        let left: Vec<Hash> = ordered.into_iter().map(|(_, sibling)| sibling).collect();
        assert_eq!(many.siblings(), [left, right].concat());
        let depth = u16::try_from(siblings.len()).unwrap();
        assert_eq!(many.ends().len(), 1);
        assert_eq!(many.ends()[0].depth, depth);
        let present = matches!(many.ends()[0].node, EndNode::Own);
        assert_eq!(present, number < 50, "{terminal:?}");
    }
}

#[test]
fn no_key_is_no_proof() {
    let (tree, _) = keyed(3);
    let refused = tree.prove_many(&[]);
    assert!(matches!(
        refused,
        Err(StateError::Unprovable(ProofError::NoKeys))
    ));
}

/// All sets of keys of a small tree have their own proof and no other part of it can go.
#[test]
fn parts_that_are_missing_spare_or_in_another_order_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (tree, values) = keyed(60);
    let root = tree.root();
    for size in [1, 3, 10, 30] {
        let keys = some_keys(&mut rng, 60, size);
        let items = items(&keys, &values);
        let proof = prove(&tree, &keys);
        let (ends, siblings) = (proof.ends().to_vec(), proof.siblings().to_vec());
        let refused = |ends: &[PathEnd], siblings: &[Hash]| {
            let damaged =
                MultiProof::new(ends.to_vec(), proof.others().to_vec(), siblings.to_vec()).unwrap();
            assert!(damaged == proof || damaged.verify(&root, &items).is_err());
        };
        for at in 0..ends.len() {
            let (mut fewer, mut more, mut other) = (ends.clone(), ends.clone(), ends.clone());
            fewer.remove(at);
            more.insert(at, ends[at]);
            other.swap(at, 0);
            for damaged in [fewer, more, other] {
                refused(&damaged, &siblings);
            }
        }
        let mut others = proof.others().to_vec();
        for other in [tree::EMPTY, root].map(|path| OtherLeaf {
            path,
            value_hash: root,
        }) {
            others.push(other);
            let more = MultiProof::new(ends.clone(), others.clone(), siblings.clone());
            assert!(more.unwrap().verify(&root, &items).is_err());
            others.pop();
        }
        if others.pop().is_some() {
            let fewer = MultiProof::new(ends.clone(), others, siblings.clone());
            assert!(fewer.unwrap().verify(&root, &items).is_err());
        }
        for at in 0..siblings.len() {
            let mut fewer = siblings.clone();
            fewer.remove(at);
            refused(&ends, &fewer);
            for node in [tree::EMPTY, siblings[at]] {
                let mut more = siblings.clone();
                more.insert(at, node);
                refused(&ends, &more);
            }
            let mut other = siblings.clone();
            other.swap(at, 0);
            refused(&ends, &other);
        }
    }
}

#[test]
fn a_key_that_is_not_covered_is_refused() {
    let (tree, values) = keyed(500);
    let keys: BTreeSet<_> = (0..20).map(key).collect();
    let proof = prove(&tree, &keys);
    for number in 20..500 {
        let mut more = keys.clone();
        more.insert(key(number));
        let refused = proof.verify(&tree.root(), &items(&more, &values));
        assert!(refused.is_err(), "{number}");
    }
    for number in 0..20 {
        let mut fewer = keys.clone();
        fewer.remove(&key(number));
        let refused = proof.verify(&tree.root(), &items(&fewer, &values));
        assert!(refused.is_err(), "{number}");
    }
}

/// Checks that the root computed from a proof is the one that the tree has after the same changes.
fn check_update(
    values: &Values,
    touched: &BTreeSet<Vec<u8>>,
    changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>,
) {
    let tree = tree_of(values);
    let leaves: Vec<LeafChange> = changes
        .iter()
        .map(|(key, value)| (tree::path_of(key), value.as_deref().map(tree::value_hash)))
        .collect();
    let expected = tree.update(&leaves, &Sequential).unwrap().root();
    let changed: Vec<KeyValue<'_>> = changes
        .iter()
        .map(|(key, value)| (key.as_slice(), value.as_deref()))
        .collect();
    let computed =
        prove(&tree, touched).verify_update(&tree.root(), &items(touched, values), &changed);
    assert_eq!(computed, Ok(expected));
    let mut after = values.clone();
    for (key, value) in changes {
        match value {
            Some(value) => after.insert(key.clone(), value.clone()),
            None => after.remove(key),
        };
    }
    assert_eq!(expected, nomt_root(&after));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_root_after_an_update_is_that_of_the_tree(
        before in prop::collection::btree_map(0_u32..60, 0_u8..3, 0..50),
        touched in prop::collection::btree_set(0_u32..60, 1..40),
        changes in prop::collection::btree_map(0_u32..60, prop::option::of(0_u8..3), 0..30),
    ) {
        let values = before.into_iter().map(|(number, value)| (key(number), vec![value])).collect();
        let mut touched: BTreeSet<Vec<u8>> = touched.into_iter().map(key).collect();
        let changes: BTreeMap<_, _> = changes
            .into_iter()
            .map(|(number, value)| (key(number), value.map(|value| vec![value])))
            .collect();
        touched.extend(changes.keys().cloned());
        check_update(&values, &touched, &changes);
    }
}

#[test]
fn the_root_after_all_keys_but_one_are_deleted_is_its_leaf() {
    let (_, values) = keyed(40);
    for kept in [0, 17, 39] {
        let touched: BTreeSet<_> = (0..40).filter(|number| *number != kept).map(key).collect();
        let changes = touched.iter().map(|key| (key.clone(), None)).collect();
        check_update(&values, &touched, &changes);
    }
}

/// Flips single bits of encoded proofs, one key's and many keys', and counts those that are accepted nevertheless.
fn flip(flips: u32, seed: u64) -> u32 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (tree, values) = keyed(1_000);
    let root = tree.root();
    let mut accepted = 0;
    let mut done = 0;
    while done < flips {
        let size = *[1, 2, 5, 20].choose(&mut rng).unwrap();
        let keys = some_keys(&mut rng, 1_000, size);
        let items = items(&keys, &values);
        let (many, (one, value)) = (encode(&prove(&tree, &keys)), items[0]);
        let single = encode(&tree.prove(&tree::path_of(one)).unwrap());
        let is_accepted = |bytes: &[u8], is_many: bool| {
            if is_many {
                decode::<MultiProof>(bytes).is_ok_and(|proof| proof.verify(&root, &items).is_ok())
            } else {
                decode::<StateProof>(bytes)
                    .is_ok_and(|proof| proof.verify(&root, one, value).is_ok())
            }
        };
        for (bytes, is_many) in [(many, true), (single, false)] {
            assert!(is_accepted(&bytes, is_many), "as it is, it is accepted");
            for _ in 0..50.min(flips - done) {
                let bit = rng.random_range(0..bytes.len() * 8);
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                accepted += u32::from(is_accepted(&flipped, is_many));
                done += 1;
            }
        }
    }
    accepted
}

#[test]
fn no_proof_with_a_flipped_bit_is_accepted() {
    assert_eq!(flip(FLIPS, 3), 0);
}

#[test]
#[ignore = "a million flips, for a release build"]
fn none_of_a_million_proofs_with_a_flipped_bit_is_accepted() {
    let accepted = flip(1_000_000, 4);
    println!("1000000 proofs with one flipped bit: {accepted} accepted");
    assert_eq!(accepted, 0);
}

#[test]
#[ignore = "prints sizes, for a release build"]
fn the_size_of_a_proof_grows_less_than_the_number_of_its_keys() {
    let (tree, _) = keyed(100_000);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut last = 0;
    for size in [1, 10, 100, 1_000] {
        let mut keys = BTreeSet::new();
        while keys.len() < size {
            keys.insert(key(rng.random_range(0..100_000)));
        }
        let bytes = encode(&prove(&tree, &keys)).len();
        let single: usize = keys
            .iter()
            .map(|key| encode(&tree.prove(&tree::path_of(key)).unwrap()).len())
            .sum();
        println!("{size} keys of 100000: {bytes} bytes, {single} in single proofs");
        assert!(last < bytes && bytes < single);
        last = bytes;
    }
}
