//! The multiples of the base point, as `ed25519_straus` reads them.

use super::emit::machine::{Fault, Machine};
use super::emit::{BufferId, Code, Kernel, Program, Value};
use super::field::{Field, limbs_of};
use super::kernels::{ElementRows, write};
use super::layout::BASE_MULTIPLES;
use super::point::Points;
use super::{Radix, power};

/// x of the base point (RFC 8032, section 5.1), in words, the lowest first.
const BASE_X: [u64; 4] = [
    0xc956_2d60_8f25_d51a,
    0x692c_c760_9525_a7b2,
    0xc0a4_e231_fdd6_dc5c,
    0x2169_36d3_cd6e_53fe,
];
/// Its y: 4 / 5.
const BASE_Y: [u64; 4] = [
    0x6666_6666_6666_6658,
    0x6666_6666_6666_6666,
    0x6666_6666_6666_6666,
    0x6666_6666_6666_6666,
];

/// The buffer `base`: per multiple 1 to 128, the canonical elements y + x, y - x and 2 d x y.
///
/// The kernels' own code computes them here, once for each device that is used.
///
/// # Errors
///
/// None, unless that code is wrong.
pub(crate) fn table(radix: Radix) -> Result<Vec<u32>, Fault> {
    // In the radix that takes the fewest steps.
    let own = Radix::U64;
    let mut program = Program::new();
    let kernel = define(&mut program, own);
    let words = 3 * BASE_MULTIPLES as usize * own.limbs();
    let mut buffers = [vec![0; words]];
    Machine::new(&program, &kernel).run([1, 0, 0, 0], &mut buffers)?;
    let [limbs] = buffers;
    let elements = limbs.chunks_exact(own.limbs());
    Ok(elements
        .flat_map(|limbs| limbs_of(radix, words_of(own, limbs)))
        .collect())
}

const BASE: BufferId = BufferId::new(0);

/// A kernel of one item that computes the table.
fn define(program: &mut Program, radix: Radix) -> Kernel {
    let field = Field::define(program, radix);
    let points = Points::define(program, field);
    let power_p58 = power::define(program, field);
    program.kernel_per_item(
        "ed25519_base",
        ["count", "unused_1", "unused_2", "unused_3"],
        vec![write("base")],
        |code, item| {
            let [x, y] = [BASE_X, BASE_Y].map(|words| field.constant(code, words));
            let base = points.make_affine(code, x, y);
            let step = points.affine(code, base);
            let multiple = code.variable(
                points.completed_affine(code, base),
                points.completed_limits(),
            );
            code.repeat(BASE_MULTIPLES, |number| {
                let extended = points.extended(code, code.get(multiple));
                let [x, y, z, _] = code.fields(extended);
                let inverse = invert(code, field, z, |code, z| code.call(power_p58, &[z]));
                let [x, y] = [x, y].map(|coordinate| field.mul(code, coordinate, inverse));
                let words = code.mul_constant(number, 3 * radix.limbs() as u64);
                let first = code.add(words, item);
                let mut rows = ElementRows::new(code, field, BASE, first, code.u32(1));
                for element in points.make_affine(code, x, y) {
                    rows.store(field.canonical(code, element), &field.limits(1));
                }
                let no = code.bool(false);
                code.set(multiple, points.add_affine(code, extended, step, no));
            });
        },
    )
}

/// 1 / z: the power p - 2, which is 8 (p - 5) / 8 + 3.
fn invert(
    code: &Code<'_>,
    field: Field,
    z: Value,
    power_p58: impl FnOnce(&Code<'_>, Value) -> Value,
) -> Value {
    let mut power = power_p58(code, z);
    for _ in 0..3 {
        power = field.square(code, power);
    }
    let cube = field.mul(code, field.square(code, z), z);
    field.mul(code, power, cube)
}

/// The words of a canonical element.
fn words_of(radix: Radix, limbs: &[u32]) -> [u64; 4] {
    let mut words = [0; 4];
    for (at, limb) in limbs.iter().enumerate() {
        let bit = at * radix.bits() as usize;
        let wide = u128::from(*limb) << (bit % 64);
        let [low, high] = [wide, wide >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)));
        words[bit / 64] |= low.unwrap_or(0);
        if let Some(next) = words.get_mut(bit / 64 + 1) {
            *next |= high.unwrap_or(0);
        }
    }
    words
}

#[cfg(test)]
mod tests;
