use super::*;
use crate::{codec, tree};

type Pair<'a> = (&'a [u8], Option<&'a [u8]>);

/// A tree of two leaves and the proof of both, made by hand.
fn two_leaves() -> (Hash, MultiProof, [Pair<'static>; 2]) {
    let (a, b) = (b"key".as_slice(), b"other".as_slice());
    let (path_a, path_b) = (tree::path_of(a), tree::path_of(b));
    let depth = tree::shared_bits(&path_a, &path_b);
    let leaf = |path, value| tree::leaf_node(path, &tree::value_hash(value));
    let (leaf_a, leaf_b) = (leaf(&path_a, b"1"), leaf(&path_b, b"2"));
    let pair = if path_a < path_b {
        tree::internal_node(&leaf_a, &leaf_b)
    } else {
        tree::internal_node(&leaf_b, &leaf_a)
    };
    let root = (0..depth).rev().fold(pair, |node, depth| {
        if tree::bit(&path_a, depth) {
            tree::internal_node(&tree::EMPTY, &node)
        } else {
            tree::internal_node(&node, &tree::EMPTY)
        }
    });
    let end = PathEnd {
        depth: u16::try_from(depth + 1).unwrap(),
        node: EndNode::Own,
    };
    let proof = MultiProof::new(vec![end; 2], vec![], vec![tree::EMPTY; depth]).unwrap();
    (root, proof, [(a, Some(b"1")), (b, Some(b"2"))])
}

#[test]
fn a_proof_of_two_keys_shows_both_values_and_nothing_else() {
    let (root, proof, items) = two_leaves();
    assert_eq!(proof.verify(&root, &items), Ok(()));
    let reversed = [items[1], items[0]];
    assert_eq!(proof.verify(&root, &reversed), Ok(()));
    let wrong = [items[0], (items[1].0, Some(b"3".as_slice()))];
    assert!(matches!(
        proof.verify(&root, &wrong),
        Err(ProofError::RootMismatch { .. })
    ));
    let absent = [items[0], (items[1].0, None)];
    assert_eq!(proof.verify(&root, &absent), Err(ProofError::Present));
}

#[test]
fn a_proof_of_other_keys_or_of_none_is_refused() {
    let (root, proof, items) = two_leaves();
    assert_eq!(proof.verify(&root, &[]), Err(ProofError::NoKeys));
    assert!(proof.verify(&root, &items[..1]).is_err());
    let siblings = [proof.siblings(), &[tree::EMPTY]].concat();
    let spare = MultiProof::new(proof.ends().to_vec(), vec![], siblings).unwrap();
    assert_eq!(spare.verify(&root, &items), Err(ProofError::Misshapen));
    let twice = [items[0], items[0], items[1]];
    assert_eq!(proof.verify(&root, &twice), Err(ProofError::DuplicateKey));
    assert_eq!(
        proof.verify_update(&root, &items, &[(b"third", None)]),
        Err(ProofError::NotCovered)
    );
    assert_eq!(
        proof.verify_update(&root, &items, &[items[0], items[0]]),
        Err(ProofError::DuplicateKey)
    );
}

#[test]
fn a_leaf_that_is_left_alone_rises_to_the_root() {
    let (root, proof, items) = two_leaves();
    let gone = proof.verify_update(&root, &items, &[(b"key", None)]);
    let other = tree::leaf_node(&tree::path_of(b"other"), &tree::value_hash(b"2"));
    assert_eq!(gone, Ok(other));
    let both = [(b"key".as_slice(), None), (b"other", None)];
    assert_eq!(proof.verify_update(&root, &items, &both), Ok(tree::EMPTY));
    assert_eq!(proof.verify_update(&root, &items, &items), Ok(root));
}

#[test]
fn a_tree_with_a_lone_leaf_below_its_highest_place_is_refused() {
    let path = tree::path_of(b"key");
    let leaf = tree::leaf_node(&path, &tree::value_hash(b"1"));
    let root = if tree::bit(&path, 0) {
        tree::internal_node(&tree::EMPTY, &leaf)
    } else {
        tree::internal_node(&leaf, &tree::EMPTY)
    };
    let end = PathEnd {
        depth: 1,
        node: EndNode::Own,
    };
    let proof = MultiProof::new(vec![end], vec![], vec![tree::EMPTY]).unwrap();
    assert_eq!(
        proof.verify(&root, &[(b"key", Some(b"1"))]),
        Err(ProofError::NotMinimal)
    );
}

#[test]
fn another_leaf_must_be_another_one_and_lie_on_the_path() {
    let value_hash = tree::value_hash(b"1");
    let proof_of = |path, depth| {
        let end = PathEnd {
            depth,
            node: EndNode::Other,
        };
        let other = OtherLeaf { path, value_hash };
        MultiProof::new(vec![end], vec![other], vec![Hash([1; 32]); depth.into()]).unwrap()
    };
    let path = tree::path_of(b"key");
    let root = tree::leaf_node(&path, &value_hash);
    let shown = proof_of(path, 0).verify(&root, &[(b"key", None)]);
    assert_eq!(shown, Err(ProofError::Present));
    let shown = proof_of(path, 0).verify(&root, &[(b"key", Some(b"1"))]);
    assert_eq!(shown, Err(ProofError::Absent));
    let mut beside = path;
    beside.0[0] ^= 0x40;
    let shown = proof_of(beside, 3).verify(&root, &[(b"key", None)]);
    assert_eq!(shown, Err(ProofError::OffPath));
}

#[test]
fn lengths_and_depths_above_their_limits_are_refused_before_anything_is_read() {
    let many = u32::MAX;
    for claims in [(many, 0, 0), (0, many, 0), (0, 0, many)] {
        let bytes = codec::encode(&claims);
        let refused = codec::decode::<MultiProof>(&bytes).unwrap_err();
        assert!(matches!(
            refused.cause,
            DecodeCause::LengthAboveLimit { length, .. } if length == many as usize
        ));
    }
    let deep = codec::encode(&(1_u32, 257_u16, 0_u8, 0_u32, 0_u32));
    let refused = codec::decode::<MultiProof>(&deep).unwrap_err();
    assert!(matches!(
        refused.cause,
        DecodeCause::LengthAboveLimit { field: "depth", .. }
    ));
}

#[test]
fn any_flipped_bit_and_any_cut_of_an_encoded_multiproof_is_refused() {
    let (root, proof, items) = two_leaves();
    let bytes = codec::encode(&proof);
    assert_eq!(codec::decode::<MultiProof>(&bytes).unwrap(), proof);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let accepted = codec::decode::<MultiProof>(&flipped)
            .is_ok_and(|proof| proof.verify(&root, &items).is_ok());
        assert!(!accepted, "bit {bit}");
    }
    for end in 0..bytes.len() {
        assert!(codec::decode::<MultiProof>(&bytes[..end]).is_err());
    }
}
