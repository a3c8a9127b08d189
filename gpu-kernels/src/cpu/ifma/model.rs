//! Models of the limb arithmetic for its tests: the same formulas over plain integers, in which nothing wraps.
//!
//! A formula is written once for any [`Number`]. Over [`Exact`] it gives what the vector code must give; over
//! [`Range`] it gives bounds of all that the code can come to, and fails where one is beyond what a lane holds.

/// What a limb is in a model.
pub(super) trait Number: Copy {
    /// One number that is known.
    fn exact(value: u64) -> Self;

    fn add(self, other: Self) -> Self;

    fn sub(self, other: Self) -> Self;

    /// The low 52 bits of the product of two factors of 52 bits.
    fn low(self, other: Self) -> Self;

    /// The rest of it.
    fn high(self, other: Self) -> Self;

    /// What the lowest `bits` bits are.
    fn keep(self, bits: u32) -> Self;

    /// What remains when they are shifted out, towards negative infinity.
    fn shift_out(self, bits: u32) -> Self;

    /// Asserts that the lane can be read as unsigned.
    fn unsigned(self) -> Self;

    /// Asserts that it is zero.
    fn is_nothing(self);

    /// So many times itself.
    fn times(self, count: u32) -> Self {
        (1..count).fold(self, |sum, _| sum.add(self))
    }
}

/// What a factor must be below.
const FACTOR: i128 = 1 << 52;
/// What an unsigned lane must be below.
const UNSIGNED: i128 = 1 << 64;
/// What a signed lane must be below, and not below the negative of.
const SIGNED: i128 = 1 << 63;

/// One number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exact(pub(super) i128);

impl Number for Exact {
    fn exact(value: u64) -> Self {
        Self(value.into())
    }

    fn add(self, other: Self) -> Self {
        Self(fits(self.0 + other.0))
    }

    fn sub(self, other: Self) -> Self {
        Self(fits(self.0 - other.0))
    }

    fn low(self, other: Self) -> Self {
        Self(product(self.0, other.0) % FACTOR)
    }

    fn high(self, other: Self) -> Self {
        Self(product(self.0, other.0) / FACTOR)
    }

    fn keep(self, bits: u32) -> Self {
        Self(self.0 & ((1 << bits) - 1))
    }

    fn shift_out(self, bits: u32) -> Self {
        Self(self.0 >> bits)
    }

    fn unsigned(self) -> Self {
        assert!(self.0 >= 0, "{self:?}");
        self
    }

    fn is_nothing(self) {
        assert_eq!(self.0, 0);
    }
}

/// All numbers from `least` to `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) least: i128,
    pub(super) most: i128,
}

impl Range {
    pub(super) fn up_to(most: i128) -> Self {
        Self { least: 0, most }
    }

    fn checked(least: i128, most: i128) -> Self {
        assert!(least <= most);
        // Unsigned or signed, but one of the two throughout.
        assert!(least >= 0 || most < SIGNED, "{least} to {most}");
        Self {
            least: fits(least),
            most: fits(most),
        }
    }
}

impl Number for Range {
    fn exact(value: u64) -> Self {
        Self {
            least: value.into(),
            most: value.into(),
        }
    }

    fn add(self, other: Self) -> Self {
        Self::checked(self.least + other.least, self.most + other.most)
    }

    fn sub(self, other: Self) -> Self {
        Self::checked(self.least - other.most, self.most - other.least)
    }

    fn low(self, other: Self) -> Self {
        // Low halves do not rise with their factors, so only their size is known.
        let _ = product(self.least, other.least);
        Self::up_to(product(self.most, other.most).min(FACTOR - 1))
    }

    fn high(self, other: Self) -> Self {
        Self {
            least: product(self.least, other.least) / FACTOR,
            most: product(self.most, other.most) / FACTOR,
        }
    }

    fn keep(self, bits: u32) -> Self {
        let most = (1 << bits) - 1;
        if self.least < 0 {
            return Self::up_to(most);
        }
        Self::up_to(self.most.min(most))
    }

    fn shift_out(self, bits: u32) -> Self {
        Self {
            least: self.least >> bits,
            most: self.most >> bits,
        }
    }

    fn unsigned(self) -> Self {
        assert!(self.least >= 0, "{self:?}");
        self
    }

    fn is_nothing(self) {
        assert_eq!(self, Self::up_to(0));
    }
}

/// The number, if a lane holds it.
fn fits(number: i128) -> i128 {
    assert!(
        (-SIGNED..UNSIGNED).contains(&number),
        "a lane overflows: {number}"
    );
    number
}

/// The product, if the multiplier takes both factors.
fn product(one: i128, other: i128) -> i128 {
    for factor in [one, other] {
        assert!((0..FACTOR).contains(&factor), "no factor: {factor}");
    }
    one * other
}

/// A number of 576 bits in nine words, the lowest first: enough for sums of products of two that have 256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Big(pub(super) [u64; 9]);

impl Big {
    /// The sum of limbs, each `radix` bits above the one before.
    pub(super) fn of_limbs(limbs: &[u64], radix: usize) -> Self {
        let shifted = |(at, limb): (usize, &u64)| Self::of(*limb).shifted(at * radix);
        let zero = Self::default();
        limbs.iter().enumerate().map(shifted).fold(zero, Self::plus)
    }

    pub(super) fn of(number: u64) -> Self {
        let mut words = [0; 9];
        words[0] = number;
        Self(words)
    }

    pub(super) fn of_words(words: &[u64]) -> Self {
        Self::of_limbs(words, 64)
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let mut carry = false;
        Self(std::array::from_fn(|at| {
            let (sum, one) = self.0[at].overflowing_add(other.0[at]);
            let (sum, two) = sum.overflowing_add(carry.into());
            carry = one | two;
            assert!(at < 8 || !carry);
            sum
        }))
    }

    /// The difference, unless it is negative.
    pub(super) fn minus(self, other: Self) -> Option<Self> {
        let mut borrow = false;
        let words = std::array::from_fn(|at| {
            let (difference, one) = self.0[at].overflowing_sub(other.0[at]);
            let (difference, two) = difference.overflowing_sub(borrow.into());
            borrow = one | two;
            difference
        });
        (!borrow).then_some(Self(words))
    }

    /// Times a power of two.
    pub(super) fn shifted(self, bits: usize) -> Self {
        let (words, bits) = (bits / 64, bits % 64);
        let word = |at: Option<usize>| at.and_then(|at| self.0.get(at)).copied().unwrap_or(0);
        Self(std::array::from_fn(|at| {
            let from = at.checked_sub(words);
            let low = word(from) << bits;
            let high = word(from.and_then(|at| at.checked_sub(1)));
            if bits == 0 {
                low
            } else {
                low | high >> (64 - bits)
            }
        }))
    }

    pub(super) fn times(self, other: Self) -> Self {
        let mut sum = Self::default();
        for bit in (0..512).filter(|bit| other.0[bit / 64] >> (bit % 64) & 1 == 1) {
            sum = sum.plus(self.shifted(bit));
        }
        sum
    }

    /// The remainder by a number of `bits` bits.
    pub(super) fn modulo(mut self, divisor: Self, bits: usize) -> Self {
        for shift in (0..=576 - bits).rev() {
            if let Some(rest) = self.minus(divisor.shifted(shift)) {
                self = rest;
            }
        }
        self
    }

    /// Whether it is below a power of two.
    pub(super) fn is_below_power(self, bits: usize) -> bool {
        (bits..576).all(|bit| self.0[bit / 64] >> (bit % 64) & 1 == 0)
    }
}
