//! Verdicts on signatures, eight at a time.
//!
//! The rule is that of `ordlane_primitives::signature`: S below l, A and R are points, and 8 (S B - k A - R) = 0. Here
//! P = S B - k A is computed per lane. A signature whose R is the encoding of P holds, and that is how signers make
//! them; so R is not decompressed but P compressed, with one inversion for many groups. Only where the bytes differ is R
//! decompressed and the equation itself looked at, in groups of such lanes.
//!
//! Before that, larger groups are tried together ([`super::batch`]), which takes half of the time where all signatures
//! hold. Where they do not, or have not too often lately ([`super::budget`]), the group is verified as above.
//!
//! Invariant: no lane sees another. A key that is no point is replaced by the neutral element, a scalar that is too large
//! by zero, and their verdict is `false` whatever comes of it.

use ordlane_primitives::{batch::SignatureCheck, signature::is_canonical_scalar};

use super::base::BaseTable;
use super::batch::{LARGEST_GROUP, SMALLEST_GROUP, verify_together};
use super::budget::Budget;
#[cfg(feature = "gpu")]
use super::challenge::challenges;
use super::field::{Field, words_of};
use super::point::{Cached, Decompress, Extended, Projective, compress, is_of_small_order};
use super::scalar::{Scalar, TOP_BIT};
use super::sha512::sha512;
use crate::cpu::padding::Message;
use crate::cpu::vector::{Ifma, Kernel, LANES, Mask, U64x8, run_ifma};

/// So many checks share an inversion or a combination.
const CHECKS_PER_RUN: usize = LARGEST_GROUP;

/// How many of `checks` each task should have: every thread gets as many tasks, and those are as large as a run may be.
pub(crate) fn checks_per_task(checks: usize, threads: usize) -> usize {
    let threads = threads.max(1);
    let tasks_each = checks.div_ceil(threads.saturating_mul(CHECKS_PER_RUN));
    checks
        .div_ceil(threads.saturating_mul(tasks_each.max(1)))
        .next_multiple_of(LANES)
        .clamp(SMALLEST_GROUP, CHECKS_PER_RUN)
}

/// The multiples 1 to 8 of a point, for digits of four bits.
const MULTIPLES: usize = 8;
type Table = [Cached; MULTIPLES];

/// Who verifies with these instructions, and what was learnt about the signatures that come.
#[derive(Debug)]
pub(crate) struct Verifier {
    ifma: Ifma,
    combinations: Budget,
}

impl Verifier {
    pub(crate) fn new(ifma: Ifma) -> Self {
        Self {
            ifma,
            combinations: Budget::default(),
        }
    }

    /// One verdict per check.
    pub(crate) fn verify(&self, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
        let base = BaseTable::get(self.ifma);
        let runs = checks.chunks(CHECKS_PER_RUN);
        runs.flat_map(|checks| {
            self.verify_by_combination(base, checks)
                .unwrap_or_else(|| run_ifma(self.ifma, Verify { base, checks }))
        })
        .collect()
    }

    /// The challenge of each check.
    #[cfg(feature = "gpu")]
    pub(crate) fn challenges(&self, checks: &[SignatureCheck<'_>]) -> Vec<[u8; 32]> {
        challenges(self.ifma, checks)
    }

    /// One verdict per check of a run if that is worth a try, and works.
    fn verify_by_combination(
        &self,
        base: &BaseTable,
        checks: &[SignatureCheck<'_>],
    ) -> Option<Vec<bool>> {
        if checks.len() < SMALLEST_GROUP || !self.combinations.suffices(checks.len()) {
            return None;
        }
        let verdicts = verify_together(self.ifma, base, checks);
        match verdicts {
            Some(_) => self.combinations.held(checks.len()),
            None => self.combinations.failed(checks.len()),
        }
        verdicts
    }
}

/// One verdict per check of a run.
struct Verify<'a> {
    base: &'a BaseTable,
    checks: &'a [SignatureCheck<'a>],
}

impl Kernel<Ifma> for Verify<'_> {
    type Output = Vec<bool>;

    #[inline(always)]
    fn run(self, ifma: Ifma) -> Vec<bool> {
        verify_run(ifma, self.base, self.checks)
    }
}

/// What is known about the checks of one group.
struct Group {
    /// S B - k A.
    point: Projective,
    /// The lanes where S is canonical and A is a point.
    sound: Mask,
}

#[inline(always)]
fn verify_run(ifma: Ifma, base: &BaseTable, checks: &[SignatureCheck<'_>]) -> Vec<bool> {
    let mut groups = Vec::with_capacity(checks.len().div_ceil(LANES));
    for part in checks.chunks(LANES) {
        if let Some(lanes) = fill(part) {
            groups.push(group(ifma, base, &lanes));
        }
    }
    let inverses = invert_all(ifma, &groups);
    let mut verdicts = Vec::with_capacity(checks.len());
    let mut open = Vec::new();
    for ((part, group), inverse) in checks.chunks(LANES).zip(&groups).zip(inverses) {
        let x = group.point.x.mul(ifma, inverse);
        let y = group.point.y.mul(ifma, inverse);
        let encoded = compress(ifma, x, y).map(U64x8::to_array);
        for (lane, check) in part.iter().enumerate() {
            let sound = group.sound >> lane & 1 == 1;
            let own = encoded.each_ref().map(|word| word.get(lane).copied());
            let is_same = own == words_of(r_of(check)).map(Some);
            if sound && !is_same {
                open.push((verdicts.len(), *check, Affine { x, y, lane }));
            }
            verdicts.push(sound && is_same);
        }
    }
    for part in open.chunks(LANES) {
        let holds = check_equation(ifma, part);
        for (lane, (position, ..)) in part.iter().enumerate() {
            if let Some(verdict) = verdicts.get_mut(*position) {
                *verdict = holds >> lane & 1 == 1;
            }
        }
    }
    verdicts
}

/// One lane of a group's points.
#[derive(Clone, Copy)]
struct Affine {
    x: Field,
    y: Field,
    lane: usize,
}

/// A check for every lane: the last one again where there are no more.
pub(super) fn fill<T: Copy>(part: &[T]) -> Option<[T; LANES]> {
    let last = *part.last()?;
    Some(std::array::from_fn(|lane| {
        part.get(lane).copied().unwrap_or(last)
    }))
}

pub(super) fn r_of<'a>(check: &SignatureCheck<'a>) -> &'a [u8; 32] {
    let (r, _) = check
        .signature
        .split_first_chunk()
        .unwrap_or((&[0; 32], &[]));
    r
}

pub(super) fn s_of<'a>(check: &SignatureCheck<'a>) -> &'a [u8; 32] {
    let (_, s) = check
        .signature
        .split_last_chunk()
        .unwrap_or((&[], &[0; 32]));
    s
}

/// What the challenge is the hash of.
pub(super) fn message_of<'a>(check: &SignatureCheck<'a>) -> Message<'a, 3> {
    Message([r_of(check).as_slice(), check.key.as_slice(), check.message])
}

#[inline(always)]
fn group(ifma: Ifma, base: &BaseTable, checks: &[SignatureCheck<'_>; LANES]) -> Group {
    let messages = checks.each_ref().map(message_of);
    let k = Scalar::reduce(ifma, sha512(ifma, &messages));
    let canonical = checks
        .each_ref()
        .map(|check| is_canonical_scalar(s_of(check)));
    let mut words = [[0; LANES]; 4];
    let mut sound: Mask = 0;
    for (lane, (check, canonical)) in checks.iter().zip(canonical).enumerate() {
        if !canonical {
            continue;
        }
        sound |= 1 << lane;
        for (word, value) in words.iter_mut().zip(words_of(s_of(check))) {
            if let Some(place) = word.get_mut(lane) {
                *place = value;
            }
        }
    }
    let s = Scalar::from_words(U64x8::from_arrays(ifma, words));
    let (a, found) = run_ifma(ifma, Decompress(checks.each_ref().map(|check| check.key)));
    Group {
        point: combine(ifma, base, &table_of(ifma, a), k, s),
        sound: sound & found,
    }
}

#[inline(always)]
fn table_of(ifma: Ifma, point: Extended) -> Table {
    let step = point.cached(ifma);
    let mut table = [step; MULTIPLES];
    let mut multiple = point;
    for entry in table.iter_mut().skip(1) {
        multiple = multiple.add(ifma, &step, 0).extended(ifma);
        *entry = multiple.cached(ifma);
    }
    table
}

/// Per lane the entry that a digit's size names.
#[inline(always)]
fn pick(ifma: Ifma, table: &Table, size: U64x8) -> Cached {
    let (zero, one) = (Field::small(ifma, 0), Field::small(ifma, 1));
    let mut picked = Cached {
        plus: one,
        minus: one,
        z: one,
        t2d: zero,
    };
    for (entry, multiple) in table.iter().zip(1..) {
        let mask = size.equal(U64x8::splat(ifma, multiple));
        picked = Cached {
            plus: picked.plus.select(mask, entry.plus),
            minus: picked.minus.select(mask, entry.minus),
            z: picked.z.select(mask, entry.z),
            t2d: picked.t2d.select(mask, entry.t2d),
        };
    }
    picked
}

/// s B - k A, by the digits of both from the highest down, with doublings in common.
#[inline(always)]
fn combine(ifma: Ifma, base: &BaseTable, table: &Table, k: Scalar, s: Scalar) -> Projective {
    let (nibbles, sixes) = (k.nibbles(ifma), s.sixes(ifma));
    let mut point = Extended::identity(ifma).projective();
    for bit in (0..=TOP_BIT).rev() {
        let mut sum = point.double(ifma);
        if bit % 4 == 0 {
            let digit = nibbles.at(ifma, bit);
            let entry = pick(ifma, table, digit.size);
            sum = sum.extended(ifma).add(ifma, &entry, !digit.negative);
        }
        if bit % 6 == 0 {
            let digit = sixes.at(ifma, bit);
            let entry = base.pick(ifma, digit);
            sum = sum.extended(ifma).add_affine(ifma, &entry, digit.negative);
        }
        point = sum.projective(ifma);
    }
    point
}

/// 1 / Z of every group: products from the left, one inversion, and back. Z is never zero, since the formulas are complete
/// and every lane holds points.
#[inline(always)]
fn invert_all(ifma: Ifma, groups: &[Group]) -> Vec<Field> {
    let mut product = Field::small(ifma, 1);
    let mut before = Vec::with_capacity(groups.len());
    for group in groups {
        before.push(product);
        product = product.mul(ifma, group.point.z);
    }
    let mut inverse = product.invert(ifma);
    for (place, group) in before.iter_mut().zip(groups).rev() {
        *place = place.mul(ifma, inverse);
        inverse = inverse.mul(ifma, group.point.z);
    }
    before
}

/// The lanes where R is a point and 8 (P - R) is the neutral element.
#[inline(always)]
fn check_equation(ifma: Ifma, open: &[(usize, SignatureCheck<'_>, Affine)]) -> Mask {
    let Some(lanes) = fill(open) else { return 0 };
    let (r, found) = run_ifma(
        ifma,
        Decompress(lanes.each_ref().map(|(_, check, _)| r_of(check))),
    );
    let gather = |of: fn(&Affine) -> Field| {
        let limbs = lanes.each_ref().map(|(.., affine)| {
            of(affine)
                .0
                .map(|limb| limb.to_array().get(affine.lane).copied().unwrap_or(0))
        });
        Field(std::array::from_fn(|limb| {
            U64x8::from_array(ifma, limbs.map(|own| own.get(limb).copied().unwrap_or(0)))
        }))
    };
    let point = Extended::from_affine(ifma, gather(|affine| affine.x), gather(|affine| affine.y));
    let difference = point.add(ifma, &r.cached(ifma), !0);
    is_of_small_order(ifma, difference) & found
}
