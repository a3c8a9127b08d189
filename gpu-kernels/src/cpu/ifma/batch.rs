//! Verdicts on a group of signatures by one equation: a random linear combination.
//!
//! With coefficients z_i of 128 bits, all of a group's equations 8 (S_i B - k_i A_i - R_i) = 0 hold if
//!
//! 8 (sum z_i R_i + sum (z_i k_i) A_i - (sum z_i S_i) B) = 0
//!
//! does. Signatures whose S is not canonical, or whose A or R is no point, are put aside first: they are invalid and have
//! no place in the sum. If the equation holds, all others are valid. If not, nothing is known, and the caller looks at
//! every signature by itself.
//!
//! **The same rule.** Multiplied by 8, every part of small order is gone; what is left is in the group of order l, where
//! scalars count modulo l. So valid signatures always hold together, whatever parts of small order their A and R have.
//!
//! **Soundness.** Let some signature be invalid, E_i = 8 (S_i B - k_i A_i - R_i) not 0. Whatever the other coefficients
//! are, one value of z_i modulo l at most makes the sum 0, and z_i is one of 2^128 below l. The coefficients are a hash of
//! everything that the E_i depend on ([`super::coefficients`]), so they are known only after keys, messages and signatures
//! are fixed. If SHA-512 is as good as a random function, a group with an invalid signature passes with probability 2^-128
//! at most; who wants one that passes must try 2^128 groups, a hash of a whole group for each. Errors that cancel for
//! equal coefficients, +E and -E, do so here no more often than others.
//!
//! **Bounds.** Points have limbs below 2^52 (see [`super::field`]). z_i k_i and the sum of z_i S_i are brought below
//! 2^254 as [`Products`] says, of which one is given at most [`LARGEST_GROUP`] / 8 products.
//!
//! **Cost**, in products of field elements of eight lanes per eight signatures, a square counted as 0.7: alone, 2,600
//! (200 for decompressing A, 1,470 for 253 doublings, 810 for additions, 60 for the table). Here 256 signatures are 513
//! points with 6-bit digits: 65 additions of 7 each (450), eight columns of buckets summed up six times over (110), 290
//! doublings (50), two decompressions (400, and two at the same time take a third less than one after the other). That is
//! 0.39 of it; measured with all the rest, 0.46 for 256 signatures, 0.5 for 128, 0.6 for 64 and 0.67 for 48. With windows
//! instead of buckets (Straus) the sum would take 1,000 instead of 610.

use ordlane_primitives::{batch::SignatureCheck, signature::is_canonical_scalar};

use super::base::BaseTable;
use super::coefficients::{Coefficient, Coefficients, Statement};
use super::field::words_of;
use super::multiscalar::{Sum, Terms};
use super::packed::PackedAffine;
use super::point::{DecompressAll, is_of_small_order};
use super::scalar::{Products, Scalar};
use super::sha512::sha512;
use super::verify::{fill, message_of, r_of, s_of};
use crate::cpu::vector::{Ifma, Kernel, LANES, Mask, U64x8, run_ifma};

/// Fewer checks gain too little for what they cost when one of them is invalid.
pub(super) const SMALLEST_GROUP: usize = 48;
/// More checks cost more when one of them is invalid, and gain little.
pub(super) const LARGEST_GROUP: usize = 256;

/// One verdict per check if the combination of the sound ones holds. `checks` are at most [`LARGEST_GROUP`].
pub(super) fn verify_together(
    ifma: Ifma,
    base: &BaseTable,
    checks: &[SignatureCheck<'_>],
) -> Option<Vec<bool>> {
    let (statements, canonical) = states(ifma, checks);
    let coefficients = run_ifma(
        ifma,
        Coefficients {
            count: checks.len(),
            statements: &statements,
        },
    );
    let mut combination = Combination::new(ifma, checks.len());
    let parts = checks.chunks(LANES).zip(canonical);
    for ((part, canonical), (statement, coefficient)) in
        parts.zip(statements.iter().zip(coefficients))
    {
        let lanes = fill(part)?;
        let add = Add {
            combination: &mut combination,
            lanes: &lanes,
            sound: canonical & first_lanes(part.len()),
            statement,
            coefficient,
        };
        run_ifma(ifma, add);
    }
    combination.holds(ifma, base)
}

/// A bit for each of the first `count` lanes.
const fn first_lanes(count: usize) -> Mask {
    if count >= LANES { !0 } else { !(!0 << count) }
}

/// What is to be hashed per part, and the lanes where S is canonical.
fn states(ifma: Ifma, checks: &[SignatureCheck<'_>]) -> (Vec<Statement>, Vec<Mask>) {
    let parts = checks.chunks(LANES).filter_map(fill);
    parts
        .map(|lanes| {
            let mut canonical: Mask = 0;
            for (lane, check) in lanes.iter().enumerate() {
                canonical |= Mask::from(is_canonical_scalar(s_of(check))) << lane;
            }
            (run_ifma(ifma, State(&lanes)), canonical)
        })
        .unzip()
}

struct State<'a>(&'a [SignatureCheck<'a>; LANES]);

impl Kernel<Ifma> for State<'_> {
    type Output = Statement;

    #[inline(always)]
    fn run(self, ifma: Ifma) -> Statement {
        let messages = self.0.each_ref().map(message_of);
        let mut s = [[0; LANES]; 4];
        for (lane, check) in self.0.iter().enumerate() {
            for (word, value) in s.iter_mut().zip(words_of(s_of(check))) {
                if let Some(place) = word.get_mut(lane) {
                    *place = value;
                }
            }
        }
        Statement {
            challenge: sha512(ifma, &messages),
            s: U64x8::from_arrays(ifma, s),
        }
    }
}

/// The sums of the equation.
struct Combination {
    /// The terms of A, and later those of B and R.
    terms: Terms,
    /// R with z.
    commitments: Vec<(PackedAffine, [u64; 2])>,
    /// Per lane the sum of z S.
    base: Products,
    verdicts: Vec<bool>,
}

impl Combination {
    fn new(ifma: Ifma, checks: usize) -> Self {
        let most = checks.next_multiple_of(LANES);
        Self {
            terms: Terms::with_capacity(most.saturating_mul(2).saturating_add(1)),
            commitments: Vec::with_capacity(most),
            base: Products::none(ifma),
            verdicts: Vec::with_capacity(checks),
        }
    }

    /// The verdicts if the equation holds.
    fn holds(mut self, ifma: Ifma, base: &BaseTable) -> Option<Vec<bool>> {
        if self.commitments.is_empty() {
            return Some(self.verdicts);
        }
        let scalar = run_ifma(ifma, BaseScalar(self.base));
        let point = run_ifma(ifma, NegativeBase(base));
        self.terms.push_long(point, scalar);
        for (point, scalar) in self.commitments {
            self.terms.push_short(point, scalar);
        }
        run_ifma(ifma, IsNone(self.terms)).then_some(self.verdicts)
    }
}

/// Adds a part.
struct Add<'a> {
    combination: &'a mut Combination,
    lanes: &'a [SignatureCheck<'a>; LANES],
    /// The lanes that have a check, with a canonical S.
    sound: Mask,
    statement: &'a Statement,
    coefficient: Coefficient,
}

impl Kernel<Ifma> for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self, ifma: Ifma) {
        let keys = self.lanes.each_ref().map(|check| check.key);
        let nonces = self.lanes.each_ref().map(r_of);
        let [(a, a_found), (r, r_found)] = run_ifma(ifma, DecompressAll([keys, nonces]));
        let sound = self.sound & a_found & r_found;
        let zero = U64x8::zero(ifma);
        let [low, high] = self.coefficient;
        let z = [zero.select(sound, low), zero.select(sound, high)];

        let Combination {
            terms,
            commitments,
            base,
            verdicts,
        } = self.combination;
        base.add(ifma, Scalar::from_words(self.statement.s), z);
        let mut product = Products::none(ifma);
        product.add(ifma, Scalar::reduce(ifma, self.statement.challenge), z);
        let [p0, p1, p2, p3] = product.reduce(ifma).words();
        let scalars = [p0.to_array(), p1.to_array(), p2.to_array(), p3.to_array()];
        let [low, high] = z;
        let shorts = [low.to_array(), high.to_array()];
        let a = PackedAffine::store(ifma, &a.affine_cached(ifma));
        let r = PackedAffine::store(ifma, &r.affine_cached(ifma));
        for (lane, (a, r)) in a.into_iter().zip(r).enumerate() {
            if sound >> lane & 1 == 1 {
                terms.push_long(a, scalars.map(|word| word.get(lane).copied().unwrap_or(0)));
                let z = shorts.map(|word| word.get(lane).copied().unwrap_or(0));
                commitments.push((r, z));
            }
        }
        let count = verdicts.capacity().saturating_sub(verdicts.len());
        verdicts.extend((0..LANES.min(count)).map(|lane| sound >> lane & 1 == 1));
    }
}

/// The sum of z S modulo l.
struct BaseScalar(Products);

impl Kernel<Ifma> for BaseScalar {
    type Output = [u64; 4];

    #[inline(always)]
    fn run(self, ifma: Ifma) -> [u64; 4] {
        let [a, b, c, d] = self.0.reduce(ifma).sum_of_lanes(ifma).words();
        let ([a, ..], [b, ..]) = (a.to_array(), b.to_array());
        let ([c, ..], [d, ..]) = (c.to_array(), d.to_array());
        [a, b, c, d]
    }
}

/// -B.
struct NegativeBase<'a>(&'a BaseTable);

impl Kernel<Ifma> for NegativeBase<'_> {
    type Output = PackedAffine;

    #[inline(always)]
    fn run(self, ifma: Ifma) -> PackedAffine {
        let [point, ..] = PackedAffine::store(ifma, &self.0.negative(ifma));
        point
    }
}

/// Whether eight times the sum of the terms is the neutral element.
struct IsNone(Terms);

impl Kernel<Ifma> for IsNone {
    type Output = bool;

    #[inline(always)]
    fn run(self, ifma: Ifma) -> bool {
        is_of_small_order(ifma, Sum(self.0).run(ifma)) == !0
    }
}

#[cfg(test)]
mod tests;
