//! The sum of many points with scalars, by Pippenger's method (buckets; Bernstein, Doumen, Lange, Oosterwijk 2012).
//!
//! Scalars are cut into signed digits of `width` bits. Per column of digits and size of a digit there is a bucket: the sum
//! of the points that have that digit there. With buckets b_1 to b_h a column gives sum i b_i, by sums from b_h down; and
//! the columns follow each other by `width` doublings.
//!
//! Eight columns are done at a time, one per lane where buckets are summed up. Where they are *filled*, a lane has any
//! bucket: buckets are put in the order of their lengths, so that those of eight lanes have about as many points, and
//! hardly a lane is idle. Points lie apart in memory ([`Packed`]), so a lane takes whichever is next in its bucket.
//!
//! The choice of a width, and all else here, depends on the number of points alone; no time or result is secret.

use super::packed::{Packed, PackedAffine, PackedCached};
use super::point::{AffineCached, Completed, Extended};
use crate::cpu::vector::{Ifma, Kernel, LANES, Mask};

/// Bits of the coefficients, and so of short scalars.
const SHORT_BITS: usize = 128;
/// Bits of other scalars.
const LONG_BITS: usize = 254;
/// Words of a scalar with all of its digits raised: six times eight columns of six bits take 288 bits.
const WORDS: usize = 5;

/// Points with scalars.
#[derive(Debug)]
pub(crate) struct Terms {
    points: Vec<PackedAffine>,
    scalars: Vec<[u64; 4]>,
    long: usize,
}

impl Terms {
    pub(crate) fn with_capacity(terms: usize) -> Self {
        Self {
            points: Vec::with_capacity(terms.saturating_add(1)),
            scalars: Vec::with_capacity(terms),
            long: 0,
        }
    }

    /// Adds a point with a scalar below 2^254. All of these come before the short ones.
    pub(crate) fn push_long(&mut self, point: PackedAffine, scalar: [u64; 4]) {
        debug_assert_eq!(self.long, self.points.len(), "after a short one");
        self.push(point, scalar);
        self.long = self.points.len();
    }

    /// Adds a point with a scalar below 2^128.
    pub(crate) fn push_short(&mut self, point: PackedAffine, [low, high]: [u64; 2]) {
        self.push(point, [low, high, 0, 0]);
    }

    fn push(&mut self, point: PackedAffine, scalar: [u64; 4]) {
        self.points.push(point);
        self.scalars.push(scalar);
    }
}

/// Bits of a digit: what was measured to be fastest.
const fn width_for(terms: usize) -> usize {
    match terms {
        0..=111 => 4,
        112..=239 => 5,
        _ => 6,
    }
}

/// The sum of all terms, in every lane.
pub(crate) struct Sum(pub(crate) Terms);

impl Kernel<Ifma> for Sum {
    type Output = Completed;

    #[inline(always)]
    fn run(self, ifma: Ifma) -> Completed {
        let Self(mut terms) = self;
        let width = width_for(terms.scalars.len());
        let mut columns = Columns::new(width, &terms);
        // One more point, for lanes that have none.
        terms.points.push(PackedAffine::IDENTITY);
        let mut sum = Extended::identity(ifma);
        let eights = columns.eights();
        for eight in (0..eights).rev() {
            if eight.wrapping_add(1) != eights {
                sum = doubled(ifma, sum, LANES.wrapping_mul(width));
            }
            columns.sort(eight);
            columns.fill(ifma, &terms.points);
            let column = columns.sum(ifma).cached(ifma);
            sum = sum.add(ifma, &column, 0).extended(ifma);
        }
        fold(ifma, width, sum)
    }
}

/// The sum of all lanes, each with `width` doublings more than the one before.
#[inline(always)]
fn fold(ifma: Ifma, width: usize, lanes: Extended) -> Completed {
    let lanes = PackedCached::store(ifma, &lanes.cached(ifma));
    let identity = Extended::identity(ifma);
    let mut sum = identity.projective().double(ifma);
    for lane in lanes.iter().rev() {
        let point = doubled(ifma, sum.extended(ifma), width);
        sum = point.add(ifma, &PackedCached::load(ifma, &[lane; LANES]), 0);
    }
    sum
}

/// Doubled `times` times, at least once.
#[inline(always)]
fn doubled(ifma: Ifma, point: Extended, times: usize) -> Extended {
    let mut point = point.projective();
    for _ in 1..times {
        point = point.double(ifma).projective(ifma);
    }
    point.double(ifma).extended(ifma)
}

/// A place in the lists of all buckets: twice the point's number, and one more for its negative.
type Entry = u32;

/// The digits of eight columns, and their buckets.
struct Columns {
    width: usize,
    /// The largest digit.
    half: usize,
    /// How many terms have long scalars.
    long: usize,
    /// Scalars with half of the range added to every digit, so that digits need no borrowing.
    raised: Vec<[u64; WORDS]>,
    /// Per term and lane the bucket.
    places: Vec<[Entry; LANES]>,
    /// Per bucket where its list ends, and how long it is; a lane's digits of zero have a bucket, too.
    lists: Vec<List>,
    entries: Vec<Entry>,
    /// The buckets of digits other than zero, the longest first.
    order: Vec<usize>,
    lengths: Vec<usize>,
    buckets: Vec<PackedCached>,
}

#[derive(Clone, Copy, Debug, Default)]
struct List {
    end: usize,
    length: usize,
}

impl Columns {
    fn new(width: usize, terms: &Terms) -> Self {
        let half = 1_usize << width.wrapping_sub(1);
        let buckets = LANES.wrapping_mul(half.wrapping_add(1));
        let constant = raised_zero(width);
        let count = terms.scalars.len();
        Self {
            width,
            half,
            long: terms.long,
            raised: terms
                .scalars
                .iter()
                .map(|scalar| raise(scalar, &constant))
                .collect(),
            places: vec![[0; LANES]; count],
            lists: vec![List::default(); buckets],
            entries: vec![0; count.wrapping_mul(LANES)],
            order: vec![0; LANES.wrapping_mul(half)],
            lengths: vec![0; count.wrapping_add(1)],
            buckets: vec![Packed::EMPTY; buckets],
        }
    }

    /// How many times eight columns there are.
    const fn eights(&self) -> usize {
        columns(self.width).div_ceil(LANES)
    }

    /// The bucket of a lane and a digit's size.
    #[inline(always)]
    const fn bucket(&self, lane: usize, size: usize) -> usize {
        lane.wrapping_mul(self.half.wrapping_add(1))
            .wrapping_add(size)
    }

    /// Makes the lists of eight columns.
    #[inline(always)]
    fn sort(&mut self, eight: usize) {
        let from = eight.wrapping_mul(LANES).wrapping_mul(self.width);
        let active = if from <= SHORT_BITS {
            self.raised.len()
        } else {
            self.long
        };
        self.lists.fill(List::default());
        let mask = 1_u64.wrapping_shl(bits(self.width)).wrapping_sub(1);
        let per_lane = self.half.wrapping_add(1);
        for (raised, places) in self.raised.iter().zip(&mut self.places).take(active) {
            let mut digits = digits_from(raised, from);
            let mut first = 0_usize;
            for place in places {
                let raised = index(digits & mask);
                let is_negative = raised < self.half;
                let bucket = first.wrapping_add(raised.abs_diff(self.half));
                if let Some(list) = self.lists.get_mut(bucket) {
                    list.length = list.length.wrapping_add(1);
                }
                *place = entry(bucket, is_negative);
                digits >>= self.width;
                first = first.wrapping_add(per_lane);
            }
        }
        let mut end = 0_usize;
        for list in &mut self.lists {
            list.end = end;
            end = end.wrapping_add(list.length);
        }
        for (places, term) in self.places.iter().take(active).zip(0_usize..) {
            for place in places {
                let list = self.lists.get_mut(number(*place));
                let end = list.map(|list| {
                    list.end = list.end.wrapping_add(1);
                    list.end.wrapping_sub(1)
                });
                if let Some(slot) = end.and_then(|end| self.entries.get_mut(end)) {
                    *slot = entry(term, is_negative(*place));
                }
            }
        }
        self.sort_buckets(active);
    }

    /// Puts the buckets of digits other than zero in order.
    #[inline(always)]
    fn sort_buckets(&mut self, longest: usize) {
        let per_lane = self.half.wrapping_add(1);
        let lengths = self.lengths.get_mut(..=longest).unwrap_or_default();
        lengths.fill(0);
        for lists in self.lists.chunks(per_lane) {
            for list in lists.iter().skip(1) {
                if let Some(count) = lengths.get_mut(list.length) {
                    *count = count.wrapping_add(1);
                }
            }
        }
        let mut from = 0_usize;
        for count in lengths.iter_mut().rev() {
            (*count, from) = (from, from.wrapping_add(*count));
        }
        for (lists, first) in self.lists.chunks(per_lane).zip((0..).step_by(per_lane)) {
            for (list, bucket) in lists.iter().zip(first..).skip(1) {
                let from = lengths.get_mut(list.length).map(|from| {
                    *from = from.wrapping_add(1);
                    from.wrapping_sub(1)
                });
                if let Some(place) = from.and_then(|from| self.order.get_mut(from)) {
                    *place = bucket;
                }
            }
        }
    }

    /// Adds up the lists of every bucket.
    #[inline(always)]
    fn fill(&mut self, ifma: Ifma, points: &[PackedAffine]) {
        let none = entry(points.len().wrapping_sub(1), false);
        let (eights, _) = self.order.as_chunks::<LANES>();
        for eight in eights {
            let mut lists: [&[Entry]; LANES] = [&[]; LANES];
            let mut longest = 0;
            for (own, bucket) in lists.iter_mut().zip(eight) {
                let list = self.lists.get(*bucket).copied().unwrap_or_default();
                let from = list.end.wrapping_sub(list.length);
                *own = self.entries.get(from..list.end).unwrap_or_default();
                longest = list.length.max(longest);
            }
            let (first, negative) = take(ifma, points, &lists, 0, none);
            let mut sum = Extended::from_cached(ifma, &first, negative);
            for at in 1..longest {
                let (next, negative) = take(ifma, points, &lists, at, none);
                sum = sum.add_affine(ifma, &next, negative).extended(ifma);
            }
            let packed = PackedCached::store(ifma, &sum.cached(ifma));
            for (bucket, point) in eight.iter().zip(packed) {
                if let Some(place) = self.buckets.get_mut(*bucket) {
                    *place = point;
                }
            }
        }
    }

    /// Per lane the sum of its buckets times their digits.
    #[inline(always)]
    fn sum(&self, ifma: Ifma) -> Extended {
        let mut running = Extended::identity(ifma);
        let mut sum = running;
        for size in (1..=self.half).rev() {
            let mut lanes = [&Packed::EMPTY; LANES];
            for (lane, place) in lanes.iter_mut().enumerate() {
                if let Some(bucket) = self.buckets.get(self.bucket(lane, size)) {
                    *place = bucket;
                }
            }
            let bucket = PackedCached::load(ifma, &lanes);
            running = running.add(ifma, &bucket, 0).extended(ifma);
            sum = sum.add(ifma, &running.cached(ifma), 0).extended(ifma);
        }
        sum
    }
}

/// The points at place `at` of eight lists, and which are to be subtracted; the last point where a list is shorter.
#[inline(always)]
fn take(
    ifma: Ifma,
    points: &[PackedAffine],
    lists: &[&[Entry]; LANES],
    at: usize,
    none: Entry,
) -> (AffineCached, Mask) {
    let mut lanes = [&PackedAffine::IDENTITY; LANES];
    let mut negative: Mask = 0;
    for ((place, list), lane) in lanes.iter_mut().zip(lists).zip(0_u32..) {
        let entry = list.get(at).copied().unwrap_or(none);
        if let Some(point) = points.get(number(entry)) {
            *place = point;
        }
        negative |= Mask::from(is_negative(entry)) << lane;
    }
    (PackedAffine::load(ifma, &lanes), negative)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "there are fewer than 2^31 terms and buckets: the length of a group bounds both"
)]
const fn entry(number: usize, is_negative: bool) -> Entry {
    (number as Entry) << 1 | is_negative as Entry
}

const fn number(entry: Entry) -> usize {
    (entry >> 1) as usize
}

const fn is_negative(entry: Entry) -> bool {
    entry & 1 == 1
}

#[expect(clippy::cast_possible_truncation, reason = "a digit has few bits")]
const fn index(digit: u64) -> usize {
    digit as usize
}

#[expect(clippy::cast_possible_truncation, reason = "below the bits of a word")]
const fn bits(count: usize) -> u32 {
    (count % 64) as u32
}

/// Digits of a long scalar; the highest has room for a carry.
const fn columns(width: usize) -> usize {
    match LONG_BITS.checked_div(width) {
        Some(columns) => columns.wrapping_add(1),
        None => 0,
    }
}

/// Half of the range in every digit.
fn raised_zero(width: usize) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    let highest = width.wrapping_sub(1);
    let all = columns(width).next_multiple_of(LANES);
    for bit in (highest..).step_by(width).take(all) {
        if let Some(word) = words.get_mut(bit / 64) {
            *word |= 1_u64.wrapping_shl(bits(bit));
        }
    }
    words
}

fn raise(scalar: &[u64; 4], constant: &[u64; WORDS]) -> [u64; WORDS] {
    let mut sum = *constant;
    let mut carry = false;
    for (place, word) in sum.iter_mut().zip(scalar.iter().chain(&[0])) {
        (*place, carry) = place.carrying_add(*word, carry);
    }
    sum
}

/// 64 bits from bit `from`.
#[inline(always)]
fn digits_from(raised: &[u64; WORDS], from: usize) -> u64 {
    let (word, shift) = (from / 64, bits(from));
    let low = raised.get(word).copied().unwrap_or(0);
    let next = raised.get(word.wrapping_add(1)).copied().unwrap_or(0);
    let high = next
        .wrapping_shl(1)
        .wrapping_shl(63_u32.wrapping_sub(shift));
    low.wrapping_shr(shift) | high
}

#[cfg(test)]
mod tests;
