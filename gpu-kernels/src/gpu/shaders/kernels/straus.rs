//! The sums s B - k A, by the digits of both scalars from the highest down, with doublings in common (Straus 1964).

use super::{ElementRows, read, write};
use crate::gpu::shaders::emit::{BufferId, Code, Kernel, Program, Value};
use crate::gpu::shaders::field::Field;
use crate::gpu::shaders::layout::{BASE_MULTIPLES, KEY_MULTIPLES, SCALAR_BYTES};
use crate::gpu::shaders::point::Points;
use crate::gpu::shaders::{MAX_SIGNATURES, Radix};

const SCALARS: BufferId = BufferId::new(0);
const TABLE: BufferId = BufferId::new(1);
const BASE: BufferId = BufferId::new(2);
const SUMS: BufferId = BufferId::new(3);

/// The words of the uniform.
const STRIDE: usize = 1;
const FIRST_BYTE: usize = 2;
const END_BYTE: usize = 3;

/// Words of both scalars.
const SCALAR_WORDS: u32 = 4;
const WORDS_OF_K: u64 = 8;

/// Sum i goes on from where it is, by the bytes from `first_byte` to `end_byte`, counted from the highest. So a batch can
/// be cut into several short dispatches.
pub(crate) fn define(program: &mut Program, radix: Radix) -> Kernel {
    let field = Field::define(program, radix);
    let points = Points::define(program, field);
    let limits = points.completed_fields();
    program.kernel_per_item(
        "ed25519_straus",
        ["count", "stride", "first_byte", "end_byte"],
        vec![read("scalars"), read("table"), read("base"), write("sums")],
        |code, item| {
            let stride = code.uniform(STRIDE, MAX_SIGNATURES);
            let mut rows = ElementRows::new(code, field, SUMS, item, stride);
            let fields = limits.each_ref().map(|limits| rows.load(limits));
            let sum = code.variable(points.completed(code, fields), points.completed_limits());
            let [first, end] = [FIRST_BYTE, END_BYTE].map(|word| code.uniform(word, SCALAR_BYTES));
            code.count(first, end, code.u32(1), |from_highest| {
                let number = code.sub(code.u32(SCALAR_BYTES - 1), from_highest);
                let [k, s] = bytes(code, item, number);
                code.repeat(2, |half| {
                    code.repeat(4, |_| code.set(sum, points.double(code, code.get(sum))));
                    let shift = code.sub(code.u32(4), code.shift_left(half, 2));
                    let nibble = code.mask(code.shift_right_by(k, shift), 15);
                    let digit = Digit::of(code, nibble, KEY_MULTIPLES.into());
                    let entry = key_entry(code, points, digit, item, stride);
                    let extended = points.extended(code, code.get(sum));
                    code.set(sum, points.add(code, extended, entry, digit.negative));
                });
                let digit = Digit::of(code, s, BASE_MULTIPLES.into());
                let entry = base_entry(code, points, digit);
                let extended = points.extended(code, code.get(sum));
                code.set(
                    sum,
                    points.add_affine(code, extended, entry, digit.negative),
                );
            });
            let fields: [_; 4] = code.fields(code.get(sum));
            let mut rows = ElementRows::new(code, field, SUMS, item, stride);
            for (element, limits) in fields.into_iter().zip(&limits) {
                rows.store(element, limits);
            }
        },
    )
}

/// One byte of k and the same of s.
fn bytes(code: &Code<'_>, item: Value, number: Value) -> [Value; 2] {
    let word = code.add(
        code.shift_left(item, SCALAR_WORDS),
        code.shift_right(number, 2),
    );
    let shift = code.shift_left(code.mask(number, 3), 3);
    [0, WORDS_OF_K].map(|offset| {
        let word = code.load(SCALARS, code.add_constant(word, offset), u32::MAX);
        code.mask(code.shift_right_by(word, shift), 255)
    })
}

/// A signed digit.
#[derive(Clone, Copy)]
struct Digit {
    negative: Value,
    is_zero: Value,
    /// One less than its size. If it is zero, any number below `multiples`.
    entry: Value,
}

impl Digit {
    /// The digit `raised - multiples`, where `raised` is below twice `multiples`, a power of two.
    fn of(code: &Code<'_>, raised: Value, multiples: u64) -> Self {
        let mask = multiples - 1;
        let rest = code.mask(raised, mask);
        let negative = code.equal(raised, rest);
        let below = code.xor(rest, code.u32(u32::try_from(mask).unwrap_or(u32::MAX)));
        let above = code.mask(code.add_constant(rest, mask), mask);
        let is_least = code.equal_constant(rest, 0);
        Self {
            negative,
            is_zero: code.and(is_least, code.xor(negative, code.bool(true))),
            entry: code.mask(code.select(negative, below, above), mask),
        }
    }
}

/// The multiple of a key that a digit names.
fn key_entry(code: &Code<'_>, points: Points, digit: Digit, item: Value, stride: Value) -> Value {
    let field = points.field;
    let words = code.mul_constant(digit.entry, 4 * field.radix.limbs() as u64);
    let first = code.add(code.mul(words, stride), item);
    let mut rows = ElementRows::new(code, field, TABLE, first, stride);
    let neutral = [1, 1, 2, 0].map(|number| field.small(code, number));
    let fields = neutral.map(|neutral| {
        let element = rows.load(&field.limits(1));
        code.select(digit.is_zero, neutral, element)
    });
    points.cached(code, fields)
}

/// The multiple of the base point that a digit names.
fn base_entry(code: &Code<'_>, points: Points, digit: Digit) -> Value {
    let field = points.field;
    let first = code.mul_constant(digit.entry, 3 * field.radix.limbs() as u64);
    let mut rows = ElementRows::new(code, field, BASE, first, code.u32(1));
    let neutral = [1, 1, 0].map(|number| field.small(code, number));
    let fields = neutral.map(|neutral| {
        let element = rows.load(&field.limits(1));
        code.select(digit.is_zero, neutral, element)
    });
    points.affine(code, fields)
}
