//! Eight points of the curve -x^2 + y^2 = 1 + d x^2 y^2, in the coordinates of Hisil, Wong, Carter and Dawson (2008).
//!
//! The formulas are complete: they hold for every pair of points, so no lane needs a case of its own.

use super::field::{Field, Wide};
use crate::cpu::vector::{Ifma, Kernel, LANES, Mask, U64x8};

/// d = -121665 / 121666.
const D: [u64; 5] = [
    929_955_233_495_203,
    466_365_720_129_213,
    1_662_059_464_998_953,
    2_033_849_074_728_123,
    1_442_794_654_840_575,
];
/// 2 d.
const D2: [u64; 5] = [
    1_859_910_466_990_425,
    932_731_440_258_426,
    1_072_319_116_312_658,
    1_815_898_335_770_999,
    633_789_495_995_903,
];
/// 1 / d.
const D_INVERSE: [u64; 5] = [
    266_592_072_628_291,
    853_561_038_980_284,
    1_943_101_592_401_754,
    2_007_251_003_935_334,
    1_135_829_554_646_364,
];
/// A square root of -1.
const SQRT_M1: [u64; 5] = [
    1_718_705_420_411_056,
    234_908_883_556_509,
    2_233_514_472_574_048,
    2_117_202_627_021_982,
    765_476_049_583_133,
];

/// x = X / Z, y = Y / Z.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Projective {
    pub(crate) x: Field,
    pub(crate) y: Field,
    pub(crate) z: Field,
}

/// Also T = X Y / Z.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extended {
    pub(crate) x: Field,
    pub(crate) y: Field,
    pub(crate) z: Field,
    pub(crate) t: Field,
}

/// What an addition gives before its last four products: X = E F, Y = G H, Z = F G, T = E H.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completed {
    e: Field,
    f: Field,
    g: Field,
    h: Field,
}

/// A point made ready to be added: Y + X, Y - X, Z, 2 d T.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cached {
    pub(crate) plus: Field,
    pub(crate) minus: Field,
    pub(crate) z: Field,
    pub(crate) t2d: Field,
}

/// The same with Z = 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AffineCached {
    pub(crate) plus: Field,
    pub(crate) minus: Field,
    pub(crate) t2d: Field,
}

impl Projective {
    #[inline(always)]
    pub(crate) fn double(self, ifma: Ifma) -> Completed {
        let xx = self.x.squared(ifma);
        let yy = self.y.squared(ifma);
        let zz = self.z.squared(ifma);
        let sum = self.x.add(self.y).carry(ifma).squared(ifma);
        let xx_yy = xx.add(yy);
        // F and H have both changed their sign, which spares a subtraction and changes no point.
        Completed {
            e: sum.sub(ifma, xx_yy).carry(ifma),
            f: xx.add(zz.double()).sub(ifma, yy).carry(ifma),
            g: yy.sub(ifma, xx).carry(ifma),
            h: xx_yy.carry(ifma),
        }
    }
}

impl Completed {
    #[inline(always)]
    pub(crate) fn projective(self, ifma: Ifma) -> Projective {
        Projective {
            x: self.e.mul(ifma, self.f),
            y: self.g.mul(ifma, self.h),
            z: self.f.mul(ifma, self.g),
        }
    }

    #[inline(always)]
    pub(crate) fn extended(self, ifma: Ifma) -> Extended {
        Extended {
            x: self.e.mul(ifma, self.f),
            y: self.g.mul(ifma, self.h),
            z: self.f.mul(ifma, self.g),
            t: self.e.mul(ifma, self.h),
        }
    }
}

impl Extended {
    /// The neutral element.
    #[inline(always)]
    pub(crate) fn identity(ifma: Ifma) -> Self {
        let (zero, one) = (Field::small(ifma, 0), Field::small(ifma, 1));
        Self {
            x: zero,
            y: one,
            z: one,
            t: zero,
        }
    }

    #[inline(always)]
    pub(crate) fn from_affine(ifma: Ifma, x: Field, y: Field) -> Self {
        Self {
            x,
            y,
            z: Field::small(ifma, 1),
            t: x.mul(ifma, y),
        }
    }

    /// The points of these, or their negatives where `negative` has a bit: X = 2 x, Y = 2 y, Z = 2, T = 2 x y.
    #[inline(always)]
    pub(crate) fn from_cached(ifma: Ifma, point: &AffineCached, negative: Mask) -> Self {
        let plus = point.plus.select(negative, point.minus);
        let minus = point.minus.select(negative, point.plus);
        let t = point.t2d.mul(ifma, Field::splat(ifma, D_INVERSE));
        Self {
            x: plus.sub(ifma, minus).carry(ifma),
            y: plus.add(minus).carry(ifma),
            z: Field::small(ifma, 2),
            t: t.select(negative, t.negate(ifma)),
        }
    }

    #[inline(always)]
    pub(crate) fn projective(self) -> Projective {
        Projective {
            x: self.x,
            y: self.y,
            z: self.z,
        }
    }

    /// The same for points with Z = 1.
    #[inline(always)]
    pub(crate) fn affine_cached(self, ifma: Ifma) -> AffineCached {
        let Cached {
            plus, minus, t2d, ..
        } = self.cached(ifma);
        AffineCached { plus, minus, t2d }
    }

    #[inline(always)]
    pub(crate) fn cached(self, ifma: Ifma) -> Cached {
        Cached {
            plus: self.y.add(self.x).carry(ifma),
            minus: self.y.sub(ifma, self.x).carry(ifma),
            z: self.z,
            t2d: self.t.mul(ifma, Field::splat(ifma, D2)),
        }
    }

    /// `self + other`, or `self - other` where `negative` has a bit.
    #[inline(always)]
    pub(crate) fn add(self, ifma: Ifma, other: &Cached, negative: Mask) -> Completed {
        let zz = self.z.times(ifma, other.z).double();
        self.add_to(ifma, zz, [other.plus, other.minus, other.t2d], negative)
    }

    /// The same for a point with Z = 1.
    #[inline(always)]
    pub(crate) fn add_affine(self, ifma: Ifma, other: &AffineCached, negative: Mask) -> Completed {
        let zz = self.z.add(self.z);
        self.add_to(ifma, zz, [other.plus, other.minus, other.t2d], negative)
    }

    /// The negative of a point has its sum and difference exchanged, and -T; which exchanges F and G.
    #[inline(always)]
    fn add_to(
        self,
        ifma: Ifma,
        zz: Wide,
        [plus, minus, t2d]: [Field; 3],
        negative: Mask,
    ) -> Completed {
        let (sum, difference) = (
            self.y.add(self.x).carry(ifma),
            self.y.sub(ifma, self.x).carry(ifma),
        );
        let a = difference.times(ifma, minus.select(negative, plus));
        let b = sum.times(ifma, plus.select(negative, minus));
        let c = self.t.times(ifma, t2d);
        let (less, more) = (zz.sub(ifma, c).carry(ifma), zz.add(c).carry(ifma));
        Completed {
            e: b.sub(ifma, a).carry(ifma),
            f: less.select(negative, more),
            g: more.select(negative, less),
            h: b.add(a).carry(ifma),
        }
    }

    /// The elements of `other` where the mask has a bit, else its own.
    #[inline(always)]
    pub(crate) fn select(self, mask: Mask, other: Self) -> Self {
        Self {
            x: self.x.select(mask, other.x),
            y: self.y.select(mask, other.y),
            z: self.z.select(mask, other.z),
            t: self.t.select(mask, other.t),
        }
    }
}

/// The points of eight encodings (the y coordinate, not necessarily below p; the highest bit says whether x is odd), and
/// the lanes where there is one. Other lanes hold the neutral element.
pub(crate) struct Decompress<'a>(pub(crate) [&'a [u8; 32]; LANES]);

impl Kernel<Ifma> for Decompress<'_> {
    type Output = (Extended, Mask);

    #[inline(always)]
    fn run(self, ifma: Ifma) -> (Extended, Mask) {
        let [point] = DecompressAll([self.0]).run(ifma);
        point
    }
}

/// The same for several eights at the same time, which takes less than one after another.
pub(crate) struct DecompressAll<'a, const N: usize>(pub(crate) [[&'a [u8; 32]; LANES]; N]);

/// y, the numerator and the denominator of x^2, and what is raised to a power for its root.
#[derive(Clone, Copy)]
struct Root {
    y: Field,
    u: Field,
    v: Field,
    uv3: Field,
    uv7: Field,
}

impl Root {
    #[inline(always)]
    fn of(ifma: Ifma, lanes: [&[u8; 32]; LANES]) -> Self {
        let y = Field::from_bytes(ifma, lanes);
        let one = Field::small(ifma, 1);
        let yy = y.square(ifma);
        let u = yy.sub(ifma, one).carry(ifma);
        let v = yy.mul(ifma, Field::splat(ifma, D)).add(one).carry(ifma);
        let v3 = v.square(ifma).mul(ifma, v);
        let v7 = v3.square(ifma).mul(ifma, v);
        let (uv3, uv7) = (u.mul(ifma, v3), u.mul(ifma, v7));
        Self { y, u, v, uv3, uv7 }
    }

    /// x = u v^3 (u v^7)^((p - 5) / 8), up to a root of -1.
    #[inline(always)]
    fn point(self, ifma: Ifma, power: Field, sign: Mask) -> (Extended, Mask) {
        let x = power.mul(ifma, self.uv3);
        let vxx = x.square(ifma).mul(ifma, self.v);
        let is_root = vxx.equals(ifma, self.u);
        let is_other_root = vxx.equals(ifma, self.u.negate(ifma));
        let turned = x.mul(ifma, Field::splat(ifma, SQRT_M1));
        let x = turned.select(is_root, x).canonical(ifma);
        let x = x.select(x.is_odd(ifma) ^ sign, x.negate(ifma));
        let found = is_root | is_other_root;
        let point = Extended::from_affine(ifma, x, self.y);
        (Extended::identity(ifma).select(found, point), found)
    }
}

impl<const N: usize> Kernel<Ifma> for DecompressAll<'_, N> {
    type Output = [(Extended, Mask); N];

    #[inline(always)]
    fn run(self, ifma: Ifma) -> [(Extended, Mask); N] {
        let zero = Field::small(ifma, 0);
        let none = Root {
            y: zero,
            u: zero,
            v: zero,
            uv3: zero,
            uv7: zero,
        };
        let (mut roots, mut powers) = ([none; N], [zero; N]);
        for ((root, power), lanes) in roots.iter_mut().zip(&mut powers).zip(self.0) {
            *root = Root::of(ifma, lanes);
            *power = root.uv7;
        }
        let powers = Field::power_p58(ifma, powers);
        let mut points = [(Extended::identity(ifma), 0); N];
        let parts = roots.into_iter().zip(powers).zip(self.0);
        for (place, ((root, power), lanes)) in points.iter_mut().zip(parts) {
            let mut sign: Mask = 0;
            for (lane, bytes) in (0_u32..).zip(lanes) {
                sign |= (bytes[31] >> 7) << lane;
            }
            *place = root.point(ifma, power, sign);
        }
        points
    }
}

/// The lanes where 8 P is the neutral element.
#[inline(always)]
pub(crate) fn is_of_small_order(ifma: Ifma, point: Completed) -> Mask {
    let mut multiple = point.projective(ifma);
    for _ in 0..3 {
        multiple = multiple.double(ifma).projective(ifma);
    }
    let Projective { x, y, z } = multiple;
    x.canonical(ifma).is_zero(ifma) & y.equals(ifma, z)
}

/// Encodings of points with these affine coordinates, as four little-endian words.
#[inline(always)]
pub(crate) fn compress(ifma: Ifma, x: Field, y: Field) -> [U64x8; 4] {
    let [a, b, c, d] = y.canonical(ifma).to_words();
    let sign =
        U64x8::zero(ifma).select(x.canonical(ifma).is_odd(ifma), U64x8::splat(ifma, 1 << 63));
    [a, b, c, d.or(sign)]
}
