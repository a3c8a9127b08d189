//! Verdicts: whether A and R are points and 8 (P - R) is the neutral element, where P is the sum s B - k A.

use super::{ElementRows, read, write};
use crate::gpu::shaders::emit::{BufferId, Kernel, Program};
use crate::gpu::shaders::field::Field;
use crate::gpu::shaders::point::Points;
use crate::gpu::shaders::{MAX_SIGNATURES, Radix};

const POINTS: BufferId = BufferId::new(0);
const SUMS: BufferId = BufferId::new(1);
const VERDICTS: BufferId = BufferId::new(2);

/// The words of the uniform.
const STRIDE: usize = 1;

/// What stands for a verdict. Nothing else is one, so that a word that no kernel has written is seen.
pub(crate) const REFUSED: u32 = 1;
pub(crate) const ACCEPTED: u32 = 2;

/// Verdict i becomes [`ACCEPTED`] or [`REFUSED`]. Four times the difference is computed, and of that it can be seen whether twice it is
/// neutral.
pub(crate) fn define(program: &mut Program, radix: Radix) -> Kernel {
    let field = Field::define(program, radix);
    let points = Points::define(program, field);
    let carried = field.limits(1);
    program.kernel_per_item(
        "ed25519_finish",
        ["count", "stride", "unused_2", "unused_3"],
        vec![read("points"), read("sums"), write("verdicts")],
        |code, item| {
            let stride = code.uniform(STRIDE, MAX_SIGNATURES);
            let row_of_points = code.shift_left(stride, 1);
            let mut rows = ElementRows::new(code, field, POINTS, item, row_of_points);
            rows.skip(3);
            let has_key = rows.load_word(1);
            let place_of_r = code.add(stride, item);
            let mut rows = ElementRows::new(code, field, POINTS, place_of_r, row_of_points);
            let r = [(); 3].map(|()| rows.load(&carried));
            let r = points.affine(code, r);
            let has_r = rows.load_word(1);

            let mut rows = ElementRows::new(code, field, SUMS, item, stride);
            let fields = points.completed_fields().map(|limits| rows.load(&limits));
            let p = points.extended(code, points.completed(code, fields));
            let difference = points.add_affine(code, p, r, code.bool(true));
            let multiple = code.variable(difference, points.completed_limits());
            code.repeat(2, |_| {
                code.set(multiple, points.double(code, code.get(multiple)));
            });
            let is_neutral = points.is_neutral_twice(code, code.get(multiple));
            let one = code.select(is_neutral, code.u32(1), code.u32(0));
            let holds = code.and(one, code.and(has_key, has_r));
            let verdict = code.add(holds, code.u32(REFUSED));
            code.store(VERDICTS, item, verdict, ACCEPTED);
        },
    )
}
