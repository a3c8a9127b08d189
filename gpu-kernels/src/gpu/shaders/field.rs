//! Elements of the field of integers modulo p = 2^255 - 19, in limbs of words of 32 bits.
//!
//! An element is a sum of limbs, each [`Radix::bits`] above the one before; it need not be below p. Limbs are held to
//! limits in multiples of what a carried element has ([`Field::limits`]): one is *carried*; a sum of two has weight two, a
//! difference weight three, for a multiple of p is added that is above what is subtracted. A product takes one factor of
//! weight three and a carried one, and is carried itself. That the sums of products fit their words is proved by the ranges
//! of [`super::emit::bounds`], for both radices.

use super::emit::{Code, FunctionId, Limits, Parameter, Program, StructId, Type, Value};
use super::radix::Radix;

/// The largest weight of a factor of a product.
pub(crate) const FACTOR_WEIGHT: u64 = 3;
/// The largest weight of what is carried.
const CARRIED_WEIGHT: u64 = 6;

/// What code on elements calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) radix: Radix,
    element: StructId,
    mul: FunctionId,
    square: FunctionId,
}

impl Field {
    /// Adds the functions to a program.
    pub(crate) fn define(program: &mut Program, radix: Radix) -> Self {
        let limbs = 0..radix.limbs();
        let fields = limbs.map(|at| (format!("l{at}"), Type::U32)).collect();
        let element = program.structure("Fe", fields);
        let parameter = |name, weight| Parameter {
            name,
            ty: Type::Struct(element),
            limits: limits(radix, weight),
        };
        let mul = program.function(
            "fe_mul",
            vec![parameter("a", FACTOR_WEIGHT), parameter("b", 1)],
            limits(radix, 1),
            |code, arguments| {
                let [a, b] = [0, 1].map(|at| all_limbs(code, radix, arguments[at]));
                let reduced = reduce(code, radix, &products(code, radix, &a, &b));
                code.structure(element, reduced)
            },
        );
        let square = program.function(
            "fe_square",
            vec![parameter("a", 1)],
            limits(radix, 1),
            |code, arguments| {
                let a = all_limbs(code, radix, arguments[0]);
                let reduced = reduce(code, radix, &squares(code, radix, &a));
                code.structure(element, reduced)
            },
        );
        Self {
            radix,
            element,
            mul,
            square,
        }
    }

    /// The type of elements.
    pub(crate) const fn ty(self) -> Type {
        Type::Struct(self.element)
    }

    /// What the limbs of an element of this weight are limited to.
    pub(crate) fn limits(self, weight: u64) -> Limits {
        limits(self.radix, weight)
    }

    /// An element by its limbs.
    pub(crate) fn element(self, code: &Code<'_>, limbs: Vec<Value>) -> Value {
        code.structure(self.element, limbs)
    }

    pub(crate) fn limbs(self, code: &Code<'_>, element: Value) -> Vec<Value> {
        all_limbs(code, self.radix, element)
    }

    /// A number below 2^255 by its words.
    pub(crate) fn constant(self, code: &Code<'_>, words: [u64; 4]) -> Value {
        let limbs = limbs_of(self.radix, words);
        self.element(code, limbs.map(|limb| code.u32(limb)).collect())
    }

    pub(crate) fn small(self, code: &Code<'_>, number: u32) -> Value {
        self.constant(code, [number.into(), 0, 0, 0])
    }

    /// The lower 255 bits of eight words.
    pub(crate) fn unpack(self, code: &Code<'_>, words: [Value; 8]) -> Value {
        let radix = self.radix;
        let limb = |at: u32| {
            let is_top = at + 1 == small(radix.limbs());
            let bits = if is_top {
                radix.top_bits()
            } else {
                radix.bits()
            };
            cut(code, &words, at * radix.bits(), bits)
        };
        self.element(code, (0..small(radix.limbs())).map(limb).collect())
    }

    /// The product of a factor of weight [`FACTOR_WEIGHT`] and a carried one.
    pub(crate) fn mul(self, code: &Code<'_>, loose: Value, carried: Value) -> Value {
        code.call(self.mul, &[loose, carried])
    }

    /// The square of a carried element.
    pub(crate) fn square(self, code: &Code<'_>, carried: Value) -> Value {
        code.call(self.square, &[carried])
    }

    /// The sum, whose weight is the sum of the weights.
    pub(crate) fn add(self, code: &Code<'_>, a: Value, b: Value) -> Value {
        let (a, b) = (self.limbs(code, a), self.limbs(code, b));
        let sums = a.iter().zip(&b).map(|(a, b)| code.add(*a, *b));
        self.element(code, sums.collect())
    }

    /// The difference `a - b` for a `b` of this weight. Its weight is that of `a` and twice that of `b`.
    pub(crate) fn sub(self, code: &Code<'_>, a: Value, b: Value, weight: u64) -> Value {
        let (a, b) = (self.limbs(code, a), self.limbs(code, b));
        let differences = a
            .iter()
            .zip(&b)
            .zip(multiple_of_prime(self.radix, 2 * weight))
            .map(|((a, b), limb)| code.sub(code.add_constant(*a, limb), *b));
        self.element(code, differences.collect())
    }

    /// The negative of a carried element, carried.
    pub(crate) fn negate(self, code: &Code<'_>, carried: Value) -> Value {
        let negative = self.sub(code, self.small(code, 0), carried, 1);
        self.carry(code, negative)
    }

    /// The same number with every limb carried once, all at the same time.
    pub(crate) fn carry(self, code: &Code<'_>, element: Value) -> Value {
        let radix = self.radix;
        let limbs = self.limbs(code, element);
        let low = limbs.iter().map(|limb| code.mask(*limb, radix.mask()));
        let mut carries: Vec<Value> = limbs
            .iter()
            .map(|limb| code.shift_right(*limb, radix.bits()))
            .collect();
        carries.rotate_right(1);
        carries[0] = code.mul_constant(carries[0], radix.fold());
        let carried = low.zip(carries).map(|(low, carry)| code.add(low, carry));
        let carried = carried.collect();
        self.element(code, carried)
    }

    /// The number below p that a carried element is.
    ///
    /// Two turns bring it below 2^255: the first leaves less than 19 * 2^7 above that, so where the second still carries,
    /// what is left is small. Then p is taken away where adding 19 carries.
    pub(crate) fn canonical(self, code: &Code<'_>, carried: Value) -> Value {
        let mut limbs = self.limbs(code, carried);
        for _ in 0..2 {
            let carry;
            (limbs, carry) = ripple(code, self.radix, &limbs);
            limbs[0] = code.add(limbs[0], code.mul_constant(carry, 19));
        }
        let mut raised = limbs.clone();
        raised[0] = code.add_constant(raised[0], 19);
        let (_, quotient) = ripple(code, self.radix, &raised);
        limbs[0] = code.add(limbs[0], code.mul_constant(quotient, 19));
        let (limbs, _) = ripple(code, self.radix, &limbs);
        self.element(code, limbs)
    }

    /// Whether a canonical element is zero.
    pub(crate) fn is_zero(self, code: &Code<'_>, canonical: Value) -> Value {
        let limbs = self.limbs(code, canonical);
        let bits = limbs.into_iter().reduce(|a, b| code.or(a, b));
        bits.map_or_else(|| code.bool(true), |bits| code.equal_constant(bits, 0))
    }

    /// Whether a canonical element is odd.
    pub(crate) fn is_odd(self, code: &Code<'_>, canonical: Value) -> Value {
        let limb = code.field(canonical, 0);
        code.equal_constant(code.mask(limb, 1), 1)
    }

    /// Whether two carried elements are the same number.
    pub(crate) fn equals(self, code: &Code<'_>, a: Value, b: Value) -> Value {
        let difference = self.carry(code, self.sub(code, a, b, 1));
        self.is_zero(code, self.canonical(code, difference))
    }
}

/// What limbs are limited to. A carried element has the lowest limb of [`Field::carry`], whose carry is folded, and in the
/// others the last carries of [`reduce`].
fn limits(radix: Radix, weight: u64) -> Limits {
    let folded = CARRIED_WEIGHT * radix.fold();
    let beyond = match radix {
        Radix::U32 => 8,
        Radix::U64 => 1 << 18,
    };
    let mut limits = vec![weight * (radix.mask() + beyond); radix.limbs()];
    limits[0] = weight * (radix.mask() + folded.max(beyond));
    limits
}

/// The limbs of a multiple of p that is about so many times the largest number of limbs.
fn multiple_of_prime(radix: Radix, times: u64) -> Vec<u64> {
    let mut limbs = vec![times * radix.mask(); radix.limbs()];
    // All limbs full are 2^260 - 1 or 2^261 - 1, and the power less the fold is a multiple of p.
    limbs[0] -= times * (radix.fold() - 1);
    limbs
}

/// The limbs of a number below 2^255.
pub(crate) fn limbs_of(radix: Radix, words: [u64; 4]) -> impl Iterator<Item = u32> {
    let bits = radix.bits() as usize;
    (0..radix.limbs()).map(move |at| {
        let (word, shift) = (at * bits / 64, at * bits % 64);
        let next = words.get(word + 1).copied().unwrap_or(0);
        let both = u128::from(words[word]) | u128::from(next) << 64;
        let limb = u64::try_from(both >> shift & u128::from(radix.mask()));
        limb.ok()
            .and_then(|limb| u32::try_from(limb).ok())
            .unwrap_or(0)
    })
}

fn all_limbs(code: &Code<'_>, radix: Radix, element: Value) -> Vec<Value> {
    (0..radix.limbs())
        .map(|at| code.field(element, at))
        .collect()
}

/// A number of limbs.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// So many bits of a number in words of 32 bits.
fn cut(code: &Code<'_>, words: &[Value], from: u32, bits: u32) -> Value {
    let (word, shift) = ((from / 32) as usize, from % 32);
    let low = code.shift_right(words[word], shift);
    if shift + bits <= 32 {
        return code.mask(low, (1 << bits) - 1);
    }
    let missing = shift + bits - 32;
    let high = code.mask(words[word + 1], (1 << missing) - 1);
    code.or(low, code.shift_left(high, 32 - shift))
}

fn widened(code: &Code<'_>, radix: Radix, limbs: &[Value]) -> Vec<Value> {
    limbs
        .iter()
        .map(|limb| code.widen(*limb, radix.wide()))
        .collect()
}

/// The sums of products of limbs that have the same place.
fn products(code: &Code<'_>, radix: Radix, a: &[Value], b: &[Value]) -> Vec<Value> {
    let (a, b) = (widened(code, radix, a), widened(code, radix, b));
    (0..2 * radix.limbs() - 1)
        .map(|place| {
            let pairs = a.iter().enumerate().filter_map(|(at, a)| {
                let other = place.checked_sub(at).and_then(|at| b.get(at))?;
                Some((*a, *other))
            });
            sum_of_products(code, pairs)
        })
        .collect()
}

/// The same for equal factors: each pair of different limbs is multiplied once, by twice the first.
fn squares(code: &Code<'_>, radix: Radix, a: &[Value]) -> Vec<Value> {
    let doubled: Vec<Value> = a.iter().map(|limb| code.add(*limb, *limb)).collect();
    let (a, doubled) = (widened(code, radix, a), widened(code, radix, &doubled));
    (0..2 * radix.limbs() - 1)
        .map(|place| {
            let pairs = (0..=place / 2).filter_map(|at| {
                let other = *a.get(place - at)?;
                let own = if at * 2 == place { &a } else { &doubled };
                Some((own[at], other))
            });
            sum_of_products(code, pairs)
        })
        .collect()
}

fn sum_of_products(code: &Code<'_>, pairs: impl Iterator<Item = (Value, Value)>) -> Value {
    let products = pairs.map(|(a, b)| code.mul(a, b));
    let sum = products.reduce(|sum, product| code.add(sum, product));
    sum.unwrap_or_else(|| code.u32(0))
}

/// A carried element from the sums of products.
///
/// The upper half is carried first, so that it can be folded in without overflow; then the lower half, whose last carry is
/// folded, too.
fn reduce(code: &Code<'_>, radix: Radix, columns: &[Value]) -> Vec<Value> {
    let (low, high) = columns.split_at(radix.limbs());
    let (mut upper, last) = carry_along(code, radix, high);
    upper.push(last);
    let folded: Vec<Value> = low
        .iter()
        .zip(upper)
        .map(|(low, upper)| code.add(*low, code.mul_constant(upper, radix.fold())))
        .collect();
    let (mut limbs, last) = carry_along(code, radix, &folded);
    let mut sum = code.add(limbs[0], code.mul_constant(last, radix.fold()));
    // How many limbs it takes until a carry is small.
    let tail = match radix {
        Radix::U32 => 2,
        Radix::U64 => 1,
    };
    for at in 0..tail {
        limbs[at] = code.mask(sum, radix.mask());
        sum = code.add(limbs[at + 1], code.shift_right(sum, radix.bits()));
    }
    limbs[tail] = sum;
    limbs.into_iter().map(|limb| code.narrow(limb)).collect()
}

/// Carries from column to column; and what is carried out of the last.
fn carry_along(code: &Code<'_>, radix: Radix, columns: &[Value]) -> (Vec<Value>, Value) {
    let mut limbs = Vec::with_capacity(columns.len());
    let mut carry: Option<Value> = None;
    for column in columns {
        let sum = carry.map_or(*column, |carry| code.add(*column, carry));
        limbs.push(code.mask(sum, radix.mask()));
        carry = Some(code.shift_right(sum, radix.bits()));
    }
    (limbs, carry.unwrap_or_else(|| code.u32(0)))
}

/// Carries from limb to limb, and what is above 2^255.
fn ripple(code: &Code<'_>, radix: Radix, limbs: &[Value]) -> (Vec<Value>, Value) {
    let (lower, top) = limbs.split_at(radix.limbs() - 1);
    let (mut rippled, carry) = carry_along(code, radix, lower);
    let top = code.add(top[0], carry);
    rippled.push(code.mask(top, (1 << radix.top_bits()) - 1));
    (rippled, code.shift_right(top, radix.top_bits()))
}
