//! Our proofs, given to nomt-core's verifiers: of single keys, of many, and of updates.

use std::collections::{BTreeMap, BTreeSet};

use nomt_core::{
    hasher::Sha2Hasher,
    proof::{
        MultiProof as NomtMultiProof, PathProof, PathProofTerminal, verify_multi_proof,
        verify_multi_proof_update,
    },
    trie::LeafData,
    trie_pos::TriePosition,
};
use ordlane_primitives::{
    Hash,
    batch::Sequential,
    proof::{KeyValue, StateProof, Terminal},
    tree,
};
use ordlane_state::Tree;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Values = BTreeMap<Vec<u8>, Vec<u8>>;

/// A tree over the keys 0 to `count`.
fn keyed(count: u32) -> (Tree, Values) {
    let values: Values = (0..count)
        .map(|number| (number.to_le_bytes().to_vec(), vec![7; number as usize % 3]))
        .collect();
    let leaf = |(key, value): (&Vec<u8>, &Vec<u8>)| (tree::path_of(key), tree::value_hash(value));
    let tree = Tree::from_leaves(values.iter().map(leaf).collect(), &Sequential).unwrap();
    (tree, values)
}

/// Some keys, of which a part is there.
fn some_keys(rng: &mut ChaCha8Rng, count: u32, size: usize) -> BTreeSet<Vec<u8>> {
    (0..size)
        .map(|_| rng.random_range(0..count * 3 / 2).to_le_bytes().to_vec())
        .collect()
}

fn nomt_leaf(path: Hash, value_hash: Hash) -> LeafData {
    LeafData {
        key_path: path.0,
        value_hash: value_hash.0,
    }
}

/// Our proof of what is at a path, as nomt writes it.
fn nomt_proof(path: &Hash, proof: &StateProof) -> PathProof {
    let depth = u16::try_from(proof.siblings.len()).unwrap();
    let terminal = match proof.terminal {
        Terminal::Empty => {
            PathProofTerminal::Terminator(TriePosition::from_path_and_depth(path.0, depth))
        }
        Terminal::Leaf { path, value_hash } => PathProofTerminal::Leaf(nomt_leaf(path, value_hash)),
    };
    PathProof {
        terminal,
        siblings: proof.siblings.iter().map(|sibling| sibling.0).collect(),
    }
}

#[test]
fn nomt_accepts_the_proof_of_every_key_and_reads_the_same_in_it() {
    for count in [2, 3, 10, 300] {
        let (tree, values) = keyed(count);
        for number in 0..count + 50 {
            let key = number.to_le_bytes();
            let path = tree::path_of(&key);
            let whole_path = TriePosition::from_path_and_depth(path.0, 256);
            let verified = nomt_proof(&path, &tree.prove(&path).unwrap())
                .verify::<Sha2Hasher>(whole_path.path(), tree.root().0)
                .unwrap();
            let value_hash = tree::value_hash(values.get(&key[..]).map_or(b"", Vec::as_slice));
            let is_there = verified.confirm_value(&nomt_leaf(path, value_hash));
            let is_absent = verified.confirm_nonexistence(&path.0);
            let expected = values.contains_key(&key[..]);
            assert_eq!(is_there.unwrap(), expected, "{count} {number}");
            assert_eq!(is_absent.unwrap(), !expected, "{count} {number}");
        }
    }
}

#[test]
fn a_proof_of_many_keys_has_the_siblings_of_nomt_and_gives_its_root_after_an_update() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for count in [2, 10, 100, 1_000] {
        let (tree, values) = keyed(count);
        let root = tree.root();
        for size in [1, 2, 5, 20, 100] {
            let keys = some_keys(&mut rng, count, size);
            let mut paths: Vec<Hash> = keys.iter().map(|key| tree::path_of(key)).collect();
            let proof = tree.prove_many(&paths).unwrap();

            paths.sort_unstable();
            let mut ends = BTreeMap::new();
            for path in &paths {
                let single = nomt_proof(path, &tree.prove(path).unwrap());
                let depth = u16::try_from(single.siblings.len()).unwrap();
                let end = TriePosition::from_path_and_depth(path.0, depth);
                ends.entry(end.path().to_bitvec()).or_insert(single);
            }
            let nomt = NomtMultiProof::from_path_proofs(ends.into_values().collect());
            assert_eq!(proof.ends().len(), nomt.paths.len());
            let mut siblings: Vec<_> = proof.siblings().iter().map(|hash| hash.0).collect();
            let mut nomt_siblings = nomt.siblings.clone();
            siblings.sort_unstable();
            nomt_siblings.sort_unstable();
            assert_eq!(siblings, nomt_siblings, "{count} {size}");

            let changes: BTreeMap<&[u8], Option<&[u8]>> = keys
                .iter()
                .filter_map(|key| match rng.random_range(0..3) {
                    0 => None,
                    1 => Some((&key[..], None)),
                    _ => Some((&key[..], Some(&b"new"[..]))),
                })
                .collect();
            let changes: Vec<KeyValue<'_>> = changes.into_iter().collect();
            let items: Vec<KeyValue<'_>> = keys
                .iter()
                .map(|key| (&key[..], values.get(key).map(Vec::as_slice)))
                .collect();
            let mut ops: Vec<([u8; 32], Option<[u8; 32]>)> = changes
                .iter()
                .map(|(key, value)| {
                    let value_hash = value.map(|value| tree::value_hash(value).0);
                    (tree::path_of(key).0, value_hash)
                })
                .collect();
            ops.sort_unstable();
            let verified = verify_multi_proof::<Sha2Hasher>(&nomt, root.0).unwrap();
            let expected = verify_multi_proof_update::<Sha2Hasher>(&verified, ops).unwrap();
            let computed = proof.verify_update(&root, &items, &changes);
            assert_eq!(computed, Ok(Hash(expected)), "{count} {size}");
        }
    }
}
