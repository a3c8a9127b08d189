//! Keys and values of a fixed stream, whose roots are also known from other implementations of the rule.

use nomt_core::{hasher::Sha2Hasher, update::build_trie};
use ordlane_primitives::{
    Hash,
    batch::{BatchHasher, Sequential},
};
use ordlane_state::Tree;
use rand::{Rng, RngCore, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Keys of 32 bytes, which serve as paths; values of 32 to 64 bytes, drawn in the order of the keys.
fn leaves(count: usize) -> Vec<(Hash, Hash)> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut paths: Vec<Hash> = (0..count)
        .map(|_| {
            let mut path = Hash::ZERO;
            rng.fill_bytes(&mut path.0);
            path
        })
        .collect();
    paths.sort_unstable();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let values: Vec<Vec<u8>> = paths
        .iter()
        .map(|_| {
            let mut value = vec![0; rng.random_range(32..=64)];
            rng.fill_bytes(&mut value);
            value
        })
        .collect();
    let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    paths
        .into_iter()
        .zip(Sequential.hash_messages(&values))
        .collect()
}

/// The root that nomt-core makes of the leaves.
fn oracle(leaves: &[(Hash, Hash)]) -> Hash {
    let leaves = leaves.iter().map(|(path, value)| (path.0, value.0));
    Hash(build_trie::<Sha2Hasher>(0, leaves, |_| {}))
}

#[test]
fn ten_thousand_keys_have_the_root_of_nomt_whatever_the_order_and_the_batches() {
    let mut leaves = leaves(10_000);
    let expected = oracle(&leaves);
    let root = expected.to_string();
    assert!(root.starts_with("6355b089c1805736"), "{root}");
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    leaves.shuffle(&mut rng);
    assert_eq!(
        Tree::from_leaves(leaves.clone(), &Sequential)
            .unwrap()
            .root(),
        expected
    );
    let mut tree = Tree::empty();
    while !leaves.is_empty() {
        let batch = leaves.split_off(leaves.len() - rng.random_range(1..=leaves.len().min(999)));
        let batch: Vec<_> = batch.into_iter().map(|(p, v)| (p, Some(v))).collect();
        tree = tree.update(&batch, &Sequential).unwrap();
    }
    assert_eq!(tree.root(), expected);
}

#[test]
fn a_million_keys_have_the_known_root() {
    let leaves = leaves(1_000_000);
    let tree = Tree::from_leaves(leaves.clone(), &Sequential).unwrap();
    let root = tree.root().to_string();
    assert!(root.starts_with("6e24bd20eab7b7c9"), "{root}");
    assert_eq!(tree.root(), oracle(&leaves));

    // The same leaves, put in by blocks with a detour over other values, give the same tree.
    let changes: Vec<_> = leaves.iter().step_by(50).copied().collect();
    let away: Vec<_> = changes.iter().map(|&(path, _)| (path, None)).collect();
    let back: Vec<_> = changes.iter().map(|&(p, v)| (p, Some(v))).collect();
    let without = tree.update(&away, &Sequential).unwrap();
    assert_ne!(without.root(), tree.root());
    assert_eq!(
        without.update(&back, &Sequential).unwrap().root(),
        tree.root()
    );
}
