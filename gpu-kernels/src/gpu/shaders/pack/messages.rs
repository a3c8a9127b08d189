//! Messages of any length as `sha256_leaf` takes them, and digests as the kernels give them.

use crate::cpu::padding::Message;
use crate::gpu::shaders::MAX_ITEMS;

/// Bytes of a block.
const BLOCK: usize = 64;

/// Messages in the form of the kernel's buffers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackedMessages {
    /// How many messages there are.
    pub(crate) count: u32,
    /// `blocks`: the padded messages, one after another.
    pub(crate) blocks: Vec<[u8; BLOCK]>,
    /// `starts`: where each message's blocks begin, and where the last one's end.
    pub(crate) starts: Vec<u32>,
}

impl PackedMessages {
    /// Packs messages from the first one on, as many as have at most `most_blocks` blocks together, and at most
    /// [`MAX_ITEMS`].
    pub(crate) fn pack(messages: &[&[u8]], most_blocks: usize) -> Self {
        let most_blocks = most_blocks.min(MAX_ITEMS as usize);
        let mut packed = Self {
            starts: vec![0],
            ..Self::default()
        };
        for message in messages {
            let message = Message([message]);
            let blocks = message.blocks::<BLOCK>();
            let end = packed.blocks.len().saturating_add(blocks);
            let Some(start) = u32::try_from(end).ok().filter(|_| end <= most_blocks) else {
                break;
            };
            let new = (0..blocks).map(|number| message.block::<BLOCK>(number));
            packed.blocks.extend(new);
            packed.starts.push(start);
            packed.count += 1;
        }
        packed
    }
}

/// Digests by their words as they lie in memory.
#[cfg(test)]
pub(crate) fn digests(words: &[u32]) -> Vec<ordlane_primitives::Hash> {
    let (chunks, _) = words.as_chunks::<8>();
    chunks
        .iter()
        .map(|chunk| ordlane_primitives::Hash(bytemuck::cast(*chunk)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_blocks_are_packed_than_there_is_room_for() {
        let messages = [[0; 55].as_slice(), &[1; 56], &[2; 120]];
        for (room, count) in [(0, 0), (1, 1), (2, 1), (3, 2), (5, 2), (6, 3), (100, 3)] {
            let packed = PackedMessages::pack(&messages, room);
            assert_eq!(packed.count, count);
            assert_eq!(packed.starts.len(), count as usize + 1);
            assert_eq!(
                packed.starts.last(),
                Some(&u32::try_from(packed.blocks.len()).unwrap())
            );
        }
    }
}
