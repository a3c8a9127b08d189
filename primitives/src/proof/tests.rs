use super::*;

/// Two keys: a tree whose only internal nodes are those above where their paths part.
fn two_leaves() -> (Hash, StateProof, Vec<u8>, Vec<u8>) {
    let (key, value, other) = (b"key".to_vec(), b"value".to_vec(), b"other".to_vec());
    let (path, other_path) = (tree::path_of(&key), tree::path_of(&other));
    let depth = tree::shared_bits(&path, &other_path);
    let mut siblings = vec![tree::EMPTY; depth];
    siblings.push(tree::leaf_node(&other_path, &tree::value_hash(b"")));
    let terminal = Terminal::Leaf {
        path,
        value_hash: tree::value_hash(&value),
    };
    let proof = StateProof {
        siblings: Bounded::new(siblings).unwrap(),
        terminal,
    };
    (proof.root_for(&path), proof, key, value)
}

#[test]
fn an_inclusion_proof_shows_the_value_and_nothing_else() {
    let (root, proof, key, value) = two_leaves();
    assert_eq!(proof.verify(&root, &key, Some(&value)), Ok(()));
    assert_eq!(
        proof.verify(&root, &key, Some(b"else")),
        Err(ProofError::OtherValue)
    );
    assert_eq!(proof.verify(&root, &key, None), Err(ProofError::Present));
    assert!(matches!(
        proof.verify(&Hash::ZERO, &key, Some(&value)),
        Err(ProofError::RootMismatch { .. })
    ));
}

#[test]
fn an_empty_tree_has_nothing() {
    let proof = StateProof {
        siblings: Bounded::default(),
        terminal: Terminal::Empty,
    };
    assert_eq!(proof.verify(&tree::EMPTY, b"any", None), Ok(()));
    assert_eq!(
        proof.verify(&tree::EMPTY, b"any", Some(b"")),
        Err(ProofError::Absent)
    );
}

#[test]
fn a_lone_leaf_shows_that_every_other_key_is_absent() {
    let (path, value_hash) = (tree::path_of(b"a"), tree::value_hash(b"1"));
    let root = tree::leaf_node(&path, &value_hash);
    let proof = StateProof {
        siblings: Bounded::default(),
        terminal: Terminal::Leaf { path, value_hash },
    };
    assert_eq!(proof.verify(&root, b"a", Some(b"1")), Ok(()));
    assert_eq!(proof.verify(&root, b"b", None), Ok(()));
}

#[test]
fn a_proof_that_is_longer_than_the_tree_is_refused() {
    let (root, proof, key, value) = two_leaves();
    let mut siblings = proof.siblings.to_vec();
    siblings.push(tree::EMPTY);
    let longer = StateProof {
        siblings: Bounded::new(siblings).unwrap(),
        ..proof
    };
    assert_eq!(
        longer.verify(&root, &key, Some(&value)),
        Err(ProofError::NotMinimal)
    );
}

#[test]
fn any_flipped_bit_of_an_encoded_proof_is_refused() {
    let (root, proof, key, value) = two_leaves();
    let bytes = codec::encode(&proof);
    assert_eq!(codec::decode::<StateProof>(&bytes).unwrap(), proof);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let accepted = codec::decode::<StateProof>(&flipped)
            .is_ok_and(|proof| proof.verify(&root, &key, Some(&value)).is_ok());
        assert!(!accepted, "bit {bit}");
    }
}
