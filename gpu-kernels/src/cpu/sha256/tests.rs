use ordlane_primitives::batch::{BatchHasher as _, Sequential};

use super::{ni, wide};
use crate::cpu::padding::Message;
use crate::cpu::vector::Wide;

fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at * 31 + seed * 17 + at / 7) as u8)
        .collect()
}

#[test]
fn sixteen_messages_of_every_length_give_the_standards_digests() {
    let Some(proof) = Wide::detect() else {
        println!("skipped: no AVX-512");
        return;
    };
    for length in 0..=300 {
        let texts: [Vec<u8>; 16] =
            std::array::from_fn(|lane| pattern(length + lane % 3 * 64, lane));
        let messages = texts.each_ref().map(|text| Message([text.as_slice()]));
        let parts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        let expected: Vec<[u8; 32]> = Sequential
            .hash_messages(&parts)
            .iter()
            .map(|hash| hash.0)
            .collect();
        assert_eq!(
            wide::hash_messages(proof, &messages).to_vec(),
            expected,
            "{length}"
        );
    }
}

#[test]
fn pairs_have_one_digest_in_every_tier() {
    let pairs: [[u8; 64]; 16] = std::array::from_fn(|lane| pattern(64, lane).try_into().unwrap());
    let expected: Vec<[u8; 32]> = Sequential
        .hash_pairs(&pairs)
        .iter()
        .map(|hash| hash.0)
        .collect();
    if let Some(proof) = Wide::detect() {
        assert_eq!(
            wide::hash_pairs(proof, &[pairs]).as_flattened().to_vec(),
            expected
        );
    }
    if let Some(proof) = ni::ShaNi::detect() {
        for (two, expected) in pairs
            .as_chunks::<2>()
            .0
            .iter()
            .zip(expected.as_chunks::<2>().0)
        {
            assert_eq!(ni::hash_pairs(proof, two), *expected);
        }
    }
}

#[test]
fn quick() {
    let pairs: Vec<[u8; 64]> = (0..16_000)
        .map(|lane| pattern(64, lane).try_into().unwrap())
        .collect();
    let time = |name: &str, work: &dyn Fn()| {
        work();
        let begun = std::time::Instant::now();
        for _ in 0..10 {
            work();
        }
        println!(
            "{name} {:.1} ns",
            begun.elapsed().as_nanos() as f64 / 160_000.0
        );
    };
    time("sequential", &|| {
        std::hint::black_box(Sequential.hash_pairs(&pairs));
    });
    if let Some(proof) = Wide::detect() {
        time("wide 1", &|| {
            for part in pairs.as_chunks::<16>().0 {
                std::hint::black_box(wide::hash_pairs(proof, &[*part]));
            }
        });
        time("wide 2", &|| {
            for part in pairs.as_chunks::<16>().0.as_chunks::<2>().0 {
                std::hint::black_box(wide::hash_pairs(proof, part));
            }
        });
    }
    if let Some(proof) = ni::ShaNi::detect() {
        time("ni", &|| {
            for part in pairs.as_chunks::<2>().0 {
                std::hint::black_box(ni::hash_pairs(proof, part));
            }
        });
    }
}
