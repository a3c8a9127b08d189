//! Two messages of 64 bytes at a time with the SHA extensions: the rounds of one run while those of the other wait for
//! their results.
#![expect(
    unsafe_code,
    reason = "a function that uses instructions of its own is unsafe to call where the compiler does not know the CPU"
)]

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_cvtsi128_si64, _mm_extract_epi64, _mm_set_epi32,
    _mm_set_epi64x, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
    _mm_shuffle_epi32,
};

use ordlane_primitives::Hash;

use super::{INITIAL, PADDING, ROUND};

/// How many messages are hashed together.
pub(crate) const STREAMS: usize = 2;

/// The CPU has the instructions of this module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShaNi(());

impl ShaNi {
    /// Asks the CPU.
    pub(crate) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        has_all.then_some(Self(()))
    }
}

impl ShaNi {
    /// The digests of messages of 64 bytes.
    pub(crate) fn hash_all_pairs(self, pairs: &[[u8; 64]]) -> Vec<Hash> {
        let mut digests = Vec::with_capacity(pairs.len());
        let (both, rest) = pairs.as_chunks::<STREAMS>();
        for pairs in both {
            digests.extend(hash_pairs(self, pairs).map(Hash));
        }
        for pair in rest {
            let [digest, _] = hash_pairs(self, &[*pair; STREAMS]);
            digests.push(Hash(digest));
        }
        digests
    }
}

/// The digests of two messages of 64 bytes.
pub(crate) fn hash_pairs(_: ShaNi, pairs: &[[u8; 64]; STREAMS]) -> [[u8; 32]; STREAMS] {
    // SAFETY: the CPU has the features, as the proof says.
    unsafe { hash(pairs) }
}

/// The words of a state as the instructions want them: a b e f and c d g h, from the highest down.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn hash(pairs: &[[u8; 64]; STREAMS]) -> [[u8; 32]; STREAMS] {
    let [a, b, c, d, e, f, g, h] = INITIAL;
    let initial = State {
        abef: four(f, e, b, a),
        cdgh: four(h, g, d, c),
    };
    let mut states = [initial; STREAMS];
    let mut words = [[initial.abef; 4]; STREAMS];
    for (words, pair) in words.iter_mut().zip(pairs) {
        for (four, bytes) in words.iter_mut().zip(pair.as_chunks::<16>().0) {
            *four = big_endian(bytes);
        }
    }
    for (turn, constants) in ROUND.as_chunks::<4>().0.iter().enumerate() {
        let [k0, k1, k2, k3] = *constants;
        let constants = four(k0, k1, k2, k3);
        for (state, words) in states.iter_mut().zip(&mut words) {
            let [first, second, third, last] = *words;
            let now = if turn < 4 {
                first
            } else {
                let sum = _mm_add_epi32(
                    _mm_sha256msg1_epu32(first, second),
                    _mm_alignr_epi8::<4>(last, third),
                );
                _mm_sha256msg2_epu32(sum, last)
            };
            *words = [second, third, last, now];
            *state = rounds(*state, _mm_add_epi32(now, constants));
        }
    }
    for state in &mut states {
        *state = add(*state, initial);
    }
    let before = states;
    for words in PADDING.as_chunks::<4>().0 {
        let [w0, w1, w2, w3] = *words;
        for state in &mut states {
            *state = rounds(*state, four(w0, w1, w2, w3));
        }
    }
    let mut digests = [[0; 32]; STREAMS];
    for ((digest, state), before) in digests.iter_mut().zip(states).zip(before) {
        let State { abef, cdgh } = add(state, before);
        let halves = [
            _mm_extract_epi64::<1>(abef),
            _mm_extract_epi64::<1>(cdgh),
            _mm_cvtsi128_si64(abef),
            _mm_cvtsi128_si64(cdgh),
        ];
        for (bytes, half) in digest.as_chunks_mut::<8>().0.iter_mut().zip(halves) {
            *bytes = half.to_be_bytes();
        }
    }
    digests
}

/// Four rounds with the sums of their constants and words.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn rounds(State { abef, cdgh }: State, sums: __m128i) -> State {
    let cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sums);
    let abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32::<0x0e>(sums));
    State { abef, cdgh }
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn add(left: State, right: State) -> State {
    State {
        abef: _mm_add_epi32(left.abef, right.abef),
        cdgh: _mm_add_epi32(left.cdgh, right.cdgh),
    }
}

/// Four words, the lowest first.
#[inline]
#[target_feature(enable = "sse2")]
fn four(a: u32, b: u32, c: u32, d: u32) -> __m128i {
    _mm_set_epi32(
        d.cast_signed(),
        c.cast_signed(),
        b.cast_signed(),
        a.cast_signed(),
    )
}

/// Four big-endian words.
#[inline]
#[target_feature(enable = "sse2")]
fn big_endian(bytes: &[u8; 16]) -> __m128i {
    let mut words = [0_u32; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    let [a, b, c, d] = words;
    _mm_set_epi64x(
        (u64::from(d) << 32 | u64::from(c)).cast_signed(),
        (u64::from(b) << 32 | u64::from(a)).cast_signed(),
    )
}

#[cfg(test)]
mod tests;
