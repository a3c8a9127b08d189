use sha2::{Digest as _, Sha256};

use super::*;

#[test]
fn both_streams_give_the_digests_of_sha2_and_do_not_touch_each_other() {
    let Some(proof) = ShaNi::detect() else {
        println!("skipped: this CPU has no SHA extensions");
        return;
    };
    let digest = |pair: &[u8; 64]| <[u8; 32]>::from(Sha256::digest(pair));
    for seed in 0..64_u64 {
        let pairs: [[u8; 64]; STREAMS] = std::array::from_fn(|stream| {
            std::array::from_fn(|at| {
                let number = (seed * 131 + at as u64 * 7 + stream as u64).wrapping_mul(0x9e37_79b9);
                number.to_be_bytes()[6]
            })
        });
        assert_ne!(pairs[0], pairs[1]);
        assert_eq!(hash_pairs(proof, &pairs), pairs.each_ref().map(digest));
        let swapped = [pairs[1], pairs[0]];
        assert_eq!(hash_pairs(proof, &swapped), swapped.each_ref().map(digest));
    }
    for pair in [[0; 64], [0xff; 64]] {
        assert_eq!(
            hash_pairs(proof, &[pair; STREAMS]),
            [digest(&pair); STREAMS]
        );
        let three = proof.hash_all_pairs(&[pair; 3]);
        assert_eq!(three, [Hash(digest(&pair)); 3]);
    }
    assert!(proof.hash_all_pairs(&[]).is_empty());
}
