//! Sixteen messages at a time, one per 32-bit lane of AVX-512.
//!
//! All arithmetic is modulo 2^32, as the standard has it, so there are no bounds to keep.

use ordlane_primitives::Hash;

use super::{INITIAL, PADDING, ROUND};
use crate::cpu::padding::Message;
use crate::cpu::portable;
use crate::cpu::vector::{Kernel, U32x16, WIDE_LANES, Wide, run_wide};

/// Bytes of a block.
const BLOCK: usize = 64;
/// Truth tables: exclusive or of three, choice, majority.
const XOR: i32 = 0x96;
const CHOICE: i32 = 0xca;
const MAJORITY: i32 = 0xe8;

type State = [U32x16; 8];
type Rows = [U32x16; 16];

/// Fewer messages than this are not worth sixteen lanes.
const FEW: usize = 4;

/// The digests of messages of 64 bytes; `rest` hashes those that fill no vector.
pub(crate) fn hash_all_pairs(
    wide: Wide,
    pairs: &[[u8; 64]],
    rest: impl FnOnce(&[[u8; 64]]) -> Vec<Hash>,
) -> Vec<Hash> {
    let mut digests = Vec::with_capacity(pairs.len());
    let (sets, few) = pairs.as_chunks::<WIDE_LANES>();
    let (twos, single) = sets.as_chunks::<2>();
    for two in twos {
        digests.extend(hash_pairs(wide, two).into_iter().flatten().map(Hash));
    }
    for set in single {
        let [of_set] = hash_pairs(wide, &[*set]);
        digests.extend(of_set.map(Hash));
    }
    if !few.is_empty() {
        digests.append(&mut rest(few));
    }
    digests
}

/// The digests of messages of any length. Messages of as many blocks are hashed together.
pub(crate) fn hash_all_messages(wide: Wide, messages: &[&[u8]]) -> Vec<Hash> {
    let mut order: Vec<(usize, usize)> = messages
        .iter()
        .enumerate()
        .map(|(at, message)| (blocks(&Message([message])), at))
        .collect();
    // Few different numbers of blocks, and in order otherwise, which a stable sort makes use of.
    order.sort_by_key(|(blocks, _)| *blocks);
    let mut digests = vec![Hash::default(); messages.len()];
    for group in order.chunks(WIDE_LANES) {
        let of = |lane: usize| {
            let lane = lane.min(group.len().saturating_sub(1));
            let at = group.get(lane).map_or(0, |(_, at)| *at);
            messages.get(at).copied().unwrap_or_default()
        };
        let of_group: Vec<Hash> = if group.len() < FEW {
            let few: Vec<&[u8]> = (0..group.len()).map(of).collect();
            portable::hash_messages(&few)
        } else {
            let lanes = std::array::from_fn(|lane| Message([of(lane)]));
            hash_messages(wide, &lanes).map(Hash).to_vec()
        };
        for ((_, at), digest) in group.iter().zip(of_group) {
            if let Some(place) = digests.get_mut(*at) {
                *place = digest;
            }
        }
    }
    digests
}

/// The digests of sixteen or, side by side, more messages of 64 bytes.
///
/// One set of sixteen waits for its own results most of the time, since each round needs the last; so `SETS` of them, two
/// at best, take turns.
pub(crate) fn hash_pairs<const SETS: usize>(
    wide: Wide,
    pairs: &[[[u8; 64]; WIDE_LANES]; SETS],
) -> [[[u8; 32]; WIDE_LANES]; SETS] {
    run_wide(wide, Pairs(pairs))
}

/// The digests of sixteen messages of any length; of about the same number of blocks, or the shorter ones wait.
pub(crate) fn hash_messages(
    wide: Wide,
    messages: &[Message<'_, 1>; WIDE_LANES],
) -> [[u8; 32]; WIDE_LANES] {
    run_wide(wide, Messages(messages))
}

/// How many blocks a message takes.
pub(crate) fn blocks(message: &Message<'_, 1>) -> usize {
    message.blocks::<BLOCK>()
}

struct Pairs<'a, const SETS: usize>(&'a [[[u8; 64]; WIDE_LANES]; SETS]);

impl<const SETS: usize> Kernel<Wide> for Pairs<'_, SETS> {
    type Output = [[[u8; 32]; WIDE_LANES]; SETS];

    #[inline(always)]
    fn run(self, wide: Wide) -> Self::Output {
        let initial = initial(wide);
        let mut schedules = [[initial[0]; 16]; SETS];
        for (schedule, blocks) in schedules.iter_mut().zip(self.0) {
            *schedule = words(wide, blocks);
        }
        let states = compress(wide, [initial; SETS], schedules);
        let states = compress_padding(wide, states);
        let mut all = [[[0; 32]; WIDE_LANES]; SETS];
        for (digests_of_set, state) in all.iter_mut().zip(states) {
            *digests_of_set = digests(wide, state);
        }
        all
    }
}

struct Messages<'a>(&'a [Message<'a, 1>; WIDE_LANES]);

impl Kernel<Wide> for Messages<'_> {
    type Output = [[u8; 32]; WIDE_LANES];

    #[inline(always)]
    fn run(self, wide: Wide) -> Self::Output {
        let mut most = 0;
        for message in self.0 {
            most = most.max(blocks(message));
        }
        let mut state = initial(wide);
        for number in 0..most {
            let mut rows = [[0; BLOCK]; WIDE_LANES];
            let mut busy = 0_u16;
            for (lane, (row, message)) in rows.iter_mut().zip(self.0).enumerate() {
                if number < blocks(message) {
                    *row = message.block::<BLOCK>(number);
                    busy |= 1 << lane;
                }
            }
            let [next] = compress(wide, [state], [words(wide, &rows)]);
            for (word, next) in state.iter_mut().zip(next) {
                *word = word.select(busy, next);
            }
        }
        digests(wide, state)
    }
}

#[inline(always)]
fn initial(wide: Wide) -> State {
    let mut state = [U32x16::splat(wide, 0); 8];
    for (word, value) in state.iter_mut().zip(INITIAL) {
        *word = U32x16::splat(wide, value);
    }
    state
}

/// In each quarter of a vector the bytes of each word the other way round.
#[inline(always)]
fn swap_bytes(wide: Wide, words: U32x16) -> U32x16 {
    let mut places = [0; 64];
    for (place, at) in places.iter_mut().zip(0_u8..) {
        *place = (at ^ 3) & 15;
    }
    words.shuffle_bytes(U32x16::from_bytes(wide, places))
}

/// The words of sixteen blocks, each word of all blocks in one vector.
#[inline(always)]
fn words(wide: Wide, blocks: &[[u8; BLOCK]; WIDE_LANES]) -> Rows {
    let mut rows = [U32x16::splat(wide, 0); 16];
    for (row, block) in rows.iter_mut().zip(blocks) {
        *row = swap_bytes(wide, U32x16::from_bytes(wide, *block));
    }
    transpose(rows)
}

#[inline(always)]
fn digests(wide: Wide, state: State) -> [[u8; 32]; WIDE_LANES] {
    let mut rows = [U32x16::splat(wide, 0); 16];
    for (row, word) in rows.iter_mut().zip(state) {
        *row = word;
    }
    let mut digests = [[0; 32]; WIDE_LANES];
    for (digest, row) in digests.iter_mut().zip(transpose(rows)) {
        let bytes = swap_bytes(wide, row).to_bytes();
        if let Some(first) = bytes.first_chunk::<32>() {
            *digest = *first;
        }
    }
    digests
}

/// Sixteen rows of sixteen words become columns.
#[inline(always)]
fn transpose(mut rows: Rows) -> Rows {
    for pair in rows.as_chunks_mut::<2>().0 {
        let [one, two] = *pair;
        *pair = [one.unpack_low_32(two), one.unpack_high_32(two)];
    }
    for four in rows.as_chunks_mut::<4>().0 {
        let [one, two, three, last] = *four;
        *four = [
            one.unpack_low_64(three),
            one.unpack_high_64(three),
            two.unpack_low_64(last),
            two.unpack_high_64(last),
        ];
    }
    // Now each quarter of a vector holds four rows of one column. Of four vectors the same quarters make a column.
    macro_rules! columns {
        ($one:expr, $two:expr, $three:expr, $last:expr) => {{
            let (low, high) = ($one.quarters::<0x44>($two), $one.quarters::<0xee>($two));
            let (more_low, more_high) = (
                $three.quarters::<0x44>($last),
                $three.quarters::<0xee>($last),
            );
            [
                low.quarters::<0x88>(more_low),
                low.quarters::<0xdd>(more_low),
                high.quarters::<0x88>(more_high),
                high.quarters::<0xdd>(more_high),
            ]
        }};
    }
    let [
        a0,
        a1,
        a2,
        a3,
        b0,
        b1,
        b2,
        b3,
        c0,
        c1,
        c2,
        c3,
        d0,
        d1,
        d2,
        d3,
    ] = rows;
    let [w0, w4, w8, w12] = columns!(a0, b0, c0, d0);
    let [w1, w5, w9, w13] = columns!(a1, b1, c1, d1);
    let [w2, w6, w10, w14] = columns!(a2, b2, c2, d2);
    let [w3, w7, w11, w15] = columns!(a3, b3, c3, d3);
    [
        w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15,
    ]
}

/// One round; `word` is the sum of the round's constant and its word.
#[inline(always)]
fn round(state: State, word: U32x16) -> State {
    let [a, b, c, d, e, f, g, h] = state;
    let sum = e
        .rotate_right::<6>()
        .ternary::<XOR>(e.rotate_right::<11>(), e.rotate_right::<25>());
    let one = h.add(word).add(sum).add(e.ternary::<CHOICE>(f, g));
    let sum = a
        .rotate_right::<2>()
        .ternary::<XOR>(a.rotate_right::<13>(), a.rotate_right::<22>());
    let two = sum.add(a.ternary::<MAJORITY>(b, c));
    [one.add(two), a, b, c, d.add(one), e, f, g]
}

/// Adds what the states were before.
#[inline(always)]
fn add<const SETS: usize>(mut states: [State; SETS], before: [State; SETS]) -> [State; SETS] {
    for (state, before) in states.iter_mut().zip(before) {
        for (word, before) in state.iter_mut().zip(before) {
            *word = word.add(before);
        }
    }
    states
}

/// One block after another state, for each set.
#[inline(always)]
fn compress<const SETS: usize>(
    wide: Wide,
    before: [State; SETS],
    mut schedules: [Rows; SETS],
) -> [State; SETS] {
    let mut states = before;
    for (turn, constants) in ROUND.as_chunks::<16>().0.iter().enumerate() {
        if turn > 0 {
            for schedule in &mut schedules {
                *schedule = next(*schedule);
            }
        }
        // Written out, so that no place is computed.
        macro_rules! rounds {
            ($($at:literal)*) => {$(
                let constant = U32x16::splat(wide, constants[$at]);
                for (state, schedule) in states.iter_mut().zip(&schedules) {
                    *state = round(*state, schedule[$at].add(constant));
                }
            )*};
        }
        rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
    add(states, before)
}

/// The next sixteen words of a schedule.
#[inline(always)]
fn next(mut schedule: Rows) -> Rows {
    macro_rules! next {
        ($($at:literal)*) => {$(
            let old = schedule[($at + 1) % 16];
            let recent = schedule[($at + 14) % 16];
            let low = old
                .rotate_right::<7>()
                .ternary::<XOR>(old.rotate_right::<18>(), old.shr::<3>());
            let high = recent
                .rotate_right::<17>()
                .ternary::<XOR>(recent.rotate_right::<19>(), recent.shr::<10>());
            schedule[$at] = schedule[$at].add(low).add(schedule[($at + 9) % 16]).add(high);
        )*};
    }
    next!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    schedule
}

/// The block that pads a message of 64 bytes.
#[inline(always)]
fn compress_padding<const SETS: usize>(wide: Wide, before: [State; SETS]) -> [State; SETS] {
    let mut states = before;
    for words in PADDING.as_chunks::<16>().0 {
        for word in words {
            let word = U32x16::splat(wide, *word);
            for state in &mut states {
                *state = round(*state, word);
            }
        }
    }
    add(states, before)
}
