use curve25519_dalek::{constants::ED25519_BASEPOINT_POINT, scalar::Scalar};

use super::*;

/// Elements of both radices in words.
fn elements(radix: Radix) -> Vec<[u64; 4]> {
    let table = table(radix).unwrap();
    let elements = table.chunks_exact(radix.limbs());
    elements.map(|limbs| words_of(radix, limbs)).collect()
}

/// The lowest word of a sum of two elements modulo p, if it is not close to a multiple of 2^64.
fn low_of_sum(a: [u64; 4], b: [u64; 4]) -> [u64; 2] {
    // Either no p is taken away, or one.
    let sum = a[0].wrapping_add(b[0]);
    [sum, sum.wrapping_add(19)]
}

#[test]
fn both_radices_hold_the_multiples_of_the_base_point() {
    let elements = elements(Radix::U64);
    assert_eq!(elements, self::elements(Radix::U32));
    for (entry, multiple) in elements.chunks_exact(3).zip(1_u64..) {
        let point = ED25519_BASEPOINT_POINT * Scalar::from(multiple);
        let bytes = point.compress().0;
        let y = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        // (y + x) + (y - x) = 2 y.
        let sums = low_of_sum(entry[0], entry[1]);
        let twice = y.wrapping_mul(2);
        assert!(
            sums.contains(&twice) || sums.contains(&twice.wrapping_add(19)),
            "{multiple}"
        );
    }
}
