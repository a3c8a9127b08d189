//! The multiples of the base point that a digit of six bits can name.

use std::sync::OnceLock;

use super::field::Field;
use super::point::{AffineCached, Decompress, Extended};
use super::scalar::Digit;
use crate::cpu::vector::{Ifma, Kernel, LANES, U64x8, run_ifma};

/// The base point: y = 4/5, x even.
const BASE_POINT: [u8; 32] = {
    let mut bytes = [0x66; 32];
    bytes[0] = 0x58;
    bytes
};
/// The largest digit.
const MULTIPLES: usize = 32;
/// Limbs of an entry: Y + X, Y - X and 2 d X Y, five each.
const LIMBS: usize = 15;

/// Per limb the multiples 1 to 32, in vectors of eight.
pub(crate) struct BaseTable([[U64x8; MULTIPLES / LANES]; LIMBS]);

struct MakeTable;

impl Kernel<Ifma> for MakeTable {
    type Output = BaseTable;

    #[inline(always)]
    fn run(self, ifma: Ifma) -> BaseTable {
        BaseTable::make(ifma)
    }
}

impl BaseTable {
    /// The table of this process.
    pub(crate) fn get(ifma: Ifma) -> &'static Self {
        static TABLE: OnceLock<BaseTable> = OnceLock::new();
        TABLE.get_or_init(|| run_ifma(ifma, MakeTable))
    }

    #[inline(always)]
    fn make(ifma: Ifma) -> Self {
        let (base, _) = run_ifma(ifma, Decompress([&BASE_POINT; LANES]));
        let step = base.cached(ifma);
        let mut limbs = [[[0; LANES]; MULTIPLES / LANES]; LIMBS];
        let mut point = base;
        for multiple in 0..MULTIPLES {
            let inverse = point.z.invert(ifma);
            let affine =
                Extended::from_affine(ifma, point.x.mul(ifma, inverse), point.y.mul(ifma, inverse));
            let cached = affine.cached(ifma);
            let fields = [cached.plus, cached.minus, cached.t2d];
            let values = fields.into_iter().flat_map(|field| field.canonical(ifma).0);
            for (limb, value) in limbs.iter_mut().zip(values) {
                let place = limb
                    .get_mut(multiple / LANES)
                    .and_then(|vector| vector.get_mut(multiple % LANES));
                if let Some(place) = place {
                    [*place, ..] = value.to_array();
                }
            }
            point = point.add(ifma, &step, 0).extended(ifma);
        }
        Self(limbs.map(|limb| limb.map(|lanes| U64x8::from_array(ifma, lanes))))
    }

    /// -B in every lane.
    #[inline(always)]
    pub(crate) fn negative(&self, ifma: Ifma) -> AffineCached {
        let AffineCached { plus, minus, t2d } = self.pick(
            ifma,
            Digit {
                size: U64x8::splat(ifma, 1),
                negative: 0,
            },
        );
        AffineCached {
            plus: minus,
            minus: plus,
            t2d: t2d.negate(ifma),
        }
    }

    /// Per lane the multiple that a digit's size names.
    #[inline(always)]
    pub(crate) fn pick(&self, ifma: Ifma, digit: Digit) -> AffineCached {
        let place = digit.size.sub(U64x8::splat(ifma, 1));
        let vector = place.shr::<3>();
        let masks = [
            vector.equal(U64x8::splat(ifma, 1)),
            vector.equal(U64x8::splat(ifma, 2)),
            vector.equal(U64x8::splat(ifma, 3)),
        ];
        let is_none = digit.size.equal(U64x8::zero(ifma));
        let mut limbs = [U64x8::zero(ifma); LIMBS];
        for (limb, [first, rest @ ..]) in limbs.iter_mut().zip(&self.0) {
            *limb = place.pick(*first);
            for (vector, mask) in rest.iter().zip(masks) {
                *limb = limb.select(mask, place.pick(*vector));
            }
        }
        let [p0, p1, p2, p3, p4, m0, m1, m2, m3, m4, t0, t1, t2, t3, t4] = limbs;
        let (zero, one) = (Field::small(ifma, 0), Field::small(ifma, 1));
        AffineCached {
            plus: Field([p0, p1, p2, p3, p4]).select(is_none, one),
            minus: Field([m0, m1, m2, m3, m4]).select(is_none, one),
            t2d: Field([t0, t1, t2, t3, t4]).select(is_none, zero),
        }
    }
}
