use proptest::prelude::*;

use super::*;
use crate::cpu::{
    ifma::model::{Big, Exact, Number, Range},
    vector::LANES,
};

/// The formulas, for any kind of number.
mod formula {
    use super::*;

    fn add_product<N: Number, const PRODUCT: usize>(
        sum: &mut [N; PRODUCT],
        left: &[u64],
        right: &[N],
    ) {
        for (i, one) in left.iter().enumerate() {
            for (j, other) in right.iter().enumerate() {
                let one = N::exact(*one);
                for (at, part) in [(i + j, one.low(*other)), (i + j + 1, one.high(*other))] {
                    match sum.get_mut(at) {
                        Some(limb) => *limb = limb.add(part),
                        // What the code leaves out must be nothing.
                        None => part.is_nothing(),
                    }
                }
            }
        }
    }

    fn carry<N: Number, const COUNT: usize>(limbs: &mut [N; COUNT]) {
        for at in 1..COUNT {
            let carried = limbs[at - 1].shift_out(RADIX);
            limbs[at - 1] = limbs[at - 1].keep(RADIX);
            limbs[at] = limbs[at].add(carried);
        }
    }

    /// The limbs of what `x0 + 2^260 x1` is reduced to, and the quotient.
    pub(super) fn reduce<N: Number>(x0: [N; 5], x1: [N; 5]) -> ([N; 5], N) {
        let mut y = [N::exact(0); 8];
        add_product(&mut y, &C256, &x1);
        carry(&mut y);
        let [low @ .., h0, h1, h2] = y;
        let mut v = [N::exact(0); 5];
        add_product(&mut v, &C256, &[h0, h1, h2]);
        for at in 0..5 {
            let sum = v[at].add(x0[at]).sub(low[at]);
            v[at] = sum.add(N::exact(ORDER256[at]));
        }
        carry(&mut v);
        let quotient = v[4].unsigned().shift_out(44);
        let mut qc = [N::exact(0); 5];
        add_product(&mut qc, &C, &[quotient]);
        let mut r = v;
        r[4] = v[4].keep(44);
        for at in 0..5 {
            r[at] = r[at].sub(qc[at]).add(N::exact(ORDER[at]));
        }
        carry(&mut r);
        (r.map(Number::unsigned), quotient)
    }
}

/// The group order l.
fn order() -> Big {
    Big::of_limbs(&ORDER, RADIX as usize)
}

#[test]
fn the_constants_are_those_of_the_group_order() {
    // l = 2^252 + 27742317777372353535851937790883648493, written in its 32 bytes.
    let words = [
        0x5812_631a_5cf5_d3ed,
        0x14de_f9de_a2f7_9cd6,
        0,
        0x1000_0000_0000_0000,
    ];
    assert_eq!(order(), Big::of_words(&words));
    let two_to = |bits: usize| Big::of(1).shifted(bits);
    assert_eq!(Big::of_limbs(&C, RADIX as usize).plus(two_to(252)), order());
    let shifted = order().shifted(8);
    assert_eq!(
        Big::of_limbs(&C256, RADIX as usize).plus(two_to(260)),
        shifted
    );
    assert_eq!(Big::of_limbs(&ORDER256, RADIX as usize), shifted);
}

#[test]
fn no_limb_of_a_reduction_overflows_and_its_result_is_below_2_to_the_254() {
    let full = Range::up_to(LIMB_MASK.into());
    let x1 = [full, full, full, full, Range::up_to((1 << 44) - 1)];
    // The model fails where a factor has more than 52 bits, a lane more than 64, or what is read as unsigned a sign.
    let (r, quotient) = formula::reduce([full; 5], x1);
    assert!(quotient.most < 1 << 10, "{quotient:?}");
    let [low @ .., high] = r;
    assert!(low.iter().all(|limb| limb.most < 1 << 52));
    assert!(high.most < 1 << (254 - 4 * 52), "{high:?}");
}

/// 512 bits as the limbs of the model.
fn limbs_of(words: [u64; 8]) -> ([Exact; 5], [Exact; 5]) {
    let limb = |from: usize| {
        let bit = |at: usize| words.get(at / 64).map_or(0, |word| word >> (at % 64) & 1);
        let limb = (0..52).fold(0, |limb, at| limb | bit(from + at) << at);
        Exact::exact(limb)
    };
    let limbs: [Exact; 10] = std::array::from_fn(|at| limb(52 * at));
    let (x0, x1) = limbs.split_at(5);
    (x0.try_into().unwrap(), x1.try_into().unwrap())
}

fn compare(ifma: Ifma, numbers: [[u64; 8]; LANES]) {
    let words =
        std::array::from_fn(|word| U64x8::from_array(ifma, numbers.map(|number| number[word])));
    let reduced = Scalar::reduce(ifma, words);
    let (nibbles, sixes) = (reduced.nibbles(ifma), reduced.sixes(ifma));
    for (lane, number) in numbers.into_iter().enumerate() {
        let result = Big::of_words(&reduced.0.map(|word| word.to_array()[lane]));
        let (x0, x1) = limbs_of(number);
        let (limbs, _) = formula::reduce(x0, x1);
        let limbs = limbs.map(|limb| u64::try_from(limb.0).unwrap());
        assert_eq!(result, Big::of_limbs(&limbs, RADIX as usize), "{number:x?}");
        assert!(result.is_below_power(254), "{number:x?}");
        let expected = Big::of_words(&number).modulo(order(), 253);
        assert_eq!(result.modulo(order(), 253), expected, "{number:x?}");
        check_digits(ifma, &nibbles, lane, [8, 8], result);
        check_digits(ifma, &sixes, lane, [32, 4], result);
    }
}

/// The digits are those of a number, and no larger than their tables: the lower ones, and the highest.
fn check_digits<const BITS: u32>(
    ifma: Ifma,
    digits: &Digits<BITS>,
    lane: usize,
    [most, most_of_top]: [u64; 2],
    number: Big,
) {
    let (mut positive, mut negative) = (Big::default(), Big::default());
    for at in (0..=TOP_BIT).step_by(BITS as usize) {
        let digit = digits.at(ifma, at);
        let size = digit.size.to_array()[lane];
        assert!(size <= if at == TOP_BIT { most_of_top } else { most });
        let sum = if digit.negative >> lane & 1 == 1 {
            assert!(at != TOP_BIT && size > 0);
            &mut negative
        } else {
            assert!(at == TOP_BIT || size < most);
            &mut positive
        };
        *sum = sum.plus(Big::of(size).shifted(at as usize));
    }
    assert_eq!(positive.minus(negative), Some(number));
}

/// Numbers at the bounds: of words and limbs, and around multiples of the order.
fn extremes() -> Vec<[u64; 8]> {
    let mut all = vec![[0; 8], [u64::MAX; 8]];
    for at in 0..8 {
        let (mut one, mut others) = ([0; 8], [u64::MAX; 8]);
        (one[at], others[at]) = (u64::MAX, 0);
        all.extend([one, others]);
    }
    let one = Big::of(1);
    let mut add = |number: Big| all.push(number.0[..8].try_into().unwrap());
    for shift in 0..=258 {
        let multiple = order().shifted(shift);
        add(multiple);
        add(multiple.plus(one));
        add(multiple.minus(one).unwrap());
    }
    for power in 1..512 {
        add(one.shifted(power));
        add(one.shifted(power).minus(one).unwrap());
    }
    all
}

#[test]
fn the_code_is_the_formulas_at_the_extremes() {
    let Some(ifma) = Ifma::detect() else {
        println!("skipped: this CPU has no AVX-512 IFMA");
        return;
    };
    for numbers in extremes().chunks(LANES) {
        compare(
            ifma,
            std::array::from_fn(|lane| numbers[lane % numbers.len()]),
        );
    }
}

#[test]
fn digits_are_right_for_the_largest_numbers_and_around_every_change_of_a_digit() {
    let Some(ifma) = Ifma::detect() else {
        println!("skipped: this CPU has no AVX-512 IFMA");
        return;
    };
    let one = Big::of(1);
    let mut numbers = vec![Big::default(), one.shifted(254).minus(one).unwrap()];
    // Every digit at the place where it turns negative, and just before.
    let limits = [EIGHTS, THIRTY_TWOS].map(|words| Big::of_words(&words));
    numbers.extend(limits);
    numbers.extend(limits.map(|limit| limit.minus(one).unwrap()));
    for power in 1..254 {
        numbers.push(one.shifted(power));
        numbers.push(one.shifted(power).minus(one).unwrap());
    }
    for number in numbers {
        let words = std::array::from_fn(|word| U64x8::splat(ifma, number.0[word]));
        let scalar = Scalar::from_words(words);
        check_digits(ifma, &scalar.nibbles(ifma), 0, [8, 8], number);
        check_digits(ifma, &scalar.sixes(ifma), 0, [32, 4], number);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_code_is_the_formulas_on_any_numbers(
        numbers in prop::array::uniform8(prop::array::uniform8(any::<u64>())),
    ) {
        if let Some(ifma) = Ifma::detect() {
            compare(ifma, numbers);
        }
    }
}
