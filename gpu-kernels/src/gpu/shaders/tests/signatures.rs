//! Verdicts.

use ordlane_primitives::batch::{BatchVerifier as _, Sequential, SignatureCheck};
use ordlane_testkit::signatures::{SignatureCase, small_order_encodings};

use super::{run, words};
use crate::gpu::shaders::layout::{SCALAR_BYTES, SignatureSizes};
use crate::gpu::shaders::pack::signatures::PackedChecks;
use crate::gpu::shaders::{KernelKind, Radix, base};

/// The kernels for signatures in their order, with the uniforms of a batch. The sums are cut into two dispatches.
pub(super) fn steps(packed: &PackedChecks) -> [(KernelKind, [u32; 4]); 5] {
    let (count, stride) = (packed.count, packed.stride);
    [
        (KernelKind::Ed25519Decompress, [2 * stride, 0, 0, 0]),
        (KernelKind::Ed25519Table, [count, stride, 0, 0]),
        (KernelKind::Ed25519Straus, [count, stride, 0, 13]),
        (KernelKind::Ed25519Straus, [count, stride, 13, SCALAR_BYTES]),
        (KernelKind::Ed25519Finish, [count, stride, 0, 0]),
    ]
}

/// The buffers of a batch, by their names in the layout. The host fills some.
pub(super) fn buffers(radix: Radix, packed: &PackedChecks) -> Vec<(&'static str, Vec<u32>)> {
    let sizes = SignatureSizes::of(radix, packed.stride);
    let empty = |words: u64| vec![0; words.try_into().unwrap()];
    let buffers = vec![
        ("encodings", words(&packed.encodings)),
        ("scalars", words(&packed.scalars)),
        ("base", base::table(radix).unwrap()),
        ("points", empty(sizes.points)),
        ("table", empty(sizes.table)),
        ("sums", empty(sizes.sums)),
        ("verdicts", empty(sizes.verdicts)),
    ];
    let lengths = [sizes.encodings, sizes.scalars, sizes.base];
    for ((name, buffer), length) in buffers.iter().zip(lengths) {
        assert_eq!(buffer.len() as u64, length, "{name}");
    }
    buffers
}

/// Verdicts by the machine.
fn verify(radix: Radix, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
    let packed = PackedChecks::pack(checks);
    let mut buffers = buffers(radix, &packed);
    for (kind, uniform) in steps(&packed) {
        let (_, kernel) = kind.define(radix);
        let mut taken: Vec<Vec<u32>> = Vec::new();
        for buffer in &kernel.buffers {
            let (_, words) = buffers
                .iter_mut()
                .find(|(name, _)| *name == buffer.name)
                .unwrap();
            taken.push(std::mem::take(words));
        }
        let given = run(kind, radix, uniform, taken);
        for (buffer, given) in kernel.buffers.iter().zip(given) {
            for (name, words) in &mut buffers {
                if *name == buffer.name {
                    words.clone_from(&given);
                }
            }
        }
    }
    let (_, verdicts) = buffers.last().unwrap();
    packed.verdicts(verdicts)
}

/// The machine agrees with the definition; how many hold.
fn all_agree(radix: Radix, cases: &[SignatureCase]) -> usize {
    let checks: Vec<SignatureCheck<'_>> = cases.iter().map(SignatureCase::check).collect();
    let expected = Sequential.verify_batch(&checks);
    let verdicts = verify(radix, &checks);
    for ((verdict, expected), case) in verdicts.iter().zip(&expected).zip(cases) {
        assert_eq!(verdict, expected, "{radix:?}: {case:?}");
    }
    assert_eq!(verdicts.len(), cases.len());
    expected.into_iter().filter(|holds| *holds).count()
}

/// Every pair of encodings of small order as A and R, with S = 0.
pub(super) fn small_order_cases() -> Vec<SignatureCase> {
    let count = small_order_encodings().len();
    (0..count * count)
        .map(|at| SignatureCase::of_small_order(at / count, at % count, &[0; 32], b"Zcash"))
        .collect()
}

/// Keys and R with each of the eight parts of small order; of two that differ in S the second is wrong.
pub(super) fn mixed_order_cases() -> Vec<SignatureCase> {
    let case = |at: usize| {
        SignatureCase::of_mixed_order(at / 16, at / 2 % 8, b"mixed", u8::from(at % 2 == 1))
    };
    (0..128).map(case).collect()
}

/// Honest signatures, each second one with one bit flipped somewhere.
pub(super) fn flipped_cases(count: usize) -> Vec<SignatureCase> {
    (0..count)
        .map(|at| {
            let case = SignatureCase::honest(at as u64, &at.to_le_bytes());
            if at % 2 == 0 {
                case
            } else {
                case.with_flipped_bit(at * 7919)
            }
        })
        .collect()
}

#[test]
fn verdicts_are_those_of_the_definition_in_words_of_64_bits() {
    let radix = Radix::U64;
    assert_eq!(all_agree(radix, &small_order_cases()), 196);
    assert_eq!(all_agree(radix, &mixed_order_cases()), 64);
    assert_eq!(all_agree(radix, &flipped_cases(128)), 64);
}

#[test]
fn verdicts_are_those_of_the_definition_in_words_of_32_bits() {
    let radix = Radix::U32;
    assert_eq!(all_agree(radix, &mixed_order_cases()[..32]), 16);
    let some: Vec<SignatureCase> = small_order_cases().into_iter().step_by(5).collect();
    assert_eq!(all_agree(radix, &some), some.len());
}

#[test]
fn s_must_be_canonical() {
    let case = SignatureCase::honest(1, b"canonical");
    let cases = [case.clone(), case.with_s_plus_order()];
    assert_eq!(all_agree(Radix::U64, &cases), 1);
}
