//! Vectors of 512 bits, and the proofs that the machine has them.
//!
//! Invariant: a [`U64x8`] exists only where a proof of [`Ifma`] was made first, and a [`U32x16`] only with one of [`Wide`];
//! and those are made only after the CPU was asked. So every instruction here is one that the CPU has.
//!
//! Methods are inlined always: code that has the instructions enabled (`run_ifma`, `run_wide`) becomes straight code.
#![expect(
    unsafe_code,
    reason = "vector instructions are unsafe to call where the compiler does not know that the CPU has them"
)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask,
    _mm512_cmplt_epu64_mask, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_blend_epi32,
    _mm512_mask_blend_epi64, _mm512_mullo_epi64, _mm512_or_si512, _mm512_permutexvar_epi64,
    _mm512_ror_epi32, _mm512_ror_epi64, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_shuffle_epi8, _mm512_shuffle_i32x4, _mm512_shuffle_i64x2, _mm512_slli_epi64,
    _mm512_sllv_epi64, _mm512_srai_epi64, _mm512_srli_epi32, _mm512_srli_epi64, _mm512_srlv_epi64,
    _mm512_sub_epi64, _mm512_ternarylogic_epi32, _mm512_ternarylogic_epi64, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

/// How many items one vector holds.
pub(crate) const LANES: usize = 8;

/// A bit per lane, the first lane's lowest.
pub(crate) type Mask = u8;

/// The CPU has the instructions of this module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ifma(());

impl Ifma {
    /// Asks the CPU.
    pub(crate) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512ifma");
        has_all.then_some(Self(()))
    }
}

/// The CPU has what the 32-bit lanes need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide(());

impl Wide {
    /// Asks the CPU.
    pub(crate) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        has_all.then_some(Self(()))
    }
}

/// Work that is compiled for some instructions, of which `Proof` says that the CPU has them. Its `run` must be inlined
/// always, and all that it calls, up to the next kernel: what is not inlined is compiled without them and many times
/// slower. That goes for closures and for what takes them, too; so vectors are worked on in loops and by macros.
pub(crate) trait Kernel<Proof> {
    type Output;

    fn run(self, proof: Proof) -> Self::Output;
}

/// Runs a kernel with 64-bit lanes.
pub(crate) fn run_ifma<T: Kernel<Ifma>>(ifma: Ifma, kernel: T) -> T::Output {
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn enabled<T: Kernel<Ifma>>(ifma: Ifma, kernel: T) -> T::Output {
        kernel.run(ifma)
    }
    // SAFETY: the CPU has the features, as the proof says.
    unsafe { enabled(ifma, kernel) }
}

/// Runs a kernel with 32-bit lanes.
pub(crate) fn run_wide<T: Kernel<Wide>>(wide: Wide, kernel: T) -> T::Output {
    #[target_feature(enable = "avx512f,avx512bw")]
    fn enabled<T: Kernel<Wide>>(wide: Wide, kernel: T) -> T::Output {
        kernel.run(wide)
    }
    // SAFETY: the CPU has the features, as the proof says.
    unsafe { enabled(wide, kernel) }
}

/// Eight numbers, one per lane.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct U64x8(__m512i);

/// What every method does, with one reason why it may.
macro_rules! lanewise {
    ($($(#[$doc:meta])* fn $name:ident(self $(, $other:ident)*) = $call:expr;)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name(self $(, $other: Self)*) -> Self {
            // SAFETY: a value exists only where the CPU has the instructions; see the module.
            unsafe { $call(self.0 $(, $other.0)*) }.into()
        }
    )*};
}

impl From<__m512i> for U64x8 {
    #[inline(always)]
    fn from(value: __m512i) -> Self {
        Self(value)
    }
}

impl U64x8 {
    /// The same number in every lane.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_wrap,
        reason = "the instruction takes the bits as they are"
    )]
    pub(crate) fn splat(_: Ifma, value: u64) -> Self {
        // SAFETY: the CPU has the instructions, as the proof says.
        Self(unsafe { _mm512_set1_epi64(value as i64) })
    }

    /// Zero in every lane.
    #[inline(always)]
    pub(crate) fn zero(_: Ifma) -> Self {
        // SAFETY: as in `splat`.
        Self(unsafe { _mm512_setzero_si512() })
    }

    /// One number per lane.
    #[inline(always)]
    pub(crate) fn from_array(_: Ifma, lanes: [u64; LANES]) -> Self {
        // SAFETY: both are 64 bytes of which every pattern is valid, and the CPU has the registers, as the proof says.
        Self(unsafe { std::mem::transmute::<[u64; LANES], __m512i>(lanes) })
    }

    /// Several vectors of one number each.
    #[inline(always)]
    pub(crate) fn splat_all<const N: usize>(ifma: Ifma, values: [u64; N]) -> [Self; N] {
        let mut vectors = [Self::zero(ifma); N];
        for (vector, value) in vectors.iter_mut().zip(values) {
            *vector = Self::splat(ifma, value);
        }
        vectors
    }

    /// Several vectors.
    #[inline(always)]
    pub(crate) fn from_arrays<const N: usize>(ifma: Ifma, arrays: [[u64; LANES]; N]) -> [Self; N] {
        let mut vectors = [Self::zero(ifma); N];
        for (vector, lanes) in vectors.iter_mut().zip(arrays) {
            *vector = Self::from_array(ifma, lanes);
        }
        vectors
    }

    /// The numbers.
    #[inline(always)]
    pub(crate) fn to_array(self) -> [u64; LANES] {
        // SAFETY: both are 64 bytes of which every pattern is valid.
        unsafe { std::mem::transmute::<__m512i, [u64; LANES]>(self.0) }
    }

    lanewise! {
        /// Sums modulo 2^64.
        fn add(self, other) = _mm512_add_epi64;
        /// Differences modulo 2^64.
        fn sub(self, other) = _mm512_sub_epi64;
        /// Products modulo 2^64.
        fn mul(self, other) = _mm512_mullo_epi64;
        fn and(self, other) = _mm512_and_si512;
        /// The even lanes of both, by turns.
        fn unpack_low(self, other) = _mm512_unpacklo_epi64;
        /// The odd lanes of both, by turns.
        fn unpack_high(self, other) = _mm512_unpackhi_epi64;
        fn or(self, other) = _mm512_or_si512;
        /// Shifted to the left by as many bits as `other` says, to zero by 64 and more.
        fn shl_by(self, other) = _mm512_sllv_epi64;
        /// The same to the right.
        fn shr_by(self, other) = _mm512_srlv_epi64;
        /// `self` plus the low 52 bits of the product of the low 52 bits of each factor.
        fn madd_low(self, one, other) = _mm512_madd52lo_epu64;
        /// `self` plus the high 52 bits of that product, which has 104.
        fn madd_high(self, one, other) = _mm512_madd52hi_epu64;
    }

    /// Shifted to the left by `BITS`.
    #[inline(always)]
    pub(crate) fn shl<const BITS: u32>(self) -> Self {
        // SAFETY: a value exists only where the CPU has the instructions.
        Self(unsafe { _mm512_slli_epi64::<BITS>(self.0) })
    }

    /// Shifted to the right by `BITS`.
    #[inline(always)]
    pub(crate) fn shr<const BITS: u32>(self) -> Self {
        // SAFETY: as in `shl`.
        Self(unsafe { _mm512_srli_epi64::<BITS>(self.0) })
    }

    /// The same for signed numbers, towards negative infinity.
    #[inline(always)]
    pub(crate) fn shr_signed<const BITS: u32>(self) -> Self {
        // SAFETY: as in `shl`.
        Self(unsafe { _mm512_srai_epi64::<BITS>(self.0) })
    }

    /// Two pairs of lanes of each, by the places in `PLACES`.
    #[inline(always)]
    pub(crate) fn pairs<const PLACES: i32>(self, other: Self) -> Self {
        // SAFETY: as in `shl`.
        Self(unsafe { _mm512_shuffle_i64x2::<PLACES>(self.0, other.0) })
    }

    /// Rotated to the right by `BITS`.
    #[inline(always)]
    pub(crate) fn rotate_right<const BITS: i32>(self) -> Self {
        // SAFETY: as in `shl`.
        Self(unsafe { _mm512_ror_epi64::<BITS>(self.0) })
    }

    /// A function of three bits, by its truth table.
    #[inline(always)]
    pub(crate) fn ternary<const TABLE: i32>(self, second: Self, third: Self) -> Self {
        // SAFETY: as in `shl`.
        Self(unsafe { _mm512_ternarylogic_epi64::<TABLE>(self.0, second.0, third.0) })
    }

    /// The lanes that are equal.
    #[inline(always)]
    pub(crate) fn equal(self, other: Self) -> Mask {
        // SAFETY: as in `shl`.
        unsafe { _mm512_cmpeq_epi64_mask(self.0, other.0) }
    }

    /// The lanes that are below those of `other`.
    #[inline(always)]
    pub(crate) fn below(self, other: Self) -> Mask {
        // SAFETY: as in `shl`.
        unsafe { _mm512_cmplt_epu64_mask(self.0, other.0) }
    }

    /// The lanes of `other` where the mask has a bit, else its own.
    #[inline(always)]
    pub(crate) fn select(self, mask: Mask, other: Self) -> Self {
        // SAFETY: as in `shl`.
        Self(unsafe { _mm512_mask_blend_epi64(mask, self.0, other.0) })
    }

    /// Per lane the entry of `table` that the low 3 bits of `self` name.
    #[inline(always)]
    pub(crate) fn pick(self, table: Self) -> Self {
        // SAFETY: as in `shl`.
        Self(unsafe { _mm512_permutexvar_epi64(self.0, table.0) })
    }
}

/// How many 32-bit lanes a vector has.
pub(crate) const WIDE_LANES: usize = 16;

/// Sixteen numbers, one per lane.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct U32x16(__m512i);

impl From<__m512i> for U32x16 {
    #[inline(always)]
    fn from(value: __m512i) -> Self {
        Self(value)
    }
}

impl U32x16 {
    /// The same number in every lane.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_wrap,
        reason = "the instruction takes the bits as they are"
    )]
    pub(crate) fn splat(_: Wide, value: u32) -> Self {
        // SAFETY: the CPU has the instructions, as the proof says.
        Self(unsafe { _mm512_set1_epi32(value as i32) })
    }

    /// The 64 bytes of a message, as they are.
    #[inline(always)]
    pub(crate) fn from_bytes(_: Wide, bytes: [u8; 64]) -> Self {
        // SAFETY: both are 64 bytes of which every pattern is valid, and the CPU has the registers, as the proof says.
        Self(unsafe { std::mem::transmute::<[u8; 64], __m512i>(bytes) })
    }

    /// The bytes.
    #[inline(always)]
    pub(crate) fn to_bytes(self) -> [u8; 64] {
        // SAFETY: both are 64 bytes of which every pattern is valid.
        unsafe { std::mem::transmute::<__m512i, [u8; 64]>(self.0) }
    }

    lanewise! {
        /// Sums modulo 2^32.
        fn add(self, other) = _mm512_add_epi32;
        /// The bytes of `self` in each quarter, by the places that `other` names.
        fn shuffle_bytes(self, other) = _mm512_shuffle_epi8;
        fn unpack_low_32(self, other) = _mm512_unpacklo_epi32;
        fn unpack_high_32(self, other) = _mm512_unpackhi_epi32;
        fn unpack_low_64(self, other) = _mm512_unpacklo_epi64;
        fn unpack_high_64(self, other) = _mm512_unpackhi_epi64;
    }

    /// Two quarters of each, by the places in `PLACES`.
    #[inline(always)]
    pub(crate) fn quarters<const PLACES: i32>(self, other: Self) -> Self {
        // SAFETY: a value exists only where the CPU has the instructions.
        Self(unsafe { _mm512_shuffle_i32x4::<PLACES>(self.0, other.0) })
    }

    /// Shifted to the right by `BITS`.
    #[inline(always)]
    pub(crate) fn shr<const BITS: u32>(self) -> Self {
        // SAFETY: as in `quarters`.
        Self(unsafe { _mm512_srli_epi32::<BITS>(self.0) })
    }

    /// Rotated to the right by `BITS`.
    #[inline(always)]
    pub(crate) fn rotate_right<const BITS: i32>(self) -> Self {
        // SAFETY: as in `quarters`.
        Self(unsafe { _mm512_ror_epi32::<BITS>(self.0) })
    }

    /// A function of three bits, by its truth table.
    #[inline(always)]
    pub(crate) fn ternary<const TABLE: i32>(self, second: Self, third: Self) -> Self {
        // SAFETY: as in `quarters`.
        Self(unsafe { _mm512_ternarylogic_epi32::<TABLE>(self.0, second.0, third.0) })
    }

    /// The lanes of `other` where the mask has a bit, else its own.
    #[inline(always)]
    pub(crate) fn select(self, mask: u16, other: Self) -> Self {
        // SAFETY: as in `quarters`.
        Self(unsafe { _mm512_mask_blend_epi32(mask, self.0, other.0) })
    }
}

#[cfg(test)]
mod tests;
