//! Points apart from each other in memory, so that every lane can take one of its own.
//!
//! A vector holds one limb of eight points; here one point has its limbs in a row, and eight points are turned into
//! vectors by transposing. That takes a tenth of an addition; gathering limb by limb would take longer than adding.

use super::field::Field;
use super::point::{AffineCached, Cached};
use crate::cpu::vector::{Ifma, LANES, U64x8};

/// The limbs of one point, in rows of eight; the last row's end is unused.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Packed<const ROWS: usize>([[u64; LANES]; ROWS]);

/// Of an [`AffineCached`], with 15 limbs.
pub(crate) type PackedAffine = Packed<2>;
/// Of a [`Cached`], with 20 limbs.
pub(crate) type PackedCached = Packed<3>;

impl<const ROWS: usize> Packed<ROWS> {
    /// No point: a place for one.
    pub(crate) const EMPTY: Self = Self([[0; LANES]; ROWS]);

    /// Row `row` of eight points, as eight vectors of one limb each.
    #[inline(always)]
    fn load_row(ifma: Ifma, points: &[&Self; LANES], row: usize) -> [U64x8; LANES] {
        let mut lanes = [U64x8::zero(ifma); LANES];
        for (lane, point) in lanes.iter_mut().zip(points) {
            *lane = U64x8::from_array(ifma, point.0.get(row).copied().unwrap_or_default());
        }
        transpose(lanes)
    }

    #[inline(always)]
    fn store_row(points: &mut [Self; LANES], row: usize, limbs: [U64x8; LANES]) {
        for (point, lane) in points.iter_mut().zip(transpose(limbs)) {
            if let Some(place) = point.0.get_mut(row) {
                *place = lane.to_array();
            }
        }
    }
}

impl PackedAffine {
    /// The neutral element.
    pub(crate) const IDENTITY: Self = Self([[1, 0, 0, 0, 0, 1, 0, 0], [0; LANES]]);

    #[inline(always)]
    pub(crate) fn load(ifma: Ifma, points: &[&Self; LANES]) -> AffineCached {
        let [p0, p1, p2, p3, p4, m0, m1, m2] = Self::load_row(ifma, points, 0);
        let [m3, m4, t0, t1, t2, t3, t4, _] = Self::load_row(ifma, points, 1);
        AffineCached {
            plus: Field([p0, p1, p2, p3, p4]),
            minus: Field([m0, m1, m2, m3, m4]),
            t2d: Field([t0, t1, t2, t3, t4]),
        }
    }

    #[inline(always)]
    pub(crate) fn store(ifma: Ifma, points: &AffineCached) -> [Self; LANES] {
        let AffineCached { plus, minus, t2d } = points;
        let ([p0, p1, p2, p3, p4], [m0, m1, m2, m3, m4]) = (plus.0, minus.0);
        let [t0, t1, t2, t3, t4] = t2d.0;
        let mut packed = [Self::EMPTY; LANES];
        Self::store_row(&mut packed, 0, [p0, p1, p2, p3, p4, m0, m1, m2]);
        let rest = [m3, m4, t0, t1, t2, t3, t4, U64x8::zero(ifma)];
        Self::store_row(&mut packed, 1, rest);
        packed
    }
}

impl PackedCached {
    #[inline(always)]
    pub(crate) fn load(ifma: Ifma, points: &[&Self; LANES]) -> Cached {
        let [p0, p1, p2, p3, p4, m0, m1, m2] = Self::load_row(ifma, points, 0);
        let [m3, m4, z0, z1, z2, z3, z4, t0] = Self::load_row(ifma, points, 1);
        let [t1, t2, t3, t4, ..] = Self::load_row(ifma, points, 2);
        Cached {
            plus: Field([p0, p1, p2, p3, p4]),
            minus: Field([m0, m1, m2, m3, m4]),
            z: Field([z0, z1, z2, z3, z4]),
            t2d: Field([t0, t1, t2, t3, t4]),
        }
    }

    #[inline(always)]
    pub(crate) fn store(ifma: Ifma, points: &Cached) -> [Self; LANES] {
        let Cached {
            plus,
            minus,
            z,
            t2d,
        } = points;
        let ([p0, p1, p2, p3, p4], [m0, m1, m2, m3, m4]) = (plus.0, minus.0);
        let ([z0, z1, z2, z3, z4], [t0, t1, t2, t3, t4]) = (z.0, t2d.0);
        let none = U64x8::zero(ifma);
        let mut packed = [Self::EMPTY; LANES];
        Self::store_row(&mut packed, 0, [p0, p1, p2, p3, p4, m0, m1, m2]);
        Self::store_row(&mut packed, 1, [m3, m4, z0, z1, z2, z3, z4, t0]);
        Self::store_row(&mut packed, 2, [t1, t2, t3, t4, none, none, none, none]);
        packed
    }
}

/// Rows to columns.
#[inline(always)]
fn transpose([r0, r1, r2, r3, r4, r5, r6, r7]: [U64x8; LANES]) -> [U64x8; LANES] {
    /// Of each operand the pairs 0 and 2, and 1 and 3.
    const EVEN: i32 = 0x88;
    const ODD: i32 = 0xdd;
    macro_rules! columns {
        ($unpack:ident) => {{
            let (a, b) = (r0.$unpack(r1), r2.$unpack(r3));
            let (c, d) = (r4.$unpack(r5), r6.$unpack(r7));
            let (left, right) = (a.pairs::<EVEN>(b), c.pairs::<EVEN>(d));
            let (other_left, other_right) = (a.pairs::<ODD>(b), c.pairs::<ODD>(d));
            [
                left.pairs::<EVEN>(right),
                other_left.pairs::<EVEN>(other_right),
                left.pairs::<ODD>(right),
                other_left.pairs::<ODD>(other_right),
            ]
        }};
    }
    let [c0, c2, c4, c6] = columns!(unpack_low);
    let [c1, c3, c5, c7] = columns!(unpack_high);
    [c0, c1, c2, c3, c4, c5, c6, c7]
}
