//! Messages cut into blocks as FIPS 180-4 pads them: one bit, zeros, and the length in bits at the end of the last block.

/// A message in parts, one after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a, const PARTS: usize>(pub(crate) [&'a [u8]; PARTS]);

impl<const PARTS: usize> Message<'_, PARTS> {
    /// How many blocks of `BLOCK` bytes it takes. The length takes an eighth of a block, and the bit a byte.
    #[inline(always)]
    pub(crate) fn blocks<const BLOCK: usize>(&self) -> usize {
        let tail = const { BLOCK / 8 + 1 };
        self.length().saturating_add(tail).div_ceil(BLOCK)
    }

    #[inline(always)]
    fn length(&self) -> usize {
        let mut length = 0_usize;
        for part in self.0 {
            length = length.saturating_add(part.len());
        }
        length
    }

    /// One of its blocks.
    #[inline(always)]
    pub(crate) fn block<const BLOCK: usize>(&self, number: usize) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let from = number.saturating_mul(BLOCK);
        let mut at = 0_usize;
        for part in self.0 {
            // Where the part and the block meet, from the beginning of each.
            let (skipped, place) = (from.saturating_sub(at), at.saturating_sub(from));
            let source = part.get(skipped..).unwrap_or_default();
            let target = block.get_mut(place..).unwrap_or_default();
            let length = source.len().min(target.len());
            if let (Some(source), Some(target)) = (source.get(..length), target.get_mut(..length)) {
                target.copy_from_slice(source);
            }
            at = at.saturating_add(part.len());
        }
        if let Some(mark) = at.checked_sub(from).and_then(|place| block.get_mut(place)) {
            *mark = 0x80;
        }
        if number.saturating_add(1) == self.blocks::<BLOCK>()
            && let Some(length) = block.last_chunk_mut::<8>()
        {
            *length = (at as u64).wrapping_mul(8).to_be_bytes();
        }
        block
    }
}
