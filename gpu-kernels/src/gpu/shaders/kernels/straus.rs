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
            let entry = code.variable(points.neutral(code), points.cached_limits());
            let negative = code.variable(code.bool(false), vec![1]);
            let [first, end] = [FIRST_BYTE, END_BYTE].map(|word| code.uniform(word, SCALAR_BYTES));
            code.count(first, end, code.u32(1), |from_highest| {
                let number = code.sub(code.u32(SCALAR_BYTES - 1), from_highest);
                let [k, s] = bytes(code, item, number);
                // Two digits of k and then one of s, so that there is one place where entries are added.
                code.repeat(3, |turn| {
                    let is_base = code.equal_constant(turn, 2);
                    let is_key = code.xor(is_base, code.bool(true));
                    code.when(is_key, || {
                        code.repeat(4, |_| code.set(sum, points.double(code, code.get(sum))));
                        // The upper digit first.
                        let is_upper = code.equal_constant(turn, 0);
                        let upper = code.shift_right(k, 4);
                        let nibble = code.select(is_upper, upper, code.mask(k, 15));
                        let digit = Digit::of(code, nibble, KEY_MULTIPLES.into());
                        code.set(entry, key_entry(code, points, digit, item, stride));
                        code.set(negative, digit.negative);
                    });
                    code.when(is_base, || {
                        let digit = Digit::of(code, s, BASE_MULTIPLES.into());
                        code.set(entry, base_entry(code, points, digit));
                        code.set(negative, digit.negative);
                    });
                    let extended = points.extended(code, code.get(sum));
                    let (entry, negative) = (code.get(entry), code.get(negative));
                    code.set(sum, points.add(code, extended, entry, negative));
                });
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
    let fields = [(); 4].map(|()| rows.load(&field.limits(1)));
    let entry = points.cached(code, fields);
    code.select(digit.is_zero, points.neutral(code), entry)
}

/// The multiple of the base point that a digit names. Its Z is one.
fn base_entry(code: &Code<'_>, points: Points, digit: Digit) -> Value {
    let field = points.field;
    let first = code.mul_constant(digit.entry, 3 * field.radix.limbs() as u64);
    let mut rows = ElementRows::new(code, field, BASE, first, code.u32(1));
    let [plus, minus, t2d] = [(); 3].map(|()| rows.load(&field.limits(1)));
    let entry = points.cached(code, [plus, minus, field.small(code, 2), t2d]);
    code.select(digit.is_zero, points.neutral(code), entry)
}
