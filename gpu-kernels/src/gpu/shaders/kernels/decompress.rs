//! Points from their encodings.

use super::{ElementRows, load_quads, quads, read, write};
use crate::gpu::shaders::emit::{BufferId, Code, Kernel, Program, Value};
use crate::gpu::shaders::field::Field;
use crate::gpu::shaders::point::{D, Points, SQRT_M1};
use crate::gpu::shaders::power;
use crate::gpu::shaders::{MAX_SIGNATURES, Radix};

const ENCODINGS: BufferId = BufferId::new(0);
const POINTS: BufferId = BufferId::new(1);

/// Encoding i gives point i, ready to be added, and whether there is one. As ZIP 215 has it, y need not be below p, and the sign of x = 0 may
/// be either.
pub(crate) fn define(program: &mut Program, radix: Radix) -> Kernel {
    let field = Field::define(program, radix);
    let points = Points::define(program, field);
    let power_p58 = power::define(program, field);
    program.kernel_per_item(
        "ed25519_decompress",
        ["count", "unused_1", "unused_2", "unused_3"],
        vec![quads(read("encodings")), write("points")],
        |code, item| {
            let quads: [_; 2] = load_quads(code, ENCODINGS, code.shift_left(item, 1));
            let [low, high] = quads.map(|quad| code.fields::<4>(quad));
            let [a, b, c, d] = low;
            let [e, f, g, h] = high;
            let y = field.unpack(code, [a, b, c, d, e, f, g, h]);
            let sign = code.equal_constant(code.shift_right(h, 31), 1);
            let (x, found) = root(code, field, y, sign, |code, element| {
                code.call(power_p58, &[element])
            });
            let stride = code.uniform(0, 2 * MAX_SIGNATURES);
            let limits = field.limits(1);
            let mut rows = ElementRows::new(code, field, POINTS, item, stride);
            for element in points.make_affine(code, x, y) {
                rows.store(element, &limits);
            }
            let one = code.select(found, code.u32(1), code.u32(0));
            rows.store_word(one, 1);
        },
    )
}

/// x of the point with this y, odd where `sign` holds, and whether there is one (RFC 8032, section 5.1.3): with
/// u = y^2 - 1 and v = d y^2 + 1, x = u v^3 (u v^7)^((p - 5) / 8), up to a root of -1.
fn root(
    code: &Code<'_>,
    field: Field,
    y: Value,
    sign: Value,
    power_p58: impl FnOnce(&Code<'_>, Value) -> Value,
) -> (Value, Value) {
    let one = field.small(code, 1);
    let yy = field.square(code, y);
    let u = field.carry(code, field.sub(code, yy, one, 1));
    let dyy = field.mul(code, yy, field.constant(code, D));
    let v = field.carry(code, field.add(code, dyy, one));
    let v3 = field.mul(code, field.square(code, v), v);
    let v7 = field.mul(code, field.square(code, v3), v);
    let uv3 = field.mul(code, u, v3);
    let uv7 = field.mul(code, u, v7);
    let x = field.mul(code, power_p58(code, uv7), uv3);
    let vxx = field.mul(code, field.square(code, x), v);
    let is_root = field.equals(code, vxx, u);
    let is_other_root = field.equals(code, vxx, field.negate(code, u));
    let turned = field.mul(code, x, field.constant(code, SQRT_M1));
    let x = field.canonical(code, code.select(is_root, x, turned));
    let is_wrong = code.xor(field.is_odd(code, x), sign);
    let x = code.select(is_wrong, field.negate(code, x), x);
    (x, code.or(is_root, is_other_root))
}
