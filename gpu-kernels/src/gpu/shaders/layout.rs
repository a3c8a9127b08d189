//! What lies in the buffers of the kernels.
//!
//! What the host writes or reads lies as it does in the host's memory, one item after another, so that it is copied and no
//! more. What kernels hand to each other lies word by word: a row per word, and in it the items one after another, so that
//! neighbouring threads touch neighbouring words. `stride` is the length of such rows, at least the number of signatures.
//!
//! | buffer | words |
//! |---|---|
//! | `pairs` | 16 per message |
//! | `digests` | 8 per message, as a digest lies in memory |
//! | `nodes` | 8 per node |
//! | `messages` | 16 per message: two children; the digests of inner nodes are written into their parents |
//! | `links` | one per message: where its digest goes |
//! | `plan` | per chunk where its levels begin, then where each level's messages begin |
//! | `blocks` | 16 per block of 64 bytes, padded by the host |
//! | `starts` | one per message and one more: where its blocks begin |
//! | `encodings` | 8 per point: keys from 0, the R of the signatures from `stride` |
//! | `points` | rows of `2 stride`: three elements, and one if there is such a point |
//! | `table` | rows of `stride`: per multiple 1 to 8 of -A, four elements |
//! | `scalars` | 16 per signature: k and s in the form of [`pack`](super::pack) |
//! | `base` | per multiple 1 to 128 of the base point, three elements |
//! | `sums` | rows of `stride`: four elements |
//! | `verdicts` | one per signature: 1 if it holds, else 0 |

use bytemuck::{Pod, Zeroable};

use super::{MAX_SIGNATURES, Radix};

/// Multiples of a key that a digit of four bits can name.
pub(crate) const KEY_MULTIPLES: u32 = 8;
/// Multiples of the base point that a digit of eight bits can name.
pub(crate) const BASE_MULTIPLES: u32 = 128;
/// Bytes of a scalar: the steps of the straus kernel.
pub(crate) const SCALAR_BYTES: u32 = 32;
/// Words of a digest, of an encoding and of a scalar.
pub(crate) const DIGEST_WORDS: usize = 8;

/// The uniform of the kernels that need nothing but how many items there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct CountUniform {
    /// Items.
    pub(crate) count: u32,
    /// Zero.
    pub(crate) unused: [u32; 3],
}

impl CountUniform {
    pub(crate) const fn new(count: u32) -> Self {
        Self {
            count,
            unused: [0; 3],
        }
    }
}

/// The uniform of `sha256_level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct LevelUniform {
    /// Parents: half of the children, rounded up.
    pub(crate) count: u32,
    /// Children.
    pub(crate) children: u32,
    /// The node at which the children begin.
    pub(crate) source: u32,
    /// The node at which the parents begin.
    pub(crate) target: u32,
}

/// The uniform of `sha256_chunks`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct ChunksUniform {
    /// Chunks of this dispatch, none of which waits for another one.
    pub(crate) count: u32,
    /// The number of the first of them.
    pub(crate) first_chunk: u32,
    /// Zero.
    pub(crate) unused: [u32; 2],
}

/// The uniform of the kernels for signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct SignatureUniform {
    /// Signatures; of `ed25519_decompress` encodings, which are `2 stride`.
    pub(crate) count: u32,
    /// The length of rows.
    pub(crate) stride: u32,
    /// How many bytes of the scalars, from the highest, have been added up before. Only for `ed25519_straus`.
    pub(crate) first_byte: u32,
    /// How many will have been after. At most 32.
    pub(crate) end_byte: u32,
}

/// How many words the buffers of a batch of signatures have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignatureSizes {
    /// Written by the host.
    pub(crate) encodings: u64,
    /// Written by the host.
    pub(crate) scalars: u64,
    /// Written by the host, once.
    pub(crate) base: u64,
    /// Only used on the device.
    pub(crate) points: u64,
    /// Only used on the device. By far the largest.
    pub(crate) table: u64,
    /// Only used on the device.
    pub(crate) sums: u64,
    /// Read by the host.
    pub(crate) verdicts: u64,
}

impl SignatureSizes {
    /// Those for rows of this length.
    pub(crate) const fn of(radix: Radix, stride: u32) -> Self {
        let stride = stride as u64;
        let element = radix.limbs() as u64;
        Self {
            encodings: 2 * DIGEST_WORDS as u64 * stride,
            scalars: 2 * DIGEST_WORDS as u64 * stride,
            base: BASE_MULTIPLES as u64 * 3 * element,
            points: 2 * (3 * element + 1) * stride,
            table: KEY_MULTIPLES as u64 * 4 * element * stride,
            sums: 4 * element * stride,
            verdicts: stride,
        }
    }

    /// The longest rows for which no buffer has more than `words` words.
    pub(crate) fn longest_stride(radix: Radix, words: u64) -> u32 {
        let most = words / Self::of(radix, 1).table;
        u32::try_from(most).map_or(MAX_SIGNATURES, |most| most.min(MAX_SIGNATURES))
    }
}
