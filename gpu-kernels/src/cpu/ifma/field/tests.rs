use proptest::prelude::*;

use super::*;
use crate::cpu::ifma::model::{Big, Exact, Number, Range};

/// 2^52 - 1, the most that a limb of an element can be.
const MOST: u64 = (1 << 52) - 1;

/// The formulas, for any kind of number.
mod formula {
    use super::*;

    pub(super) type Limbs<N> = [N; LIMBS];

    pub(super) fn times<N: Number>(a: Limbs<N>, b: Limbs<N>) -> Limbs<N> {
        let mut z = [N::exact(0); 10];
        for i in 0..LIMBS {
            for j in 0..LIMBS {
                z[i + j] = z[i + j].add(a[i].low(b[j]));
                z[i + j + 1] = z[i + j + 1].add(a[i].high(b[j]).times(2));
            }
        }
        // No term is negative, so no sum of some is more than that of all, in whatever order they are added.
        std::array::from_fn(|at| z[at].add(z[at + LIMBS].times(19)))
    }

    pub(super) fn add<N: Number>(a: Limbs<N>, b: Limbs<N>) -> Limbs<N> {
        std::array::from_fn(|at| a[at].add(b[at]))
    }

    /// `a - b + 2^shift p`
    pub(super) fn sub<N: Number>(a: Limbs<N>, b: Limbs<N>, shift: u32) -> Limbs<N> {
        std::array::from_fn(|at| {
            let raised = a[at].add(N::exact(PRIME[at] << shift));
            raised.sub(b[at]).unsigned()
        })
    }

    pub(super) fn carry<N: Number>(v: Limbs<N>) -> Limbs<N> {
        let carried = v.map(|limb| limb.shift_out(RADIX));
        let kept = v.map(|limb| limb.keep(RADIX));
        std::array::from_fn(|at| match at {
            0 => kept[0].add(carried[4].times(19)),
            _ => kept[at].add(carried[at - 1]),
        })
    }

    pub(super) fn carried<N: Number>(mut v: Limbs<N>) -> (Limbs<N>, N) {
        let mut carry = N::exact(0);
        for limb in &mut v {
            let sum = limb.add(carry);
            (*limb, carry) = (sum.keep(RADIX), sum.shift_out(RADIX));
        }
        (v, carry)
    }

    pub(super) fn ripple<N: Number>(v: Limbs<N>) -> Limbs<N> {
        let (mut v, carry) = carried(v);
        v[0] = v[0].add(carry.times(19));
        v
    }
}

use formula::Limbs;

fn up_to(most: i128) -> Limbs<Range> {
    [Range::up_to(most); LIMBS]
}

/// Every element.
fn element() -> Limbs<Range> {
    up_to(MOST.into())
}

fn assert_below(limbs: Limbs<Range>, bound: i128) {
    for limb in limbs {
        assert!(limb.unsigned().most < bound, "{limb:?}");
    }
}

#[test]
fn a_product_is_below_2_to_the_60_1_and_three_of_them_below_the_bias() {
    let product = formula::times(element(), element());
    // 2^60.1, rounded down.
    assert_below(product, (1 << 60) * 1_071 / 1_000);
    assert_eq!(
        product[0].most >> 52,
        266,
        "267 terms, each a little below 2^52"
    );
    let three = formula::add(product, formula::add(product, product));
    for (limb, bias) in three.iter().zip(PRIME.map(|limb| limb << BIAS_SHIFT)) {
        assert!(bias >= (1 << 62) - (1 << 16));
        assert!(limb.most <= bias.into());
    }
    for bias in PRIME.map(|limb| limb << SMALL_BIAS_SHIFT) {
        assert!(MOST <= bias);
    }
}

#[test]
fn whatever_a_lane_holds_carries_to_an_element() {
    let carried = formula::carry(up_to(u64::MAX.into()));
    assert_below(carried, (1 << 51) + (1 << 18));
    assert_below(carried, i128::from(MOST) + 1);
}

#[test]
fn no_sum_that_points_are_made_of_overflows() {
    let (e, p) = (element(), formula::times(element(), element()));
    let (twice, bias) = (formula::add(p, p), BIAS_SHIFT);
    let sums = [
        ("a + b", formula::add(e, e)),
        ("a - b", formula::sub(e, e, SMALL_BIAS_SHIFT)),
        ("-a", formula::sub(up_to(0), e, SMALL_BIAS_SHIFT)),
        ("E of a doubling", formula::sub(p, twice, bias)),
        (
            "F of a doubling",
            formula::sub(formula::add(p, twice), p, bias),
        ),
        ("G of a doubling", formula::sub(p, p, bias)),
        ("H of a doubling", twice),
        ("E of an addition", formula::sub(p, p, bias)),
        ("F of an addition", formula::sub(twice, p, bias)),
        ("G of an addition", formula::add(twice, p)),
        (
            "F of an addition of Z = 1",
            formula::sub(formula::add(e, e), p, bias),
        ),
        (
            "the most that is allowed",
            formula::sub(
                formula::add(p, twice),
                formula::add(up_to(0), formula::add(p, twice)),
                bias,
            ),
        ),
    ];
    for (name, sum) in sums {
        // 2^62.9, rounded down.
        for limb in sum {
            assert!(
                limb.unsigned().most < (1 << 62) * 1_866 / 1_000,
                "{name}: {limb:?}"
            );
        }
        assert_below(formula::carry(sum), i128::from(MOST) + 1);
    }
}

#[test]
fn canonical_elements_have_limbs_of_51_bits() {
    let twice = formula::ripple(formula::ripple(element()));
    assert_below(twice, (1 << 51) + (1 << 6));
    let [l0, rest @ ..] = twice;
    let raised = [l0.add(Range::up_to(19)), rest[0], rest[1], rest[2], rest[3]];
    assert_below(formula::carried(raised).0, 1 << 51);
}

#[test]
#[should_panic(expected = "a lane overflows")]
fn a_sum_that_is_too_large_is_found() {
    let p = formula::times(element(), element());
    let eight = (0..3).fold(p, |sum, _| formula::add(sum, sum));
    formula::sub(formula::add(eight, eight), p, BIAS_SHIFT);
}

#[test]
#[should_panic(expected = "no factor")]
fn a_factor_that_is_too_large_is_found() {
    formula::times(element(), up_to(1 << 52));
}

// The code beside the formulas.

fn exact(limbs: [u64; LIMBS]) -> Limbs<Exact> {
    limbs.map(Exact::exact)
}

fn plain(limbs: Limbs<Exact>) -> [u64; LIMBS] {
    limbs.map(|limb| u64::try_from(limb.0).unwrap())
}

/// The number that limbs are, modulo p.
fn value(limbs: [u64; LIMBS]) -> Big {
    Big::of_limbs(&limbs, RADIX as usize).modulo(prime(), 255)
}

fn prime() -> Big {
    Big::of_limbs(&PRIME, RADIX as usize)
}

fn lanes(ifma: Ifma, elements: [[u64; LIMBS]; LANES]) -> Field {
    Field(std::array::from_fn(|limb| {
        U64x8::from_array(ifma, elements.map(|element| element[limb]))
    }))
}

fn lane(limbs: [U64x8; LIMBS], lane: usize) -> [u64; LIMBS] {
    limbs.map(|limb| limb.to_array()[lane])
}

/// Elements at the bounds: of each limb, and of the number.
fn extremes() -> Vec<[u64; LIMBS]> {
    let limbs = [
        0,
        1,
        LIMB_MASK - 18,
        LIMB_MASK,
        LIMB_MASK + 1,
        LIMB_MASK + (1 << 18),
        MOST - 1,
        MOST,
    ];
    let mut all: Vec<[u64; LIMBS]> = limbs.iter().map(|limb| [*limb; LIMBS]).collect();
    for at in 0..LIMBS {
        let (mut one, mut others) = ([0; LIMBS], [MOST; LIMBS]);
        (one[at], others[at]) = (MOST, 0);
        all.extend([one, others]);
    }
    // p and 2 p, and the numbers around them; 2^255 and around.
    for multiple in [1, 2] {
        for lowest in [-20, -19, -2, -1, 0, 1, 17, 18, 19] {
            let mut near = PRIME.map(|limb| limb * multiple);
            near[0] = near[0].checked_add_signed(lowest).unwrap();
            all.push(near);
        }
    }
    all
}

/// Every operation on both, in every lane, as the formulas have it; and its meaning.
fn compare(ifma: Ifma, a: [[u64; LIMBS]; LANES], b: [[u64; LIMBS]; LANES]) {
    let (x, y) = (lanes(ifma, a), lanes(ifma, b));
    let three = |of: Wide| of.add(of.double());
    let product = x.times(ifma, y);
    let results = [
        ("add", x.add(y)),
        ("sub", x.sub(ifma, y)),
        ("times", product),
        ("squared", x.squared(ifma)),
        ("sub of products", x.squared(ifma).sub(ifma, three(product))),
        ("most", three(product).sub(ifma, x.squared(ifma))),
    ];
    let carried = results.map(|(_, wide)| wide.carry(ifma).0);
    let (negative, canonical) = (x.negate(ifma), x.canonical(ifma));
    let (is_equal, is_odd) = (x.equals(ifma, y), canonical.is_odd(ifma));
    let is_zero = canonical.is_zero(ifma);
    for at in 0..LANES {
        let (m, n) = (exact(a[at]), exact(b[at]));
        let formula_three = |of| formula::add(of, formula::add(of, of));
        let (mn, mm) = (formula::times(m, n), formula::times(m, m));
        let expected = [
            formula::add(m, n),
            formula::sub(m, n, SMALL_BIAS_SHIFT),
            mn,
            mm,
            formula::sub(mm, formula_three(mn), BIAS_SHIFT),
            formula::sub(formula_three(mn), mm, BIAS_SHIFT),
        ];
        for (((name, wide), carried), expected) in results.iter().zip(carried).zip(expected) {
            assert_eq!(lane(wide.0, at), plain(expected), "{name}");
            let expected = formula::carry(expected);
            assert_eq!(lane(carried, at), plain(expected), "{name}");
        }
        let (va, vb) = (value(a[at]), value(b[at]));
        let modulo = |number: Big| number.modulo(prime(), 255);
        assert_eq!(value(lane(product.0, at)), modulo(va.times(vb)));
        assert_eq!(value(lane(carried[3], at)), modulo(va.times(va)));
        assert_eq!(modulo(value(lane(carried[1], at)).plus(vb)), va);
        assert_eq!(modulo(value(lane(negative.0, at)).plus(va)), Big::default());
        let limbs = lane(canonical.0, at);
        assert_eq!(Big::of_limbs(&limbs, RADIX as usize), va);
        assert!(limbs.iter().all(|limb| *limb <= LIMB_MASK));
        let words = canonical.to_words().map(|word| word.to_array()[at]);
        assert_eq!(Big::of_words(&words), va);
        assert_eq!(is_equal >> at & 1 == 1, va == vb);
        assert_eq!(is_odd >> at & 1 == 1, va.0[0] & 1 == 1);
        assert_eq!(is_zero >> at & 1 == 1, va == Big::default());
    }
}

#[test]
fn the_code_is_the_formulas_at_the_extremes() {
    let Some(ifma) = Ifma::detect() else {
        println!("skipped: this CPU has no AVX-512 IFMA");
        return;
    };
    let all = extremes();
    for a in &all {
        for b in all.chunks(LANES) {
            let b = std::array::from_fn(|lane| b[lane % b.len()]);
            compare(ifma, [*a; LANES], b);
        }
    }
}

#[test]
fn inverses_and_powers_are_right_at_the_extremes() {
    let Some(ifma) = Ifma::detect() else {
        println!("skipped: this CPU has no AVX-512 IFMA");
        return;
    };
    for a in extremes() {
        let x = Field::splat(ifma, a);
        let va = value(a);
        let one = if va == Big::default() { 0 } else { 1 };
        let product = x.invert(ifma).mul(ifma, x);
        assert_eq!(value(lane(product.0, 0)), Big::of(one));
        // (p - 5) / 8 eight times, and 4 more, is p - 1.
        let [mut power] = Field::power_p58(ifma, [x]);
        for _ in 0..3 {
            power = power.square(ifma);
        }
        let product = power.mul(ifma, x.square(ifma).square(ifma));
        assert_eq!(value(lane(product.0, 0)), Big::of(one));
    }
}

fn any_element() -> impl Strategy<Value = [u64; LIMBS]> {
    prop::array::uniform5(prop_oneof![0..=MOST, MOST - 3..=MOST, 0_u64..3])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_code_is_the_formulas_on_any_elements(
        a in prop::array::uniform8(any_element()),
        b in prop::array::uniform8(any_element()),
    ) {
        if let Some(ifma) = Ifma::detect() {
            compare(ifma, a, b);
        }
    }
}
