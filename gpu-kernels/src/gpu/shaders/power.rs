//! The power of an element that a square root takes.

use super::emit::{Code, FunctionId, Parameter, Program, Value};
use super::field::Field;

/// What the power so far is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Factor {
    /// Itself, before it was squared.
    Own,
    /// The element.
    Element,
    /// What was kept.
    Kept,
}

/// One step: how often to square, what to multiply with, and whether to keep the result.
struct Step {
    squarings: u32,
    factor: Factor,
    keep: bool,
}

const fn step(squarings: u32, factor: Factor) -> Step {
    Step {
        squarings,
        factor,
        keep: false,
    }
}

const fn kept(squarings: u32, factor: Factor) -> Step {
    Step {
        squarings,
        factor,
        keep: true,
    }
}

/// From the power 1 to 2^252 - 3, by way of 2^n - 1 for n = 2, 4, 5, 10, 20, 40, 50, 100, 200, 250.
const STEPS: [Step; 11] = [
    step(1, Factor::Own),
    step(2, Factor::Own),
    step(1, Factor::Element),
    kept(5, Factor::Own),
    step(10, Factor::Own),
    step(20, Factor::Own),
    kept(10, Factor::Kept),
    step(50, Factor::Own),
    step(100, Factor::Own),
    step(50, Factor::Kept),
    step(2, Factor::Element),
];

/// Adds the function that raises a carried element to the power (p - 5) / 8 = 2^252 - 3. A loop over the steps holds one
/// squaring and one product, for a compiler takes time for every place where a function is called.
pub(crate) fn define(program: &mut Program, field: Field) -> FunctionId {
    let parameter = Parameter {
        name: "a",
        ty: field.ty(),
        limits: field.limits(1),
    };
    program.function(
        "fe_power_p58",
        vec![parameter],
        field.limits(1),
        |code, arguments| {
            let element = arguments[0];
            let power = code.variable(element, field.limits(1));
            let keep = code.variable(element, field.limits(1));
            let steps = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
            code.repeat(steps, |number| {
                let own = code.get(power);
                let squarings = squarings(code, number);
                code.count(code.u32(0), squarings, code.u32(1), |_| {
                    code.set(power, field.square(code, code.get(power)));
                });
                let with = |factor| is_among(code, number, |step| step.factor == factor);
                let factor = code.select(with(Factor::Element), element, own);
                let factor = code.select(with(Factor::Kept), code.get(keep), factor);
                let product = field.mul(code, code.get(power), factor);
                let kept = is_among(code, number, |step| step.keep);
                code.set(power, product);
                code.set(keep, code.select(kept, product, code.get(keep)));
            });
            code.get(power)
        },
    )
}

/// How often the step with this number squares.
fn squarings(code: &Code<'_>, number: Value) -> Value {
    (0..).zip(&STEPS).fold(code.u32(0), |others, (at, step)| {
        let is_this = code.equal_constant(number, at);
        code.select(is_this, code.u32(step.squarings), others)
    })
}

/// Whether the number is that of a step of this kind.
fn is_among(code: &Code<'_>, number: Value, is_meant: impl Fn(&Step) -> bool) -> Value {
    (0..)
        .zip(&STEPS)
        .filter(|(_, step)| is_meant(step))
        .map(|(at, _)| code.equal_constant(number, at))
        .reduce(|one, other| code.or(one, other))
        .unwrap_or_else(|| code.bool(false))
}
