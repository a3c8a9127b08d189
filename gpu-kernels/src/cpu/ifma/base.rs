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

    /// Per lane the multiple that a digit's size names.
    #[inline(always)]
    pub(crate) fn pick(&self, ifma: Ifma, digit: Digit) -> AffineCached {
        let place = digit.size.sub(U64x8::splat(ifma, 1));
        let is_from = |vector: u64| place.shr::<3>().equal(U64x8::splat(ifma, vector));
        let masks = [is_from(1), is_from(2), is_from(3)];
        let is_none = digit.size.equal(U64x8::zero(ifma));
        let limb = |at: usize, neutral: u64| {
            let [first, rest @ ..] = &self.0[at];
            let mut limb = place.pick(*first);
            for (vector, mask) in rest.iter().zip(masks) {
                limb = limb.select(mask, place.pick(*vector));
            }
            limb.select(is_none, U64x8::splat(ifma, neutral))
        };
        AffineCached {
            plus: Field([limb(0, 1), limb(1, 0), limb(2, 0), limb(3, 0), limb(4, 0)]),
            minus: Field([limb(5, 1), limb(6, 0), limb(7, 0), limb(8, 0), limb(9, 0)]),
            t2d: Field([
                limb(10, 0),
                limb(11, 0),
                limb(12, 0),
                limb(13, 0),
                limb(14, 0),
            ]),
        }
    }
}
