//! Points from encodings that few signatures have.

use curve25519_dalek::edwards::CompressedEdwardsY;

use super::hashes::bytes;
use super::{run, words};
use crate::gpu::shaders::emit::machine::Machine;
use crate::gpu::shaders::emit::{BufferId, Program};
use crate::gpu::shaders::field::Field;
use crate::gpu::shaders::kernels::{ElementRows, read, write};
use crate::gpu::shaders::{KernelKind, Radix};

/// p + 0 to p + 18 fit 255 bits.
const NOT_CANONICAL: u8 = 19;

/// y = `small`, or y = p + `small`, with the sign of x.
fn encoding(small: u8, is_canonical: bool, sign: u8) -> [u8; 32] {
    let mut bytes = [if is_canonical { 0 } else { 0xff }; 32];
    bytes[0] = if is_canonical { small } else { 0xed + small };
    bytes[31] = bytes[31] & 0x7f | sign << 7;
    bytes
}

/// Of each encoding the canonical elements that the kernel gives, and whether there is a point.
fn decompress(radix: Radix, encodings: &[[u8; 32]]) -> Vec<(Vec<u32>, bool)> {
    let count = encodings.len();
    let points = vec![0; (3 * radix.limbs() + 1) * count];
    let uniform = [count.try_into().unwrap(), 0, 0, 0];
    let buffers = vec![words(encodings), points];
    let buffers = run(KernelKind::Ed25519Decompress, radix, uniform, buffers);
    let (elements, found) = buffers[1].split_at(3 * radix.limbs() * count);
    let elements = canonical(radix, elements, count);
    let of = |item| elements.iter().skip(item).step_by(count).copied();
    (0..count)
        .map(|item| (of(item).collect(), found[item] == 1))
        .collect()
}

/// The canonical elements of rows.
fn canonical(radix: Radix, rows: &[u32], count: usize) -> Vec<u32> {
    let mut program = Program::new();
    let field = Field::define(&mut program, radix);
    let kernel = program.kernel_per_item(
        "canonical",
        ["count", "unused_1", "unused_2", "unused_3"],
        vec![read("input"), write("output")],
        |code, item| {
            let count = code.uniform(0, 1 << 16);
            let new = |number| ElementRows::new(code, field, BufferId::new(number), item, count);
            let (mut input, mut output) = (new(0), new(1));
            for _ in 0..3 {
                let element = input.load(&field.limits(1));
                output.store(field.canonical(code, element), &field.limits(1));
            }
        },
    );
    let mut buffers = [rows.to_vec(), vec![0; rows.len()]];
    Machine::new(&program, &kernel)
        .run([count.try_into().unwrap(), 0, 0, 0], &mut buffers)
        .unwrap();
    let [_, output] = buffers;
    output
}

#[test]
fn a_number_that_is_not_below_p_is_that_modulo_p() {
    let all =
        |is_canonical| (0..2 * NOT_CANONICAL).map(move |at| encoding(at / 2, is_canonical, at % 2));
    let encodings: Vec<[u8; 32]> = all(true).chain(all(false)).collect();
    for radix in Radix::ALL {
        let points = decompress(radix, &encodings);
        let (canonical, others) = points.split_at(points.len() / 2);
        assert_eq!(canonical, others, "{radix:?}");
    }
}

#[test]
fn there_is_a_point_where_the_definition_finds_one() {
    let some = |at: u8| [encoding(at, false, at & 1), encoding(at, true, at & 1)];
    let mut encodings: Vec<[u8; 32]> = (0..NOT_CANONICAL).flat_map(some).collect();
    encodings.extend((0..120).map(|seed| <[u8; 32]>::try_from(bytes(32, seed)).unwrap()));
    encodings.extend([[0; 32], [0xff; 32]]);
    for radix in Radix::ALL {
        let found: Vec<bool> = decompress(radix, &encodings)
            .into_iter()
            .map(|(_, found)| found)
            .collect();
        let expected: Vec<bool> = encodings
            .iter()
            .map(|bytes| CompressedEdwardsY(*bytes).decompress().is_some())
            .collect();
        assert!(expected.contains(&true) && expected.contains(&false));
        assert_eq!(found, expected, "{radix:?}");
    }
}
