//! Multiples of the keys, and sums to begin with.

use super::{ElementRows, read, write};
use crate::gpu::shaders::emit::{BufferId, Kernel, Program};
use crate::gpu::shaders::field::Field;
use crate::gpu::shaders::layout::KEY_MULTIPLES;
use crate::gpu::shaders::point::Points;
use crate::gpu::shaders::{MAX_SIGNATURES, Radix};

const POINTS: BufferId = BufferId::new(0);
const TABLE: BufferId = BufferId::new(1);
const SUMS: BufferId = BufferId::new(2);

/// The words of the uniform.
const STRIDE: usize = 1;

/// From key i the multiples 1 to 8 of its negative, ready to be added, and as sum i the neutral element.
pub(crate) fn define(program: &mut Program, radix: Radix) -> Kernel {
    let field = Field::define(program, radix);
    let points = Points::define(program, field);
    let carried = field.limits(1);
    program.kernel_per_item(
        "ed25519_table",
        ["count", "stride", "unused_2", "unused_3"],
        vec![read("points"), write("table"), write("sums")],
        |code, item| {
            let stride = code.uniform(STRIDE, MAX_SIGNATURES);
            let row_of_points = code.shift_left(stride, 1);
            let mut rows = ElementRows::new(code, field, POINTS, item, row_of_points);
            let key = [(); 3].map(|()| rows.load(&carried));
            let negative = points.negate_affine(code, key);
            let step = points.affine(code, negative);
            let first = points.completed_affine(code, negative);
            let multiple = code.variable(first, points.completed_limits());
            code.repeat(KEY_MULTIPLES, |number| {
                let extended = points.extended(code, code.get(multiple));
                let words = code.mul_constant(number, 4 * radix.limbs() as u64);
                let first = code.add(code.mul(words, stride), item);
                let mut rows = ElementRows::new(code, field, TABLE, first, stride);
                for element in points.make_cached(code, extended) {
                    rows.store(element, &carried);
                }
                let no = code.bool(false);
                code.set(multiple, points.add_affine(code, extended, step, no));
            });
            let (zero, one) = (field.small(code, 0), field.small(code, 1));
            let mut rows = ElementRows::new(code, field, SUMS, item, stride);
            for (element, limits) in [zero, one, one, one]
                .into_iter()
                .zip(points.completed_fields())
            {
                rows.store(element, &limits);
            }
        },
    )
}
