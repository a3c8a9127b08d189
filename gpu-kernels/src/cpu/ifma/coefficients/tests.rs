use sha2::{Digest, Sha512};

use super::*;
use crate::cpu::vector::run_ifma;

/// Per part and lane the words of a challenge and of S.
type Group = Vec<[[u64; 12]; LANES]>;

fn group(parts: usize) -> Group {
    let mut next = 0_u64;
    let mut word = || {
        next += 1;
        next.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    (0..parts)
        .map(|_| std::array::from_fn(|_| std::array::from_fn(|_| word())))
        .collect()
}

/// In eight lanes.
fn found(ifma: Ifma, count: usize, group: &Group) -> Vec<u128> {
    let statements: Vec<Statement> = group
        .iter()
        .map(|part| {
            let vector = |at: usize| U64x8::from_array(ifma, part.map(|words| words[at]));
            Statement {
                challenge: std::array::from_fn(vector),
                s: std::array::from_fn(|at| vector(at + 8)),
            }
        })
        .collect();
    let coefficients = Coefficients {
        count,
        statements: &statements,
    };
    run_ifma(ifma, coefficients)
        .iter()
        .flat_map(|[low, high]| {
            let (low, high) = (low.to_array(), high.to_array());
            std::array::from_fn::<u128, LANES, _>(|lane| {
                u128::from(low[lane]) | u128::from(high[lane]) << 64
            })
        })
        .collect()
}

/// One after another, as the module says.
fn expected(count: usize, group: &Group) -> Vec<u128> {
    let words = |digest: &[u8]| -> Vec<u64> {
        let (chunks, _) = digest.as_chunks::<8>();
        chunks
            .iter()
            .map(|chunk| u64::from_be_bytes(*chunk))
            .collect()
    };
    let mut root = Sha512::new();
    root.update(b"ordlane/rlc/root");
    root.update((count as u64).to_be_bytes());
    let mut digests = Vec::new();
    for lane in 0..LANES {
        let mut hash = Sha512::new();
        hash.update(b"ordlane/rlc/lane");
        hash.update((count as u64).to_be_bytes());
        hash.update((lane as u64).to_be_bytes());
        for part in group {
            for word in part[lane] {
                hash.update(word.to_be_bytes());
            }
        }
        digests.push(words(&hash.finalize()));
    }
    for word in 0..8 {
        for digest in &digests {
            root.update(digest[word].to_be_bytes());
        }
    }
    let root = root.finalize();
    let mut coefficients = vec![0; group.len() * LANES];
    for (at, place) in coefficients.iter_mut().enumerate() {
        let (part, lane) = (at / LANES, at % LANES);
        let number = part / 4 * LANES + lane;
        let mut hash = Sha512::new();
        hash.update(b"ordlane/rlc/coef");
        hash.update(root);
        hash.update((number as u64).to_be_bytes());
        let words = words(&hash.finalize());
        let (low, high) = (words[part % 4 * 2], words[part % 4 * 2 + 1]);
        *place = u128::from(low) | u128::from(high) << 64;
    }
    coefficients
}

fn proof() -> Option<Ifma> {
    let ifma = Ifma::detect();
    if ifma.is_none() {
        println!("skipped: this CPU has no AVX-512 IFMA");
    }
    ifma
}

#[test]
fn they_are_what_one_lane_after_another_gives() {
    let Some(ifma) = proof() else { return };
    for parts in [1, 2, 3, 4, 5, 8, 20, 32] {
        let group = group(parts);
        assert_eq!(found(ifma, parts * 8, &group), expected(parts * 8, &group));
        assert_eq!(
            found(ifma, parts * 8 - 1, &group),
            expected(parts * 8 - 1, &group)
        );
    }
}

#[test]
fn all_of_them_change_with_any_bit_of_the_group_and_no_two_are_the_same() {
    let Some(ifma) = proof() else { return };
    let mut group = group(5);
    let mut all = found(ifma, 40, &group);
    all.extend(found(ifma, 39, &group));
    for part in 0..5 {
        for lane in 0..LANES {
            for word in 0..12 {
                let bit = (part * 7 + lane * 13 + word * 5) % 64;
                group[part][lane][word] ^= 1 << bit;
                all.extend(found(ifma, 40, &group));
                group[part][lane][word] ^= 1 << bit;
            }
        }
    }
    let count = all.len();
    assert_eq!(count, 40 * (2 + 480));
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}
