//! A million keys, whose root is also known from other implementations of the rule.

use ordlane_primitives::{
    Hash,
    batch::{BatchHasher, Sequential},
};
use ordlane_state::Tree;
use rand::{Rng, RngCore, SeedableRng};
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

#[test]
fn a_million_keys_have_the_known_root() {
    let leaves = leaves(1_000_000);
    let tree = Tree::from_leaves(leaves.clone(), &Sequential).unwrap();
    let root = tree.root().to_string();
    assert!(root.starts_with("6e24bd20eab7b7c9"), "{root}");

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
