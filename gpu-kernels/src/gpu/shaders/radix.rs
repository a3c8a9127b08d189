//! How an element of the field lies in words.

use super::emit::Type;

/// In which words the field's arithmetic is done. Both give the same verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Radix {
    /// Twenty limbs of 13 bits, and sums of products in words of 32 bits: every device.
    U32,
    /// Nine limbs of 29 bits, and sums of products in words of 64 bits: devices with 64-bit integers in shaders.
    U64,
}

impl Radix {
    /// All of them, the slowest first.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 2] = [Self::U32, Self::U64];

    /// Bits of a limb.
    pub(crate) const fn bits(self) -> u32 {
        match self {
            Self::U32 => 13,
            Self::U64 => 29,
        }
    }

    /// Limbs of an element.
    pub(crate) const fn limbs(self) -> usize {
        match self {
            Self::U32 => 20,
            Self::U64 => 9,
        }
    }

    /// The largest number of so many bits.
    pub(crate) const fn mask(self) -> u64 {
        (1 << self.bits()) - 1
    }

    /// Bits that the highest limb of a number below 2^255 has.
    pub(crate) const fn top_bits(self) -> u32 {
        match self {
            Self::U32 => 255 - 19 * 13,
            Self::U64 => 255 - 8 * 29,
        }
    }

    /// What one beyond the highest limb is, modulo p: 2^260 = 32 * 19 and 2^261 = 64 * 19.
    pub(crate) const fn fold(self) -> u64 {
        match self {
            Self::U32 => 32 * 19,
            Self::U64 => 64 * 19,
        }
    }

    /// The word that sums of products are held in. Limbs are words of 32 bits.
    pub(crate) const fn wide(self) -> Type {
        match self {
            Self::U32 => Type::U32,
            Self::U64 => Type::U64,
        }
    }

    /// Whether the device must offer integers of 64 bits.
    pub(crate) const fn needs_int64(self) -> bool {
        matches!(self, Self::U64)
    }
}
